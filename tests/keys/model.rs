//! Random sequences of requests, clock moves and endpoint behaviours, beside a model that only
//! knows what the endpoint said and when. Fetches overlap, come late, fail, hang, and never get to
//! run.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::{Duration, SystemTime},
};

use proptest::{collection::vec, prelude::*, sample::subsequence};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time,
};
use tower_cognito::{
    AllowedClients, AuthError, Claims, Verifier,
    clock::Clock,
    keys::{ConnectError, FetchError, FetchJwks, JwksRequest, JwksResponse, KeyState},
    testing::{Key, ManualClock, TestPool},
};

use crate::rig::settle;

const KEYS: [Key; 3] = [Key::Access, Key::Id, Key::Unpublished];
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const INTERVAL: Duration = Duration::from_secs(10);
const EXPIRE_AFTER: Duration = Duration::from_secs(24 * 3600);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
enum Step {
    Request(Sent),
    /// A request outside a wait, on a runtime that does not run: what it spawns stays there.
    RequestOnIdleRuntime(Sent),
    /// The idle runtime runs for a moment.
    RunIdleRuntime,
    /// The idle runtime ends, with what was spawned on it.
    EndIdleRuntime,
    /// Both clocks, and tokio's timers with them.
    Advance(Duration),
    /// Both clocks. The timers do not run, as in a blocked runtime.
    AdvanceWithoutTimers(Duration),
    JumpForward(Duration),
    JumpBack(Duration),
    Endpoint(Behaviour),
    /// One of the responses that are on their way arrives.
    Arrive(usize),
}

/// The token that a request carries.
#[derive(Clone, Copy, Debug)]
enum Sent {
    /// A good token of this key, one that was sent before or another one.
    Good { key: usize, token: usize },
    /// A token with a `kid` that the sender invented.
    Invented(usize),
    /// A forged token with the `kid` of a real key.
    Forged(usize),
}

#[derive(Clone, Debug)]
enum Behaviour {
    Publish { keys: Vec<Key>, at_once: bool },
    Reject,
    Garbage,
    Hang,
    Panic,
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        6 => (subsequence(KEYS.to_vec(), 1..=3), any::<bool>())
            .prop_map(|(keys, at_once)| Behaviour::Publish { keys, at_once }),
        1 => Just(Behaviour::Reject),
        1 => Just(Behaviour::Garbage),
        1 => Just(Behaviour::Hang),
        1 => Just(Behaviour::Panic),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => (0..3_usize, 0..2_usize).prop_map(|(key, token)| Sent::Good { key, token }),
        2 => (0..4_usize).prop_map(Sent::Invented),
        1 => (0..3_usize).prop_map(Sent::Forged),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let moves = prop::sample::select(vec![
        1, 500, 1_000, 4_000, 10_000, 60_000, 300_000, 3_600_000, 6_000_000, 40_000_000,
    ]);
    let moves = moves.prop_map(Duration::from_millis);
    prop_oneof![
        8 => sent().prop_map(Step::Request),
        1 => sent().prop_map(Step::RequestOnIdleRuntime),
        1 => Just(Step::RunIdleRuntime),
        1 => Just(Step::EndIdleRuntime),
        3 => moves.clone().prop_map(Step::Advance),
        2 => moves.prop_map(Step::AdvanceWithoutTimers),
        1 => (1..3_u32).prop_map(|hours| Step::JumpForward(HOUR * hours)),
        1 => (1..3_u32).prop_map(|hours| Step::JumpBack(HOUR * hours)),
        4 => behaviours().prop_map(Step::Endpoint),
        3 => (0..3_usize).prop_map(Step::Arrive),
    ]
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
struct At {
    wall: SystemTime,
    monotonic: Duration,
    /// All that either clock has moved forward.
    elapsed: Duration,
}

impl At {
    fn since(&self, earlier: &Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        wall.max(self.monotonic - earlier.monotonic)
    }
}

/// A request to the endpoint.
#[derive(Clone, Debug)]
struct Fetch {
    at: At,
    outcome: Outcome,
    /// Whether the keys were fresh, so that only an unknown kid can have caused it.
    for_unknown_kid: bool,
    /// The kids of the requests that were waiting when it went out.
    asked_for: Vec<String>,
}

#[derive(Clone, Debug)]
enum Outcome {
    OnItsWay,
    Brought(Vec<String>),
    Failed(At),
    /// Its runtime ended.
    Lost,
}

#[derive(Default)]
struct Endpoint {
    behaviour: Option<Behaviour>,
    fetches: Vec<Fetch>,
    held: Vec<oneshot::Sender<()>>,
    /// Every set that was current for a moment at least.
    published: Vec<Vec<String>>,
    waiting_kids: Vec<String>,
    elapsed: Duration,
    on_idle_runtime: bool,
    idle_runtime_ends: bool,
}

#[derive(Clone)]
struct Fetcher {
    pool: TestPool,
    endpoint: Arc<Mutex<Endpoint>>,
    verifier: Arc<Mutex<Option<Verifier>>>,
}

/// Notes how a fetch ended, also if no request waits for the response any more.
struct InFlight {
    fetcher: Fetcher,
    number: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let at = self.fetcher.now();
        let mut endpoint = self.fetcher.endpoint();
        let outcome = if endpoint.idle_runtime_ends {
            Outcome::Lost
        } else {
            Outcome::Failed(at)
        };
        let fetch = &mut endpoint.fetches[self.number];
        if matches!(fetch.outcome, Outcome::OnItsWay) {
            fetch.outcome = outcome;
        }
    }
}

