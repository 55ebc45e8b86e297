//! The refresh as a state machine without I/O: events go in, an outcome and effects come out.
//!
//! [`RefreshState`] holds everything that is known of a key source: its keys, the attempt that has the one slot, how earlier
//! attempts ended, and what is known of unknown kids. [`policy`] decides on plain data; this file keeps the data.
//! Nothing in here waits, locks, spawns, logs or reads a clock. [`source`](super::source) does that.

use std::{sync::Arc, time::Duration};

use super::{
    back_off::{self, BackOff, Failure},
    fetch::FetchError,
    key_set::KeyChange,
    policy::{self, Attempt, Decision, FetchReason, Kid, PolicyView, SHORTEST_RETRY_AFTER},
    report::{FetchOutcome, FetchReport},
    snapshot::{Fetched, Generation, Snapshot},
    status::{KeyState, KeyStatus, StateChange},
    unknown_kids::UnknownKids,
};
use crate::{clock::Moment, crypto::VerifyingKey, error::AuthError, metrics::KeySetReading};

/// A request waits for this many attempts at most: one that was older than the request, one that was not, and one in place of
/// an attempt whose runtime ended. All of them share one `fetch_timeout`.
const MAX_WAITS: u8 = 3;

/// The number of an attempt. Attempts are numbered from 1 in the order in which they take the slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttemptNumber(pub(super) u64);

#[derive(Clone, Copy, Debug)]
pub(super) struct RefreshSettings {
    pub(super) refresh_after: Duration,
    pub(super) expire_after: Duration,
    pub(super) unknown_kid_interval: Duration,
    pub(super) fetch_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct RefreshState {
    settings: RefreshSettings,
    /// The source publishes a copy of this pointer, in the same order.
    snapshot: Option<Arc<Snapshot>>,
    /// The number of the latest attempt that took the slot.
    latest: AttemptNumber,
    in_flight: Option<InFlight>,
    last_success: AttemptNumber,
    last_look: Look,
    last_failure: AttemptNumber,
    back_off: Option<BackOff>,
    last_error: Option<FetchError>,
    /// Attempts in a row that did not end by themselves, because their runtime stood still or ended.
    unfinished: u32,
    /// Delays scheduled refreshes after attempts that went out and were dropped.
    pause: Option<Delay>,
    unknown_kids: UnknownKids,
    /// The state that was last reported to the log.
    reported: KeyState,
}

/// The attempt that has the slot.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: AttemptNumber,
    reason: FetchReason,
    may_be_conditional: bool,
    has_started: bool,
    /// An attempt that has not ended by then never will: its runtime stands still.
    void: Delay,
}

/// The latest attempt that showed which keys the issuer has, and when it went out.
#[derive(Clone, Copy, Debug)]
struct Look {
    number: AttemptNumber,
    asked_at: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Delay {
    from: Moment,
    length: Duration,
}

/// What a request has waited for. Only a wait makes one, so a lookup that takes it cannot be the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitRecord {
    /// The latest attempt that had gone out when the request came. What later ones show is an answer to the request.
    arrived: AttemptNumber,
    /// The attempt that it waits for now, or waited for.
    pub(super) attempt: AttemptNumber,
    waits: u8,
    /// Whether the time for waiting is over.
    pub(super) gave_up: bool,
}

/// How far a lookup gets.
#[derive(Debug)]
pub(super) enum KeyProgress {
    Found(FoundKey),
    /// Only a fetch can tell. It is in flight, or among the effects.
    Wait {
        record: WaitRecord,
        /// The answer if there is no place to wait in. `None` if every request may wait.
        if_full: Option<AuthError>,
    },
}

#[derive(Debug)]
pub(crate) struct FoundKey {
    pub(crate) key: Arc<VerifyingKey>,
    pub(crate) generation: Generation,
}

/// What the source has to do after an event.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Publish these keys, before the lock is released.
    pub(super) publish: Option<Arc<Snapshot>>,
    /// Spawn an attempt.
    pub(super) start: Option<AttemptOrder>,
    /// Wake the requests that wait for this attempt.
    pub(super) ended: Option<AttemptNumber>,
    pub(super) fetch_report: Option<FetchReport>,
    pub(super) change: Option<StateChange>,
    /// Set the gauges. Two threads may set them in the wrong order; then they are wrong until the next such moment.
    pub(super) reading: Option<KeySetReading>,
}

