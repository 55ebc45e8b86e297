//! When the next attempt may start after a failed one.

use std::time::Duration;

use crate::clock::Moment;

/// The first delay. Each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest delay of a scheduled refresh, while old keys serve.
const LONGEST_DELAY_SERVING: Duration = Duration::from_secs(5 * 60);
/// The longest delay of an attempt that a request needs, whatever `unknown_kid_interval` is.
const LONGEST_DELAY_NEEDED: Duration = Duration::from_secs(30);
/// A scheduled refresh waits at most this share of the time that is left until the keys expire.
const SHARE_OF_TIME_LEFT: u32 = 16;

/// The failed attempts since the last success.
///
/// Two delays follow from it. An attempt that a request *needs* (there are no keys, or none with
/// its `kid`) is delayed by `unknown_kid_interval` at most. A *scheduled* refresh, which no request
/// waits for, is delayed by up to five minutes. Failures of attempts for unknown kids do not count
/// towards the second delay, because anyone can cause them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BackOff {
    attempts: FailureRun,
    refreshes: Option<FailureRun>,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) at: Moment,
    /// The endpoint's `Retry-After`.
    pub(super) retry_after: Option<Duration>,
    /// In `0.0..=1.0`.
    pub(super) jitter: f64,
    pub(super) for_unknown_kid: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct FailureRun {
    failures: u32,
    last: Failure,
}

impl BackOff {
    /// The run that this failure begins or continues.
    pub(super) fn after_failure(previous: Option<Self>, failure: Failure) -> Self {
        let refreshes = previous.and_then(|previous| previous.refreshes);
        Self {
            attempts: FailureRun::after(previous.map(|previous| previous.attempts), failure),
            refreshes: if failure.for_unknown_kid {
                refreshes
            } else {
                Some(FailureRun::after(refreshes, failure))
            },
        }
    }

    /// How long until an attempt that a request needs may start. Zero means now.
    pub(super) fn needed_in(&self, unknown_kid_interval: Duration, now: &Moment) -> Duration {
        self.attempts
            .remaining(longest_needed(unknown_kid_interval), now)
    }

    /// How long until a scheduled refresh may start. Zero means now.
    pub(super) fn scheduled_in(
        &self,
        unknown_kid_interval: Duration,
        time_left: Duration,
        now: &Moment,
    ) -> Duration {
        let shortest = longest_needed(unknown_kid_interval);
        let longest = (time_left / SHARE_OF_TIME_LEFT)
            .min(LONGEST_DELAY_SERVING)
            .max(shortest);
        let refreshes = self
            .refreshes
            .map_or(Duration::ZERO, |run| run.remaining(longest, now));
        refreshes.max(self.attempts.remaining(shortest, now))
    }
}

/// The longest delay of an attempt that a request needs.
pub(super) fn longest_needed(unknown_kid_interval: Duration) -> Duration {
    unknown_kid_interval.min(LONGEST_DELAY_NEEDED)
}

/// 1 s, 2 s, 4 s … up to `longest`.
pub(super) fn doubled(failures: u32, longest: Duration) -> Duration {
    let doublings = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    FIRST_DELAY.saturating_mul(doublings).min(longest)
}

impl FailureRun {
    fn after(previous: Option<Self>, failure: Failure) -> Self {
        Self {
            failures: previous.map_or(1, |run| run.failures.saturating_add(1)),
            last: failure,
        }
    }

