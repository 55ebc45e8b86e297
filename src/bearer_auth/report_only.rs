//! What a report-only layer found.

use http::{Extensions, Response};

use crate::error::AuthError;

/// What a report-only layer found. It is in the extensions of the request and of the response.
///
/// A guard inside such a layer passes every request, too, and adds its own finding, unless
/// something outside it found a rejection already.
///
/// # Examples
///
/// ```
/// use tower_cognito::bearer_auth::ReportOnlyVerdict;
///
/// /// For a log line of a service that is still being rolled out.
/// fn would_be_rejected<B>(response: &http::Response<B>) -> Option<&'static str> {
///     let verdict = response.extensions().get::<ReportOnlyVerdict>()?;
///     verdict.error().map(|error| error.reason())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOnlyVerdict {
    rejected: Option<AuthError>,
}

impl ReportOnlyVerdict {
    pub(crate) const fn new(rejected: Option<AuthError>) -> Self {
        Self { rejected }
    }

    /// Leaves with a request that passes in any case what a guard found, unless something outside
    /// the guard found a rejection already: enforced, the request would not have come this far.
    pub(crate) fn found_by_guard(extensions: &mut Extensions, rejected: &AuthError) {
        let first = extensions
            .get::<Self>()
            .is_none_or(|verdict| verdict.rejected.is_none());
        if first {
            extensions.insert(Self::new(Some(rejected.clone())));
        }
    }

    /// Leaves the verdict of a layer with the response. A guard inside may have found a rejection
    /// where the layer found none: then that one stays, and is returned.
    pub(super) fn record<B>(self, response: &mut Response<B>) -> Option<AuthError> {
        let inside = response.extensions().get::<Self>();
        let found_inside = inside.and_then(|inside| inside.rejected.clone());
        if self.rejected.is_some() || found_inside.is_none() {
            response.extensions_mut().insert(self);
            return None;
        }
        found_inside
    }

    /// Why the request would have been rejected, or `None` if it would have been accepted.
    #[must_use]
    pub const fn error(&self) -> Option<&AuthError> {
        self.rejected.as_ref()
    }
}