/// An attempt that has the slot and is to be spawned.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptOrder {
    pub(super) number: AttemptNumber,
    pub(super) reason: FetchReason,
    pub(super) claimed_at: Moment,
}

/// An attempt on its way out.
#[derive(Debug)]
pub(super) struct AttemptStart {
    pub(super) at: Moment,
    /// What the request is conditional on.
    pub(super) condition: Option<Arc<Snapshot>>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct AttemptEnd {
    pub(super) order: AttemptOrder,
    /// When it went out, if it did.
    pub(super) started_at: Option<Moment>,
    pub(super) result: AttemptResult,
}

#[derive(Debug)]
pub(super) enum AttemptResult {
    Fetched(Fetched),
    Failed(FetchError),
    /// Its runtime ended. That says nothing of the endpoint.
    Dropped,
}

impl RefreshState {
    pub(super) fn new(settings: RefreshSettings, initial: Option<Snapshot>, now: Moment) -> Self {
        let mut state = Self {
            settings,
            snapshot: initial.map(Arc::new),
            latest: AttemptNumber::default(),
            in_flight: None,
            last_success: AttemptNumber::default(),
            last_look: Look {
                number: AttemptNumber::default(),
                asked_at: now,
            },
            last_failure: AttemptNumber::default(),
            back_off: None,
            last_error: None,
            unfinished: 0,
            pause: None,
            unknown_kids: UnknownKids::new(settings.unknown_kid_interval, now),
            reported: KeyState::Empty,
        };
        state.reported = state.state(&now);
        state
    }

    pub(super) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// A request looks for the key with this kid, for the first time or after a wait.
    pub(super) fn lookup(
        &mut self,
        kid: &str,
        waited: Option<WaitRecord>,
        has_runtime: bool,
        now: &Moment,
    ) -> (Result<KeyProgress, AuthError>, Effects) {
        let arrived = waited.map_or_else(|| self.latest_started(), |record| record.arrived);
        let known = self.kid(kid, arrived, now);
        let view = self.view(waited, has_runtime, now);
        let decision = policy::decide(view, known);
        let mut effects = self.notice(view.state, now);
        let progress = match decision {
            Decision::Serve => self.found(kid),
            Decision::ServeAndRefresh => {
                effects.start = Some(self.claim(FetchReason::Scheduled, true, now));
                self.found(kid)
            }
            Decision::Join => Ok(self.wait(view.state, known, arrived, waited)),
            Decision::Fetch(reason) => {
                let may_be_conditional = known == Kid::Known;
                effects.start = Some(self.claim(reason, may_be_conditional, now));
                Ok(self.wait(view.state, known, arrived, waited))
            }
            Decision::RejectUnknown => Err(AuthError::UnknownKey),
            Decision::Unavailable { retry_after } => {
                Err(AuthError::KeysUnavailable { retry_after })
            }
            Decision::Unconfirmed { retry_after } => Err(AuthError::KeyUnconfirmed { retry_after }),
        };
        (progress, effects)
    }

    /// A request found its key in a snapshot that is due for a refresh. Says whether it may be served with that; if not, it
    /// has to wait, which takes a [`lookup`](Self::lookup).
    pub(super) fn known_key_is_due(&mut self, has_runtime: bool, now: &Moment) -> (bool, Effects) {
        let view = self.view(None, has_runtime, now);
        let mut effects = self.notice(view.state, now);
        let may_serve = match policy::decide(view, Kid::Known) {
            Decision::Serve => true,
            Decision::ServeAndRefresh => {
                effects.start = Some(self.claim(FetchReason::Scheduled, true, now));
                true
            }
            _ => false,
        };
        (may_serve, effects)
    }

    /// `Verifier::warm_up` asks for keys, for the first time or after a wait. `None`: there is nothing to wait for.
    pub(super) fn warm_up(
        &mut self,
        waited: Option<WaitRecord>,
        has_runtime: bool,
        now: &Moment,
    ) -> (Result<Option<WaitRecord>, FetchError>, Effects) {
        let view = self.view(waited, has_runtime, now);
        let mut effects = self.notice(view.state, now);
        let succeeded = waited.is_some_and(|record| self.last_success >= record.attempt);
        if succeeded || matches!(view.state, KeyState::Fresh | KeyState::Pinned) {
            return (Ok(None), effects);
        }
        let failed = match view.attempt {
            Attempt::Impossible if !has_runtime => Some(FetchError::NoRuntime),
            Attempt::Impossible => Some(self.last_error.clone().unwrap_or(FetchError::Timeout)),
            Attempt::Possible if !view.needed_in.is_zero() => self.last_error.clone(),
            Attempt::Possible => {
                effects.start = Some(self.claim(FetchReason::WarmUp, true, now));
                None
            }
            Attempt::InFlight => None,
        };
        let outcome = match failed {
            Some(error) => Err(error),
            None => Ok(Some(self.record(self.latest_started(), waited))),
        };
        (outcome, effects)
    }

