//! The key source: carries out what [`policy`](super::policy) decides. Clock, lock, task and wait are here and nowhere
//! else.

mod attempt;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::{Semaphore, watch};

use self::attempt::{Afterwards, FetchNotStarted};
use super::{
    FetchError, KeyState, KeyStatus,
    fetch::DynFetchJwks,
    key_set::KeySet,
    ledger::{AttemptNumber, Ledger},
    policy::{self, Attempt, Decision, FetchReason, Kid, View},
    snapshot::{Generation, Kind, Snapshot},
    waiting::{Waited, Waiting},
};
use crate::{
    clock::{Clock, Moment},
    crypto::VerifyingKey,
    error::AuthError,
    metrics::{self, KeySetReading},
    protected_url::ProtectedUrl,
};

/// Requests that may wait for a fetch at a time. Beyond that they get 503 at once.
const MAX_WAITING: usize = 1024;

/// What a refused caller is told when nothing better is known.
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The keys of one JWKS URL, shared by every clone, layer and route.
pub(crate) struct KeySource {
    config: KeySourceConfig,
    published: ArcSwapOption<Snapshot>,
    /// Until when no refresh could be started, in nanoseconds of the monotonic clock: lets a request whose key is due for
    /// a refresh pass without the lock. Written under the lock.
    quiet_until: AtomicU64,
    /// A std mutex: held for a few comparisons, never across an await, and never while anything foreign runs (a runtime, a
    /// log subscriber, a waker), which might come back for it. Snapshots are published under it, so that what is decided
    /// under it cannot be outdated by the time it is carried out.
    ledger: Mutex<Ledger>,
    /// The number of the latest attempt that ended, one way or the other.
    ended: watch::Sender<AttemptNumber>,
    waiting: Arc<Semaphore>,
}

pub(crate) struct KeySourceConfig {
    pub(crate) jwks_url: ProtectedUrl,
    pub(crate) fetcher: Option<Arc<dyn DynFetchJwks>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) refresh_after: Duration,
    pub(crate) expire_after: Duration,
    pub(crate) unknown_kid_interval: Duration,
    pub(crate) fetch_timeout: Duration,
}

/// What a key source starts with.
pub(crate) enum Keys {
    None,
    Pinned(KeySet),
    Seeded(KeySet),
}

/// The answer to "which key is this kid?".
pub(crate) enum Lookup {
    Found(FoundKey),
    Refused(AuthError),
    /// Only a fetch can tell. It has been started.
    Wait(Waiting),
}

pub(crate) struct FoundKey {
    pub(crate) key: Arc<VerifyingKey>,
    pub(crate) generation: Generation,
}

impl KeySource {
    pub(crate) fn new(config: KeySourceConfig, keys: Keys) -> Self {
        let now = Moment::read(&*config.clock);
        let initial = match keys {
            Keys::None => None,
            Keys::Pinned(keys) => Some((keys, Kind::Pinned)),
            Keys::Seeded(keys) => Some((keys, Kind::Seeded { at: now })),
        };
        let initial_state = match initial {
            None => KeyState::Empty,
            Some((_, Kind::Pinned)) => KeyState::Pinned,
            Some(_) => KeyState::Due,
        };
        let snapshot = initial.map(|(keys, kind)| {
            Arc::new(Snapshot {
                keys: Arc::new(keys),
                generation: Generation::default(),
                kind,
            })
        });
        metrics::key_set(
            config.jwks_url.label(),
            reading(initial_state, snapshot.as_deref(), &now),
        );
        Self {
            published: ArcSwapOption::new(snapshot),
            quiet_until: AtomicU64::new(0),
            ledger: Mutex::new(Ledger::new(
                config.unknown_kid_interval,
                config.fetch_timeout,
                initial_state,
            )),
            ended: watch::Sender::new(AttemptNumber::default()),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            config,
        }
    }

    pub(crate) fn jwks_url(&self) -> &ProtectedUrl {
        &self.config.jwks_url
    }

    /// Whether what was verified under this generation would verify now, without looking.
    pub(crate) fn still_vouches(self: &Arc<Self>, generation: Generation, now: &Moment) -> bool {
        let published = self.published.load();
        published.as_ref().is_some_and(|snapshot| {
            snapshot.generation == generation && self.may_serve(snapshot, now)
        })
    }

    /// The key of this name. Never waits; takes no lock while the key is there and fresh.
    pub(crate) fn lookup(self: &Arc<Self>, kid: &str, now: &Moment) -> Lookup {
        let published = self.published.load();
        if let Some(snapshot) = published.as_ref()
            && let Some(key) = snapshot.keys.get(kid)
            && self.may_serve(snapshot, now)
        {
            return Lookup::Found(FoundKey {
                key: Arc::clone(key),
                generation: snapshot.generation,
            });
        }
        self.consult(kid, now)
    }

