//! Every sequence of five events after the first request, and what must hold after each of them.

use std::{collections::HashMap, time::Duration};

use http::HeaderValue;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);
const LIFETIME: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Ask,
    /// The latest request, or the one before it, ends with a token or without.
    Ends {
        before_latest: bool,
        granted: bool,
    },
    Lost,
    GivenUp,
    Advance(u64),
    Rejected,
}

use Event::{Advance, Ask, Ends, GivenUp, Lost, Rejected};

const EVENTS: [Event; 11] = [
    Ask,
    Ends {
        before_latest: false,
        granted: true,
    },
    Ends {
        before_latest: false,
        granted: false,
    },
    Ends {
        before_latest: true,
        granted: true,
    },
    Ends {
        before_latest: true,
        granted: false,
    },
    Lost,
    GivenUp,
    // Beyond a time-out, into the time for a renewal, and beyond the end.
    Advance(11),
    Advance(2_750),
    Advance(3_590),
    Rejected,
];

struct Model {
    state: RenewalState,
    now: u64,
    attempts: Vec<Attempt>,
    ended: HashMap<u64, bool>,
    /// The number of the attempt under way, the failures in a row, and until when no request may
    /// be made.
    under_way: Option<u64>,
    failures: u32,
    quiet_until: Duration,
    /// The newest attempt that brought a token.
    newest: Option<u64>,
}

impl Model {
    fn new() -> Self {
        Self {
            state: RenewalState::new(),
            now: 1_000,
            attempts: Vec::new(),
            ended: HashMap::new(),
            under_way: None,
            failures: 0,
            quiet_until: Duration::ZERO,
            newest: None,
        }
    }

    fn moment(&self) -> Moment {
        Moment::after_start(Duration::from_secs(self.now))
    }

    fn fails(&mut self, at: Duration) {
        self.failures += 1;
        let doubled = 1_u64 << (self.failures - 1).min(6);
        self.quiet_until = at + Duration::from_secs(doubled.min(60));
    }

    fn take(&mut self, event: Event) {
        let now = self.moment();
        match event {
            Ask => self.ask(),
            Ends {
                before_latest,
                granted,
            } => {
                let skipped = usize::from(before_latest);
                let attempt = self.attempts.iter().rev().nth(skipped).cloned();
                // Each ends once.
                let Some(attempt) = attempt.filter(|a| !self.ended.contains_key(&a.number.0))
                else {
                    return;
                };
                self.ends(&attempt, granted);
            }
            Lost => {
                let Some(number) = self.under_way.take() else {
                    return;
                };
                self.ended.insert(number, false);
                self.state.lose(AttemptNumber(number));
            }
            GivenUp => {
                let Some(number) = self.under_way else { return };
                let given_up = self.state.give_up(AttemptNumber(number), &now, 1.0);
                assert!(given_up.is_some_and(|attempt| attempt.number.0 == number));
                self.under_way = None;
                self.fails(now.monotonic);
            }
            Advance(seconds) => self.now += seconds,
            Rejected => {
                if let Some(token) = self.state.slot.token() {
                    token.reject();
                }
            }
        }
    }

    fn ends(&mut self, attempt: &Attempt, granted: bool) {
        let now = self.moment();
        let number = attempt.number.0;
        self.ended.insert(number, granted);
        let is_current = self.under_way == Some(number);
        let is_newer = self.newest.is_none_or(|newest| number > newest);
        let result = if granted {
            Ok(TokenResponse {
                header_value: HeaderValue::from_str(&format!("Bearer {number}")).unwrap(),
                lifetime: LIFETIME,
                age: Duration::ZERO,
            })
        } else {
            Err(TokenError::NoResponse)
        };
        let ended = self.state.end(attempt, result, &now, 1.0);
        let expected = match (is_current, granted && is_newer) {
            (true, _) => Ended::Current,
            (false, true) => Ended::LateToken,
            (false, false) => Ended::Late,
        };
        assert_eq!(ended, expected);
        if is_current {
            self.under_way = None;
        }
        if granted && (is_current || is_newer) {
            self.newest = Some(number);
            self.failures = 0;
            self.quiet_until = Duration::ZERO;
        } else if is_current {
            self.fails(now.monotonic);
        }
    }

    /// As a call does: an overdue request is given up, and what the decision asks for is begun.
    fn ask(&mut self) {
        let now = self.moment();
        if let Some(overdue) = self.state.give_up_overdue(TIMEOUT, &now, 1.0) {
            assert_eq!(self.under_way.take(), Some(overdue.number.0));
            self.fails(overdue.started.monotonic + TIMEOUT);
        }
        let is_quiet = now.monotonic < self.quiet_until;
        let held = self.state.slot.token().cloned();
        let usable = held.filter(|token| token.is_usable(&now));
        let served = match self.state.decide(&now) {
            RenewalDecision::Serve(token) => Some(token),
            RenewalDecision::ServeAndRenew(token) => {
                self.start(is_quiet);
                Some(token)
            }
            RenewalDecision::Request => {
                assert!(usable.as_ref().is_none_or(AccessToken::is_rejected));
                self.start(is_quiet);
                None
            }
            RenewalDecision::Join(join) => {
                assert_eq!(self.under_way, Some(join.number.0), "nothing to wait for");
                assert!(usable.as_ref().is_none_or(AccessToken::is_rejected));
                None
            }
            RenewalDecision::Fail(_) => {
                assert!(is_quiet, "failed though a request could be made");
                assert!(usable.is_none(), "failed though a token could be served");
                None
            }
        };
        if let Some(token) = served {
            assert!(token.is_usable(&now), "a token is served that has expired");
            let newest = self.newest.map(|number| number.to_string());
            assert_eq!(Some(token.as_str()), newest.as_deref(), "an older token");
        }
    }

    fn start(&mut self, is_quiet: bool) {
        assert_eq!(self.under_way, None, "a second request at a time");
        assert!(!is_quiet, "a request within the back-off");
        let (attempt, join) = self.state.start(self.moment());
        assert_eq!(attempt.number, join.number);
        assert_eq!(attempt.number.0, self.attempts.len() as u64 + 1);
        self.under_way = Some(attempt.number.0);
        self.attempts.push(attempt);
    }
}

#[test]
fn no_sequence_of_events_makes_two_requests_at_a_time_or_serves_what_is_over() {
    let mut sequences = 0_u32;
    let count = EVENTS.len();
    for mut code in 0..count.pow(5) {
        let mut model = Model::new();
        model.take(Ask);
        for _ in 0..5 {
            model.take(EVENTS[code % count]);
            code /= count;
        }
        model.take(Ask);
        sequences += 1;
    }
    assert_eq!(sequences, 161_051);
}
