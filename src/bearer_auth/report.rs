//! What operators are told of a verdict: one `tracing` event and one count, in the same words.

use super::outer_layer::Enforcement;
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
    const fn labels(self, enforcement: Enforcement) -> VerdictLabels {
        VerdictLabels {
            reason: match self {
                Self::Accepted => "accepted",
                Self::Anonymous => "anonymous",
                Self::Refused(error) => error.reason(),
            },
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
                AuthError::Forbidden | AuthError::InsufficientScope { .. } | AuthError::Revoked
            ),
        }
    }
}

/// Reports what a layer found: once per request.
pub(super) fn request_judged(finding: Finding<'_>, enforcement: Enforcement) {
    let labels = finding.labels(enforcement);
    tracing::debug!(
        reason = labels.reason,
        verified = labels.verified,
        enforcement = labels.enforcement,
        "authentication decided"
    );
    metrics::request_judged(labels);
}

/// Reports that a guard, an extractor or a handler inside refuses a request, or would.
pub(super) fn refused_inside(refused: &AuthError, enforcement: Enforcement) {
    let labels = Finding::Refused(refused).labels(enforcement);
    tracing::debug!(
        reason = labels.reason,
        verified = labels.verified,
        enforcement = labels.enforcement,
        "refused inside the layer"
    );
    metrics::refused_inside(labels);
}
