//! What a layer leaves in the extensions for the guards and extractors beneath it.

use http::Extensions;

use crate::error::AuthError;

/// In the extensions of a request that a layer let pass without claims, or although it would have been refused.
///
/// Only this crate can make one, and every layer removes that of a layer outside of it: what a guard enforces is decided by
/// the nearest layer and by nobody else.
#[derive(Clone, Debug)]
pub(crate) struct OuterLayer {
    pub(super) why_no_claims: Option<AuthError>,
    pub(super) enforcement: Enforcement,
}

/// Whether a refusal is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    Enforce,
    ReportOnly,
}

impl OuterLayer {
    /// What a refusal comes to, for a guard beneath.
    pub(crate) fn enforcement(extensions: &Extensions) -> Enforcement {
        extensions
            .get::<Self>()
            .map_or(Enforcement::Enforce, |standing| standing.enforcement)
    }

    /// Why a request has no claims: its layer let it pass without, or there is no layer.
    pub(crate) fn why_no_claims(extensions: &Extensions) -> AuthError {
        let known = extensions
            .get::<Self>()
            .and_then(|standing| standing.why_no_claims.clone());
        known.unwrap_or_else(|| {
            let error = AuthError::MissingLayer;
            tracing::error!(%error, "a guard or an extractor has no layer outside of it");
            error
        })
    }
}

/// What a report-only layer found. It is in the extensions of the request and of the response.
///
/// A guard beneath such a layer lets everything through, too, and adds its own finding, unless something outside of it found a
/// refusal already.
///
/// # Examples
///
/// ```
/// use tower_cognito::bearer_auth::ReportOnlyVerdict;
///
/// /// For a log line of a service that is still being rolled out.
/// fn would_be_refused<B>(response: &http::Response<B>) -> Option<&'static str> {
///     let verdict = response.extensions().get::<ReportOnlyVerdict>()?;
///     verdict.refused().map(|error| error.reason())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOnlyVerdict {
    refused: Option<AuthError>,
}

impl ReportOnlyVerdict {
    pub(crate) const fn new(refused: Option<AuthError>) -> Self {
        Self { refused }
    }

    /// Leaves with a request that passes in any case what a guard found. `false` if something outside of it found a refusal
    /// already: enforced, the request would not have come this far.
    pub(crate) fn found_by_guard(extensions: &mut Extensions, refused: &AuthError) -> bool {
        let first = extensions
            .get::<Self>()
            .is_none_or(|verdict| verdict.refused.is_none());
        if first {
            extensions.insert(Self::new(Some(refused.clone())));
        }
        first
    }

    /// Why the request would have been refused, or `None` if it would have been let in.
    #[must_use]
    pub const fn refused(&self) -> Option<&AuthError> {
        self.refused.as_ref()
    }
}
