//! When a token is renewed, and when a renewal that failed is tried again. Pure functions: time and
//! chance are arguments.

use std::time::Duration;

/// The share of a token's lifetime after which it is renewed: what AWS recommends.
const RENEW_FROM: f64 = 0.75;
/// The further share over which the renewals of a fleet are spread.
const RENEW_SPREAD: f64 = 0.10;
/// A token is not sent in the last tenth of its lifetime, but not longer than this before its end:
/// it must still be good when it arrives, by the callee's clock.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// `Retry-After` is honoured up to here: a proxy's wrong guess must not stop a service for an hour.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long a token obtained by a forced renewal cannot itself be invalidated: a callee that
/// rejects every token must not turn each call into a token request.
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

    /// Whether a process that looks for a token takes this one of another process, or renews it for
    /// all.
    pub(super) fn is_worth_sharing(lifetime: Duration, age: Duration) -> bool {
        age < lifetime.mul_f64(RENEW_FROM)
    }

    pub(super) fn is_usable(self, age: Duration) -> bool {
        age < self.usable_for
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct TokenView {
    pub(super) age: Duration,
    pub(super) lifespan: Lifespan,
    pub(super) rejection: Rejection,
}

/// What became of a callee's report that the token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    None,
    /// No renewal has ended since.
    Reported {
        /// The token was itself obtained because another had been rejected.
        of_replacement: bool,
    },
    /// The forced renewal failed. The token stays in use: only its own end is certain.
    RenewalFailed,
}

/// How a cached token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Serve,
    ServeAndRenew,
    /// A callee rejected it: it is served only if no other one is available.
    Replace,
    /// It has expired, or is about to.
    None,
}

pub(super) fn use_of(token: TokenView) -> Use {
    if !token.lifespan.is_usable(token.age) {
        return Use::None;
    }
    let is_due = token.age >= token.lifespan.renew_after;
    match token.rejection {
        Rejection::Reported { of_replacement }
            if !of_replacement || token.age >= FORCED_RENEWAL_INTERVAL =>
        {
            Use::Replace
        }
        Rejection::RenewalFailed => Use::ServeAndRenew,
        Rejection::None | Rejection::Reported { .. } if is_due => Use::ServeAndRenew,
        Rejection::None | Rejection::Reported { .. } => Use::Serve,
    }
}

/// How long no renewal is tried after this many failures in a row.
///
/// Doubles from 1 s to 60 s, of which a random half is left out. A `Retry-After` is waited for in
/// addition, so that a fleet that got the same second does not come back in it.
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

    fn use_at(age: Duration, rejection: Rejection) -> Use {
        use_of(TokenView {
            age,
            lifespan: Lifespan::new(HOUR, 0.0),
            rejection,
        })
    }

    #[test]
    fn a_token_is_renewed_from_three_quarters_and_sent_until_ten_seconds_before_its_end() {
        for (age, expected) in [
            (Duration::ZERO, Use::Serve),
            (HOUR * 3 / 4 - SECOND, Use::Serve),
            (HOUR * 3 / 4, Use::ServeAndRenew),
            (HOUR - 11 * SECOND, Use::ServeAndRenew),
            (HOUR - 10 * SECOND, Use::None),
            (HOUR * 9, Use::None),
        ] {
            assert_eq!(use_at(age, Rejection::None), expected, "{age:?}");
        }
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
        assert_eq!(use_at(SECOND, reported), Use::Replace);
        assert_eq!(use_at(HOUR, reported), Use::None);
        assert_eq!(use_at(SECOND, Rejection::RenewalFailed), Use::ServeAndRenew);
    }

    #[test]
    fn the_replacement_of_a_rejected_token_is_kept_for_a_minute() {
        let again = Rejection::Reported {
            of_replacement: true,
        };
        assert_eq!(use_at(59 * SECOND, again), Use::Serve);
        assert_eq!(use_at(60 * SECOND, again), Use::Replace);
    }

    /// Around every boundary, in every combination of lifetime, jitter and rejection.
    #[test]
    fn in_every_state_a_token_is_used_by_its_age_and_by_what_was_said_of_it() {
        let seconds = Duration::from_secs;
        let step = Duration::from_nanos(1);
        for lifetime in [0, 1, 10, 59, 60, 80, 100, 300, 3_600, 86_400].map(seconds) {
            let margin = (lifetime / 10).min(10 * SECOND);
            for jitter in [0.0, 0.5, 1.0] {
                let lifespan = Lifespan::new(lifetime, jitter);
                let renewal = lifetime.mul_f64(0.75 + 0.1 * jitter);
                let edges = [
                    Duration::ZERO,
                    renewal,
                    seconds(60),
                    lifetime - margin,
                    lifetime,
                ];
                let ages = edges
                    .into_iter()
                    .flat_map(|edge| [edge.saturating_sub(step), edge, edge + step]);
                for age in ages.chain([Duration::MAX]) {
                    let is_over = age.saturating_add(margin) >= lifetime;
                    let by_age = if age < renewal {
                        Use::Serve
                    } else {
                        Use::ServeAndRenew
                    };
                    let again = if age < seconds(60) {
                        by_age
                    } else {
                        Use::Replace
                    };
                    let reported = |of_replacement| Rejection::Reported { of_replacement };
                    for (rejection, expected) in [
                        (Rejection::None, by_age),
                        (reported(false), Use::Replace),
                        (reported(true), again),
                        (Rejection::RenewalFailed, Use::ServeAndRenew),
                    ] {
                        let expected = if is_over { Use::None } else { expected };
                        let token = TokenView {
                            age,
                            lifespan,
                            rejection,
                        };
                        assert_eq!(use_of(token), expected, "{lifetime:?} {jitter} {token:?}");
                    }
                }
            }
        }
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