    /// An attempt gets to run, which may be long after it took the slot. `None` if it has been given up by then: attempts that
    /// pile up in a runtime that stands still must not all fetch when it goes on.
    pub(super) fn attempt_started(
        &mut self,
        number: AttemptNumber,
        now: &Moment,
    ) -> Option<AttemptStart> {
        let flight = self
            .in_flight
            .as_mut()
            .filter(|flight| flight.number == number)?;
        flight.has_started = true;
        // From here on its time is counted.
        flight.void.from = *now;
        let flight = *flight;
        if flight.reason == FetchReason::UnknownKid {
            self.unknown_kids.spend(now);
        }
        // After a failure the next request is unconditional, because some endpoints and proxies mishandle the condition.
        let expire_after = self.settings.expire_after;
        let is_usable = self.state(now).is_ready();
        let condition = self.snapshot.as_ref().filter(|snapshot| {
            flight.may_be_conditional
                && is_usable
                && self.back_off.is_none()
                && snapshot.etag(now, expire_after).is_some()
        });
        Some(AttemptStart {
            at: *now,
            condition: condition.map(Arc::clone),
        })
    }

    /// An attempt ended, one way or the other. Each ends exactly once. `jitter` is random, in `0.0..=1.0`.
    pub(super) fn attempt_ended(&mut self, end: AttemptEnd, jitter: f64, now: &Moment) -> Effects {
        let AttemptEnd {
            order,
            started_at,
            result,
        } = end;
        let had_slot = self.release(order.number);
        let asked_at = started_at.unwrap_or(order.claimed_at);
        let mut publish = None;
        let outcome = match result {
            // A late response must not overwrite what a newer one brought.
            AttemptResult::Fetched(fetched) if order.number > self.last_success => {
                match self.accept(fetched, order.number, asked_at, jitter) {
                    Ok(change) => {
                        publish.clone_from(&self.snapshot);
                        FetchOutcome::Succeeded(change)
                    }
                    Err(error) => self.failed(had_slot, error, order, jitter, now),
                }
            }
            AttemptResult::Fetched(_) => FetchOutcome::Superseded,
            AttemptResult::Failed(error) => self.failed(had_slot, error, order, jitter, now),
            AttemptResult::Dropped => self.dropped(had_slot, started_at.is_some(), now),
        };
        let state = self.state(now);
        let mut effects = self.notice(state, now);
        effects.publish = publish;
        effects.ended = Some(order.number);
        effects.reading = Some(self.reading(now));
        effects.fetch_report = Some(FetchReport {
            reason: order.reason,
            duration: now.monotonic.saturating_sub(asked_at.monotonic),
            outcome,
        });
        effects
    }

    pub(super) fn status(&self, jwks_url: &str, now: &Moment) -> KeyStatus {
        let state = self.state(now);
        let keys = self.snapshot.as_ref().map(|snapshot| &snapshot.keys);
        KeyStatus {
            jwks_url: jwks_url.to_owned(),
            state,
            age: self
                .snapshot
                .as_ref()
                .and_then(|snapshot| snapshot.age(now)),
            kids: keys
                .map(|keys| keys.kids().map(str::to_owned).collect())
                .unwrap_or_default(),
            skipped: keys.map(|keys| keys.skipped().to_vec()).unwrap_or_default(),
            last_error: self.last_error.clone(),
            next_attempt: self.back_off.map(|back_off| {
                if state.is_ready() {
                    self.scheduled_in(now)
                } else {
                    back_off.needed_in(self.unknown_kids.interval(), now)
                }
            }),
            unfinished_attempts: self.unfinished,
        }
    }

    pub(super) fn reading(&self, now: &Moment) -> KeySetReading {
        let snapshot = self.snapshot.as_ref();
        KeySetReading {
            states: self.state(now).among_all(),
            age: snapshot.and_then(|snapshot| snapshot.age(now)),
            confirmed_at: snapshot.and_then(|snapshot| snapshot.confirmed_at()),
        }
    }

