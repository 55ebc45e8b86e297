//! Random sequences of requests, clock moves and endpoint behaviours, beside a model that only knows what the endpoint has
//! said and when.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use proptest::{collection::vec, prelude::*, sample::subsequence};
use tokio::{task::yield_now, time};
use tower_cognito::{
    AllowedClients, AuthError, Verifier,
    clock::Clock,
    keys::{FetchError, FetchJwks, JwksRequest, JwksResponse, KeyState},
    testing::{Key, ManualClock, TestPool},
};

const KEYS: [Key; 3] = [Key::Access, Key::Id, Key::Unpublished];
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const INTERVAL: Duration = Duration::from_secs(10);
const EXPIRE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The longest that a kid is remembered as missing, and the longest back-off.
const LONGEST_MEMORY: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
enum Step {
    /// A request with a token of this key, one that was sent before or another one.
    Request {
        key: usize,
        token: usize,
    },
    /// A request whose token names a kid of the sender's own invention.
    Stranger(usize),
    Advance(Duration),
    JumpForward(Duration),
    JumpBack(Duration),
    Endpoint(Behaviour),
}

#[derive(Clone, Debug)]
enum Behaviour {
    Publish(Vec<Key>),
    Refuse,
    Garbage,
    Hang,
    Panic,
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        4 => subsequence(KEYS.to_vec(), 1..=3).prop_map(Behaviour::Publish),
        1 => Just(Behaviour::Refuse),
        1 => Just(Behaviour::Garbage),
        1 => Just(Behaviour::Hang),
        1 => Just(Behaviour::Panic),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let moves = [
        1, 500, 1_000, 4_000, 10_000, 60_000, 300_000, 3_600_000, 40_000_000,
    ];
    prop_oneof![
        6 => (0..3_usize, 0..2_usize).prop_map(|(key, token)| Step::Request { key, token }),
        3 => (0..4_usize).prop_map(Step::Stranger),
        4 => prop::sample::select(moves.to_vec())
            .prop_map(|millis| Step::Advance(Duration::from_millis(millis))),
        1 => (1..3_u32).prop_map(|hours| Step::JumpForward(HOUR * hours)),
        1 => (1..3_u32).prop_map(|hours| Step::JumpBack(HOUR * hours)),
        3 => behaviours().prop_map(Step::Endpoint),
    ]
}

/// A fetch that has begun. It succeeds if it publishes something.
#[derive(Clone, Debug)]
struct Fetched {
    monotonic: Duration,
    wall: SystemTime,
    published: Option<Vec<Key>>,
    /// Whether the keys were fresh, so that only an unknown kid can have caused it.
    while_fresh: bool,
}

struct Endpoint {
    pool: TestPool,
    behaviour: Behaviour,
    fetches: Vec<Fetched>,
    state_before: KeyState,
}

#[derive(Clone)]
struct Fetcher(Arc<Mutex<Endpoint>>);

impl FetchJwks for Fetcher {
    async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let (behaviour, pool) = {
            let mut endpoint = self.0.lock().unwrap();
            let clock = endpoint.pool.clock();
            let fetched = Fetched {
                monotonic: clock.monotonic(),
                wall: clock.now(),
                published: match &endpoint.behaviour {
                    Behaviour::Publish(keys) => Some(keys.clone()),
                    _ => None,
                },
                while_fresh: endpoint.state_before == KeyState::Fresh,
            };
            endpoint.fetches.push(fetched);
            (endpoint.behaviour.clone(), endpoint.pool.clone())
        };
        match behaviour {
            Behaviour::Publish(keys) => Ok(JwksResponse::document(pool.jwks_of(keys))),
            Behaviour::Refuse => Err(FetchError::Connect(
                tower_cognito::keys::ConnectError::Refused,
            )),
            Behaviour::Garbage => Ok(JwksResponse::document("<html>")),
            Behaviour::Hang => pending().await,
            Behaviour::Panic => std::panic::resume_unwind(Box::new("on purpose")),
        }
    }
}

struct World {
    endpoint: Arc<Mutex<Endpoint>>,
    clock: ManualClock,
    verifier: Verifier,
    /// Two of each key.
    tokens: Vec<[String; 2]>,
    strangers: Vec<String>,
}

impl World {
    fn new() -> Self {
        let pool = TestPool::new();
        let endpoint = Arc::new(Mutex::new(Endpoint {
            pool: pool.clone(),
            behaviour: Behaviour::Publish(vec![Key::Access, Key::Id]),
            fetches: Vec::new(),
            state_before: KeyState::Empty,
        }));
        let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(Fetcher(Arc::clone(&endpoint)))
            .clock(pool.clock())
            .build()
            .unwrap();
        // Valid at whatever time the sequence leads to, so that only keys decide.
        let token = pool
            .token()
            .issued_at(ManualClock::start() - 24 * 365 * HOUR)
            .expires_in(24 * 3650 * HOUR);
        let of = |key| token.clone().signed_with(key).build();
        let stranger = |number| token.clone().kid(format!("stranger-{number}")).build();
        Self {
            endpoint,
            clock: pool.clock(),
            verifier,
            tokens: KEYS.iter().map(|key| [of(*key), of(*key)]).collect(),
            strangers: (0..4).map(stranger).collect(),
        }
    }