fn kid_of(key: Key) -> String {
    let kid = match key {
        Key::Access => "test-only-access",
        Key::Id => "test-only-id",
        _ => "test-only-unpublished",
    };
    kid.to_owned()
}

impl Fetcher {
    fn endpoint(&self) -> MutexGuard<'_, Endpoint> {
        self.endpoint.lock().unwrap()
    }

    fn now(&self) -> At {
        let clock = self.pool.clock();
        At {
            wall: clock.now(),
            monotonic: clock.monotonic(),
            elapsed: self.endpoint().elapsed,
        }
    }

    fn note(&self) -> InFlight {
        let state = self
            .verifier
            .lock()
            .unwrap()
            .as_ref()
            .map(|verifier| verifier.key_status().state());
        let at = self.now();
        let mut endpoint = self.endpoint();
        let fetch = Fetch {
            at,
            outcome: Outcome::OnItsWay,
            for_unknown_kid: state == Some(KeyState::Fresh) && !endpoint.on_idle_runtime,
            asked_for: endpoint.waiting_kids.clone(),
        };
        endpoint.fetches.push(fetch);
        InFlight {
            fetcher: self.clone(),
            number: endpoint.fetches.len() - 1,
        }
    }
}

impl FetchJwks for Fetcher {
    async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let behaviour = self.endpoint().behaviour.clone().unwrap();
        match behaviour {
            Behaviour::Publish { keys, at_once } => {
                let fetch = self.note();
                if !at_once {
                    let (arrive, arrived) = oneshot::channel();
                    self.endpoint().held.push(arrive);
                    let _ = arrived.await;
                }
                let brought = keys.iter().copied().map(kid_of).collect::<Vec<_>>();
                let mut endpoint = self.endpoint();
                let is_newest = endpoint.fetches[fetch.number + 1..]
                    .iter()
                    .all(|newer| !matches!(newer.outcome, Outcome::Brought(_)));
                if is_newest {
                    endpoint.published.push(brought.clone());
                }
                endpoint.fetches[fetch.number].outcome = Outcome::Brought(brought);
                drop(endpoint);
                Ok(JwksResponse::document(self.pool.jwks_of(keys)))
            }
            Behaviour::Reject => {
                let _fetch = self.note();
                Err(FetchError::Connect(ConnectError::Refused))
            }
            Behaviour::Garbage => {
                let _fetch = self.note();
                Ok(JwksResponse::document("<html>"))
            }
            Behaviour::Hang => {
                let _fetch = self.note();
                std::future::pending().await
            }
            Behaviour::Panic => {
                let _fetch = self.note();
                std::panic::resume_unwind(Box::new("on purpose"))
            }
        }
    }
}

/// A request that has no verdict yet.
struct Open {
    kid: String,
    is_good: bool,
    /// How many fetches had gone out when it came.
    fetches_before: usize,
    /// How many sets had been published.
    published_before: usize,
    /// The sets that it may have found: that of its arrival, and what was left of it each time the
    /// clock moved.
    seen: Vec<Option<Vec<String>>>,
    verdict: JoinHandle<Result<Claims, AuthError>>,
}

struct World {
    fetcher: Fetcher,
    clock: ManualClock,
    verifier: Verifier,
    idle: Option<Runtime>,
    /// Whether an attempt may not have ended: it hung, or was left on a runtime that does not run.
    has_stalled: bool,
    open: Vec<Open>,
    tokens: &'static Tokens,
}

/// Signing takes longer than all that is done with a token, so it is done once.
struct Tokens {
    /// Two of each key.
    good: Vec<[String; 2]>,
    forged: Vec<String>,
    invented: Vec<String>,
}

