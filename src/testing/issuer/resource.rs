//! The `resource` parameter (RFC 8707).

use http::Uri;

use super::token_error::TokenError;

/// What becomes of `resource` in a client-credentials request.
#[derive(Clone, Copy)]
pub(super) enum ResourceParameter {
    /// As at Cognito.
    Rejected,
    /// It becomes the token's `aud`.
    Bound,
}

/// An absolute URI without a fragment (RFC 8707 §2).
pub(super) fn checked(resource: &str) -> Result<&str, TokenError> {
    let is_absolute = resource
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some());
    if is_absolute && !resource.contains('#') {
        Ok(resource)
    } else {
        Err(TokenError::InvalidTarget)
    }
}
