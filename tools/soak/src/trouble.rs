//! What goes wrong, when, and which responses it excuses.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use http::StatusCode;
use tower_cognito::{
    clock::{Clock, SystemClock},
    testing::{Endpoint, LocalIssuer},
};

/// The shortest that a verifier allows, so that many rotations fit into a short run.
pub(crate) const UNKNOWN_KID_INTERVAL: Duration = Duration::from_secs(2);
/// What a busy machine may add to a time that is checked.
const SLACK: Duration = Duration::from_secs(10);
/// Of the generations of keys, so many are published.
const PUBLISHED: usize = 3;

/// How long everything takes.
pub(crate) struct Plan {
    pub(crate) cycles: u32,
    pub(crate) cycle: Duration,
    pub(crate) refresh_after: Duration,
    pub(crate) lifetime: Duration,
    /// How far the service's clock is off, and how much of that it forgives: what a good caller
    /// sends must stay good.
    pub(crate) step: Duration,
}

impl Plan {
    /// A cycle takes a minute, and less in a short run.
    pub(crate) fn new(total: Duration) -> Self {
        let cycle = Duration::from_secs((total.as_secs() / 30).clamp(12, 60));
        Self {
            cycles: u32::try_from(total.as_secs() / cycle.as_secs())
                .unwrap_or(1)
                .max(1),
            cycle,
            refresh_after: cycle / 2,
            lifetime: cycle * 2,
            step: cycle / 4,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// The endpoint of the keys answers 503.
    Outage,
    /// The forgers do not pause.
    Flood,
    /// The endpoint of the keys sends a byte a second.
    SlowKeys,
    /// The service's clock is ahead, then right again.
    ClockAhead,
    /// The token endpoint returns 500.
    NoTokens,
    /// The endpoint of the keys takes requests and never answers.
    HangingKeys,
    /// The service's clock is behind, then right again.
    ClockBehind,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::None,
    Trouble::Outage,
    Trouble::Flood,
    Trouble::SlowKeys,
    Trouble::ClockAhead,
    Trouble::NoTokens,
    Trouble::HangingKeys,
    Trouble::ClockBehind,
];

/// Everything that the callers share.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Shared>);

struct Shared {
    issuer: LocalIssuer,
    clock: SteppedClock,
    flooded: AtomicBool,
    times: Mutex<Times>,
    /// A token of each generation of keys, the newest last, and when the key was withdrawn.
    generations: Mutex<Vec<Generation>>,
    refresh_after: Duration,
    /// In seconds.
    step: i64,
}

struct Times {
    started: Instant,
    /// Since when the keys can be fetched, or `None` while they cannot.
    healthy_since: Option<Instant>,
}

struct Generation {
    kid: String,
    token: String,
    published: Instant,
    /// The endpoint was healthy for so long that the service must have fetched this key.
    is_known: bool,
    withdrawn: Option<Instant>,
}

impl Generation {
    /// The first part of every token of this generation.
    fn header(&self) -> &str {
        header(&self.token)
    }

    fn must_be_known(&self, healthy_since: Option<Instant>, now: Instant) -> bool {
        self.is_known || healthy_since.is_some_and(|since| must_know(self.published, since, now))
    }
}

fn header(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

/// Whether the service must know at `now` what was published then, of an endpoint that has been
/// healthy since then.
fn must_know(published: Instant, healthy_since: Instant, now: Instant) -> bool {
    now >= published.max(healthy_since) + UNKNOWN_KID_INTERVAL * 2 + SLACK
}

impl Stage {
    pub(crate) fn new(plan: &Plan) -> Self {
        let issuer = LocalIssuer::builder()
            .client("first", "secret of the first", ["soak/read"])
            .client("second", "secret of the second", ["soak/read"])
            .lifetime(plan.lifetime)
            .fresh_keys()
            .start()
            .expect("an issuer on loopback");
        Self(Arc::new(Shared {
            issuer,
            clock: SteppedClock::default(),
            flooded: AtomicBool::new(false),
            times: Mutex::new(Times {
                started: Instant::now(),
                healthy_since: Some(Instant::now()),
            }),
            generations: Mutex::default(),
            refresh_after: plan.refresh_after,
            step: i64::try_from(plan.step.as_secs()).unwrap_or_default(),
        }))
    }

    pub(crate) fn issuer(&self) -> &LocalIssuer {
        &self.0.issuer
    }

    pub(crate) fn clock(&self) -> SteppedClock {
        self.0.clock.clone()
    }

    pub(crate) fn is_flooded(&self) -> bool {
        self.0.flooded.load(Ordering::Relaxed)
    }

    /// Rotates the keys, withdraws the oldest, and starts the trouble of this cycle.
    pub(crate) fn begin(&self, cycle: u32) -> Trouble {
        let issuer = self.issuer();
        let kid = issuer.rotate();
        let token = issuer.token().client_id("first").scopes(["soak/read"]);
        let token = token.expires_in(Duration::from_secs(86_000)).build();
        let healthy_since = self.0.times.lock().unwrap().healthy_since;
        {
            let mut generations = self.0.generations.lock().unwrap();
            for generation in generations.iter_mut() {
                generation.is_known = generation.must_be_known(healthy_since, Instant::now());
            }
            generations.push(Generation {
                kid,
                token,
                published: Instant::now(),
                is_known: false,
                withdrawn: None,
            });
            let old = generations.len().saturating_sub(PUBLISHED);
            for generation in &mut generations[..old] {
                if generation.withdrawn.is_none() {
                    issuer.withdraw(&generation.kid);
                    generation.withdrawn = Some(Instant::now());
                }
            }
        }

        let trouble = TROUBLES[cycle as usize % TROUBLES.len()];
        let keys = issuer.endpoint(Endpoint::Jwks);
        match trouble {
            Trouble::None => {}
            Trouble::Outage => keys.fail_with(StatusCode::SERVICE_UNAVAILABLE),
            Trouble::Flood => self.0.flooded.store(true, Ordering::Relaxed),
            Trouble::SlowKeys => keys.drip(),
            Trouble::HangingKeys => keys.hang(),
            Trouble::ClockAhead => self.0.clock.step(self.0.step),
            Trouble::ClockBehind => self.0.clock.step(-self.0.step),
            Trouble::NoTokens => issuer
                .endpoint(Endpoint::Token)
                .fail_with(StatusCode::INTERNAL_SERVER_ERROR),
        }
        if matches!(
            trouble,
            Trouble::Outage | Trouble::SlowKeys | Trouble::HangingKeys
        ) {
            self.0.times.lock().unwrap().healthy_since = None;
        }
        trouble
    }

    pub(crate) fn end(&self, trouble: Trouble) {
        self.issuer().recover();
        self.0.clock.step(0);
        if trouble == Trouble::Flood {
            self.0.flooded.store(false, Ordering::Relaxed);
        }
        let mut times = self.0.times.lock().unwrap();
        times.healthy_since.get_or_insert_with(Instant::now);
    }

    /// Whether the service may not know the key of this token yet: then 503 is right.
    pub(crate) fn key_may_be_unknown(&self, token: &str, asked: Instant) -> bool {
        let Times {
            started,
            healthy_since,
        } = *self.0.times.lock().unwrap();
        let generations = self.0.generations.lock().unwrap();
        let generation = generations
            .iter()
            .find(|generation| generation.header() == header(token));
        match generation {
            Some(generation) => !generation.must_be_known(healthy_since, asked),
            // From before the first rotation.
            None => !must_know(started, started, asked),
        }
    }

    /// A token whose key was withdrawn, and whether that must be known by now.
    pub(crate) fn withdrawn_token(&self, number: usize) -> Option<(String, bool)> {
        let healthy_since = self.0.times.lock().unwrap().healthy_since;
        let generations = self.0.generations.lock().unwrap();
        let withdrawn = generations
            .iter()
            .filter_map(|generation| Some((generation, generation.withdrawn?)));
        let withdrawn = withdrawn.collect::<Vec<_>>();
        // The latest is the one that may still be known.
        let back = number % withdrawn.len().clamp(1, 3);
        let (generation, at) = withdrawn.iter().rev().nth(back)?;
        let must_be_known = healthy_since.is_some_and(|since| {
            at.max(&since).elapsed() > self.0.refresh_after + UNKNOWN_KID_INTERVAL * 2 + SLACK
        });
        Some((generation.token.clone(), must_be_known))
    }

    /// A token of the newest keys for this client.
    pub(crate) fn token(&self, client: &str) -> tower_cognito::testing::TokenBuilder {
        let token = self.issuer().token();
        token.client_id(client).scopes(["soak/read"])
    }
}

/// The system's clock, some seconds off.
#[derive(Clone, Default)]
pub(crate) struct SteppedClock {
    system: SystemClock,
    ahead: Arc<AtomicI64>,
}

impl SteppedClock {
    fn step(&self, seconds_ahead: i64) {
        self.ahead.store(seconds_ahead, Ordering::Relaxed);
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> SystemTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            self.system.now() - by
        } else {
            self.system.now() + by
        }
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}