fn tokens() -> &'static Tokens {
    static TOKENS: OnceLock<Tokens> = OnceLock::new();
    TOKENS.get_or_init(|| {
        // Valid at whatever time the sequence leads to, so that only keys decide.
        let token = TestPool::new()
            .token()
            .issued_at(ManualClock::start() - 24 * 365 * HOUR)
            .expires_in(24 * 3650 * HOUR);
        let of = |key| token.clone().signed_with(key).build();
        let named = |kid: String| token.clone().kid(kid).tampered().build();
        Tokens {
            good: KEYS.iter().map(|key| [of(*key), of(*key)]).collect(),
            forged: KEYS.iter().map(|key| named(kid_of(*key))).collect(),
            invented: (0..4)
                .map(|number| named(format!("invented-{number}")))
                .collect(),
        }
    })
}

impl World {
    fn new() -> Self {
        let pool = TestPool::new();
        let endpoint = Endpoint {
            behaviour: Some(Behaviour::Publish {
                keys: vec![Key::Access, Key::Id],
                at_once: true,
            }),
            ..Endpoint::default()
        };
        let fetcher = Fetcher {
            pool: pool.clone(),
            endpoint: Arc::new(Mutex::new(endpoint)),
            verifier: Arc::default(),
        };
        let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(fetcher.clone())
            .clock(pool.clock())
            .build()
            .unwrap();
        *fetcher.verifier.lock().unwrap() = Some(verifier.clone());
        Self {
            fetcher,
            clock: pool.clock(),
            verifier,
            idle: None,
            has_stalled: false,
            open: Vec::new(),
            tokens: tokens(),
        }
    }

    fn fetches(&self) -> Vec<Fetch> {
        self.fetcher.endpoint().fetches.clone()
    }

    /// What the verifier must have by now: the set that the latest fetch brought, unless it is too
    /// old.
    fn current(&self) -> Option<Vec<String>> {
        let now = self.fetcher.now();
        self.fetches()
            .iter()
            .rev()
            .find_map(|fetch| {
                let Outcome::Brought(kids) = &fetch.outcome else {
                    return None;
                };
                Some(kids.clone())
                    .filter(|_| now.since(&fetch.at) < EXPIRE_AFTER)
                    .or(Some(Vec::new()))
            })
            .filter(|kids| !kids.is_empty())
    }

    fn token(&self, sent: Sent) -> (String, String, bool) {
        match sent {
            Sent::Good { key, token } => (
                self.tokens.good[key][token].clone(),
                kid_of(KEYS[key]),
                true,
            ),
            Sent::Forged(key) => (self.tokens.forged[key].clone(), kid_of(KEYS[key]), false),
            Sent::Invented(number) => {
                let token = self.tokens.invented[number].clone();
                (token, format!("invented-{number}"), false)
            }
        }
    }

    async fn step(&mut self, step: &Step) {
        if let Step::Advance(by) | Step::AdvanceWithoutTimers(by) | Step::JumpForward(by) = step {
            self.fetcher.endpoint().elapsed += *by;
        }
        match step {
            Step::Request(sent) => self.request(*sent).await,
            Step::RequestOnIdleRuntime(sent) => self.request_on_idle_runtime(*sent),
            Step::RunIdleRuntime => self.run_idle_runtime(),
            Step::EndIdleRuntime => self.end_idle_runtime(),
            Step::Advance(by) => {
                self.clock.advance(*by);
                self.clock_moved();
                time::advance(*by).await;
            }
            Step::AdvanceWithoutTimers(by) => {
                self.clock.advance(*by);
                self.clock_moved();
            }
            Step::JumpForward(by) => {
                self.clock.jump_wall_forward(*by);
                self.clock_moved();
            }
            Step::JumpBack(by) => {
                self.clock.jump_wall_back(*by);
                self.clock_moved();
            }
            Step::Endpoint(behaviour) => {
                self.fetcher.endpoint().behaviour = Some(behaviour.clone());
            }
            Step::Arrive(number) => {
                let held = {
                    let mut endpoint = self.fetcher.endpoint();
                    let last = endpoint.held.len().checked_sub(1);
                    last.map(|last| endpoint.held.remove(last.min(*number)))
                };
                drop(held);
            }
        }
        settle().await;
        self.judge().await;
    }

    /// Keys may be too old for a moment, before a fetch replaces them.
    fn clock_moved(&mut self) {
        let current = self.current();
        for request in &mut self.open {
            request.seen.push(current.clone());
        }
    }

