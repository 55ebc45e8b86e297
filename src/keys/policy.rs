//! What to do about a key: pure functions from plain data to a decision. The state table is on the
//! [module page](super).

use std::time::Duration;

use super::status::KeyState;

/// What `Cache-Control: max-age` can shorten the refresh interval to.
const SHORTEST_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How much of the refresh interval is random.
const REFRESH_JITTER: f64 = 0.1;
/// The `Retry-After` when nothing better is known.
pub(super) const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// When keys are refreshed and given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) refresh_after: Duration,
    pub(super) expire_after: Duration,
}

/// Everything that a decision depends on, apart from the `kid`. A duration of zero means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PolicyView {
    pub(super) state: KeyState,
    pub(super) attempt: Attempt,
    /// How long the back-off delays a refresh that no request waits for.
    pub(super) scheduled_in: Duration,
    /// How long the back-off delays an attempt that a request needs.
    pub(super) needed_in: Duration,
    /// How long until an unknown kid may cause a fetch.
    pub(super) budget_in: Duration,
    /// Whether the latest attempt failed or did not end in time.
    pub(super) last_failed: bool,
    /// Whether refreshes do not get to run and the keys are much older than they should be.
    pub(super) overdue: bool,
}

/// Whether an attempt can be started, as far as the one slot is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Possible,
    InFlight,
    /// There is no runtime to fetch or to wait in, or the request has waited as long as it may.
    Impossible,
}

/// What is known of the kid that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kid {
    /// The current set has it.
    Known,
    /// The issuer was asked for it, since the request came or within the last
    /// `unknown_kid_interval`, and did not have it.
    Missing,
    /// An earlier set had it.
    Withdrawn,
    /// Nothing is known of it. It may be new.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Serve,
    /// Serve, and start a refresh that no request waits for.
    ServeAndRefresh,
    /// Wait for the fetch in flight.
    Join,
    /// Start a fetch and wait for it.
    Fetch(FetchReason),
    /// 401: the issuer does not have the key.
    RejectUnknown,
    /// 503: there are no keys, or the issuer could not be asked.
    Unavailable {
        retry_after: Duration,
    },
    /// 503: it is too early to fetch again, and the kid may be new.
    Unconfirmed {
        retry_after: Duration,
    },
}

/// Why a fetch is started. Only [`UnknownKid`](Self::UnknownKid) spends the budget for unknown
/// kids, so that no stranger's kid can use up what scheduled refreshes need.
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
pub(super) fn decide(view: PolicyView, kid: Kid) -> Decision {
    match (view.state, kid) {
        (KeyState::Pinned | KeyState::Fresh, Kid::Known) => Decision::Serve,
        (KeyState::Pinned, _) => Decision::RejectUnknown,
        (KeyState::Due | KeyState::Degraded, Kid::Known) => decide_when_due(view),
        (KeyState::Empty | KeyState::Expired, _) => decide_without_keys(view),
        (_, Kid::Missing) => Decision::RejectUnknown,
        (_, Kid::Unknown) => decide_on_unknown(view),
        // It may have been published again, so it is worth a look, if one is possible.
        (_, Kid::Withdrawn) => match decide_on_unknown(view) {
            Decision::Unavailable { .. } | Decision::Unconfirmed { .. } => Decision::RejectUnknown,
            look => look,
        },
    }
}

fn decide_when_due(view: PolicyView) -> Decision {
    if view.attempt != Attempt::Possible || !view.scheduled_in.is_zero() {
        return Decision::Serve;
    }
    if view.overdue {
        // Waiting is what drives a runtime that runs only while someone waits in it.
        return Decision::Fetch(FetchReason::Scheduled);
    }
    Decision::ServeAndRefresh
}

