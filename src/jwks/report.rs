//! What the log says of a key source: one event per fetch, and one per change of state.
//!
//! A subscriber is foreign code, which may ask for the key status; so nothing is reported while the ledger is locked.

use std::time::Duration;

use super::{FetchError, KeyState, policy::FetchReason, refresh::KeyChange};

/// The keys went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateChange {
    pub(super) from: KeyState,
    pub(super) to: KeyState,
}

impl StateChange {
    pub(super) fn report(self, jwks_url: &str) {
        let Self { from, to } = self;
        if matches!(to, KeyState::Degraded | KeyState::Expired | KeyState::Empty) {
            tracing::warn!(jwks_url, %from, %to, "the state of the keys changed");
        } else {
            tracing::info!(jwks_url, %from, %to, "the state of the keys changed");
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
    /// It came too late to count: a later attempt has taken its place.
    Superseded,
}

impl FetchReport {
    pub(super) fn report(&self, jwks_url: &str) {
        let reason = self.reason.label();
        let duration = self.duration;
        match &self.outcome {
            FetchOutcome::Succeeded(change) if change.is_none() => {
                tracing::debug!(
                    jwks_url,
                    reason,
                    outcome = "unchanged",
                    ?duration,
                    added = 0,
                    removed = 0,
                    "fetched keys"
                );
            }
            FetchOutcome::Succeeded(KeyChange { added, removed }) => {
                tracing::info!(
                    jwks_url,
                    reason,
                    outcome = "changed",
                    ?duration,
                    added,
                    removed,
                    "fetched keys"
                );
            }
            FetchOutcome::Failed(error) => {
                tracing::warn!(
                    jwks_url,
                    reason,
                    outcome = error.reason(),
                    ?duration,
                    %error,
                    "fetching keys failed"
                );
            }
            FetchOutcome::Superseded => {
                tracing::debug!(
                    jwks_url,
                    reason,
                    outcome = "superseded",
                    ?duration,
                    "a fetch ended too late"
                );
            }
        }
    }
}