    fn fetches(&self) -> Vec<Fetched> {
        self.endpoint.lock().unwrap().fetches.clone()
    }

    /// What the verifier must have by now: the last set that was published to it, unless it is too old.
    fn current(&self) -> Option<Vec<Key>> {
        let fetches = self.fetches();
        let last = fetches
            .iter()
            .rfind(|fetched| fetched.published.is_some())?;
        let wall = self
            .clock
            .now()
            .duration_since(last.wall)
            .unwrap_or_default();
        let age = wall.max(self.clock.monotonic() - last.monotonic);
        last.published.clone().filter(|_| age < EXPIRE_AFTER)
    }

    async fn step(&self, step: &Step) {
        match step {
            Step::Request { key, token } => {
                let token = self.tokens[*key][*token].clone();
                self.request(&token, Some(KEYS[*key])).await;
            }
            Step::Stranger(number) => {
                let token = self.strangers[*number].clone();
                self.request(&token, None).await;
            }
            Step::Advance(by) => self.clock.advance(*by),
            Step::JumpForward(by) => self.clock.jump_wall_forward(*by),
            Step::JumpBack(by) => self.clock.jump_wall_back(*by),
            Step::Endpoint(behaviour) => {
                self.endpoint.lock().unwrap().behaviour = behaviour.clone();
            }
        }
    }

    /// A request, and what must hold of its answer. When it is over, so is every fetch.
    async fn request(&self, token: &str, key: Option<Key>) {
        let has = |keys: &Option<Vec<Key>>| {
            keys.as_ref()
                .is_some_and(|keys| key.is_some_and(|key| keys.contains(&key)))
        };
        let before = self.current();
        self.endpoint.lock().unwrap().state_before = self.verifier.key_status().state();
        let at_once = self.verifier.verify_cached(token);
        let verdict = match &at_once {
            Some(verdict) => verdict.clone(),
            None => self.verifier.verify(token).await,
        };
        self.let_fetches_end().await;
        let after = self.current();

        if has(&before) {
            assert!(matches!(at_once, Some(Ok(_))), "a known kid: {at_once:?}");
        }
        match &verdict {
            Ok(_) => assert!(has(&before) || has(&after), "withdrawn, and accepted"),
            Err(AuthError::UnknownKey) => {
                assert!(!has(&after), "it was there");
                let now = self.clock.monotonic();
                let looked = self.fetches().iter().any(|fetched| {
                    now - fetched.monotonic <= LONGEST_MEMORY
                        && fetched.published.is_some()
                        && !has(&fetched.published)
                });
                assert!(looked, "401, and nobody could have known");
            }
            Err(AuthError::KeysUnavailable { retry_after }) => {
                assert!(!has(&before));
                assert!(*retry_after <= LONGEST_MEMORY, "{retry_after:?}");
            }
            Err(other) => panic!("unexpected: {other:?}"),
        }
        let status = self.verifier.key_status();
        assert_eq!(status.is_ready(), after.is_some(), "{status:?}");
    }

    async fn let_fetches_end(&self) {
        for _ in 0..16 {
            yield_now().await;
        }
        if matches!(self.endpoint.lock().unwrap().behaviour, Behaviour::Hang) {
            time::advance(6 * SECOND).await;
        }
        for _ in 0..16 {
            yield_now().await;
        }
    }

    fn check_budget(&self) {
        let fetches = self.fetches();
        let mut failures = 0;
        for pair in fetches.windows(2) {
            let [first, second] = pair else { continue };
            failures = if first.published.is_some() {
                0
            } else {
                failures + 1
            };
            if failures > 0 {
                // The lower half of each step is certain, and half of the lower cap.
                let gap = (SECOND / 2 * 2_u32.pow(failures.min(6) - 1)).min(15 * SECOND);
                assert!(second.monotonic - first.monotonic >= gap, "{fetches:?}");
            }
        }
        // A bucket of two that refills with one per interval: the third comes no earlier than an interval after the first.
        let by_strangers = fetches
            .iter()
            .filter(|fetched| fetched.while_fresh)
            .collect::<Vec<_>>();
        for triple in by_strangers.windows(3) {
            let [first, _, third] = triple else { continue };
            assert!(third.monotonic - first.monotonic >= INTERVAL, "{fetches:?}");
        }
    }

    /// Nothing that has happened keeps good keys from working for longer than the longest back-off.
    async fn recovers(&self) {
        self.endpoint.lock().unwrap().behaviour = Behaviour::Publish(KEYS.to_vec());
        self.clock.advance(LONGEST_MEMORY);
        for (key, tokens) in KEYS.iter().zip(&self.tokens) {
            let verdict = self.verifier.verify(&tokens[0]).await;
            assert!(verdict.is_ok(), "{key:?}: {verdict:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_breaks_a_promise(steps in vec(steps(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = World::new();
            for step in &steps {
                world.step(step).await;
            }
            world.check_budget();
            world.recovers().await;
        });
    }
}
