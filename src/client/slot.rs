//! What is held for one set of scopes: immutable, replaced as a whole by the next renewal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    AccessToken, TokenError,
    schedule::{self, Decision, View},
};
use crate::clock::Moment;

/// The outcome of a token request, with the token from before if it brought none.
pub(super) struct TokenSlot {
    token: Option<AccessToken>,
    last_failure: Option<LastFailure>,
    /// A background renewal of this was started and goes on.
    renewing: AtomicBool,
}

struct LastFailure {
    error: TokenError,
    /// In a row.
    failures: u32,
    /// By the monotonic clock.
    until: Duration,
    /// The token had been rejected when the renewal began that failed.
    of_rejected: bool,
}

impl TokenSlot {
    pub(super) const fn renewed(token: AccessToken) -> Self {
        Self {
            token: Some(token),
            last_failure: None,
            renewing: AtomicBool::new(false),
        }
    }

    /// After a failure. What was held before is kept, as long as it is of use.
    pub(super) fn failed(
        before: Option<&Self>,
        error: TokenError,
        of_rejected: bool,
        now: &Moment,
        jitter: f64,
    ) -> Self {
        let failures_before = before
            .and_then(|held| held.last_failure.as_ref())
            .map_or(0, |last_failure| last_failure.failures);
        let failures = failures_before.saturating_add(1);
        let wait = schedule::back_off(failures, error.retry_after(), jitter);
        Self {
            token: before
                .and_then(|held| held.token.clone())
                .filter(|token| token.is_usable(now)),
            last_failure: Some(LastFailure {
                error,
                failures,
                until: now.monotonic.saturating_add(wait),
                of_rejected,
            }),
            renewing: AtomicBool::new(false),
        }
    }

    pub(super) fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    pub(super) fn decide(&self, now: &Moment) -> Decision {
        let renewal_failed = self
            .last_failure
            .as_ref()
            .is_some_and(|last_failure| last_failure.of_rejected);
        schedule::decide(View {
            token: self
                .token
                .as_ref()
                .map(|token| token.view(now, renewal_failed)),
            backing_off: self
                .last_failure
                .as_ref()
                .is_some_and(|last_failure| now.monotonic < last_failure.until),
        })
    }

    /// What a caller gets who need not wait, or has waited.
    ///
    /// A token that was just obtained is given to those who waited for it even if it lives for no time at all.
    pub(super) fn outcome(&self, now: &Moment) -> Result<AccessToken, TokenError> {
        match (&self.token, &self.last_failure) {
            (Some(token), None) => Ok(token.clone()),
            (Some(token), Some(_)) if token.is_usable(now) => Ok(token.clone()),
            (_, Some(last_failure)) => Err(last_failure.error.clone()),
            // There is no such `TokenSlot`.
            (None, None) => Err(TokenError::Aborted),
        }
    }
}

/// The right to renew one `TokenSlot` in the background. Given back when dropped, however that comes about.
pub(super) struct RenewalPermit(Arc<TokenSlot>);

impl RenewalPermit {
    pub(super) fn take(held: &Arc<TokenSlot>) -> Option<Self> {
        let taken = held.renewing.swap(true, Ordering::AcqRel);
        (!taken).then(|| Self(Arc::clone(held)))
    }

    pub(super) fn held(&self) -> &Arc<TokenSlot> {
        &self.0
    }
}

impl Drop for RenewalPermit {
    fn drop(&mut self) {
        self.0.renewing.store(false, Ordering::Release);
    }
}
