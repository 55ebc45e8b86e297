//! When a token is renewed, and when a renewal that failed is tried again. Pure functions: time and chance are arguments.

use std::time::Duration;

/// The share of a token's lifetime after which it is renewed: what AWS recommends.
const RENEW_FROM: f64 = 0.75;
/// The further share over which the renewals of a fleet are spread.
const RENEW_SPREAD: f64 = 0.10;
/// A token is not sent in the last tenth of its lifetime, but not longer than this before its end: it must still be good
/// when it arrives, by the callee's clock.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// `Retry-After` is honoured up to here: a proxy's wrong guess must not stop a service for an hour.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long a token obtained by a forced renewal cannot be invalidated in its turn: a callee that refuses every token must
/// not turn each call into a token request.
const FORCED_RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// The two ages at which something changes for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifespan {
    /// From here on it is renewed in the background.
    renew_after: Duration,
    /// From here on it is not sent any more.
    usable_for: Duration,
}

impl Lifespan {
    /// `jitter` lies in `0.0..1.0`.
    pub(super) fn new(lifetime: Duration, jitter: f64) -> Self {
        Self {
            renew_after: lifetime.mul_f64(RENEW_FROM + RENEW_SPREAD * jitter),
            usable_for: lifetime - LONGEST_MARGIN.min(lifetime / 10),
        }
    }

    pub(super) fn is_usable(self, age: Duration) -> bool {
        age < self.usable_for
    }
}

/// Everything that a decision needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) token: Option<TokenView>,
    /// The last renewal failed, and it is too early for the next.
    pub(super) backing_off: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct TokenView {
    pub(super) age: Duration,
    pub(super) lifespan: Lifespan,
    pub(super) rejection: Rejection,
}

/// What became of a callee's word that the token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    None,
    /// There was no renewal since.
    Reported {
        /// The token was itself obtained because another had been rejected.
        of_replacement: bool,
    },
    /// The forced renewal failed. The token is served on: only its own end is certain.
    RenewalFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Serve,
    ServeAndRenew,
    /// Only a token request can tell.
    Wait,
    Refuse,
}

pub(super) fn decide(view: View) -> Decision {
    let usable = view
        .token
        .filter(|token| token.lifespan.is_usable(token.age));
    match (usable, view.backing_off) {
        (None, true) => Decision::Refuse,
        (None, false) => Decision::Wait,
        (Some(_), true) => Decision::Serve,
        (Some(token), false) => token.decide(),
    }
}

impl TokenView {
    fn decide(self) -> Decision {
        let is_due = self.age >= self.lifespan.renew_after;
        match self.rejection {
            Rejection::Reported { of_replacement }
                if !of_replacement || self.age >= FORCED_RENEWAL_INTERVAL =>
            {
                Decision::Wait
            }
            Rejection::RenewalFailed => Decision::ServeAndRenew,
            Rejection::None | Rejection::Reported { .. } if is_due => Decision::ServeAndRenew,
            Rejection::None | Rejection::Reported { .. } => Decision::Serve,
        }
    }
}

/// How long no renewal is tried after this many failures in a row.
///
/// Doubles from 1 s to 60 s, of which a random half is left out. A `Retry-After` is waited for in addition, so that a fleet
/// that was told the same second does not come back in it.
pub(super) fn back_off(failures: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = (FIRST_BACK_OFF * (1 << doublings)).min(LONGEST_BACK_OFF);
    let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    asked + ceiling.mul_f64(0.5 + 0.5 * jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    fn token(age: Duration, rejection: Rejection) -> View {
        View {
            token: Some(TokenView {
                age,
                lifespan: Lifespan::new(HOUR, 0.0),
                rejection,
            }),
            backing_off: false,
        }
    }

    fn backing_off(view: View) -> View {
        View {
            backing_off: true,
            ..view
        }
    }

    #[test]
    fn a_token_is_renewed_from_three_quarters_and_sent_until_ten_seconds_before_its_end() {
        for (age, decision, after_a_failure) in [
            (Duration::ZERO, Decision::Serve, Decision::Serve),
            (HOUR * 3 / 4 - SECOND, Decision::Serve, Decision::Serve),
            (HOUR * 3 / 4, Decision::ServeAndRenew, Decision::Serve),
            (HOUR - 11 * SECOND, Decision::ServeAndRenew, Decision::Serve),
            (HOUR - 10 * SECOND, Decision::Wait, Decision::Refuse),
            (HOUR * 9, Decision::Wait, Decision::Refuse),
        ] {
            let view = token(age, Rejection::None);
            assert_eq!(decide(view), decision, "{age:?}");
            assert_eq!(decide(backing_off(view)), after_a_failure, "{age:?}");
        }
    }

    #[test]
    fn without_a_token_there_is_a_request_or_the_last_error() {
        let nothing = View {
            token: None,
            backing_off: false,
        };
        assert_eq!(decide(nothing), Decision::Wait);
        assert_eq!(decide(backing_off(nothing)), Decision::Refuse);
    }

    #[test]
    fn a_fleet_renews_over_a_tenth_of_the_lifetime() {
        for (jitter, renew_after) in [(0.0, 2700), (0.5, 2880), (1.0, 3060)] {
            assert_eq!(
                Lifespan::new(HOUR, jitter).renew_after,
                Duration::from_secs(renew_after)
            );
        }
    }

    #[test]
    fn the_margin_of_a_short_token_is_a_tenth_of_it() {
        for (lifetime, usable_for) in [(3600, 3590), (300, 290), (100, 90), (10, 9), (0, 0)] {
            let lifespan = Lifespan::new(Duration::from_secs(lifetime), 1.0);
            assert_eq!(lifespan.usable_for, Duration::from_secs(usable_for));
            assert!(
                lifespan.renew_after < lifespan.usable_for || lifetime == 0,
                "{lifetime}"
            );
        }
    }

    #[test]
    fn a_rejected_token_is_replaced_before_anything_is_served() {
        let reported = Rejection::Reported {
            of_replacement: false,
        };
        assert_eq!(decide(token(SECOND, reported)), Decision::Wait);
        assert_eq!(
            decide(backing_off(token(SECOND, reported))),
            Decision::Serve
        );
        assert_eq!(
            decide(token(SECOND, Rejection::RenewalFailed)),
            Decision::ServeAndRenew
        );
    }

    #[test]
    fn the_replacement_of_a_rejected_token_is_kept_for_a_minute() {
        let again = Rejection::Reported {
            of_replacement: true,
        };
        assert_eq!(decide(token(59 * SECOND, again)), Decision::Serve);
        assert_eq!(decide(token(60 * SECOND, again)), Decision::Wait);
    }

    #[test]
    fn back_off_doubles_to_a_minute() {
        for (failures, ceiling) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)] {
            let ceiling = Duration::from_secs(ceiling);
            assert_eq!(back_off(failures, None, 1.0), ceiling);
            assert_eq!(back_off(failures, None, 0.0), ceiling / 2);
        }
    }

    #[test]
    fn retry_after_is_waited_for_up_to_a_minute_and_spread() {
        for (retry_after, waited) in [(0, 1), (20, 21), (60, 61), (86_400, 61)] {
            let retry_after = Some(Duration::from_secs(retry_after));
            assert_eq!(
                back_off(1, retry_after, 1.0),
                Duration::from_secs(waited),
                "{retry_after:?}"
            );
        }
    }
}
