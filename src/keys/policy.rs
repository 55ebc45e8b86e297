//! What to do about a key: pure functions from plain data to a decision. The state table is on the [module page](super).

use std::time::Duration;

use super::KeyState;

/// The back-off's first step.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The back-off's longest step while old keys serve.
const LONGEST_DELAY_SERVING: Duration = Duration::from_secs(5 * 60);
/// The back-off's longest step while every request fails.
const LONGEST_DELAY_DOWN: Duration = Duration::from_secs(30);
/// What `Cache-Control: max-age` can shorten the refresh interval to.
const SHORTEST_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How much of the refresh interval is random.
const REFRESH_JITTER: f64 = 0.1;

/// When keys are refreshed and given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub(crate) refresh_after: Duration,
    pub(crate) expire_after: Duration,
}

/// Everything that a decision depends on, apart from whether the key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) state: KeyState,
    pub(super) attempt: Attempt,
    /// Whether the latest finished attempt failed.
    pub(super) last_failed: bool,
    /// Whether an unknown kid may cause a fetch, or when it may next.
    pub(super) budget: Result<(), Duration>,
}

/// Whether a fetch can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Possible,
    InFlight,
    /// The time until one is possible.
    BackingOff(Duration),
}

/// What is known of the kid that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kid {
    Known,
    Unknown,
    /// A fetch found it missing a short while ago.
    FoundMissing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Serve,
    /// Serve, and start a refresh that nobody waits for.
    ServeAndRefresh,
    /// Wait for the fetch in flight.
    Join,
    /// Start a fetch and wait for it.
    Fetch(FetchReason),
    RefuseUnknown,
    Unavailable {
        retry_after: Duration,
    },
}

/// Why a fetch is started. Only [`UnknownKid`](Self::UnknownKid) spends the gate's budget, so that no stranger's kid can
/// use up what scheduled refreshes need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchReason {
    /// There are no keys to serve with.
    NoKeys,
    /// The keys are due for a refresh.
    Scheduled,
    /// A token names a kid that the current keys lack.
    UnknownKid,
    /// `Verifier::warm_up`.
    WarmUp,
}

impl FetchReason {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::NoKeys => "no_keys",
            Self::Scheduled => "scheduled",
            Self::UnknownKid => "unknown_kid",
            Self::WarmUp => "warm_up",
        }
    }
}

/// The state of a key set of this age, or of none.
pub(super) fn state(age: Option<Duration>, windows: Windows, last_failed: bool) -> KeyState {
    match age {
        None => KeyState::Empty,
        Some(age) if age >= windows.expire_after => KeyState::Expired,
        Some(age) if age < windows.refresh_after => KeyState::Fresh,
        Some(_) if last_failed => KeyState::Degraded,
        Some(_) => KeyState::Due,
    }
}

/// What to do for a token that names this kid.
pub(super) fn decide(view: View, kid: Kid) -> Decision {
    match (view.state, kid) {
        (KeyState::Pinned | KeyState::Fresh, Kid::Known) => Decision::Serve,
        (KeyState::Pinned, _) => Decision::RefuseUnknown,
        (KeyState::Due | KeyState::Degraded, Kid::Known) => match view.attempt {
            Attempt::Possible => Decision::ServeAndRefresh,
            Attempt::InFlight | Attempt::BackingOff(_) => Decision::Serve,
        },
        (KeyState::Fresh, Kid::FoundMissing) => Decision::RefuseUnknown,
        (KeyState::Fresh, Kid::Unknown) => decide_at_gate(view),
        (KeyState::Due | KeyState::Degraded, Kid::Unknown | Kid::FoundMissing) => {
            fetch_or_wait(view.attempt, FetchReason::Scheduled)
        }
        (KeyState::Empty | KeyState::Expired, _) => {
            fetch_or_wait(view.attempt, FetchReason::NoKeys)
        }
    }
}

/// An unknown kid while the keys are fresh: the only case that a stranger can bring about at will.
fn decide_at_gate(view: View) -> Decision {
    match (view.attempt, view.budget) {
        (Attempt::Possible, Ok(())) => Decision::Fetch(FetchReason::UnknownKid),
        // We looked a moment ago and could not see: nothing can be said about this kid.
        (Attempt::Possible, Err(retry_after)) if view.last_failed => {
            Decision::Unavailable { retry_after }
        }
        // We looked a moment ago and it was not there.
        (Attempt::Possible, Err(_)) => Decision::RefuseUnknown,
        (attempt, _) => fetch_or_wait(attempt, FetchReason::UnknownKid),
    }
}

const fn fetch_or_wait(attempt: Attempt, reason: FetchReason) -> Decision {
    match attempt {
        Attempt::Possible => Decision::Fetch(reason),
        Attempt::InFlight => Decision::Join,
        Attempt::BackingOff(retry_after) => Decision::Unavailable { retry_after },
    }
}