    async fn request(&mut self, sent: Sent) {
        let (token, kid, is_good) = self.token(sent);
        let before = self.current();
        let fetches_before = self.fetches_len();
        let published_before = self.fetcher.endpoint().published.len();
        self.fetcher.endpoint().waiting_kids.push(kid.clone());
        let verifier = self.verifier.clone();
        let verdict = tokio::spawn(async move { verifier.verify(&token).await });
        // It is polled before anything that it spawns.
        tokio::task::yield_now().await;
        let is_known = has(&before, &kid);
        if is_known && !self.may_be_overdue() {
            assert!(verdict.is_finished(), "a known kid waits");
        }
        self.open.push(Open {
            kid,
            is_good,
            fetches_before,
            published_before,
            seen: vec![before],
            verdict,
        });
    }

    fn request_on_idle_runtime(&mut self, sent: Sent) {
        let (token, kid, is_good) = self.token(sent);
        let before = self.current();
        let idle = self
            .idle
            .get_or_insert_with(|| Builder::new_current_thread().enable_all().build().unwrap());
        let _context = idle.enter();
        let fetches = self.fetches_len();
        match self.verifier.try_verify(&token) {
            None => assert!(
                !has(&before, &kid) || self.may_be_overdue(),
                "a known kid waits"
            ),
            Some(verdict) => self.check(&kid, is_good, fetches, &[before], &verdict),
        }
        self.has_stalled = true;
    }

    /// Whether a request with a known kid may have to wait: refreshes did not get to run, and the
    /// keys are much older than they should be.
    fn may_be_overdue(&self) -> bool {
        let age = self.verifier.key_status().age();
        self.has_stalled && age.is_some_and(|age| age >= HOUR * 3 / 2)
    }

    fn fetches_len(&self) -> usize {
        self.fetcher.endpoint().fetches.len()
    }

    fn run_idle_runtime(&self) {
        let Some(idle) = &self.idle else { return };
        self.fetcher.endpoint().on_idle_runtime = true;
        // Not within the runtime of the test: a runtime may not be driven from inside another.
        std::thread::scope(|scope| {
            scope.spawn(|| idle.block_on(settle()));
        });
        self.fetcher.endpoint().on_idle_runtime = false;
    }

    fn end_idle_runtime(&mut self) {
        self.fetcher.endpoint().idle_runtime_ends = true;
        if let Some(idle) = self.idle.take() {
            idle.shutdown_background();
        }
        self.fetcher.endpoint().idle_runtime_ends = false;
    }

    /// Checks the verdicts that there are by now.
    async fn judge(&mut self) {
        let is_stalled = |fetch: &Fetch| matches!(fetch.outcome, Outcome::OnItsWay | Outcome::Lost);
        self.has_stalled |= self.fetches().iter().any(is_stalled);
        let current = self.current();
        let mut open = std::mem::take(&mut self.open);
        for request in open.drain(..) {
            if !request.verdict.is_finished() {
                self.open.push(request);
                continue;
            }
            let verdict = request.verdict.await.unwrap();
            let mut seen = request.seen;
            seen.push(current.clone());
            let published = self.fetcher.endpoint().published.clone();
            seen.extend(
                published[request.published_before..]
                    .iter()
                    .cloned()
                    .map(Some),
            );
            self.check(
                &request.kid,
                request.is_good,
                request.fetches_before,
                &seen,
                &verdict,
            );
        }
        self.fetcher.endpoint().waiting_kids =
            self.open.iter().map(|open| open.kid.clone()).collect();
        let ready = self.verifier.key_status().is_ready();
        assert_eq!(ready, current.is_some());
        assert_eq!(self.verifier.is_ready(), ready);
    }

    /// What must hold of a verdict, given every set that was current since the request came.
    fn check(
        &self,
        kid: &str,
        is_good: bool,
        fetches_before: usize,
        seen: &[Option<Vec<String>>],
        verdict: &Result<Claims, AuthError>,
    ) {
        let was_known = seen.iter().any(|keys| has(keys, kid));
        match verdict {
            Ok(_) => assert!(
                was_known && is_good,
                "accepted with a key that is not there"
            ),
            Err(AuthError::InvalidSignature) => assert!(was_known && !is_good),
            Err(AuthError::UnknownKey) => {
                assert!(!seen.iter().all(|keys| has(keys, kid)), "it was there");
                assert!(
                    self.is_known_to_be_missing(kid, fetches_before),
                    "401, without knowing: {kid}, {fetches_before} of {:#?}",
                    self.fetches()
                );
            }
            Err(AuthError::KeysUnavailable { retry_after }) => {
                assert!(!seen.iter().all(|keys| has(keys, kid)), "a known kid");
                assert!(*retry_after <= LONGEST_RETRY_AFTER, "{retry_after:?}");
            }
            Err(AuthError::KeyUnconfirmed { retry_after }) => {
                assert!(seen.iter().any(Option::is_some), "an outage");
                assert!(!seen.iter().all(|keys| has(keys, kid)), "a known kid");
                assert!(*retry_after <= LONGEST_RETRY_AFTER, "{retry_after:?}");
            }
            Err(other) => panic!("unexpected: {other:?}"),
        }
    }

