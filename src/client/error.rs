//! Why there is no token.

use std::time::Duration;

use http::StatusCode;

use super::SecretUnavailable;
use crate::{error::ConnectError, error_debug::debug_as_display};

/// Why there is no token, and what to do about it.
///
/// No variant holds a byte of the response or of the request: neither a secret nor what the token
/// endpoint wrote can get into a log through it.
///
/// # Examples
///
/// ```
/// use tower_cognito::client::TokenError;
///
/// assert_eq!(TokenError::InvalidClient.reason(), "invalid_client");
/// assert!(!TokenError::InvalidClient.is_temporary());
/// assert!(TokenError::Timeout.is_temporary());
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token request ended without a result: it panicked, or its runtime was shut down.
    #[error("the token request ended without a result; the next call makes another")]
    Aborted,
    /// `unauthorized_client`: the client is known, but may not use this grant.
    #[error(
        "the app client may not use the client-credentials grant; allow the `client_credentials` flow for it \
         (unauthorized_client)"
    )]
    UnauthorizedClient,
    /// `invalid_client`, or status 401: the token endpoint knows no such client with this secret.
    #[error(
        "the token endpoint rejects the app client; check its id and secret, and that it is of this domain's user pool \
         (invalid_client)"
    )]
    InvalidClient,
    /// No connection could be made: name resolution, TCP, TLS or a proxy failed.
    #[error("could not connect to the token endpoint: {cause}{}", setting(.0), cause = .0)]
    Connect(#[from] ConnectError),
    /// `unsupported_grant_type`: the token endpoint has no client-credentials grant.
    #[error(
        "the token endpoint does not offer the client-credentials grant; check the token URL (unsupported_grant_type)"
    )]
    UnsupportedGrantType,
    /// Status 200 without a token response (RFC 6749 §5.1).
    #[error(
        "the token endpoint's response {problem}; check the token URL, and look for a proxy in between"
    )]
    MalformedResponse {
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// The connection was closed before a complete response, or what came was not HTTP/1.1.
    #[error(
        "the token endpoint closed the connection without a complete HTTP response; check the token URL's scheme and port"
    )]
    NoResponse,
    /// There is no tokio runtime to make the request in.
    #[error("there is no tokio runtime; request tokens inside one")]
    NoRuntime,
    /// `invalid_request` or `invalid_grant`. Cognito is reported to say the latter where a client
    /// asks for scopes that only users can have.
    #[error(
        "the token endpoint rejects the request; check that the app client has custom scopes and that the requested \
         scopes are among them"
    )]
    InvalidRequest,
    /// `invalid_scope`: a scope does not exist, or the client may not have it.
    #[error(
        "the token endpoint rejects a scope; check that the resource server has it and the app client may request it \
         (invalid_scope)"
    )]
    InvalidScope,
    /// The client secret could not be read or fetched, so there was no request.
    #[error("the client secret is unavailable: {0}")]
    SecretUnavailable(#[from] SecretUnavailable),
    /// A 5xx status.
    #[error("the token endpoint returned {status}; a later call retries")]
    Server {
        /// The status.
        status: StatusCode,
        /// The response's `Retry-After`, from when it came.
        retry_after: Option<Duration>,
    },
    /// A status that means none of the others, such as a redirect, which is never followed.
    #[error("the token endpoint returned {status}; check the token URL")]
    Status {
        /// The status.
        status: StatusCode,
    },
    /// `invalid_target`: the audience or resource of a token exchange is unknown, or the client may
    /// not have tokens for it.
    #[error(
        "the token endpoint rejects the audience; check that it names a resource server that the app client may exchange \
         tokens for (invalid_target)"
    )]
    InvalidTarget,
    /// Status 429. Cognito takes 150 token requests a second for all clients of an account and
    /// region together.
    #[error(
        "the token endpoint throttles requests; look for callers that request a token per call"
    )]
    Throttled {
        /// The response's `Retry-After`, from when it came.
        retry_after: Option<Duration>,
    },
    /// There was no complete response within the builder's `timeout`.
    #[error(
        "the token endpoint did not send a complete response in time; `timeout` sets how long a token request may take"
    )]
    Timeout,
}

debug_as_display!(TokenError, retry_after);

impl TokenError {
    /// Whether it is likely to pass by itself. The others need a change of the configuration, here
    /// or at the issuer.
    ///
    /// Both kinds are tried again, since a change at the issuer is not seen from here.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Aborted
            | Self::Connect(_)
            | Self::NoResponse
            | Self::SecretUnavailable(_)
            | Self::Server { .. }
            | Self::Throttled { .. }
            | Self::Timeout => true,
            Self::UnauthorizedClient
            | Self::InvalidClient
            | Self::UnsupportedGrantType
            | Self::MalformedResponse { .. }
            | Self::NoRuntime
            | Self::InvalidRequest
            | Self::InvalidScope
            | Self::Status { .. }
            | Self::InvalidTarget => false,
        }
    }

    /// A fixed label of the kind of failure: fit for a metric or a log field.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidClient => "invalid_client",
            Self::Connect(_) => "connect",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::MalformedResponse { .. } => "malformed_response",
            Self::NoResponse => "no_response",
            Self::NoRuntime => "no_runtime",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::SecretUnavailable(_) => "secret_unavailable",
            Self::Server { .. } => "server",
            Self::Status { .. } => "status",
            Self::InvalidTarget => "invalid_target",
            Self::Throttled { .. } => "throttled",
            Self::Timeout => "timeout",
        }
    }

    /// Of [`TokenError::Connect`], its [`ConnectError::reason`]: which part of connecting failed.
    #[must_use]
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Connect(cause) => Some(cause.reason()),
            _ => None,
        }
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server { retry_after, .. } | Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }
}

/// Which setting to look at.
const fn setting(cause: &ConnectError) -> &'static str {
    match cause {
        ConnectError::TimedOut => "; `timeout` sets how long a token request may take",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_change_of_the_configuration_is_not_temporary() {
        let retry_after = None;
        let status = StatusCode::BAD_GATEWAY;
        for error in [
            TokenError::Aborted,
            TokenError::Connect(ConnectError::Refused),
            TokenError::NoResponse,
            TokenError::SecretUnavailable(SecretUnavailable::new("the store is down")),
            TokenError::Server {
                status,
                retry_after,
            },
            TokenError::Throttled { retry_after },
            TokenError::Timeout,
        ] {
            assert!(error.is_temporary(), "{error:?}");
        }
        for error in [
            TokenError::UnauthorizedClient,
            TokenError::InvalidClient,
            TokenError::UnsupportedGrantType,
            TokenError::MalformedResponse {
                problem: "is not JSON",
            },
            TokenError::NoRuntime,
            TokenError::InvalidRequest,
            TokenError::InvalidScope,
            TokenError::Status {
                status: StatusCode::NOT_FOUND,
            },
            TokenError::InvalidTarget,
        ] {
            assert!(!error.is_temporary(), "{error:?}");
        }
    }
}
