//! The book of attempts: which fetch is in flight, how the last one ended, when the next may start. Plain data, changed
//! under the key source's lock.

use std::time::Duration;

use super::{
    FetchError, KeyState,
    gate::{Budget, MissingKids},
    policy::{Attempt, BackOff, FetchReason},
    report::StateChange,
};

/// The number of an attempt. Attempts are numbered from 1 in the order in which they start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttemptNumber(pub(super) u64);

#[derive(Debug)]
pub(super) struct Ledger {
    started: AttemptNumber,
    in_flight: Option<InFlight>,
    last_success: AttemptNumber,
    back_off: Option<BackOff>,
    pub(super) last_error: Option<FetchError>,
    pub(super) budget: Budget,
    pub(super) missing: MissingKids,
    /// The state that was last reported to the log.
    reported: KeyState,
    /// An attempt that has not ended by then never will: its runtime stands still.
    void_after: Duration,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: AttemptNumber,
    void_at: Duration,
}

impl Ledger {
    pub(super) fn new(
        unknown_kid_interval: Duration,
        fetch_timeout: Duration,
        initial: KeyState,
    ) -> Self {
        Self {
            started: AttemptNumber::default(),
            in_flight: None,
            last_success: AttemptNumber::default(),
            back_off: None,
            last_error: None,
            budget: Budget::new(unknown_kid_interval),
            missing: MissingKids::default(),
            reported: initial,
            void_after: fetch_timeout.saturating_mul(2),
        }
    }

    /// The number that a claim must present.
    pub(super) const fn started(&self) -> AttemptNumber {
        self.started
    }

    /// Whether the latest attempt brought nothing. One that never ended has not brought anything either.
    pub(super) fn last_failed(&self, now: Duration) -> bool {
        self.back_off.is_some() || self.in_flight.is_some_and(|flight| now >= flight.void_at)
    }

    pub(super) fn succeeded_since(&self, attempt: AttemptNumber) -> bool {
        self.last_success >= attempt
    }

    pub(super) fn attempt(&self, state: KeyState, now: Duration) -> Attempt {
        if self.in_flight.is_some_and(|flight| now < flight.void_at) {
            return Attempt::InFlight;
        }
        match self.next_attempt(state) {
            Some(until) if now < until => Attempt::BackingOff(until.saturating_sub(now)),
            _ => Attempt::Possible,
        }
    }

    /// When an attempt that follows a failure may start.
    pub(super) fn next_attempt(&self, state: KeyState) -> Option<Duration> {
        self.back_off.map(|run| run.until(state))
    }

    /// Until when a request that finds its key needs not look in here, because no refresh could be started.
    pub(super) fn quiet_until(&self, state: KeyState) -> Duration {
        match self.in_flight {
            Some(flight) => flight.void_at,
            None => self.next_attempt(state).unwrap_or_default(),
        }
    }

    /// Takes the one slot there is. `seen` is the number at which the caller decided: if another attempt has started
    /// since, the decision is void and so is the claim.
    pub(super) fn claim(
        &mut self,
        seen: AttemptNumber,
        reason: FetchReason,
        now: Duration,
    ) -> Option<AttemptNumber> {
        if seen != self.started || self.in_flight.is_some_and(|flight| now < flight.void_at) {
            return None;
        }
        if reason == FetchReason::UnknownKid {
            self.budget.spend(now);
        }
        self.started = AttemptNumber(self.started.0.saturating_add(1));
        self.in_flight = Some(InFlight {
            number: self.started,
            void_at: now.saturating_add(self.void_after),
        });
        Some(self.started)
    }

    /// Whether an attempt still holds the slot at the moment its task gets to run, which may be long after the claim. From
    /// here on its time is counted.
    pub(super) fn set_off(&mut self, number: AttemptNumber, now: Duration) -> bool {
        match &mut self.in_flight {
            Some(flight) if flight.number == number => {
                flight.void_at = now.saturating_add(self.void_after);
                true
            }
            _ => false,
        }
    }

    /// Frees the slot, and says whether the attempt held it: a later one may hold it by now.
    pub(super) fn release(&mut self, number: AttemptNumber) -> bool {
        let held = self.in_flight.is_some_and(|flight| flight.number == number);
        if held {
            self.in_flight = None;
        }
        held
    }

    /// The change from the state that was last reported, if there is one. It is then taken as reported.
    pub(super) fn take_change(&mut self, to: KeyState) -> Option<StateChange> {
        let from = std::mem::replace(&mut self.reported, to);
        (from != to).then_some(StateChange { from, to })
    }

    /// Whether a reply to this attempt may still be used: a late one must not overwrite what a newer one brought.
    pub(super) fn is_current(&self, number: AttemptNumber) -> bool {
        number > self.last_success
    }

    pub(super) fn succeed(&mut self, number: AttemptNumber) {
        self.last_success = number;
        self.back_off = None;
        self.last_error = None;
    }

