//! What a report-only layer found.

use http::{Extensions, Response};

use crate::error::AuthError;

/// What a report-only layer found. It is in the extensions of the request and of the response.
///
/// A guard inside such a layer passes every request, too, and adds its own finding, unless
/// something outside it found a refusal already.
///
/// # Examples
///
/// ```
/// use tower_cognito::bearer_auth::ReportOnlyVerdict;
///
/// /// For a log line of a service that is still being rolled out.
/// fn would_be_refused<B>(response: &http::Response<B>) -> Option<&'static str> {
///     let verdict = response.extensions().get::<ReportOnlyVerdict>()?;
///     verdict.error().map(|error| error.reason())
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

    /// Leaves with a request that passes in any case what a guard found, unless something outside
    /// the guard found a refusal already: enforced, the request would not have come this far.
    pub(crate) fn found_by_guard(extensions: &mut Extensions, refused: &AuthError) {
        let first = extensions
            .get::<Self>()
            .is_none_or(|verdict| verdict.refused.is_none());
        if first {
            extensions.insert(Self::new(Some(refused.clone())));
        }
    }

    /// Leaves the verdict of a layer with the response. A guard inside may have found a refusal
    /// where the layer found none: then that one stays, and is returned.
    pub(super) fn record<B>(self, response: &mut Response<B>) -> Option<AuthError> {
        let inside = response.extensions().get::<Self>();
        let found_inside = inside.and_then(|inside| inside.refused.clone());
        if self.refused.is_some() || found_inside.is_none() {
            response.extensions_mut().insert(self);
            return None;
        }
        found_inside
    }

    /// Why the request would have been refused, or `None` if it would have been accepted.
    #[must_use]
    pub const fn error(&self) -> Option<&AuthError> {
        self.refused.as_ref()
    }
}