const fn decide_without_keys(view: PolicyView) -> Decision {
    match view.attempt {
        Attempt::InFlight => Decision::Join,
        Attempt::Possible if view.needed_in.is_zero() => Decision::Fetch(FetchReason::NoKeys),
        Attempt::Possible => Decision::Unavailable {
            retry_after: view.needed_in,
        },
        Attempt::Impossible => Decision::Unavailable {
            retry_after: SHORTEST_RETRY_AFTER,
        },
    }
}

/// An unknown kid while there are keys: the case that a stranger can bring about at will.
fn decide_on_unknown(view: PolicyView) -> Decision {
    let due = matches!(view.state, KeyState::Due | KeyState::Degraded);
    let cannot_tell = |retry_after| {
        if view.last_failed {
            Decision::Unavailable { retry_after }
        } else {
            Decision::Unconfirmed { retry_after }
        }
    };
    match view.attempt {
        Attempt::InFlight => Decision::Join,
        Attempt::Impossible => cannot_tell(SHORTEST_RETRY_AFTER),
        Attempt::Possible if due && view.scheduled_in.is_zero() => {
            Decision::Fetch(FetchReason::Scheduled)
        }
        Attempt::Possible => {
            let allowed_in = view.needed_in.max(view.budget_in);
            if allowed_in.is_zero() {
                Decision::Fetch(FetchReason::UnknownKid)
            } else {
                cannot_tell(allowed_in)
            }
        }
    }
}

