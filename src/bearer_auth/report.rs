//! Reports a verdict to operators: one `tracing` event and one count, in the same words.

use super::{
    outer_layer::Enforcement,
    verdict::{Observers, Verdict},
};
use crate::metrics::{self, VerdictLabels};

/// Reports a verdict: the layer's own once per request, one from inside when a guard, an extractor
/// or a handler rejects, or a guard would.
#[inline]
pub(super) fn report(verdict: &Verdict<'_>, observers: &Observers) {
    // Made where they are wanted, which for an event is nearly never.
    let labels = || labels(verdict);
    if verdict.inside {
        tracing::debug!(
            reason = labels().reason,
            verified = labels().verified,
            enforcement = labels().enforcement,
            "request rejected inside the layer"
        );
        metrics::rejected_inside(labels());
    } else {
        log_decision(verdict);
        metrics::request_judged(labels());
    }
    observers.tell(verdict);
}

/// The same of a request that passes with a token from the token cache: both are counted at once.
#[inline]
pub(super) fn report_seen(verdict: &Verdict<'_>, observers: &Observers) {
    log_decision(verdict);
    metrics::seen_token_accepted();
    observers.tell(verdict);
}

#[inline]
fn log_decision(verdict: &Verdict<'_>) {
    // Made where they are wanted, which for an event is nearly never.
    let labels = || labels(verdict);
    tracing::debug!(
        reason = labels().reason,
        verified = labels().verified,
        enforcement = labels().enforcement,
        "authentication decided"
    );
}

#[inline]
const fn labels(verdict: &Verdict<'_>) -> VerdictLabels {
    VerdictLabels {
        reason: verdict.finding.reason(),
        verified: verdict.finding.of_verified_token(),
        enforcement: match verdict.enforcement {
            Enforcement::Enforce => "enforced",
            Enforcement::ReportOnly => "report_only",
        },
    }
}
