//! What is held for one set of scopes.

use std::time::Duration;

use super::{
    AccessToken, TokenError,
    schedule::{self, Use},
};
use crate::clock::Moment;

/// The outcome of the last token request, with the token of an earlier one if the last brought
/// none.
pub(super) enum TokenSlot {
    /// No token was requested yet.
    Empty,
    Failed(LastFailure),
    Holding {
        token: AccessToken,
        last_failure: Option<LastFailure>,
    },
}

pub(super) struct LastFailure {
    error: TokenError,
    /// In a row.
    failures: u32,
    /// No request is made before, by the monotonic clock.
    until: Duration,
    /// The token had been rejected when the request began that failed.
    of_rejected: bool,
}

impl LastFailure {
    fn is_backing_off(&self, now: &Moment) -> bool {
        now.monotonic < self.until
    }
}

/// What a call gets, as far as the slot alone can tell.
pub(super) enum SlotDecision {
    Serve(AccessToken),
    ServeAndRenew(AccessToken),
    /// Only a token request can tell.
    Request,
    Fail(TokenError),
}

impl TokenSlot {
    pub(super) const fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Holding { token, .. } => Some(token),
            Self::Empty | Self::Failed(_) => None,
        }
    }

    const fn last_failure(&self) -> Option<&LastFailure> {
        match self {
            Self::Empty => None,
            Self::Failed(last_failure) => Some(last_failure),
            Self::Holding { last_failure, .. } => last_failure.as_ref(),
        }
    }

    pub(super) fn decide(&self, now: &Moment) -> SlotDecision {
        let last_failure = self.last_failure();
        let renewal_failed = last_failure.is_some_and(|last_failure| last_failure.of_rejected);
        let token = self
            .token()
            .map(|token| (schedule::use_of(token.view(now, renewal_failed)), token));
        let backing_off = last_failure.filter(|last_failure| last_failure.is_backing_off(now));
        match (token, backing_off) {
            (None | Some((Use::None, _)), Some(last_failure)) => {
                SlotDecision::Fail(last_failure.error.clone())
            }
            (None | Some((Use::None | Use::Replace, _)), None) => SlotDecision::Request,
            (Some((Use::ServeAndRenew, token)), None) => SlotDecision::ServeAndRenew(token.clone()),
            (Some((Use::Serve, token)), None) | (Some((_, token)), Some(_)) => {
                SlotDecision::Serve(token.clone())
            }
        }
    }

    pub(super) fn succeed(&mut self, token: AccessToken) {
        *self = Self::Holding {
            token,
            last_failure: None,
        };
    }

    /// Records a failed request, and returns what its waiters get: the token at hand as long as it
    /// can be used.
    pub(super) fn fail(
        &mut self,
        error: TokenError,
        of_rejected: bool,
        ended: Duration,
        now: &Moment,
        jitter: f64,
    ) -> Result<AccessToken, TokenError> {
        let failures = self
            .last_failure()
            .map_or(0, |last_failure| last_failure.failures)
            .saturating_add(1);
        let wait = schedule::back_off(failures, error.retry_after(), jitter);
        let last_failure = LastFailure {
            error: error.clone(),
            failures,
            until: ended.saturating_add(wait),
            of_rejected,
        };
        match self.token().filter(|token| token.is_usable(now)).cloned() {
            Some(token) => {
                *self = Self::Holding {
                    token: token.clone(),
                    last_failure: Some(last_failure),
                };
                Ok(token)
            }
            None => {
                *self = Self::Failed(last_failure);
                Err(error)
            }
        }
    }
}
