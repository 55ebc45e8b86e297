//! What the response tells a rejected caller: one of nine kinds, each with fixed texts. Which check
//! failed is not among them.

use http::StatusCode;

/// The response to a rejected request. [`AuthError`](crate::AuthError) chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionKind {
    /// The token is good, but the service's own check forbids the request.
    Forbidden,
    InsufficientScope,
    /// The request does not carry one well-formed token.
    InvalidRequest,
    InvalidToken,
    /// The only thing that a caller learns of its token: a new one will do.
    ExpiredToken,
    /// The service is put together wrongly.
    Misconfigured,
    MissingToken,
    /// The user must authenticate in another way (RFC 9470).
    StepUp,
    /// The keys, or the service's own rule, are unavailable.
    Unavailable,
}

impl RejectionKind {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::ExpiredToken | Self::InvalidToken | Self::MissingToken | Self::StepUp => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden | Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            // Never 401, which would make a caller discard a good token.
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The error code of RFC 6750 §3.1 and RFC 9470 §3. A request without a token gets none, and
    /// neither does one that no token could help.
    pub(crate) const fn error_code(self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest => Some("invalid_request"),
            Self::ExpiredToken | Self::InvalidToken => Some("invalid_token"),
            Self::Forbidden | Self::InsufficientScope => Some("insufficient_scope"),
            Self::StepUp => Some("insufficient_user_authentication"),
            Self::Misconfigured | Self::MissingToken | Self::Unavailable => None,
        }
    }

    /// One sentence for people. Printable ASCII without quotes, backslashes and percent signs, so
    /// that it fits into every form of response as it is.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::ExpiredToken => "the access token expired",
            Self::Forbidden => "the access token does not permit this request",
            Self::InsufficientScope => "the access token lacks a required scope",
            Self::InvalidRequest => "the request must carry exactly one well-formed bearer token",
            Self::InvalidToken => "the access token is not valid",
            Self::Misconfigured => "the service is not set up to check access tokens",
            Self::MissingToken => "the request carries no bearer token",
            Self::StepUp => "a different authentication of the user is required",
            Self::Unavailable => "the service cannot check access tokens at the moment",
        }
    }

    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::ExpiredToken,
        Self::Forbidden,
        Self::InsufficientScope,
        Self::InvalidRequest,
        Self::InvalidToken,
        Self::Misconfigured,
        Self::MissingToken,
        Self::StepUp,
        Self::Unavailable,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_needs_no_escaping_in_any_form_of_answer() {
        for kind in RejectionKind::ALL {
            let text = kind.description();
            let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'%');
            assert!(!text.is_empty() && text.bytes().all(plain), "{text}");
        }
    }
}