/// What to do for a token whose request has waited for a fetch once. It never waits again.
///
/// `saw_reply` is whether that fetch, or a later one, succeeded.
pub(super) fn decide_after_wait(
    state: KeyState,
    kid: Kid,
    saw_reply: bool,
    retry_after: Duration,
) -> Decision {
    match (state, kid) {
        (KeyState::Empty | KeyState::Expired, _) => Decision::Unavailable { retry_after },
        (_, Kid::Known) => Decision::Serve,
        (_, Kid::Unknown | Kid::FoundMissing) if saw_reply => Decision::RefuseUnknown,
        (_, Kid::Unknown | Kid::FoundMissing) => Decision::Unavailable { retry_after },
    }
}

/// A run of failed attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BackOff {
    failures: u32,
    failed_at: Duration,
    /// In `0.0..=1.0`.
    jitter: f64,
    asked_for: Duration,
}

impl BackOff {
    /// The run that this failure begins or continues.
    pub(super) fn after_failure(
        previous: Option<Self>,
        failed_at: Duration,
        asked_for: Option<Duration>,
        jitter: f64,
    ) -> Self {
        Self {
            failures: previous.map_or(1, |run| run.failures.saturating_add(1)),
            failed_at,
            jitter,
            asked_for: asked_for.unwrap_or_default(),
        }
    }