    /// The key of this name as the snapshot has it after a wait. Never answers [`Lookup::Wait`].
    pub(crate) fn lookup_after(
        &self,
        waited: &Waited,
        kid: &str,
        now: &Moment,
    ) -> Result<FoundKey, AuthError> {
        let mut ledger = self.lock();
        let snapshot = self.snapshot();
        let state = self.state(&ledger, snapshot.as_deref(), now);
        let found = find(snapshot.as_deref(), kid);
        let known = if found.is_some() {
            Kid::Known
        } else {
            Kid::Unknown
        };
        let retry_after = match ledger.attempt(state, now.monotonic) {
            Attempt::BackingOff(remaining) => remaining,
            Attempt::Possible | Attempt::InFlight => SHORTEST_RETRY_AFTER,
        };
        let saw_reply = ledger.succeeded_since(waited.attempt());
        match (
            policy::decide_after_wait(state, known, saw_reply, retry_after),
            found,
        ) {
            (Decision::Serve, Some(found)) => Ok(found),
            (Decision::RefuseUnknown, _) => {
                ledger.missing.note(kid, now.monotonic);
                Err(AuthError::UnknownKey)
            }
            _ => Err(unavailable(retry_after)),
        }
    }

    /// Fetches the keys unless they are fresh, and waits.
    pub(crate) async fn warm_up(self: &Arc<Self>) -> Result<(), FetchError> {
        let Some(waiting) = self.begin_warm_up()? else {
            return Ok(());
        };
        let waited = waiting.wait().await;
        let ledger = self.lock();
        if ledger.succeeded_since(waited.attempt()) {
            Ok(())
        } else {
            Err(ledger.last_error.clone().unwrap_or(FetchError::Timeout))
        }
    }

    pub(crate) fn status(&self) -> KeyStatus {
        let now = Moment::read(&*self.config.clock);
        let ledger = self.lock();
        let snapshot = self.snapshot();
        let state = self.state(&ledger, snapshot.as_deref(), &now);
        let reading = reading(state, snapshot.as_deref(), &now);
        let keys = snapshot.as_ref().map(|snapshot| &snapshot.keys);
        let status = KeyStatus {
            jwks_url: self.config.jwks_url.label().to_owned(),
            state,
            age: reading.age,
            kids: keys
                .map(|keys| keys.kids().map(str::to_owned).collect())
                .unwrap_or_default(),
            skipped: keys.map(|keys| keys.skipped().to_vec()).unwrap_or_default(),
            last_error: ledger.last_error.clone(),
            next_attempt: ledger
                .next_attempt(state)
                .map(|at| at.saturating_sub(now.monotonic)),
        };
        drop(ledger);
        metrics::key_set(self.config.jwks_url.label(), reading);
        status
    }

    /// Whether a key of this snapshot may be used. A request that finds it due for a refresh starts one on the way.
    fn may_serve(self: &Arc<Self>, snapshot: &Snapshot, now: &Moment) -> bool {
        match snapshot.state(now, self.config.expire_after, false) {
            KeyState::Fresh | KeyState::Pinned => true,
            KeyState::Due | KeyState::Degraded => {
                // A stale reading costs one look under the lock, where it is decided.
                if nanos(now.monotonic) >= self.quiet_until.load(Ordering::Relaxed) {
                    self.refresh_if_due(now);
                }
                true
            }
            KeyState::Empty | KeyState::Expired => false,
        }
    }

    fn refresh_if_due(self: &Arc<Self>, now: &Moment) {
        let mut afterwards = Afterwards::default();
        let mut ledger = self.lock();
        let snapshot = self.snapshot();
        let view = self.view(&mut ledger, snapshot.as_deref(), now, &mut afterwards);
        if policy::decide(view, Kid::Known) == Decision::ServeAndRefresh {
            // Without a runtime the keys stay due, and the next request tries again.
            let _ = self.start(&mut ledger, FetchReason::Scheduled, now, &mut afterwards);
        }
        drop(ledger);
        self.carry_out(afterwards);
    }