    /// Until when a request that finds its key need not ask here, because no refresh could be started.
    pub(super) fn quiet_until(&self, now: &Moment) -> Moment {
        match self.in_flight {
            Some(flight) => now.plus(flight.void.remaining(now)),
            None => now.plus(self.scheduled_in(now)),
        }
    }

    fn found(&self, kid: &str) -> Result<KeyProgress, AuthError> {
        let snapshot = self.snapshot.as_ref();
        let found = snapshot.and_then(|snapshot| {
            Some(FoundKey {
                key: Arc::clone(snapshot.keys.get(kid)?),
                generation: snapshot.generation,
            })
        });
        // A kid is known only because this snapshot has it.
        found.map(KeyProgress::Found).ok_or(AuthError::UnknownKey)
    }

    fn wait(
        &self,
        state: KeyState,
        kid: Kid,
        arrived: AttemptNumber,
        waited: Option<WaitRecord>,
    ) -> KeyProgress {
        // Before there are keys nothing tells a stranger from a good caller, so no request may take a place from another; the
        // server in front bounds its connections.
        let if_full = match kid {
            _ if !state.is_ready() => None,
            Kid::Known => None,
            Kid::Missing | Kid::Withdrawn => Some(AuthError::UnknownKey),
            Kid::Unknown => Some(AuthError::KeyUnconfirmed {
                retry_after: SHORTEST_RETRY_AFTER,
            }),
        };
        KeyProgress::Wait {
            record: self.record(arrived, waited),
            if_full,
        }
    }

    fn record(&self, arrived: AttemptNumber, waited: Option<WaitRecord>) -> WaitRecord {
        WaitRecord {
            arrived,
            attempt: self.latest,
            waits: waited.map_or(1, |record| record.waits.saturating_add(1)),
            gave_up: false,
        }
    }

    /// What is known of a kid that a request names. `arrived` is the latest attempt that had gone out when it came.
    fn kid(&mut self, kid: &str, arrived: AttemptNumber, now: &Moment) -> Kid {
        let snapshot = self.snapshot.as_ref();
        if snapshot.is_some_and(|snapshot| snapshot.keys.get(kid).is_some()) {
            return Kid::Known;
        }
        if self.last_look.number > arrived {
            let asked_at = self.last_look.asked_at;
            self.unknown_kids.note_missing(kid, asked_at, now);
            return Kid::Missing;
        }
        // While the issuer cannot be reached, it may have published the kid since.
        if !self.last_failed(now) && self.unknown_kids.is_missing(kid, now) {
            return Kid::Missing;
        }
        if self.unknown_kids.is_withdrawn(kid) {
            return Kid::Withdrawn;
        }
        Kid::Unknown
    }

    fn view(&self, waited: Option<WaitRecord>, has_runtime: bool, now: &Moment) -> PolicyView {
        let interval = self.unknown_kids.interval();
        let gave_up = waited.is_some_and(|record| record.gave_up);
        // A look that cannot tell, because the second URL made it, is not repeated for the same request.
        let may_wait = waited.is_none_or(|record| {
            record.waits < MAX_WAITS && !gave_up && self.last_success <= record.arrived
        });
        let attempt = if !has_runtime || !may_wait {
            Attempt::Impossible
        } else if self.is_in_flight(now) {
            Attempt::InFlight
        } else {
            Attempt::Possible
        };
        PolicyView {
            state: self.state(now),
            attempt,
            scheduled_in: self.scheduled_in(now),
            needed_in: self
                .back_off
                .map_or(Duration::ZERO, |run| run.needed_in(interval, now)),
            budget_in: self.unknown_kids.fetch_allowed_in(now),
            last_failed: gave_up || self.last_failed(now),
            overdue: waited.is_none() && self.is_overdue(now),
        }
    }

    fn state(&self, now: &Moment) -> KeyState {
        self.snapshot.as_ref().map_or(KeyState::Empty, |snapshot| {
            snapshot.state(now, self.settings.expire_after, self.last_failed(now))
        })
    }

    /// The latest attempt that has gone out to the endpoint.
    fn latest_started(&self) -> AttemptNumber {
        match self.in_flight {
            Some(flight) if !flight.has_started => AttemptNumber(self.latest.0.saturating_sub(1)),
            _ => self.latest,
        }
    }

