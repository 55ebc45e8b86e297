//! The key source: the only lock, task and wait. [`RefreshState`] decides; [`KeySource::step`] is
//! the one place that locks, and what follows is done after unlocking.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::{Semaphore, watch};

use super::{
    attempt::{AttemptEnd, AttemptNumber, AttemptOrder, AttemptResult},
    endpoints::KeyEndpoints,
    fetch::FetchError,
    key_set::KeySet,
    outcome::{Effects, FoundKey, KeyProgress, WaitRecord},
    quiet::Quiet,
    snapshot::{Fetched, Generation, Kind, Snapshot},
    state::{RefreshSettings, RefreshState},
    status::{KeyState, KeyStatus},
    sync::{self, Mutex},
    waiting::{Waited, Waiting},
};
use crate::{
    clock::{Clock, Moment, jitter},
    error::AuthError,
    metrics,
    protected_url::ProtectedUrl,
};

/// Requests with an unknown kid that may wait for a fetch at a time. Beyond that they get 503 at
/// once.
const MAX_WAITING: usize = 1024;

/// The keys of one JWKS URL, shared by every clone, layer and route.
pub(crate) struct KeySource {
    config: KeySourceConfig,
    /// What readers see. It is the state's snapshot, and is replaced under the lock.
    published: ArcSwapOption<Snapshot>,
    /// What spares most requests the rest.
    quiet: Quiet,
    /// A std mutex: held for a few comparisons, never across an await, and never while anything
    /// foreign runs (a runtime, a log subscriber, a waker), which might come back for it.
    state: Mutex<RefreshState>,
    /// The number of the latest attempt that ended, one way or the other.
    ended: watch::Sender<AttemptNumber>,
    places: Arc<Semaphore>,
}

pub(crate) struct KeySourceConfig {
    pub(crate) jwks_url: ProtectedUrl,
    /// `None` if the keys are pinned.
    pub(crate) endpoints: Option<KeyEndpoints>,
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

/// How far a lookup gets without waiting.
pub(crate) enum Lookup {
    Found(FoundKey),
    /// Only a fetch can tell. It has been started.
    Wait(Waiting),
}

impl KeySource {
    pub(crate) fn new(config: KeySourceConfig, keys: Keys) -> Self {
        let now = Moment::read(&*config.clock);
        let initial = match keys {
            Keys::None => None,
            Keys::Pinned(keys) => Some(Snapshot::initial(keys, Kind::Pinned)),
            Keys::Seeded(keys) => Some(Snapshot::initial(keys, Kind::Seeded { at: now })),
        };
        let settings = RefreshSettings {
            refresh_after: config.refresh_after,
            expire_after: config.expire_after,
            unknown_kid_interval: config.unknown_kid_interval,
            fetch_timeout: config.fetch_timeout,
        };
        let state = RefreshState::new(settings, initial, now);
        metrics::key_set(config.jwks_url.label(), state.reading(&now));
        let quiet = Quiet::default();
        quiet.set(state.generation(), state.quiet_until(&now));
        Self {
            published: ArcSwapOption::new(state.snapshot().cloned()),
            quiet,
            state: Mutex::new(state),
            ended: watch::Sender::new(AttemptNumber::default()),
            places: Arc::new(Semaphore::new(MAX_WAITING)),
            config,
        }
    }

    pub(crate) const fn jwks_url(&self) -> &ProtectedUrl {
        &self.config.jwks_url
    }

    pub(crate) fn fallback_jwks_url(&self) -> Option<&ProtectedUrl> {
        let fallback = self.config.endpoints.as_ref()?.fallback.as_ref()?;
        Some(&fallback.url)
    }

    /// Whether what was verified under this generation would verify now, without looking.
    /// `unix_nanos` is the wall clock's time; the other clock is read only if it matters.
    #[inline]
    pub(crate) fn still_vouches(self: &Arc<Self>, generation: Generation, unix_nanos: i64) -> bool {
        self.is_quiet(generation, unix_nanos) || self.still_vouches_when_due(generation)
    }

    #[cold]
    fn still_vouches_when_due(self: &Arc<Self>, generation: Generation) -> bool {
        sync::switch_point();
        let published = self.published.load();
        published.as_ref().is_some_and(|snapshot| {
            snapshot.generation == generation && self.may_serve_when_due(snapshot)
        })
    }