    /// Decides under the lock, with the snapshot looked at again: another one may have been published since.
    fn consult(self: &Arc<Self>, kid: &str, now: &Moment) -> Lookup {
        let mut afterwards = Afterwards::default();
        let mut ledger = self.lock();
        let snapshot = self.snapshot();
        let found = find(snapshot.as_deref(), kid);
        let known = match &found {
            Some(_) => Kid::Known,
            None if ledger.missing.contains(kid, now.monotonic) => Kid::FoundMissing,
            None => Kid::Unknown,
        };
        let view = self.view(&mut ledger, snapshot.as_deref(), now, &mut afterwards);
        let outcome = match policy::decide(view, known) {
            Decision::Serve => Ok(None),
            Decision::ServeAndRefresh => {
                let _ = self.start(&mut ledger, FetchReason::Scheduled, now, &mut afterwards);
                Ok(None)
            }
            Decision::Join => self.join(ledger.started()).map(Some),
            Decision::Fetch(reason) => {
                match self.start(&mut ledger, reason, now, &mut afterwards) {
                    Ok(attempt) => self.join(attempt).map(Some),
                    Err(FetchNotStarted) => Err(unavailable(SHORTEST_RETRY_AFTER)),
                }
            }
            Decision::RefuseUnknown => Err(AuthError::UnknownKey),
            Decision::Unavailable { retry_after } => Err(unavailable(retry_after)),
        };
        drop(ledger);
        self.carry_out(afterwards);
        match (outcome, found) {
            (Ok(Some(waiting)), _) => Lookup::Wait(waiting),
            (Ok(None), Some(found)) => Lookup::Found(found),
            (Ok(None), None) => Lookup::Refused(AuthError::UnknownKey),
            (Err(error), _) => Lookup::Refused(error),
        }
    }

    fn begin_warm_up(self: &Arc<Self>) -> Result<Option<Waiting>, FetchError> {
        let now = Moment::read(&*self.config.clock);
        let mut afterwards = Afterwards::default();
        let mut ledger = self.lock();
        let snapshot = self.snapshot();
        let view = self.view(&mut ledger, snapshot.as_deref(), &now, &mut afterwards);
        let attempt = match (view.state, view.attempt) {
            (KeyState::Fresh | KeyState::Pinned, _) => Ok(None),
            (_, Attempt::InFlight) => Ok(Some(ledger.started())),
            (_, Attempt::BackingOff(_)) => {
                Err(ledger.last_error.clone().unwrap_or(FetchError::Timeout))
            }
            (_, Attempt::Possible) => self
                .start(&mut ledger, FetchReason::WarmUp, &now, &mut afterwards)
                .map(Some)
                .map_err(|FetchNotStarted| FetchError::NoRuntime),
        };
        drop(ledger);
        self.carry_out(afterwards);
        attempt?
            .map(|attempt| self.join(attempt).map_err(|_| FetchError::Timeout))
            .transpose()
    }

    fn join(&self, attempt: AttemptNumber) -> Result<Waiting, AuthError> {
        let place = Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_| unavailable(SHORTEST_RETRY_AFTER))?;
        Ok(Waiting {
            attempt,
            ended: self.ended.subscribe(),
            longest: self.config.fetch_timeout,
            _place: place,
        })
    }

    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.published.load_full()
    }

    fn state(&self, ledger: &Ledger, snapshot: Option<&Snapshot>, now: &Moment) -> KeyState {
        let last_failed = ledger.last_failed(now.monotonic);
        snapshot.map_or(KeyState::Empty, |snapshot| {
            snapshot.state(now, self.config.expire_after, last_failed)
        })
    }

    /// What [`policy::decide`] needs; notices a change of state on the way.
    fn view(
        &self,
        ledger: &mut Ledger,
        snapshot: Option<&Snapshot>,
        now: &Moment,
        afterwards: &mut Afterwards,
    ) -> View {
        let state = self.state(ledger, snapshot, now);
        afterwards.change = ledger.take_change(state);
        if afterwards.change.is_some() {
            afterwards.reading = Some(reading(state, snapshot, now));
        }
        View {
            state,
            attempt: ledger.attempt(state, now.monotonic),
            last_failed: ledger.last_failed(now.monotonic),
            budget: ledger.budget.available(now.monotonic),
        }
    }

    /// A poisoned lock is taken all the same: every change to the ledger is complete before anything that could panic.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource")
            .field("jwks_url", &self.config.jwks_url)
            .finish_non_exhaustive()
    }
}

fn find(snapshot: Option<&Snapshot>, kid: &str) -> Option<FoundKey> {
    let snapshot = snapshot?;
    Some(FoundKey {
        key: Arc::clone(snapshot.keys.get(kid)?),
        generation: snapshot.generation,
    })
}

fn reading(state: KeyState, snapshot: Option<&Snapshot>, now: &Moment) -> KeySetReading {
    KeySetReading {
        state,
        age: snapshot.and_then(|snapshot| snapshot.age(now)),
        confirmed_at: snapshot.and_then(Snapshot::confirmed_at),
    }
}

const fn unavailable(retry_after: Duration) -> AuthError {
    AuthError::KeysUnavailable { retry_after }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