    fn is_in_flight(&self, now: &Moment) -> bool {
        self.in_flight
            .is_some_and(|flight| !flight.void.is_over(now))
    }

    /// Whether the latest attempt brought nothing. One that went out and was never heard of has not brought anything either.
    fn last_failed(&self, now: &Moment) -> bool {
        let is_lost = |flight: InFlight| flight.has_started && flight.void.is_over(now);
        self.back_off.is_some() || self.in_flight.is_some_and(is_lost)
    }

    /// Whether refreshes were started and did not get to run, until half of the time was over in which they should have.
    fn is_overdue(&self, now: &Moment) -> bool {
        let is_void = |flight: InFlight| flight.void.is_over(now);
        let stalled = self.unfinished > 0 || self.in_flight.is_some_and(is_void);
        let age = self
            .snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.age(now));
        let refresh_after = self.settings.refresh_after;
        let limit = refresh_after.saturating_add(refresh_after / 2);
        stalled && age.is_some_and(|age| age >= limit)
    }

    fn scheduled_in(&self, now: &Moment) -> Duration {
        let age = self
            .snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.age(now));
        let time_left = self
            .settings
            .expire_after
            .saturating_sub(age.unwrap_or_default());
        let interval = self.unknown_kids.interval();
        let back_off = self.back_off.map_or(Duration::ZERO, |run| {
            run.scheduled_in(interval, time_left, now)
        });
        let pause = self
            .pause
            .map_or(Duration::ZERO, |pause| pause.remaining(now));
        back_off.max(pause)
    }

    /// Takes the one slot there is. The caller has seen that it is free, or that its holder never ended.
    fn claim(
        &mut self,
        reason: FetchReason,
        may_be_conditional: bool,
        now: &Moment,
    ) -> AttemptOrder {
        if self.in_flight.is_some() {
            self.unfinished = self.unfinished.saturating_add(1);
        }
        self.latest = AttemptNumber(self.latest.0.saturating_add(1));
        self.in_flight = Some(InFlight {
            number: self.latest,
            reason,
            may_be_conditional,
            has_started: false,
            void: Delay {
                from: *now,
                length: self.settings.fetch_timeout.saturating_mul(2),
            },
        });
        AttemptOrder {
            number: self.latest,
            reason,
            claimed_at: *now,
        }
    }

    /// Frees the slot, and says whether the attempt had it: a later one may have it by now.
    fn release(&mut self, number: AttemptNumber) -> bool {
        let had_slot = self.in_flight.is_some_and(|flight| flight.number == number);
        if had_slot {
            self.in_flight = None;
        }
        had_slot
    }

    /// Replaces the keys.
    fn accept(
        &mut self,
        fetched: Fetched,
        number: AttemptNumber,
        asked_at: Moment,
        jitter: f64,
    ) -> Result<KeyChange, FetchError> {
        let first_url_failed = fetched.first_url_failed.clone();
        let before = self.snapshot.take();
        if let (Some(error), Some(current)) = (&first_url_failed, &before)
            && !fetched.keeps(current)
            && !self.is_expired(current, &asked_at)
        {
            // Only the first URL may withdraw a key: a replica can be behind.
            let error = error.clone();
            self.snapshot = before;
            return Err(error);
        }
        let refresh_after =
            policy::refresh_after(self.settings.refresh_after, fetched.max_age, jitter);
        let (snapshot, change) = fetched.follow(before.as_deref(), asked_at, refresh_after);
        if let Some(before) = before.filter(|_| first_url_failed.is_none() && !change.is_none()) {
            self.unknown_kids.replaced(&before.keys, &snapshot.keys);
        }
        self.snapshot = Some(Arc::new(snapshot));
        self.last_success = number;
        if first_url_failed.is_none() {
            self.last_look = Look { number, asked_at };
        }
        // A late success says nothing against the failure of a newer attempt.
        if number > self.last_failure {
            self.last_error = first_url_failed;
            self.back_off = None;
        }
        self.pause = None;
        self.unfinished = 0;
        Ok(change)
    }

    fn is_expired(&self, snapshot: &Snapshot, now: &Moment) -> bool {
        let state = snapshot.state(now, self.settings.expire_after, false);
        state == KeyState::Expired
    }

    fn failed(
        &mut self,
        had_slot: bool,
        error: FetchError,
        order: AttemptOrder,
        jitter: f64,
        now: &Moment,
    ) -> FetchOutcome {
        if !had_slot {
            return FetchOutcome::Superseded;
        }
        let failure = Failure {
            at: *now,
            retry_after: error.retry_after(),
            jitter,
            for_unknown_kid: order.reason == FetchReason::UnknownKid,
        };
        self.last_failure = order.number;
        self.back_off = Some(BackOff::after_failure(self.back_off, failure));
        self.last_error = Some(error.clone());
        self.pause = None;
        self.unfinished = 0;
        FetchOutcome::Failed(error)
    }

    /// The next request starts an attempt at once if it needs one. Refreshes that no request waits for are spaced out if they
    /// reached the endpoint, because nothing else bounds how often a runtime can end.
    fn dropped(&mut self, had_slot: bool, was_started: bool, now: &Moment) -> FetchOutcome {
        if !had_slot {
            return FetchOutcome::Superseded;
        }
        self.unfinished = self.unfinished.saturating_add(1);
        self.last_error = Some(FetchError::Aborted);
        if was_started {
            let longest = back_off::longest_needed(self.unknown_kids.interval());
            self.pause = Some(Delay {
                from: *now,
                length: back_off::doubled(self.unfinished, longest),
            });
        }
        FetchOutcome::Dropped
    }

    /// The effects that follow from the time alone: a change of state is reported once.
    fn notice(&mut self, state: KeyState, now: &Moment) -> Effects {
        let from = std::mem::replace(&mut self.reported, state);
        let change = (from != state).then_some(StateChange { from, to: state });
        Effects {
            change,
            reading: change.map(|_| self.reading(now)),
            ..Effects::default()
        }
    }
}