    /// The key of this name. Never waits; takes no lock while the key is there and fresh.
    pub(crate) fn lookup(
        self: &Arc<Self>,
        kid: &str,
        unix_nanos: i64,
    ) -> Result<Lookup, AuthError> {
        sync::switch_point();
        let published = self.published.load();
        if let Some(snapshot) = published.as_ref() {
            let key = snapshot.keys.get(kid);
            if let Some(key) = key.filter(|_| {
                self.is_quiet(snapshot.generation, unix_nanos) || self.may_serve_when_due(snapshot)
            }) {
                return Ok(Lookup::Found(FoundKey {
                    key: Arc::clone(key),
                    generation: snapshot.generation,
                }));
            }
            // Pinned keys are never replaced, so nothing under the lock could tell more.
            if matches!(snapshot.kind, Kind::Pinned) {
                return Err(AuthError::UnknownKey);
            }
        }
        self.lookup_locked(kid, None)
    }

    /// The same after a wait. A request can have to wait more than once, but never longer than
    /// `fetch_timeout` in all.
    pub(crate) fn lookup_after(
        self: &Arc<Self>,
        waited: Waited,
        kid: &str,
    ) -> Result<Lookup, AuthError> {
        self.lookup_locked(kid, Some(waited))
    }

    fn lookup_locked(
        self: &Arc<Self>,
        kid: &str,
        waited: Option<Waited>,
    ) -> Result<Lookup, AuthError> {
        let now = Moment::read(&*self.config.clock);
        let record = waited.as_ref().map(|waited| waited.record);
        let has_runtime = self.has_runtime();
        match self.step(&now, |state| state.lookup(kid, record, has_runtime, &now))? {
            KeyProgress::Found(found) => Ok(Lookup::Found(found)),
            KeyProgress::Wait { record, if_full } => {
                self.waiting(record, waited, if_full).map(Lookup::Wait)
            }
        }
    }

    /// Starts to fetch the keys unless they are fresh. `None`: there is nothing to wait for.
    pub(crate) fn warm_up(self: &Arc<Self>) -> Result<Option<Waiting>, FetchError> {
        self.warm_up_after(None)
    }

    pub(crate) fn warm_up_after(
        self: &Arc<Self>,
        waited: Option<Waited>,
    ) -> Result<Option<Waiting>, FetchError> {
        let now = Moment::read(&*self.config.clock);
        let record = waited.as_ref().map(|waited| waited.record);
        let has_runtime = self.has_runtime();
        let Some(record) = self.step(&now, |state| state.warm_up(record, has_runtime, &now))?
        else {
            return Ok(None);
        };
        // Without a limit there is nothing to reject.
        Ok(self.waiting(record, waited, None).ok())
    }

    pub(crate) fn status(self: &Arc<Self>) -> KeyStatus {
        let now = Moment::read(&*self.config.clock);
        self.step(&now, |state| {
            (
                state.status(self.config.jwks_url.label(), &now),
                Effects::default(),
            )
        })
    }

    /// Sets the gauges to what they are now.
    pub(crate) fn record_metrics(self: &Arc<Self>) {
        let now = Moment::read(&*self.config.clock);
        self.step(&now, |state| {
            let effects = Effects {
                reading: Some(state.reading(&now)),
                ..Effects::default()
            };
            ((), effects)
        });
    }

    #[inline]
    fn is_quiet(&self, generation: Generation, unix_nanos: i64) -> bool {
        let clock = &self.config.clock;
        self.quiet
            .holds(generation, unix_nanos, || clock.monotonic())
    }

    /// Whether a key of this snapshot may be used without waiting. A request that finds it due for
    /// a refresh starts one on the way.
    fn may_serve_when_due(self: &Arc<Self>, snapshot: &Snapshot) -> bool {
        let now = Moment::read(&*self.config.clock);
        match snapshot.state(&now, self.config.expire_after, false) {
            KeyState::Fresh | KeyState::Pinned => true,
            KeyState::Due | KeyState::Degraded => {
                let has_runtime = self.has_runtime();
                self.step(&now, |state| state.known_key_is_due(has_runtime, &now))
            }
            KeyState::Empty | KeyState::Expired => false,
        }
    }