    /// 1 s, 2 s, 4 s … after the failure, of which the upper half is random, or the endpoint's
    /// `Retry-After`, whichever is later; and never later than `longest`.
    ///
    /// Half of the delay is fixed because a delay near zero would ask a broken endpoint again at
    /// once, and no bound on the number of fetches could be stated.
    fn remaining(&self, longest: Duration, now: &Moment) -> Duration {
        let delay = doubled(self.failures, longest).mul_f64(0.5 + self.last.jitter / 2.0);
        let asked_for = self.last.retry_after.unwrap_or_default();
        let delay = delay.max(asked_for).min(longest);
        delay.saturating_sub(now.since(&self.last.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failure(jitter: f64) -> Failure {
        Failure {
            at: Moment::after_start(s(100)),
            retry_after: None,
            jitter,
            for_unknown_kid: false,
        }
    }

    #[test]
    fn delays_double_up_to_the_interval_when_keys_are_needed_and_to_five_minutes_otherwise() {
        for (jitter, share) in [(0.0, 0.5), (1.0, 1.0)] {
            let mut run = None;
            for failures in 0..40 {
                let back_off = BackOff::after_failure(run, failure(jitter));
                let uncapped = 2_f64.powi(failures);
                let now = failure(jitter).at;
                let expected = |cap: f64| Duration::from_secs_f64(uncapped.min(cap) * share);
                assert_eq!(back_off.needed_in(INTERVAL, &now), expected(10.0));
                assert_eq!(back_off.needed_in(s(3600), &now), expected(30.0));
                assert_eq!(back_off.scheduled_in(INTERVAL, DAY, &now), expected(300.0));
                run = Some(back_off);
            }
        }
    }

    #[test]
    fn the_nearer_the_expiry_the_shorter_the_delay_of_a_scheduled_refresh() {
        let mut run = None;
        for _ in 0..20 {
            run = Some(BackOff::after_failure(run, failure(1.0)));
        }
        let back_off = run.unwrap();
        let now = failure(1.0).at;
        for (time_left, expected) in [
            (s(24 * 3600), s(300)),
            (s(4800), s(300)),
            (s(2400), s(150)),
            (s(320), s(20)),
            (s(100), s(10)),
            (s(0), s(10)),
        ] {
            assert_eq!(
                back_off.scheduled_in(INTERVAL, time_left, &now),
                expected,
                "{time_left:?}"
            );
        }
    }

    #[test]
    fn failures_that_strangers_cause_delay_a_scheduled_refresh_by_the_interval_at_most() {
        let stranger = Failure {
            for_unknown_kid: true,
            ..failure(1.0)
        };
        let mut run = None;
        for _ in 0..20 {
            run = Some(BackOff::after_failure(run, stranger));
        }
        let now = stranger.at;
        assert_eq!(run.unwrap().scheduled_in(INTERVAL, DAY, &now), INTERVAL);

        // A scheduled refresh that failed long ago is not pushed back by a stranger's failure.
        let mut run = None;
        for _ in 0..20 {
            run = Some(BackOff::after_failure(run, failure(1.0)));
        }
        let later = Failure {
            at: now.plus(s(295)),
            ..stranger
        };
        let back_off = BackOff::after_failure(run, later);
        let in_time = back_off.scheduled_in(INTERVAL, DAY, &later.at);
        assert_eq!(in_time, INTERVAL);
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_longest_delay() {
        let now = failure(1.0).at;
        for (asked_for, needed, scheduled) in
            [(0, 1, 1), (7, 7, 7), (60, 10, 60), (u64::MAX, 10, 300)]
        {
            let asked = Failure {
                retry_after: Some(s(asked_for)),
                ..failure(1.0)
            };
            let back_off = BackOff::after_failure(None, asked);
            assert_eq!(back_off.needed_in(INTERVAL, &now), s(needed));
            assert_eq!(back_off.scheduled_in(INTERVAL, DAY, &now), s(scheduled));
        }
    }

    #[test]
    fn time_asleep_counts() {
        let back_off = BackOff::after_failure(None, failure(1.0));
        let mut asleep = failure(1.0).at;
        assert_eq!(back_off.needed_in(INTERVAL, &asleep), s(1));
        asleep.wall += s(3600);
        assert_eq!(back_off.needed_in(INTERVAL, &asleep), Duration::ZERO);
    }
}
