//! The bound on the age, and everything that must not break it. Time is tokio's, paused.

use std::{
    io,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;
use crate::testing::{ManualClock, TestPool};

const SECOND: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(60);
const UNAVAILABLE: Denied = Denied::unavailable(Duration::from_secs(5));

/// tokio's paused time as a clock, whose wall clock can be moved alone.
#[derive(Clone)]
struct PausedClock {
    origin: Instant,
    wall: ManualClock,
}

impl PausedClock {
    #[allow(clippy::disallowed_methods, reason = "the time is paused")]
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            wall: ManualClock::new(),
        }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        self.wall.now() + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// What the source does when it is asked.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Answers,
    AnswersAfter(Duration),
    /// Only where that is true.
    SaysUnchanged,
    /// Also where it is not.
    InsistsOnUnchanged,
    Fails,
    Hangs,
    Panics,
    PanicsAtOnce,
}

/// A source that denies one client, `client-N`, and what it was asked.
#[derive(Clone)]
struct Source(Arc<Mutex<Script>>);

struct Script {
    mood: Mood,
    version: u32,
    calls: Vec<Duration>,
    clock: PausedClock,
}

impl Source {
    fn new(clock: &PausedClock) -> Self {
        Self(Arc::new(Mutex::new(Script {
            mood: Mood::Answers,
            version: 0,
            calls: Vec::new(),
            clock: clock.clone(),
        })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn is(&self, mood: Mood) {
        self.script().mood = mood;
    }

    fn denies(&self, version: u32) {
        self.script().version = version;
    }

    fn calls(&self) -> usize {
        self.script().calls.len()
    }

    fn load(
        &self,
        current: Option<&DeniedCallers>,
    ) -> impl Future<Output = Result<Loaded, io::Error>> + Send + use<> {
        let (mood, version) = {
            let mut script = self.script();
            let now = script.clock.monotonic();
            script.calls.push(now);
            (script.mood, script.version)
        };
        let changed = current.and_then(DeniedCallers::version) != Some(&version.to_string());
        assert!(!matches!(mood, Mood::PanicsAtOnce), "the test says so");
        async move {
            let list = || {
                let list = DeniedCallers::new().deny_clients([format!("client-{version}")]);
                Loaded::from(list.with_version(version.to_string()))
            };
            match mood {
                Mood::Answers => Ok(list()),
                Mood::SaysUnchanged if changed => Ok(list()),
                Mood::AnswersAfter(delay) => {
                    sleep(delay).await;
                    Ok(list())
                }
                Mood::SaysUnchanged | Mood::InsistsOnUnchanged => Ok(Loaded::Unchanged),
                Mood::Fails => Err(io::Error::other("the store is down")),
                Mood::Hangs => std::future::pending().await,
                Mood::Panics | Mood::PanicsAtOnce => panic!("the test says so"),
            }
        }
    }
}

struct Rig {
    clock: PausedClock,
    source: Source,
    denylist: Denylist,
    pool: TestPool,
}

impl Rig {
    fn new() -> Self {
        let clock = PausedClock::new();
        let source = Source::new(&clock);
        let load = {
            let source = source.clone();
            move |current: Option<Arc<DeniedCallers>>| source.load(current.as_deref())
        };
        let denylist = Denylist::builder(MAX_AGE, load)
            .clock(clock.clone())
            .spawn()
            .unwrap();
        Self {
            clock,
            source,
            denylist,
            pool: TestPool::new(),
        }
    }

    async fn loaded() -> Self {
        let rig = Self::new();
        rig.denylist.warm_up().await.unwrap();
        rig
    }

    fn check(&self, client: &str) -> Result<(), Denied> {
        let claims = self
            .pool
            .claims(&self.pool.token().client_credentials(client));
        self.denylist.check(&claims)
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_load_everyone_gets_503_and_after_it_the_list_decides() {
    let rig = Rig::new();
    assert_eq!(rig.check("client-0"), Err(UNAVAILABLE));
    assert_eq!(rig.check("client-1"), Err(UNAVAILABLE));
    assert!(!rig.denylist.status().is_ready());

    rig.denylist.warm_up().await.unwrap();
    assert_eq!(rig.check("client-0"), Err(Denied::forbidden()));
    assert_eq!(rig.check("client-1"), Ok(()));
    assert!(rig.denylist.status().is_ready());
}

#[tokio::test(start_paused = true)]
async fn an_entry_takes_effect_within_the_poll_interval() {
    let rig = Rig::loaded().await;
    rig.source.denies(1);
    sleep(5 * SECOND).await;
    assert_eq!(rig.check("client-1"), Err(Denied::forbidden()));
    assert_eq!(rig.check("client-0"), Ok(()), "an entry that is gone");
}

#[tokio::test(start_paused = true)]
async fn a_list_serves_until_the_maximum_age_and_not_longer_until_the_source_is_back() {
    let rig = Rig::loaded().await;
    for mood in [Mood::Fails, Mood::Hangs, Mood::Panics, Mood::PanicsAtOnce] {
        rig.source.is(mood);
        let age = rig.denylist.status().age().unwrap();
        sleep(MAX_AGE - age).await;
        assert_eq!(rig.check("client-0"), Err(Denied::forbidden()), "{mood:?}");
        assert_eq!(rig.check("client-1"), Ok(()), "{mood:?}");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(rig.check("client-0"), Err(UNAVAILABLE), "{mood:?}");
        assert_eq!(rig.check("client-1"), Err(UNAVAILABLE), "{mood:?}");
        assert!(!rig.denylist.status().is_ready(), "{mood:?}");

        rig.source.is(Mood::Answers);
        // A load that hangs is given up after 5 seconds.
        sleep(10 * SECOND).await;
        assert_eq!(rig.check("client-0"), Err(Denied::forbidden()), "{mood:?}");
        assert_eq!(rig.check("client-1"), Ok(()), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_age_counts_from_the_start_of_a_load() {
    let rig = Rig::loaded().await;
    rig.source.is(Mood::AnswersAfter(4 * SECOND));
    sleep(6 * SECOND).await;
    rig.source.is(Mood::Fails);
    sleep(4 * SECOND).await;
    assert_eq!(rig.source.calls(), 2);
    let asked_at = rig.source.script().calls[1];
    let age = rig.clock.monotonic() - asked_at;
    assert_eq!(rig.denylist.status().age(), Some(age));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_does_not_trust_the_list_from_before() {
    let rig = Rig::loaded().await;
    rig.source.is(Mood::Fails);
    rig.clock.wall.jump_wall_forward(MAX_AGE);
    assert_eq!(rig.check("client-1"), Ok(()));
    rig.clock.wall.jump_wall_forward(SECOND);
    assert_eq!(rig.check("client-1"), Err(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_does_not_stretch_the_bound() {
    let rig = Rig::loaded().await;
    rig.source.is(Mood::Fails);
    rig.clock.wall.jump_wall_back(3600 * SECOND);
    sleep(MAX_AGE).await;
    assert_eq!(rig.check("client-1"), Ok(()));
    sleep(SECOND).await;
    assert_eq!(rig.check("client-1"), Err(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_comes_after_the_timeout_is_not_used() {
    let rig = Rig::loaded().await;
    rig.source.denies(1);
    rig.source
        .is(Mood::AnswersAfter(5 * SECOND + Duration::from_millis(1)));
    sleep(20 * SECOND).await;
    assert_eq!(rig.check("client-1"), Ok(()));
    rig.source
        .is(Mood::AnswersAfter(5 * SECOND - Duration::from_millis(1)));
    sleep(20 * SECOND).await;
    assert_eq!(rig.check("client-1"), Err(Denied::forbidden()));
}

#[tokio::test(start_paused = true)]
async fn unchanged_renews_the_list_that_is_there_and_is_an_error_where_there_is_none() {
    let rig = Rig::loaded().await;
    rig.source.is(Mood::SaysUnchanged);
    sleep(10 * MAX_AGE).await;
    assert_eq!(rig.check("client-0"), Err(Denied::forbidden()));
    assert_eq!(rig.check("client-1"), Ok(()));

    let rig = Rig::new();
    rig.source.is(Mood::InsistsOnUnchanged);
    let error = rig.denylist.warm_up().await.unwrap_err();
    assert!(matches!(error, LoadError::UnexpectedUnchanged), "{error}");
    assert_eq!(rig.check("client-1"), Err(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_loads_at_once_and_many_during_one_load_cause_one_more() {
    let rig = Rig::loaded().await;
    let before = rig.source.calls();
    rig.source.denies(1);
    rig.source.is(Mood::AnswersAfter(SECOND));
    rig.denylist.refresh();
    sleep(SECOND / 2).await;
    for _ in 0..100 {
        rig.denylist.refresh();
    }
    sleep(SECOND).await;
    assert_eq!(rig.check("client-1"), Err(Denied::forbidden()));
    assert_eq!(rig.source.calls(), before + 2);
    sleep(2 * SECOND).await;
    assert_eq!(rig.source.calls(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn warm_up_waits_for_a_load_that_started_after_it_or_tells_why_there_is_none() {
    let rig = Rig::new();
    rig.source.is(Mood::Fails);
    let error = rig.denylist.warm_up().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the denylist's source failed: the store is down"
    );

    for mood in [Mood::Panics, Mood::PanicsAtOnce] {
        rig.source.is(mood);
        let error = rig.denylist.warm_up().await.unwrap_err();
        assert_eq!(error.reason(), "panicked", "{mood:?}");
    }

    // A load is under way that knows nothing of the new entry.
    rig.source.is(Mood::AnswersAfter(2 * SECOND));
    sleep(5 * SECOND).await;
    rig.source.denies(1);
    rig.source.is(Mood::Answers);
    rig.denylist.warm_up().await.unwrap();
    assert_eq!(rig.check("client-1"), Err(Denied::forbidden()));

    // Until the list is as old as the poll interval, nothing is asked.
    let before = rig.source.calls();
    for (age, more) in [(Duration::ZERO, 0), (5 * SECOND, 1)] {
        rig.clock.wall.advance(age);
        rig.denylist.warm_up().await.unwrap();
        assert_eq!(rig.source.calls(), before + more, "{age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let rig = Rig::loaded().await;
    let check = rig.denylist.to_check();
    let (source, denylist) = (rig.source, rig.denylist);
    drop(denylist);
    let before = source.calls();
    sleep(60 * SECOND).await;
    assert!(source.calls() > before, "the check is a handle");
    drop(check);
    let before = source.calls();
    sleep(60 * SECOND).await;
    assert_eq!(source.calls(), before);
}

#[test]
fn a_list_whose_runtime_has_ended_expires() {
    let clock = ManualClock::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let denylist = runtime.block_on(async {
        let load = async |_| Ok::<_, io::Error>(DeniedCallers::new());
        let builder = Denylist::builder(MAX_AGE, load).clock(clock.clone());
        let denylist = builder.spawn().unwrap();
        denylist.warm_up().await.unwrap();
        denylist
    });
    drop(runtime);
    assert!(denylist.current().is_ok());
    clock.advance(MAX_AGE + SECOND);
    assert_eq!(denylist.current().unwrap_err(), UNAVAILABLE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let error = runtime.block_on(denylist.warm_up()).unwrap_err();
    assert!(matches!(error, LoadError::Stopped), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_blocks_its_thread_is_not_started_a_second_time() {
    let started = Arc::new(AtomicUsize::new(0));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let load = {
        let started = Arc::clone(&started);
        move |_| {
            let is_first = started.fetch_add(1, Ordering::Relaxed) == 0;
            let released = Arc::clone(&released);
            async move {
                if is_first {
                    // Aborting finds no await to stop at. Once the sender is dropped, this returns.
                    let _ = released.lock().unwrap().recv();
                }
                Ok::<_, io::Error>(DeniedCallers::new())
            }
        }
    };
    let builder = Denylist::builder(MAX_AGE, load).load_timeout(Duration::from_millis(20));
    let denylist = builder.spawn().unwrap();
    for _ in 0..3 {
        let error = denylist.warm_up().await.unwrap_err();
        assert!(matches!(error, LoadError::TimedOut), "{error}");
    }
    assert_eq!(started.load(Ordering::Relaxed), 1);
    drop(release);
    while denylist.warm_up().await.is_err() {}
    assert!(started.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn settings_outside_their_bounds_are_rejected() {
    let builder =
        |max_age| Denylist::builder(max_age, async |_| Ok::<_, io::Error>(DeniedCallers::new()));
    assert!(builder(6 * SECOND).spawn().is_ok());
    assert_eq!(
        builder(5 * SECOND).spawn().unwrap_err().to_string(),
        "poll_interval (5s) must be shorter than max_age (5s)"
    );
    let short = Duration::from_millis(100);
    assert!(builder(MAX_AGE).poll_interval(short).spawn().is_ok());
    let shorter = Duration::from_millis(99);
    let error = builder(MAX_AGE).poll_interval(shorter).spawn().unwrap_err();
    assert_eq!(
        error.to_string(),
        "poll_interval is 99ms, but must be at least 100 milliseconds"
    );
    let error = builder(MAX_AGE).load_timeout(Duration::ZERO).spawn();
    assert_eq!(
        error.unwrap_err().to_string(),
        "load_timeout is 0ns, but must be longer than zero"
    );
}

#[test]
fn a_caller_is_denied_by_each_kind_of_entry_and_by_no_other() {
    let pool = TestPool::new();
    let issued = ManualClock::start();
    let user = pool.token().user("user-1").client_id("client-1");
    let claims = pool.claims(&user.claim("jti", "token-1"));
    let none = DeniedCallers::new;
    let after = issued + SECOND;
    for (list, verdict) in [
        (none(), Ok(())),
        (none().deny_clients(["client-1"]), Err(Denied::forbidden())),
        (
            none().deny_clients(["client-2", "client-", "user-1", "token-1"]),
            Ok(()),
        ),
        (none().deny_subjects(["user-1"]), Err(Denied::forbidden())),
        (none().deny_subjects(["user-2", "client-1"]), Ok(())),
        (none().revoke_tokens(["token-1"]), Err(Denied::revoked())),
        (
            none().revoke_tokens(["token-2", "client-1", "user-1"]),
            Ok(()),
        ),
        (
            none().revoke_client_tokens("client-1", after),
            Err(Denied::revoked()),
        ),
        (none().revoke_client_tokens("client-1", issued), Ok(())),
        (
            none().revoke_client_tokens("client-1", issued + SECOND / 2),
            Ok(()),
        ),
        (none().revoke_client_tokens("client-2", after), Ok(())),
        (
            none().revoke_subject_tokens("user-1", after),
            Err(Denied::revoked()),
        ),
        (none().revoke_subject_tokens("user-1", issued), Ok(())),
        (none().revoke_subject_tokens("client-1", after), Ok(())),
        // The later of two times counts, whichever comes first.
        (
            none()
                .revoke_client_tokens("client-1", after)
                .revoke_client_tokens("client-1", issued),
            Err(Denied::revoked()),
        ),
        (
            none()
                .revoke_client_tokens("client-1", issued)
                .revoke_client_tokens("client-1", after),
            Err(Denied::revoked()),
        ),
        // A new token does not help, and the response says so.
        (
            none().revoke_tokens(["token-1"]).deny_clients(["client-1"]),
            Err(Denied::forbidden()),
        ),
        (none().list_values("client", ["client-1"]), Ok(())),
    ] {
        assert_eq!(list.check(&claims), verdict, "{list:?}");
    }

    let undated = pool.claims(&pool.token().client_id("client-1").without_claim("iat"));
    let list = none().revoke_client_tokens("client-1", issued);
    assert_eq!(list.check(&undated), Err(Denied::revoked()));
    assert_eq!(none().check(&undated), Ok(()));
}

#[test]
fn values_of_a_kind_are_found_under_that_kind_only() {
    let list = DeniedCallers::new().list_values("tenant", ["t-1"]);
    assert!(list.contains("tenant", "t-1"));
    assert!(!list.contains("tenant", "t-2"));
    assert!(!list.contains("group", "t-1"));
    assert_eq!(list.len(), 1);
    assert!(!list.is_empty());
    assert!(DeniedCallers::new().is_empty());
}

#[test]
fn the_length_counts_entries_of_every_kind() {
    let time = SystemTime::UNIX_EPOCH;
    let list = DeniedCallers::new()
        .deny_clients(["a"])
        .deny_subjects(["a"])
        .revoke_tokens(["a"])
        .list_values("tenant", ["a"])
        .revoke_client_tokens("a", time)
        .revoke_client_tokens("b", time)
        .revoke_subject_tokens("a", time);
    assert_eq!(list.len(), 7);
    assert_eq!(format!("{list:?}"), "DeniedCallers { entries: 7, .. }");
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_entry() {
    let rig = Rig::loaded().await;
    let list = rig.denylist.current().unwrap();
    let shown = format!("{list:?} {:?} {:?}", rig.denylist, rig.denylist.status());
    assert!(!shown.contains("client-0"), "{shown}");
    assert!(shown.contains("entries: 1"), "{shown}");
    let name = "Denylist { name: \"default\", status: DenylistStatus {";
    assert!(shown.contains(name), "{shown}");
    let builder = Denylist::builder(MAX_AGE, |_| async { Err::<Loaded, _>("down") });
    let shown = format!("{builder:?}");
    let expected = "DenylistBuilder { name: \"default\", limits: Limits { max_age: 60s, ";
    assert!(shown.starts_with(expected), "{shown}");
}

/// One step of a day in the life of a denylist.
#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Sleep(u64),
    Source(Mood),
    Change,
    Refresh,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1_u64..20_000).prop_map(Event::Wait),
        1 => (1_u64..90).prop_map(Event::Sleep),
        3 => prop_oneof![
            2 => Just(Mood::Answers),
            2 => (1_u64..8_000).prop_map(|ms| Mood::AnswersAfter(Duration::from_millis(ms))),
            1 => Just(Mood::SaysUnchanged),
            1 => Just(Mood::Fails),
            1 => Just(Mood::Hangs),
            1 => Just(Mood::Panics),
        ].prop_map(Event::Source),
        2 => Just(Event::Change),
        1 => Just(Event::Refresh),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whenever the list decides, it is one that the source gave or confirmed when it was asked no
    /// longer than `max_age` ago; and while the source is well, the list is the current one.
    #[test]
    fn whatever_happens_the_bound_on_the_age_holds(events in prop::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let rig = Rig::new();
            // When each version stopped being the current one, on the wall clock.
            let mut replaced = Vec::new();
            let mut well_since = Some(rig.clock.monotonic());
            for event in events {
                match event {
                    Event::Wait(ms) => sleep(Duration::from_millis(ms)).await,
                    Event::Sleep(seconds) => {
                        rig.clock.wall.jump_wall_forward(Duration::from_secs(seconds));
                    }
                    Event::Source(mood) => {
                        rig.source.is(mood);
                        let answers = matches!(mood, Mood::Answers);
                        let since = well_since.unwrap_or_else(|| rig.clock.monotonic());
                        well_since = answers.then_some(since);
                    }
                    Event::Change => {
                        replaced.push(rig.clock.now());
                        rig.source.denies(u32::try_from(replaced.len()).unwrap());
                        well_since = well_since.map(|_| rig.clock.monotonic());
                    }
                    Event::Refresh => rig.denylist.refresh(),
                }
                let current = rig.denylist.current();
                if let Ok(list) = &current {
                    let version: usize = list.version().unwrap().parse().unwrap();
                    if let Some(replaced_at) = replaced.get(version) {
                        let late = rig.clock.now().duration_since(*replaced_at).unwrap();
                        assert!(late <= MAX_AGE, "version {version} after {late:?}");
                    }
                }
                // The pause, and a load that was under way when the source got well.
                let settled = 10 * SECOND + Duration::from_millis(1);
                if well_since.is_some_and(|since| rig.clock.monotonic() - since > settled) {
                    let list = current.as_ref().ok();
                    let slept = rig.denylist.status().age().unwrap() > 10 * SECOND;
                    let newest = replaced.len().to_string();
                    assert!(slept || list.unwrap().version() == Some(&newest));
                }
            }
        });
    }
}