    pub(super) fn fail(&mut self, error: FetchError, now: Duration, jitter: f64) {
        self.back_off = Some(BackOff::after_failure(
            self.back_off,
            now,
            error.retry_after(),
            jitter,
        ));
        self.last_error = Some(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ledger() -> Ledger {
        Ledger::new(s(10), s(5), KeyState::Empty)
    }

    #[test]
    fn a_claim_on_a_stale_number_is_void() {
        let mut ledger = ledger();
        let seen = ledger.started();
        let first = ledger.claim(seen, FetchReason::NoKeys, s(0)).unwrap();
        ledger.release(first);
        ledger.succeed(first);
        assert_eq!(
            ledger.claim(seen, FetchReason::NoKeys, s(0)),
            None,
            "decided before the first attempt"
        );
        assert!(
            ledger
                .claim(ledger.started(), FetchReason::NoKeys, s(0))
                .is_some(),
            "decided after it"
        );
    }

    #[test]
    fn there_is_one_slot() {
        let mut ledger = ledger();
        let first = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(0))
            .unwrap();
        assert_eq!(
            ledger.claim(ledger.started(), FetchReason::Scheduled, s(9)),
            None
        );
        assert_eq!(ledger.attempt(KeyState::Due, s(9)), Attempt::InFlight);
        ledger.release(first);
        assert_eq!(ledger.attempt(KeyState::Due, s(9)), Attempt::Possible);
    }

    #[test]
    fn an_attempt_that_never_ends_does_not_hold_the_slot_for_ever() {
        let mut ledger = ledger();
        let stuck = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(0))
            .unwrap();
        assert_eq!(ledger.attempt(KeyState::Due, s(10)), Attempt::Possible);
        let second = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(10))
            .unwrap();
        assert!(!ledger.release(stuck));
        assert_eq!(
            ledger.attempt(KeyState::Due, s(11)),
            Attempt::InFlight,
            "the slot is the second one's"
        );
        ledger.release(second);
        ledger.succeed(second);
        assert!(!ledger.is_current(stuck), "a late reply is not used");
        assert!(ledger.is_current(AttemptNumber(second.0 + 1)));
    }

    #[test]
    fn an_attempt_that_never_ended_has_failed() {
        let mut ledger = ledger();
        let stuck = ledger
            .claim(ledger.started(), FetchReason::UnknownKid, s(0))
            .unwrap();
        assert!(!ledger.last_failed(s(9)), "it may yet succeed");
        assert!(ledger.last_failed(s(10)));
        ledger.release(stuck);
        ledger.succeed(stuck);
        assert!(!ledger.last_failed(s(20)));
    }

    #[test]
    fn a_task_that_gets_to_run_too_late_finds_its_slot_taken() {
        let mut ledger = ledger();
        let starved = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(0))
            .unwrap();
        assert!(ledger.set_off(starved, s(8)));
        assert_eq!(
            ledger.attempt(KeyState::Due, s(17)),
            Attempt::InFlight,
            "its time is counted from where it set off"
        );
        let next = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(18))
            .unwrap();
        assert!(!ledger.set_off(starved, s(18)));
        assert!(ledger.set_off(next, s(18)));
    }

    #[test]
    fn a_change_of_state_is_reported_once() {
        let mut ledger = ledger();
        assert_eq!(ledger.take_change(KeyState::Empty), None);
        let change = StateChange {
            from: KeyState::Empty,
            to: KeyState::Fresh,
        };
        assert_eq!(ledger.take_change(KeyState::Fresh), Some(change));
        assert_eq!(ledger.take_change(KeyState::Fresh), None);
    }

    #[test]
    fn only_unknown_kids_spend_the_budget() {
        let mut ledger = ledger();
        for reason in [
            FetchReason::NoKeys,
            FetchReason::Scheduled,
            FetchReason::WarmUp,
        ] {
            for _ in 0..5 {
                let number = ledger.claim(ledger.started(), reason, s(100)).unwrap();
                ledger.release(number);
            }
        }
        assert_eq!(ledger.budget.available(s(100)), Ok(()));
        for _ in 0..2 {
            let number = ledger
                .claim(ledger.started(), FetchReason::UnknownKid, s(100))
                .unwrap();
            ledger.release(number);
        }
        assert_eq!(ledger.budget.available(s(100)), Err(s(10)));
    }

    #[test]
    fn a_failure_backs_off_and_a_success_forgets_it() {
        let mut ledger = ledger();
        let number = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(0))
            .unwrap();
        ledger.release(number);
        ledger.fail(FetchError::Timeout, s(5), 1.0);
        assert_eq!(
            ledger.attempt(KeyState::Degraded, s(5)),
            Attempt::BackingOff(s(1))
        );
        assert_eq!(ledger.quiet_until(KeyState::Degraded), s(6));
        assert_eq!(ledger.attempt(KeyState::Degraded, s(6)), Attempt::Possible);
        let number = ledger
            .claim(ledger.started(), FetchReason::Scheduled, s(6))
            .unwrap();
        ledger.release(number);
        ledger.succeed(number);
        assert_eq!(ledger.attempt(KeyState::Fresh, s(6)), Attempt::Possible);
        assert_eq!(
            (ledger.last_failed(s(6)), &ledger.last_error),
            (false, &None)
        );
    }
}
