//! The one slot for an attempt: two fetches at once could only disagree.

use std::time::Duration;

use crate::clock::{Delay, Moment};
use crate::keys::{
    attempt::{AttemptNumber, AttemptOrder},
    policy::FetchReason,
};

#[derive(Debug)]
pub(super) struct AttemptSlot {
    /// How long an attempt may hold it: twice its time-out.
    longest: Duration,
    /// The number of the latest attempt that took it.
    latest: AttemptNumber,
    in_flight: Option<InFlight>,
}

/// The attempt that has the slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    number: AttemptNumber,
    pub(super) reason: FetchReason,
    pub(super) may_be_conditional: bool,
    has_started: bool,
    /// An attempt that has not ended by then never will: its runtime stands still.
    void: Delay,
}

impl AttemptSlot {
    pub(super) fn new(fetch_timeout: Duration) -> Self {
        Self {
            longest: fetch_timeout.saturating_mul(2),
            latest: AttemptNumber::default(),
            in_flight: None,
        }
    }

    /// The latest attempt that took the slot.
    pub(super) const fn latest(&self) -> AttemptNumber {
        self.latest
    }

    /// The latest attempt that has gone out to the endpoint.
    pub(super) const fn latest_started(&self) -> AttemptNumber {
        match self.in_flight {
            Some(flight) if !flight.has_started => self.latest.previous(),
            _ => self.latest,
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether an attempt has the slot that may still end.
    pub(super) fn is_in_flight(&self, now: &Moment) -> bool {
        self.in_flight
            .is_some_and(|flight| !flight.void.is_over(now))
    }

    /// Whether an attempt has the slot that will never end.
    pub(super) fn is_void(&self, now: &Moment) -> bool {
        self.in_flight
            .is_some_and(|flight| flight.void.is_over(now))
    }

    /// Whether an attempt went out and was never heard of.
    pub(super) fn is_lost(&self, now: &Moment) -> bool {
        self.in_flight
            .is_some_and(|flight| flight.has_started && flight.void.is_over(now))
    }

    /// How long until the attempt that has the slot loses it.
    pub(super) fn void_in(&self, now: &Moment) -> Option<Duration> {
        self.in_flight.map(|flight| flight.void.remaining(now))
    }

    /// The caller has seen that the slot is free, or that its holder will never end.
    pub(super) fn claim(
        &mut self,
        reason: FetchReason,
        may_be_conditional: bool,
        now: &Moment,
    ) -> AttemptOrder {
        self.latest = self.latest.next();
        self.in_flight = Some(InFlight {
            number: self.latest,
            reason,
            may_be_conditional,
            has_started: false,
            void: Delay {
                from: *now,
                length: self.longest,
            },
        });
        AttemptOrder {
            number: self.latest,
            reason,
            claimed_at: *now,
        }
    }

    /// The attempt gets to run, and its time is counted from here on. `None` if it lost the slot by
    /// then.
    pub(super) fn start(&mut self, number: AttemptNumber, now: &Moment) -> Option<InFlight> {
        let flight = self
            .in_flight
            .as_mut()
            .filter(|flight| flight.number == number)?;
        flight.has_started = true;
        flight.void.from = *now;
        Some(*flight)
    }

    /// Frees the slot, and says whether the attempt had it: a later one may have it by now.
    pub(super) fn release(&mut self, number: AttemptNumber) -> bool {
        self.in_flight
            .take_if(|flight| flight.number == number)
            .is_some()
    }
}