    fn has_runtime(&self) -> bool {
        self.config.endpoints.is_some() && sync::has_runtime()
    }

    fn waiting(
        &self,
        record: WaitRecord,
        waited: Option<Waited>,
        if_full: Option<AuthError>,
    ) -> Result<Waiting, AuthError> {
        sync::switch_point();
        let (deadline, place) =
            waited.map_or((None, None), |waited| (waited.deadline, waited.place));
        let place = match (place, if_full) {
            (Some(place), _) => Some(place),
            (None, None) => None,
            (None, Some(error)) => Some(
                Arc::clone(&self.places)
                    .try_acquire_owned()
                    .map_err(|_| error)?,
            ),
        };
        Ok(Waiting {
            record,
            ended: self.ended.subscribe(),
            longest: self.config.fetch_timeout,
            deadline,
            place,
        })
    }

    /// Tells the state of an event. This is the only place that locks.
    ///
    /// Keys are published before the lock is released, so that publications keep the order of the
    /// decisions. Everything else is done after: a runtime that is shut down ends a task while it
    /// is being spawned, and a log subscriber may ask for the key status, and both need the lock.
    fn step<T>(
        self: &Arc<Self>,
        now: &Moment,
        event: impl FnOnce(&mut RefreshState) -> (T, Effects),
    ) -> T {
        // A poisoned lock is acquired anyway: an event changes the state before anything that
        // could panic.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, mut effects) = event(&mut state);
        if let Some(snapshot) = effects.publish.take() {
            self.published.store(Some(snapshot));
        }
        self.quiet.set(state.generation(), state.quiet_until(now));
        drop(state);
        self.run(effects);
        outcome
    }

    /// An attempt is spawned last, so that what led to it is reported before how it ended.
    fn run(self: &Arc<Self>, effects: Effects) {
        let url = self.config.jwks_url.label();
        if let Some(number) = effects.ended {
            sync::switch_point();
            self.ended.send_modify(|ended| *ended = number.max(*ended));
        }
        if let Some(report) = effects.fetch_report {
            report.report(url);
        }
        if let Some(change) = effects.change {
            change.report(url);
        }
        if let Some(reading) = effects.reading {
            metrics::key_set(url, reading);
        }
        if let Some(order) = effects.start {
            sync::spawn(RunningAttempt::new(Arc::clone(self), order).run());
        }
    }
}

/// An attempt that has the slot. It ends when it is dropped, so that neither a panic nor a runtime
/// that is shut down can keep the slot.
struct RunningAttempt {
    source: Arc<KeySource>,
    order: AttemptOrder,
    started_at: Option<Moment>,
    result: Option<Result<Fetched, FetchError>>,
}

impl RunningAttempt {
    const fn new(source: Arc<KeySource>, order: AttemptOrder) -> Self {
        Self {
            source,
            order,
            started_at: None,
            result: None,
        }
    }

    async fn run(mut self) {
        let now = Moment::read(&*self.source.config.clock);
        let number = self.order.number;
        let start = self.source.step(&now, |state| {
            (state.attempt_started(number, &now), Effects::default())
        });
        let config = &self.source.config;
        // Pinned keys have no endpoints, and no attempts.
        if let (Some(start), Some(endpoints)) = (start, &config.endpoints) {
            self.started_at = Some(start.at);
            let fetch = endpoints.fetch(&start, config.expire_after, config.fetch_timeout);
            self.result = Some(fetch.await);
        }
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        let result = match self.result.take() {
            Some(Ok(fetched)) => AttemptResult::Fetched(fetched),
            Some(Err(error)) => AttemptResult::Failed(error),
            // The fetcher panicked, and this is dropped on the way up.
            None if std::thread::panicking() => AttemptResult::Failed(FetchError::Aborted),
            None => AttemptResult::Dropped,
        };
        let end = AttemptEnd {
            order: self.order,
            started_at: self.started_at,
            result,
        };
        let now = Moment::read(&*self.source.config.clock);
        self.source
            .step(&now, |state| ((), state.attempt_ended(end, jitter(), &now)));
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource")
            .field("jwks_url", &self.config.jwks_url)
            .finish_non_exhaustive()
    }
}
