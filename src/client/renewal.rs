//! The one token request that may be under way for a slot: events in, decisions out, without I/O.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    AccessToken, TokenError,
    slot::{SlotDecision, TokenSlot},
    token_response::TokenResponse,
};
use crate::clock::Moment;

/// A slot and its request.
pub(super) struct RenewalState {
    slot: TokenSlot,
    in_flight: Option<InFlight>,
    /// The number of the latest request.
    started: AttemptNumber,
    /// The request that brought the token at hand.
    token_of: AttemptNumber,
}

/// Requests are numbered, so that one that was given up cannot be taken for its successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttemptNumber(u64);

pub(super) type Outcome = Result<AccessToken, TokenError>;

struct InFlight {
    attempt: Attempt,
    /// Dropped without an outcome if the request was lost: those who wait then look again.
    outcome: watch::Sender<Option<Outcome>>,
}

/// A token request that has begun.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) number: AttemptNumber,
    pub(super) started: Moment,
    /// The token that a callee rejected, if that is the reason for the request.
    pub(super) rejected: Option<AccessToken>,
}

/// The outcome of the request under way, when there is one.
pub(super) struct Join {
    pub(super) number: AttemptNumber,
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
}

/// What a call gets.
pub(super) enum RenewalDecision {
    Serve(AccessToken),
    ServeAndRenew(AccessToken),
    Join(Join),
    Request,
    Fail(TokenError),
}

/// What became of a request that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Current,
    /// It had been given up, and its token is still used: it was paid for.
    LateToken,
    /// It had been given up.
    Late,
}

impl RenewalState {
    pub(super) fn new() -> Self {
        Self {
            slot: TokenSlot::Empty,
            in_flight: None,
            started: AttemptNumber::default(),
            token_of: AttemptNumber::default(),
        }
    }

    pub(super) fn decide(&self, now: &Moment) -> RenewalDecision {
        match (self.slot.decide(now), &self.in_flight) {
            (SlotDecision::Serve(token), _) | (SlotDecision::ServeAndRenew(token), Some(_)) => {
                RenewalDecision::Serve(token)
            }
            (SlotDecision::ServeAndRenew(token), None) => RenewalDecision::ServeAndRenew(token),
            (SlotDecision::Request, Some(in_flight)) => RenewalDecision::Join(in_flight.join()),
            (SlotDecision::Request, None) => RenewalDecision::Request,
            (SlotDecision::Fail(error), _) => RenewalDecision::Fail(error),
        }
    }

    /// Begins a request. The caller has found that none is under way.
    pub(super) fn start(&mut self, now: Moment) -> (Attempt, Join) {
        self.started = AttemptNumber(self.started.0 + 1);
        let attempt = Attempt {
            number: self.started,
            started: now,
            rejected: self
                .slot
                .token()
                .filter(|token| token.is_rejected())
                .cloned(),
        };
        let in_flight = InFlight {
            attempt: attempt.clone(),
            outcome: watch::Sender::default(),
        };
        let join = in_flight.join();
        self.in_flight = Some(in_flight);
        (attempt, join)
    }

    pub(super) fn end(
        &mut self,
        attempt: &Attempt,
        result: Result<TokenResponse, TokenError>,
        now: &Moment,
        jitter: f64,
    ) -> Ended {
        let current = self
            .in_flight
            .take_if(|in_flight| in_flight.attempt.number == attempt.number);
        let ended = match (&current, &result) {
            (Some(_), _) => Ended::Current,
            (None, Ok(_)) if attempt.number > self.token_of => Ended::LateToken,
            (None, _) => Ended::Late,
        };
        let outcome = match (result, ended) {
            (Ok(response), Ended::Current | Ended::LateToken) => {
                let is_replacement = attempt.rejected.is_some();
                let token = AccessToken::new(response, attempt.started, jitter, is_replacement);
                self.slot.succeed(token.clone());
                self.token_of = attempt.number;
                Ok(token)
            }
            (Err(error), Ended::Current) => {
                let of_rejected = attempt.rejected.is_some();
                self.slot
                    .fail(error, of_rejected, now.monotonic, now, jitter)
            }
            (Ok(_) | Err(_), _) => return ended,
        };
        if let Some(current) = current {
            current.outcome.send_replace(Some(outcome));
        }
        ended
    }

    /// The request went away without a result, with the runtime that it ran on. That says nothing
    /// about the endpoint, so the next call makes another one immediately.
    pub(super) fn lose(&mut self, number: AttemptNumber) {
        drop(
            self.in_flight
                .take_if(|in_flight| in_flight.attempt.number == number),
        );
    }

    /// Gives up a request that should have ended: its runtime is blocked. It counts as failed
    /// when its time was up.
    pub(super) fn give_up_overdue(
        &mut self,
        timeout: Duration,
        now: &Moment,
        jitter: f64,
    ) -> Option<Attempt> {
        let overdue = self
            .in_flight
            .take_if(|in_flight| now.since(&in_flight.attempt.started) >= timeout)?;
        let time_was_up = overdue.attempt.started.monotonic.saturating_add(timeout);
        Some(self.time_out(overdue, time_was_up.min(now.monotonic), now, jitter))
    }

    /// Gives up a request that a caller has waited for as long as one may take.
    pub(super) fn give_up(
        &mut self,
        number: AttemptNumber,
        now: &Moment,
        jitter: f64,
    ) -> Option<Attempt> {
        let overdue = self
            .in_flight
            .take_if(|in_flight| in_flight.attempt.number == number)?;
        Some(self.time_out(overdue, now.monotonic, now, jitter))
    }

    fn time_out(
        &mut self,
        overdue: InFlight,
        ended: Duration,
        now: &Moment,
        jitter: f64,
    ) -> Attempt {
        let of_rejected = overdue.attempt.rejected.is_some();
        // Those who wait look again, and find it.
        let _ = self
            .slot
            .fail(TokenError::Timeout, of_rejected, ended, now, jitter);
        overdue.attempt
    }

    /// What a caller gets who can wait no longer.
    pub(super) fn without_waiting(&self, now: &Moment) -> Outcome {
        self.slot
            .token()
            .filter(|token| token.is_usable(now))
            .cloned()
            .ok_or(TokenError::Timeout)
    }
}

impl InFlight {
    fn join(&self) -> Join {
        Join {
            number: self.attempt.number,
            outcome: self.outcome.subscribe(),
        }
    }
}

#[cfg(test)]
mod tests;