impl Delay {
    fn remaining(&self, now: &Moment) -> Duration {
        self.length.saturating_sub(now.since(&self.from))
    }

    fn is_over(&self, now: &Moment) -> bool {
        self.remaining(now).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::fetch::JwksResponse,
        testing::{Key, TestPool},
    };

    const SETTINGS: RefreshSettings = RefreshSettings {
        refresh_after: Duration::from_secs(3600),
        expire_after: Duration::from_secs(86_400),
        unknown_kid_interval: Duration::from_secs(10),
        fetch_timeout: Duration::from_secs(5),
    };

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn empty() -> RefreshState {
        RefreshState::new(SETTINGS, None, at(0))
    }

    fn fetched(keys: &[Key]) -> AttemptResult {
        let document = TestPool::new().jwks_of(keys.iter().copied());
        let response = JwksResponse::document(document);
        AttemptResult::Fetched(Fetched::read(response, None).unwrap())
    }

    /// A first lookup, and the attempt that it started.
    fn look_up(state: &mut RefreshState, kid: &str, now: &Moment) -> (WaitRecord, AttemptOrder) {
        let (progress, effects) = state.lookup(kid, None, true, now);
        let Ok(KeyProgress::Wait { record, .. }) = progress else {
            panic!("{progress:?}")
        };
        (record, effects.start.expect("an attempt"))
    }

    fn end(
        state: &mut RefreshState,
        order: AttemptOrder,
        result: AttemptResult,
        now: &Moment,
    ) -> Effects {
        let end = AttemptEnd {
            order,
            started_at: Some(order.claimed_at),
            result,
        };
        state.attempt_ended(end, 1.0, now)
    }

    #[test]
    fn there_is_one_slot_and_its_holder_is_waited_for() {
        let mut state = empty();
        let (first, order) = look_up(&mut state, "a", &at(0));
        assert!(state.attempt_started(order.number, &at(0)).is_some());
        let (progress, effects) = state.lookup("b", None, true, &at(9));
        assert!(effects.start.is_none());
        let Ok(KeyProgress::Wait { record, .. }) = progress else {
            panic!("{progress:?}")
        };
        assert_eq!(record.attempt, first.attempt);
    }

