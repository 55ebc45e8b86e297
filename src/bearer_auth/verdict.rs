//! Verdicts, as an observer gets them.

use std::{fmt, sync::Arc};

use super::{finding::Finding, outer_layer::Enforcement};
use crate::{error::AuthError, token::claims::Claims};

/// What a layer decided about a request, or a guard, an extractor or a handler inside it: the
/// argument of [`BearerAuthLayer::on_verdict`](super::BearerAuthLayer::on_verdict).
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    pub(super) finding: Finding<'a>,
    pub(super) enforcement: Enforcement,
    pub(super) claims: Option<&'a Claims>,
    pub(super) inside: bool,
}

impl<'a> Verdict<'a> {
    /// A fixed label: `accepted`, `anonymous`, or [`AuthError::reason`].
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.finding.reason()
    }

    /// Why the request is rejected, or would be; `None` if it passes.
    #[must_use]
    pub const fn error(&self) -> Option<&'a AuthError> {
        match self.finding {
            Finding::Rejected(error) => Some(error),
            Finding::Accepted | Finding::Anonymous => None,
        }
    }

    /// The claims, if the verifier accepted the token.
    #[must_use]
    pub const fn claims(&self) -> Option<&'a Claims> {
        self.claims
    }

    /// Whether a rejection is sent. `false` of a report-only layer, which passes every request.
    #[must_use]
    pub const fn is_enforced(&self) -> bool {
        matches!(self.enforcement, Enforcement::Enforce)
    }

    /// Whether it is a second verdict on a request that the layer passed: the rejection of a guard,
    /// an extractor or a handler.
    #[must_use]
    pub const fn is_from_inside(&self) -> bool {
        self.inside
    }
}

/// Who gets the verdicts. None by default, which costs nothing.
#[derive(Clone, Default)]
pub(super) struct Observers(Vec<Arc<Observer>>);

type Observer = dyn Fn(&Verdict<'_>) + Send + Sync;

impl Observers {
    pub(super) fn add(&mut self, observer: impl Fn(&Verdict<'_>) + Send + Sync + 'static) {
        self.0.push(Arc::new(observer));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(super) fn tell(&self, verdict: &Verdict<'_>) {
        for observer in &self.0 {
            observer(verdict);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observers({})", self.0.len())
    }
}
