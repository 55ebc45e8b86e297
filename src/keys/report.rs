//! Reports a key source to operators: one event per fetch, with a count in the same words, and one
//! per change of state.
//!
//! Subscribers and recorders are foreign code, which may ask for the key status; so nothing is
//! reported while the ledger is locked.

use std::time::Duration;

use super::{
    fetch::FetchError,
    key_set::KeyChange,
    policy::FetchReason,
    status::{KeyState, StateChange},
};
use crate::{
    metrics::{self, FetchLabels},
    troubleshooting,
};

impl StateChange {
    pub(super) fn report(self, jwks_url: &str) {
        let Self { from, to } = self;
        if matches!(to, KeyState::Degraded | KeyState::Expired | KeyState::Empty) {
            tracing::warn!(jwks_url, %from, %to, "key state changed");
        } else {
            tracing::info!(jwks_url, %from, %to, "key state changed");
        }
    }
}

/// How a fetch ended.
#[derive(Debug)]
pub(super) struct FetchReport {
    pub(super) reason: FetchReason,
    pub(super) duration: Duration,
    pub(super) outcome: FetchOutcome,
}

#[derive(Debug)]
pub(super) enum FetchOutcome {
    Succeeded(KeyChange),
    Failed(FetchError),
    /// Its runtime ended.
    Dropped,
    /// It came too late to count: a later attempt has taken its place.
    Superseded,
}

impl FetchOutcome {
    /// A fixed label: of a failure, its [`FetchError::reason`].
    const fn label(&self) -> &'static str {
        match self {
            Self::Succeeded(change) if change.is_none() => "unchanged",
            Self::Succeeded(_) => "changed",
            Self::Failed(error) => error.reason(),
            Self::Dropped => FetchError::Aborted.reason(),
            Self::Superseded => "superseded",
        }
    }
}

impl FetchReport {
    pub(super) fn report(&self, jwks_url: &str) {
        let reason = self.reason.label();
        let outcome = self.outcome.label();
        let duration = self.duration;
        match &self.outcome {
            FetchOutcome::Succeeded(change) if change.is_none() => {
                tracing::debug!(
                    jwks_url,
                    reason,
                    outcome,
                    ?duration,
                    added = 0,
                    removed = 0,
                    "key set refreshed"
                );
            }
            FetchOutcome::Succeeded(KeyChange { added, removed }) => {
                tracing::info!(
                    jwks_url,
                    reason,
                    outcome,
                    ?duration,
                    added,
                    removed,
                    "key set refreshed"
                );
            }
            FetchOutcome::Failed(error) => {
                tracing::warn!(
                    jwks_url,
                    reason,
                    outcome,
                    cause = error.cause(),
                    ?duration,
                    %error,
                    help = troubleshooting::KEYS_UNAVAILABLE,
                    "key fetch failed"
                );
            }
            FetchOutcome::Dropped => {
                tracing::debug!(jwks_url, reason, outcome, ?duration, "key fetch aborted");
            }
            FetchOutcome::Superseded => {
                tracing::debug!(jwks_url, reason, outcome, ?duration, "key fetch superseded");
            }
        }
        metrics::keys_fetched(FetchLabels {
            jwks_url,
            reason,
            outcome,
            duration,
        });
    }
}