    #[test]
    fn an_attempt_that_never_ends_loses_the_slot_and_is_not_used_over_a_newer_one() {
        let mut state = empty();
        let (_, stuck) = look_up(&mut state, "a", &at(0));
        state.attempt_started(stuck.number, &at(1)).unwrap();
        let (progress, effects) = state.lookup("a", None, true, &at(10));
        assert!(
            progress.is_ok() && effects.start.is_none(),
            "its time began at 1"
        );
        let (_, newer) = look_up(&mut state, "a", &at(11));
        assert_eq!(state.status("", &at(11)).unfinished_attempts(), 1);
        assert!(state.attempt_started(stuck.number, &at(11)).is_none());
        state.attempt_started(newer.number, &at(11)).unwrap();
        let effects = end(&mut state, newer, fetched(&[Key::Id]), &at(12));
        assert!(effects.publish.is_some());
        let effects = end(&mut state, stuck, fetched(&[Key::Access]), &at(13));
        assert!(effects.publish.is_none());
        assert!(
            state
                .lookup("test-only-access", None, false, &at(13))
                .0
                .is_err()
        );
    }

    #[test]
    fn a_late_success_says_nothing_against_a_newer_failure() {
        let mut state = empty();
        let (_, stuck) = look_up(&mut state, "a", &at(0));
        state.attempt_started(stuck.number, &at(0)).unwrap();
        let (_, newer) = look_up(&mut state, "a", &at(10));
        state.attempt_started(newer.number, &at(10)).unwrap();
        end(
            &mut state,
            newer,
            AttemptResult::Failed(FetchError::Timeout),
            &at(11),
        );
        end(&mut state, stuck, fetched(&[Key::Access]), &at(11));
        assert!(
            state
                .lookup("test-only-access", None, true, &at(11))
                .0
                .is_ok()
        );
        let (unknown, effects) = state.lookup("a", None, true, &at(11));
        assert!(matches!(unknown, Err(AuthError::KeysUnavailable { .. })));
        assert!(effects.start.is_none(), "it backs off");
    }

    /// What an attempt shows is an answer to the requests that came before it went out, and to no others.
    #[test]
    fn a_look_answers_the_requests_that_came_before_it() {
        let mut state = empty();
        let (before, order) = look_up(&mut state, "a", &at(0));
        let (progress, _) = state.lookup("b", None, true, &at(0));
        let Ok(KeyProgress::Wait {
            record: also_before,
            ..
        }) = progress
        else {
            panic!("{progress:?}")
        };
        state.attempt_started(order.number, &at(1)).unwrap();
        let (progress, _) = state.lookup("c", None, true, &at(2));
        let Ok(KeyProgress::Wait { record: after, .. }) = progress else {
            panic!("{progress:?}")
        };
        end(&mut state, order, fetched(&[Key::Access]), &at(3));
        for (kid, record) in [("a", before), ("b", also_before)] {
            let verdict = state.lookup(kid, Some(record), true, &at(3)).0;
            assert!(matches!(verdict, Err(AuthError::UnknownKey)), "{verdict:?}");
        }
        let (progress, effects) = state.lookup("c", Some(after), true, &at(3));
        assert!(
            matches!(progress, Ok(KeyProgress::Wait { .. })),
            "{progress:?}"
        );
        assert!(effects.start.is_some(), "its own fetch");
    }

    #[test]
    fn only_unknown_kids_spend_the_budget_and_only_when_they_go_out() {
        let mut state = empty();
        let (_, order) = look_up(&mut state, "a", &at(0));
        state.attempt_started(order.number, &at(0)).unwrap();
        end(&mut state, order, fetched(&[Key::Access]), &at(0));
        for _ in 0..5 {
            let (_, order) = look_up(&mut state, "a", &at(100));
            let dropped = AttemptEnd {
                order,
                started_at: None,
                result: AttemptResult::Dropped,
            };
            state.attempt_ended(dropped, 1.0, &at(100));
        }
        for kid in ["b", "c"] {
            let (_, order) = look_up(&mut state, kid, &at(100));
            state.attempt_started(order.number, &at(100)).unwrap();
            end(&mut state, order, fetched(&[Key::Access]), &at(100));
        }
        let verdict = state.lookup("d", None, true, &at(100)).0;
        assert!(
            matches!(verdict, Err(AuthError::KeyUnconfirmed { .. })),
            "{verdict:?}"
        );
    }

    #[test]
    fn a_change_of_state_is_reported_once() {
        let mut state = empty();
        let (_, order) = look_up(&mut state, "a", &at(0));
        let change = end(&mut state, order, fetched(&[Key::Access]), &at(1)).change;
        assert_eq!(
            change,
            Some(StateChange {
                from: KeyState::Empty,
                to: KeyState::Fresh
            })
        );
        assert!(
            state
                .lookup("test-only-access", None, true, &at(2))
                .1
                .change
                .is_none()
        );
    }
}