    /// The rule: the issuer was asked after the request came, or was asked for this very kid within
    /// the last interval, and does not have it; or it was withdrawn.
    fn is_known_to_be_missing(&self, kid: &str, fetches_before: usize) -> bool {
        let now = self.fetcher.now();
        let fetches = self.fetches();
        fetches.iter().enumerate().any(|(number, fetch)| {
            let Outcome::Brought(kids) = &fetch.outcome else {
                return false;
            };
            if kids.iter().any(|brought| brought == kid) {
                // Whatever is current now, it does not have it.
                return true;
            }
            let asked_after = number >= fetches_before;
            let asked_for_it =
                fetch.asked_for.iter().any(|asked| asked == kid) && now.since(&fetch.at) < INTERVAL;
            asked_after || asked_for_it
        })
    }

    fn check_budget(&self) {
        let fetches = self.fetches();
        let mut failures = 0;
        for pair in fetches.windows(2) {
            let [first, second] = pair else { continue };
            match &first.outcome {
                Outcome::Failed(at) if at.elapsed <= second.at.elapsed => {
                    failures += 1;
                    // The lower half of each step is certain.
                    let gap = (SECOND * 2_u32.pow(failures.min(6) - 1)).min(INTERVAL) / 2;
                    // A fetch that was given up before it failed does not count.
                    let given_up = at.elapsed - first.at.elapsed >= INTERVAL;
                    let waited = second.at.elapsed - at.elapsed;
                    assert!(given_up || waited >= gap, "{fetches:#?}");
                    if given_up {
                        failures = 0;
                    }
                }
                _ => failures = 0,
            }
        }
        // A bucket of two that refills with one per interval: the third comes no earlier than an
        // interval after the first.
        let for_unknown_kids = fetches
            .iter()
            .filter(|fetch| fetch.for_unknown_kid)
            .collect::<Vec<_>>();
        for triple in for_unknown_kids.windows(3) {
            let [first, _, third] = triple else { continue };
            let passed = third.at.elapsed - first.at.elapsed;
            assert!(passed >= INTERVAL, "{fetches:#?}");
        }
    }

    /// Nothing that has happened keeps good keys from working for longer than the interval, once
    /// the endpoint is well and what hangs is over.
    async fn recovers(&mut self) {
        self.step(&Step::Endpoint(Behaviour::Publish {
            keys: KEYS.to_vec(),
            at_once: true,
        }))
        .await;
        self.step(&Step::EndIdleRuntime).await;
        // What hangs is over, and the back-off that it leads to as well.
        self.step(&Step::Advance(INTERVAL)).await;
        self.step(&Step::Advance(INTERVAL)).await;
        for (key, tokens) in KEYS.iter().zip(&self.tokens.good) {
            let verdict = self.verifier.verify(&tokens[0]).await;
            assert!(verdict.is_ok(), "{key:?}: {verdict:?}");
        }
    }
}

fn has(keys: &Option<Vec<String>>, kid: &str) -> bool {
    keys.iter().flatten().any(|known| known == kid)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_breaks_a_promise(steps in vec(steps(), 1..80)) {
        play(&steps);
    }
}

/// The clock passes `expire_after` while a request waits, and the next fetch succeeds in the same
/// step: the request may find keys that are too old, although there are good ones before and after.
#[test]
fn a_wait_may_end_while_the_keys_are_expired() {
    let good = |key| Step::Request(Sent::Good { key, token: 0 });
    let late = Step::Advance(Duration::from_secs(40_000));
    play(&[
        good(0),
        Step::Endpoint(Behaviour::Hang),
        late.clone(),
        good(0),
        Step::Advance(INTERVAL),
        late.clone(),
        good(0),
        good(2),
        Step::AdvanceWithoutTimers(INTERVAL),
        good(1),
        Step::Endpoint(Behaviour::Publish {
            keys: vec![KEYS[1]],
            at_once: true,
        }),
        late,
    ]);
}

fn play(steps: &[Step]) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new();
        for step in steps {
            world.step(step).await;
        }
        world.check_budget();
        world.recovers().await;
    });
}