    /// When the next attempt may start: 1 s, 2 s, 4 s … after the failure, of which the upper half is random, or when the
    /// endpoint asked for, whichever is later; and never later than the cap of the state.
    ///
    /// Half of the delay is fixed because a delay near zero would make a broken endpoint be asked again at once, and no
    /// bound on the number of fetches could be stated.
    pub(super) fn until(&self, state: KeyState) -> Duration {
        let cap = match state {
            KeyState::Empty | KeyState::Expired => LONGEST_DELAY_DOWN,
            KeyState::Degraded | KeyState::Due | KeyState::Fresh | KeyState::Pinned => {
                LONGEST_DELAY_SERVING
            }
        };
        let doublings = 1_u32
            .checked_shl(self.failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let longest = FIRST_DELAY.saturating_mul(doublings).min(cap);
        let delay = longest.mul_f64(0.5 + self.jitter / 2.0);
        self.failed_at
            .saturating_add(delay.max(self.asked_for).min(cap))
    }
}

/// How long a set that was just fetched is fresh.
///
/// Jitter keeps a fleet that was started together from refreshing together. `max-age` can only shorten, and not below
/// five minutes: neither a careless nor a hostile header can turn refreshing off, or into a flood.
pub(super) fn refresh_after(
    configured: Duration,
    max_age: Option<Duration>,
    jitter: f64,
) -> Duration {
    let jittered = configured.saturating_sub(configured.mul_f64(REFRESH_JITTER * jitter));
    match max_age {
        Some(max_age) => jittered.min(max_age.max(SHORTEST_MAX_AGE)),
        None => jittered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WINDOWS: Windows = Windows {
        refresh_after: Duration::from_secs(3600),
        expire_after: Duration::from_secs(86400),
    };

    #[test]
    fn the_age_gives_the_state() {
        for (age, last_failed, expected) in [
            (None, false, KeyState::Empty),
            (None, true, KeyState::Empty),
            (Some(0), false, KeyState::Fresh),
            (Some(0), true, KeyState::Fresh),
            (Some(3599), false, KeyState::Fresh),
            (Some(3600), false, KeyState::Due),
            (Some(3600), true, KeyState::Degraded),
            (Some(86399), false, KeyState::Due),
            (Some(86399), true, KeyState::Degraded),
            (Some(86400), false, KeyState::Expired),
            (Some(86400), true, KeyState::Expired),
            (Some(u64::MAX), true, KeyState::Expired),
        ] {
            assert_eq!(
                state(age.map(Duration::from_secs), WINDOWS, last_failed),
                expected,
                "{age:?} {last_failed}"
            );
        }
    }

    /// The whole table: every state, every kid, every way an attempt can stand, budget or none, last failed or not.
    #[test]
    fn the_decision_table() {
        use Decision::{Fetch, Join, RefuseUnknown, Serve, ServeAndRefresh};
        use FetchReason::{NoKeys, Scheduled, UnknownKid};

        let off = Attempt::BackingOff(7 * SECOND);
        let unavailable = |seconds: u32| Decision::Unavailable {
            retry_after: seconds * SECOND,
        };
        let mut rows = 0;
        for state in KeyState::ALL {
            for kid in [Kid::Known, Kid::Unknown, Kid::FoundMissing] {
                for attempt in [Attempt::Possible, Attempt::InFlight, off] {
                    for budget in [Ok(()), Err(3 * SECOND)] {
                        for last_failed in [false, true] {
                            let expected = match (state, kid, attempt) {
                                (KeyState::Pinned, Kid::Known, _) => Serve,
                                (KeyState::Pinned, _, _) => RefuseUnknown,

                                (KeyState::Fresh, Kid::Known, _) => Serve,
                                (KeyState::Fresh, Kid::FoundMissing, _) => RefuseUnknown,
                                (KeyState::Fresh, Kid::Unknown, Attempt::InFlight) => Join,
                                (KeyState::Fresh, Kid::Unknown, Attempt::BackingOff(_)) => {
                                    unavailable(7)
                                }
                                (KeyState::Fresh, Kid::Unknown, Attempt::Possible) => {
                                    match (budget, last_failed) {
                                        (Ok(()), _) => Fetch(UnknownKid),
                                        (Err(_), true) => unavailable(3),
                                        (Err(_), false) => RefuseUnknown,
                                    }
                                }

                                (
                                    KeyState::Due | KeyState::Degraded,
                                    Kid::Known,
                                    Attempt::Possible,
                                ) => ServeAndRefresh,
                                (KeyState::Due | KeyState::Degraded, Kid::Known, _) => Serve,
                                (KeyState::Due | KeyState::Degraded, _, Attempt::Possible) => {
                                    Fetch(Scheduled)
                                }

                                (KeyState::Empty | KeyState::Expired, _, Attempt::Possible) => {
                                    Fetch(NoKeys)
                                }
                                (_, _, Attempt::InFlight) => Join,
                                (_, _, Attempt::BackingOff(_)) => unavailable(7),
                            };
                            let view = View {
                                state,
                                attempt,
                                last_failed,
                                budget,
                            };
                            assert_eq!(decide(view, kid), expected, "{view:?} {kid:?}");
                            rows += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(rows, 6 * 3 * 3 * 2 * 2);
    }

    #[test]
    fn a_request_that_waited_takes_the_answer_that_is_there() {
        for state in KeyState::ALL {
            let down = matches!(state, KeyState::Empty | KeyState::Expired);
            let unavailable = Decision::Unavailable {
                retry_after: SECOND,
            };
            for saw_reply in [false, true] {
                let expected = if down { unavailable } else { Decision::Serve };
                assert_eq!(
                    decide_after_wait(state, Kid::Known, saw_reply, SECOND),
                    expected
                );
                for kid in [Kid::Unknown, Kid::FoundMissing] {
                    let expected = if !down && saw_reply {
                        Decision::RefuseUnknown
                    } else {
                        unavailable
                    };
                    assert_eq!(decide_after_wait(state, kid, saw_reply, SECOND), expected);
                }
            }
        }
    }

    #[test]
    fn back_off_doubles_to_the_cap_of_the_state() {
        for (jitter, share) in [(0.0, 0.5), (1.0, 1.0)] {
            let mut run = None;
            for failure in 0..40 {
                let back_off = BackOff::after_failure(run, 100 * SECOND, None, jitter);
                let uncapped = 2_f64.powi(failure);
                for (state, cap) in [
                    (KeyState::Degraded, 300.0),
                    (KeyState::Fresh, 300.0),
                    (KeyState::Expired, 30.0),
                    (KeyState::Empty, 30.0),
                ] {
                    let expected = 100.0 + uncapped.min(cap) * share;
                    assert_eq!(
                        back_off.until(state),
                        Duration::from_secs_f64(expected),
                        "{failure} {state:?}"
                    );
                }
                run = Some(back_off);
            }
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_cap() {
        for (asked, state, expected) in [
            (0, KeyState::Degraded, 1),
            (60, KeyState::Degraded, 60),
            (100_000, KeyState::Degraded, 300),
            (60, KeyState::Expired, 30),
        ] {
            let asked = Some(Duration::from_secs(asked));
            let back_off = BackOff::after_failure(None, Duration::ZERO, asked, 1.0);
            assert_eq!(
                back_off.until(state),
                Duration::from_secs(expected),
                "{asked:?} {state:?}"
            );
        }
        let forever = BackOff::after_failure(None, Duration::MAX, Some(Duration::MAX), 1.0);
        assert_eq!(forever.until(KeyState::Degraded), Duration::MAX);
    }

    #[test]
    fn max_age_only_shortens_and_not_below_five_minutes() {
        let hour = Duration::from_secs(3600);
        for (max_age, jitter, expected) in [
            (None, 0.0, 3600),
            (None, 1.0, 3240),
            (Some(u64::MAX), 0.0, 3600),
            (Some(7200), 0.0, 3600),
            (Some(600), 0.0, 600),
            (Some(600), 1.0, 600),
            (Some(60), 0.0, 300),
            (Some(0), 0.0, 300),
        ] {
            assert_eq!(
                refresh_after(hour, max_age.map(Duration::from_secs), jitter),
                Duration::from_secs(expected),
                "{max_age:?} {jitter}"
            );
        }
        let minute = Duration::from_secs(60);
        assert_eq!(refresh_after(minute, Some(Duration::ZERO), 0.0), minute);
        assert_eq!(refresh_after(Duration::MAX, None, 0.0), Duration::MAX);
    }
}