/// How long a set that was just fetched is fresh.
///
/// Jitter keeps a fleet that was started together from refreshing together. `max-age` can only
/// shorten, and not below five minutes: neither a careless nor a hostile header can turn refreshing
/// off, or into a flood.
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
    const KIDS: [Kid; 4] = [Kid::Known, Kid::Missing, Kid::Withdrawn, Kid::Unknown];

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

    /// Every view there can be, with delays that tell which of them was taken.
    fn views() -> Vec<PolicyView> {
        let mut views = Vec::new();
        for state in KeyState::ALL {
            for attempt in [Attempt::Possible, Attempt::InFlight, Attempt::Impossible] {
                for bits in 0..32_u32 {
                    let is_set = |bit: u32| bits & (1 << bit) != 0;
                    let delay = |bit, seconds| {
                        if is_set(bit) {
                            SECOND * seconds
                        } else {
                            Duration::ZERO
                        }
                    };
                    views.push(PolicyView {
                        state,
                        attempt,
                        scheduled_in: delay(0, 60),
                        needed_in: delay(1, 7),
                        budget_in: delay(2, 3),
                        last_failed: is_set(3),
                        overdue: is_set(4),
                    });
                }
            }
        }
        assert_eq!(views.len(), 6 * 3 * 32);
        views
    }

    const fn is_down(state: KeyState) -> bool {
        matches!(state, KeyState::Empty | KeyState::Expired)
    }

    const fn is_due(state: KeyState) -> bool {
        matches!(state, KeyState::Due | KeyState::Degraded)
    }

    /// The whole table, written out a second time as a reader would look it up.
    #[test]
    fn the_decision_table() {
        use Decision::{Fetch, Join, RejectUnknown, Serve, ServeAndRefresh};
        use FetchReason::{NoKeys, Scheduled, UnknownKid};

        for view in views() {
            let scheduled = view.scheduled_in.is_zero();
            let needed = view.needed_in.is_zero();
            let within_budget = view.budget_in.is_zero();
            let rejected = |seconds: u32| {
                let retry_after = SECOND * seconds;
                match view.last_failed || is_down(view.state) {
                    true => Decision::Unavailable { retry_after },
                    false => Decision::Unconfirmed { retry_after },
                }
            };
            for kid in KIDS {
                let expected = match (view.state, kid, view.attempt) {
                    (KeyState::Pinned | KeyState::Fresh, Kid::Known, _) => Serve,
                    (KeyState::Pinned, _, _) => RejectUnknown,

                    (KeyState::Empty | KeyState::Expired, _, Attempt::InFlight) => Join,
                    (KeyState::Empty | KeyState::Expired, _, Attempt::Impossible) => rejected(1),
                    (KeyState::Empty | KeyState::Expired, _, Attempt::Possible) if needed => {
                        Fetch(NoKeys)
                    }
                    (KeyState::Empty | KeyState::Expired, _, Attempt::Possible) => rejected(7),

                    (_, Kid::Known, Attempt::Possible) if scheduled && view.overdue => {
                        Fetch(Scheduled)
                    }
                    (_, Kid::Known, Attempt::Possible) if scheduled => ServeAndRefresh,
                    (_, Kid::Known, _) => Serve,

                    (_, Kid::Missing, _) => RejectUnknown,

                    (_, _, Attempt::InFlight) => Join,
                    (state, _, Attempt::Possible) if is_due(state) && scheduled => Fetch(Scheduled),
                    (_, _, Attempt::Possible) if needed && within_budget => Fetch(UnknownKid),
                    (_, Kid::Withdrawn, _) => RejectUnknown,
                    (_, Kid::Unknown, Attempt::Impossible) => rejected(1),
                    (_, Kid::Unknown, Attempt::Possible) if needed => rejected(3),
                    (_, Kid::Unknown, Attempt::Possible) => rejected(7),
                };
                assert_eq!(decide(view, kid), expected, "{view:?} {kid:?}");
            }
        }
    }

    /// What must hold of every decision, whatever the table says.
    #[test]
    fn the_rules_hold_in_every_state() {
        for view in views() {
            for kid in KIDS {
                let decision = decide(view, kid);
                let context = format!("{view:?} {kid:?} {decision:?}");
                let down = is_down(view.state);
                match decision {
                    Decision::RejectUnknown => {
                        assert!(!down, "401 without keys: {context}");
                        assert_ne!(kid, Kid::Known, "401 for a known kid: {context}");
                        assert!(
                            kid != Kid::Unknown || view.state == KeyState::Pinned,
                            "401 without knowing: {context}"
                        );
                    }
                    Decision::Serve | Decision::ServeAndRefresh => {
                        assert_eq!(kid, Kid::Known, "{context}");
                        assert!(!down, "served with expired keys: {context}");
                    }
                    Decision::Unavailable { retry_after } => {
                        assert!(!retry_after.is_zero(), "{context}");
                        assert!(down || kid == Kid::Unknown && view.last_failed, "{context}");
                    }
                    Decision::Unconfirmed { retry_after } => {
                        assert!(!retry_after.is_zero(), "{context}");
                        assert!(
                            !down && kid == Kid::Unknown && !view.last_failed,
                            "{context}"
                        );
                    }
                    Decision::Join => assert_eq!(view.attempt, Attempt::InFlight, "{context}"),
                    Decision::Fetch(_) => {}
                }
                let reason = match decision {
                    Decision::Fetch(reason) => Some(reason),
                    Decision::ServeAndRefresh => Some(FetchReason::Scheduled),
                    _ => None,
                };
                if let Some(reason) = reason {
                    assert_eq!(view.attempt, Attempt::Possible, "a second fetch: {context}");
                    assert_ne!(view.state, KeyState::Pinned, "{context}");
                    let due = match reason {
                        FetchReason::NoKeys => down && view.needed_in.is_zero(),
                        FetchReason::Scheduled => is_due(view.state) && view.scheduled_in.is_zero(),
                        FetchReason::UnknownKid => {
                            view.needed_in.is_zero()
                                && view.budget_in.is_zero()
                                && matches!(kid, Kid::Unknown | Kid::Withdrawn)
                        }
                        FetchReason::WarmUp => false,
                    };
                    assert!(due, "a fetch without leave: {context}");
                }
                if kid == Kid::Known && !down && !view.overdue {
                    assert!(
                        matches!(decision, Decision::Serve | Decision::ServeAndRefresh),
                        "a known kid waits: {context}"
                    );
                }
            }
        }
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
