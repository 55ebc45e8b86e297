//! The refresh as a state machine without I/O: events go in, an outcome and effects come out.
//!
//! [`RefreshState`] holds everything that is known of a key source: its keys, the attempt that has
//! the one slot, how earlier attempts ended, and what is known of unknown kids. [`policy`] decides
//! on plain data; this file keeps the data. Nothing in here waits, locks, spawns, logs or reads a
//! clock. [`source`](super::source) does that.

use std::{sync::Arc, time::Duration};

mod history;
mod reading;
mod slot;
#[cfg(test)]
mod tests;

use self::{history::AttemptHistory, slot::AttemptSlot};
use super::{
    attempt::{AttemptEnd, AttemptNumber, AttemptOrder, AttemptResult, AttemptStart},
    fetch::FetchError,
    key_set::KeyChange,
    outcome::{Effects, FoundKey, KeyProgress, WaitRecord},
    policy::{self, Attempt, Decision, FetchReason, Kid, SHORTEST_RETRY_AFTER},
    report::{FetchOutcome, FetchReport},
    snapshot::{Fetched, Snapshot},
    status::{KeyState, StateChange},
    unknown_kids::UnknownKids,
};
use crate::{clock::Moment, error::AuthError};

/// A request waits for this many attempts at most: one that was older than the request, one that
/// was not, and one in place of an attempt whose runtime ended. All of them share one
/// `fetch_timeout`.
const MAX_WAITS: u8 = 3;

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
    slot: AttemptSlot,
    history: AttemptHistory,
    unknown_kids: UnknownKids,
    /// The state that was last reported to the log.
    reported: KeyState,
}

impl RefreshState {
    pub(super) fn new(settings: RefreshSettings, initial: Option<Snapshot>, now: Moment) -> Self {
        let mut state = Self {
            settings,
            snapshot: initial.map(Arc::new),
            slot: AttemptSlot::new(settings.fetch_timeout),
            history: AttemptHistory::new(settings.unknown_kid_interval, now),
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
        let arrived = waited.map_or_else(|| self.slot.latest_started(), |record| record.arrived);
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

    /// A request found its key in a snapshot that is due for a refresh. Says whether it may be
    /// served with that; if not, it has to wait, which takes a [`lookup`](Self::lookup).
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

    /// `Verifier::warm_up` asks for keys, for the first time or after a wait. `None`: there is
    /// nothing to wait for.
    pub(super) fn warm_up(
        &mut self,
        waited: Option<WaitRecord>,
        has_runtime: bool,
        now: &Moment,
    ) -> (Result<Option<WaitRecord>, FetchError>, Effects) {
        let view = self.view(waited, has_runtime, now);
        let mut effects = self.notice(view.state, now);
        let succeeded = waited.is_some_and(|record| self.history.last_success() >= record.attempt);
        if succeeded || matches!(view.state, KeyState::Fresh | KeyState::Pinned) {
            return (Ok(None), effects);
        }
        let failed = match view.attempt {
            Attempt::Impossible if !has_runtime => Some(FetchError::NoRuntime),
            Attempt::Impossible => Some(
                self.history
                    .last_error()
                    .cloned()
                    .unwrap_or(FetchError::Timeout),
            ),
            Attempt::Possible if !view.needed_in.is_zero() => self.history.last_error().cloned(),
            Attempt::Possible => {
                effects.start = Some(self.claim(FetchReason::WarmUp, true, now));
                None
            }
            Attempt::InFlight => None,
        };
        let outcome = match failed {
            Some(error) => Err(error),
            None => Ok(Some(self.record(self.slot.latest_started(), waited))),
        };
        (outcome, effects)
    }

    /// An attempt gets to run, which may be long after it took the slot. `None` if it has been
    /// given up by then: attempts that pile up in a runtime that stands still must not all fetch
    /// when it goes on.
    pub(super) fn attempt_started(
        &mut self,
        number: AttemptNumber,
        now: &Moment,
    ) -> Option<AttemptStart> {
        let flight = self.slot.start(number, now)?;
        if flight.reason == FetchReason::UnknownKid {
            self.unknown_kids.spend(now);
        }
        // After a failure the next request is unconditional, because some endpoints and proxies
        // mishandle the condition.
        let expire_after = self.settings.expire_after;
        let is_usable = self.state(now).is_ready();
        let condition = self.snapshot.as_ref().filter(|snapshot| {
            flight.may_be_conditional
                && is_usable
                && !self.history.has_failed()
                && snapshot.etag(now, expire_after).is_some()
        });
        Some(AttemptStart {
            at: *now,
            condition: condition.map(Arc::clone),
        })
    }

    /// An attempt ended, one way or the other. Each ends exactly once. `jitter` is random, in
    /// `0.0..=1.0`.
    pub(super) fn attempt_ended(&mut self, end: AttemptEnd, jitter: f64, now: &Moment) -> Effects {
        let AttemptEnd {
            order,
            started_at,
            result,
        } = end;
        let had_slot = self.slot.release(order.number);
        let asked_at = started_at.unwrap_or(order.claimed_at);
        let mut publish = None;
        let outcome = match result {
            // A late response must not overwrite what a newer one brought.
            AttemptResult::Fetched(fetched) if order.number > self.history.last_success() => {
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
        // Before there are keys nothing tells a stranger from a good caller, so no request may take
        // a place from another; the server in front bounds its connections.
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
            attempt: self.slot.latest(),
            waits: waited.map_or(1, |record| record.waits.saturating_add(1)),
            gave_up: false,
        }
    }

    /// What is known of a kid that a request names. `arrived` is the latest attempt that had gone
    /// out when it came.
    fn kid(&mut self, kid: &str, arrived: AttemptNumber, now: &Moment) -> Kid {
        let snapshot = self.snapshot.as_ref();
        if snapshot.is_some_and(|snapshot| snapshot.keys.get(kid).is_some()) {
            return Kid::Known;
        }
        let look = self.history.last_look();
        if look.number > arrived {
            self.unknown_kids.note_missing(kid, look.asked_at, now);
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

    /// Takes the slot for an attempt. The caller has seen that it is free, or that its holder will
    /// never end.
    fn claim(
        &mut self,
        reason: FetchReason,
        may_be_conditional: bool,
        now: &Moment,
    ) -> AttemptOrder {
        if self.slot.is_held() {
            self.history.given_up();
        }
        self.slot.claim(reason, may_be_conditional, now)
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
        self.history.succeeded(number, asked_at, first_url_failed);
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
        self.history.failed(order, error.clone(), jitter, now);
        FetchOutcome::Failed(error)
    }

    fn dropped(&mut self, had_slot: bool, was_started: bool, now: &Moment) -> FetchOutcome {
        if !had_slot {
            return FetchOutcome::Superseded;
        }
        self.history.dropped(was_started, now);
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
