//! How the attempts ended that are over, and what follows for the next one.

use std::time::Duration;

use crate::clock::{Delay, Moment};
use crate::keys::{
    attempt::{AttemptNumber, AttemptOrder},
    back_off::{self, BackOff, Failure},
    fetch::FetchError,
    policy::FetchReason,
};

#[derive(Debug)]
pub(super) struct AttemptHistory {
    unknown_kid_interval: Duration,
    last_success: AttemptNumber,
    last_look: Look,
    last_failure: AttemptNumber,
    back_off: Option<BackOff>,
    last_error: Option<FetchError>,
    /// Attempts in a row that did not end by themselves, because their runtime stood still or
    /// ended.
    unfinished: u32,
    /// Delays scheduled refreshes after attempts that went out and were dropped.
    pause: Option<Delay>,
}

/// The latest attempt that showed which keys the issuer has, and when it went out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) number: AttemptNumber,
    pub(super) asked_at: Moment,
}

impl AttemptHistory {
    pub(super) fn new(unknown_kid_interval: Duration, now: Moment) -> Self {
        Self {
            unknown_kid_interval,
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
        }
    }

    /// The latest attempt that brought keys.
    pub(super) const fn last_success(&self) -> AttemptNumber {
        self.last_success
    }

    pub(super) const fn last_look(&self) -> Look {
        self.last_look
    }

    /// Why the last attempt brought nothing, or why its first URL did not.
    pub(super) const fn last_error(&self) -> Option<&FetchError> {
        self.last_error.as_ref()
    }

    pub(super) const fn unfinished(&self) -> u32 {
        self.unfinished
    }

    /// Whether the latest attempt that ended brought nothing.
    pub(super) const fn has_failed(&self) -> bool {
        self.back_off.is_some()
    }

    /// How long until an attempt may start that a request needs.
    pub(super) fn needed_in(&self, now: &Moment) -> Duration {
        self.back_off.map_or(Duration::ZERO, |back_off| {
            back_off.needed_in(self.unknown_kid_interval, now)
        })
    }

    /// How long until a refresh may start that no request waits for. `time_left` is how long the
    /// keys serve yet.
    pub(super) fn scheduled_in(&self, time_left: Duration, now: &Moment) -> Duration {
        let back_off = self.back_off.map_or(Duration::ZERO, |back_off| {
            back_off.scheduled_in(self.unknown_kid_interval, time_left, now)
        });
        let pause = self
            .pause
            .map_or(Duration::ZERO, |pause| pause.remaining(now));
        back_off.max(pause)
    }

    /// An attempt brought keys: from the first URL, or from the second after this error of the
    /// first.
    pub(super) fn succeeded(
        &mut self,
        number: AttemptNumber,
        asked_at: Moment,
        first_url_failed: Option<FetchError>,
    ) {
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
    }

    pub(super) fn failed(
        &mut self,
        order: AttemptOrder,
        error: FetchError,
        jitter: f64,
        now: &Moment,
    ) {
        let failure = Failure {
            at: *now,
            retry_after: error.retry_after(),
            jitter,
            for_unknown_kid: order.reason == FetchReason::UnknownKid,
        };
        self.last_failure = order.number;
        self.back_off = Some(BackOff::after_failure(self.back_off, failure));
        self.last_error = Some(error);
        self.pause = None;
        self.unfinished = 0;
    }

    /// The runtime of an attempt ended.
    ///
    /// The next request starts an attempt at once if it needs one. Refreshes that no request waits
    /// for are spaced out if they reached the endpoint, because nothing else bounds how often a
    /// runtime can end.
    pub(super) fn dropped(&mut self, was_started: bool, now: &Moment) {
        self.given_up();
        self.last_error = Some(FetchError::Aborted);
        if was_started {
            let longest = back_off::longest_needed(self.unknown_kid_interval);
            self.pause = Some(Delay {
                from: *now,
                length: back_off::doubled(self.unfinished, longest),
            });
        }
    }

    /// An attempt lost the slot to another one, because its runtime stands still.
    pub(super) const fn given_up(&mut self) {
        self.unfinished = self.unfinished.saturating_add(1);
    }
}
