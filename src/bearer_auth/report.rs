//! What operators are told of a verdict: one `tracing` event and one count, in the same words.

use super::{
    outer_layer::Enforcement,
    verdict::{Observers, Verdict},
};
use crate::{
    error::AuthError,
    metrics::{self, VerdictLabels},
};

/// What a layer found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finding<'a> {
    /// A good token, with the scopes that the layer demands.
    Accepted,
    /// No token, which the layer lets pass.
    Anonymous,
    Refused(&'a AuthError),
}

impl Finding<'_> {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Anonymous => "anonymous",
            Self::Refused(error) => error.reason(),
        }
    }

    const fn labels(self, enforcement: Enforcement) -> VerdictLabels {
        VerdictLabels {
            reason: self.reason(),
            verified: self.of_verified_token(),
            enforcement: match enforcement {
                Enforcement::Enforce => "enforced",
                Enforcement::ReportOnly => "report_only",
            },
        }
    }

    /// Whether the token's signature verified, which follows from the finding: scopes and the service's check are looked at
    /// after the signature, everything else before it. (The dates of a token from the cache are compared again; a token that
    /// expired there counts as one that was never seen, so that the cache makes no difference.)
    const fn of_verified_token(self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Anonymous => false,
            Self::Refused(error) => matches!(
                error,
                AuthError::CheckUnavailable { .. }
                    | AuthError::Forbidden
                    | AuthError::InsufficientScope { .. }
                    | AuthError::InsufficientUserAuthentication { .. }
                    | AuthError::Revoked
            ),
        }
    }
}

/// Reports a verdict: the layer's own once per request, one from inside when a guard, an extractor or a
/// handler refuses, or a guard would.
pub(super) fn report(verdict: &Verdict<'_>, observers: &Observers) {
    let labels = verdict.finding.labels(verdict.enforcement);
    if verdict.inside {
        tracing::debug!(
            reason = labels.reason,
            verified = labels.verified,
            enforcement = labels.enforcement,
            "refused inside the layer"
        );
        metrics::refused_inside(labels);
    } else {
        tracing::debug!(
            reason = labels.reason,
            verified = labels.verified,
            enforcement = labels.enforcement,
            "authentication decided"
        );
        metrics::request_judged(labels);
    }
    observers.tell(verdict);
}
