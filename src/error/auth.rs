//! A request that is rejected.

use std::time::Duration;

use http::StatusCode;

use super::{RejectionKind, StepUp};
use crate::{error_debug::debug_as_display, scope::ScopePolicy};

/// Why a request is rejected.
///
/// The variant decides the response, see [`status`](Self::status). The layer puts it into the
/// response's extensions, where an outer layer or a test finds it. No variant holds a byte of the
/// request. [Troubleshooting](crate::guide::troubleshooting) says what to do about each.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use tower_cognito::AuthError;
///
/// assert_eq!(AuthError::Expired.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(AuthError::Expired.reason(), "expired");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The header's `alg` is not `RS256` (RFC 8725 §3.1).
    #[error("the token's algorithm is not RS256")]
    AlgorithmNotAllowed,
    /// The token is bound to another audience (RFC 7519 §4.1.3).
    #[error("the token's audience is not this service")]
    AudienceNotAllowed,
    /// The service's own rule could not find out whether the token is good.
    #[error("a rule of the service is unavailable")]
    CheckUnavailable {
        /// When it is worth trying again. Sent as `Retry-After`, in whole seconds.
        retry_after: Duration,
    },
    /// The token was issued to an app client that is not among the allowed ones.
    #[error("the token's app client is not allowed")]
    ClientNotAllowed,
    /// `exp` has passed (RFC 7519 §4.1.4).
    #[error("the token expired")]
    Expired,
    /// The service's own check forbids the request.
    #[error("the service's check forbids the request")]
    Forbidden,
    /// The header carries `crit`, `b64` or `zip`, none of which is implemented (RFC 7515 §4.1.11).
    #[error("the token's header names an extension that is not supported")]
    HeaderNotSupported,
    /// The token is good, but lacks a scope.
    #[error("the token lacks a required scope")]
    InsufficientScope {
        /// What was required.
        required: ScopePolicy,
    },
    /// The user must authenticate in another way, or more recently (RFC 9470).
    #[error("the user's authentication does not meet the service's demand: {required}")]
    InsufficientUserAuthentication {
        /// What was required.
        required: StepUp,
    },
    /// The signature is not the issuer's.
    #[error("the token's signature is invalid")]
    InvalidSignature,
    /// `iat` is more than a day in the future (RFC 7519 §4.1.6): this machine's clock is far
    /// behind.
    #[error("the token's `iat` is in the future")]
    IssuedInFuture,
    /// `iss` is none of the accepted issuers, byte for byte (RFC 8725 §3.8).
    #[error("the token's issuer is not accepted")]
    IssuerNotAllowed,
    /// The issuer's current key set has no usable key of this `kid`.
    #[error("the token's key is not one of the issuer's")]
    UnknownKey,
    /// The current key set has no key with this `kid`, and it is too early to fetch it again. The
    /// token may be good: the key may be new. A flood of tokens with invented `kid`s causes this
    /// too, so it is not a sign of an outage.
    #[error("it is not confirmed yet whether the issuer has the token's key")]
    KeyUnconfirmed {
        /// When it is worth trying again. Sent as `Retry-After`, in whole seconds.
        retry_after: Duration,
    },
    /// The issuer's keys are unavailable. The token may be good.
    #[error("the issuer's keys are unavailable")]
    KeysUnavailable {
        /// When it is worth trying again. Sent as `Retry-After`, in whole seconds.
        retry_after: Duration,
    },
    /// No `BearerAuth` service wraps the guard or extractor.
    #[error("this route is not wrapped in a `BearerAuthLayer`; add `verifier.layer()`")]
    MissingLayer,
    /// The payload is not a JSON object, or a claim in it cannot be read.
    #[error("the token's claims are malformed")]
    MalformedClaims,
    /// The `Authorization` field says `Bearer`, but no token68 follows (RFC 6750 §2.1).
    #[error("the Authorization field holds no well-formed bearer token")]
    MalformedCredentials,
    /// The header is not a JSON object, or `alg` or `kid` in it cannot be read.
    #[error("the token's header is malformed")]
    MalformedHeader,
    /// The token is not three strictly encoded base64url parts (RFC 7515 §7.1).
    #[error("the token is not a compact JWS")]
    MalformedToken,
    /// There is no bearer token.
    #[error("the request carries no bearer token")]
    MissingToken,
    /// There are two or more `Authorization` fields.
    #[error("the request carries more than one Authorization field")]
    MultipleCredentials,
    /// `nbf` lies in the future (RFC 7519 §4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The service's own check says that the token was revoked.
    #[error("the service's check says that the token is revoked")]
    Revoked,
    /// The token is bound to a key or a certificate (`cnf`, RFC 7800), of which a bearer request
    /// proves neither (RFC 9449 §7.2, RFC 8705 §3).
    #[error("the token is bound to a key or certificate, so it is not accepted as a bearer token")]
    SenderConstrained,
    /// The token is longer than `max_token_bytes`.
    #[error("the token is too long")]
    TokenTooLarge,
    /// `iat` is longer ago than `max_token_age`, or absent although an age is demanded.
    #[error("the token is too old")]
    TokenTooOld,
    /// `token_use` is not the one that is accepted.
    #[error("the token's `token_use` is not accepted")]
    TokenUseNotAllowed,
}

debug_as_display!(AuthError, retry_after);

impl AuthError {
    /// The status of the response.
    ///
    /// | status | when |
    /// | --- | --- |
    /// | 400 | the request is not well-formed: two `Authorization` fields, no token68, too long (RFC 6750 §3.1) |
    /// | 401 | there is no token, or the token is not accepted |
    /// | 403 | the token is good, but does not permit the request |
    /// | 500 | the service is put together wrongly |
    /// | 503 | the keys or the service's rule are unavailable, or it is not certain that the issuer lacks the key; never 401, which would make a caller throw a good token away |
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind().status()
    }

    /// When it is worth trying again: only of errors with status 503.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CheckUnavailable { retry_after }
            | Self::KeyUnconfirmed { retry_after }
            | Self::KeysUnavailable { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// What the response tells the caller.
    pub(crate) const fn kind(&self) -> RejectionKind {
        match self {
            Self::Expired => RejectionKind::ExpiredToken,
            Self::Forbidden => RejectionKind::Forbidden,
            Self::InsufficientScope { .. } => RejectionKind::InsufficientScope,
            Self::InsufficientUserAuthentication { .. } => RejectionKind::StepUp,
            Self::CheckUnavailable { .. }
            | Self::KeyUnconfirmed { .. }
            | Self::KeysUnavailable { .. } => RejectionKind::Unavailable,
            Self::MissingLayer => RejectionKind::Misconfigured,
            Self::MalformedCredentials | Self::MultipleCredentials | Self::TokenTooLarge => {
                RejectionKind::InvalidRequest
            }
            Self::MissingToken => RejectionKind::MissingToken,
            Self::AlgorithmNotAllowed
            | Self::AudienceNotAllowed
            | Self::ClientNotAllowed
            | Self::HeaderNotSupported
            | Self::InvalidSignature
            | Self::IssuedInFuture
            | Self::IssuerNotAllowed
            | Self::UnknownKey
            | Self::MalformedClaims
            | Self::MalformedHeader
            | Self::MalformedToken
            | Self::NotYetValid
            | Self::Revoked
            | Self::SenderConstrained
            | Self::TokenTooOld
            | Self::TokenUseNotAllowed => RejectionKind::InvalidToken,
        }
    }

    /// A fixed label of the reason, one per variant: fit for a metric or a log field.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::AudienceNotAllowed => "audience_not_allowed",
            Self::CheckUnavailable { .. } => "check_unavailable",
            Self::ClientNotAllowed => "client_not_allowed",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::HeaderNotSupported => "header_not_supported",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InsufficientUserAuthentication { .. } => "insufficient_user_authentication",
            Self::InvalidSignature => "invalid_signature",
            Self::IssuedInFuture => "issued_in_future",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::UnknownKey => "unknown_key",
            Self::KeyUnconfirmed { .. } => "key_unconfirmed",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::MissingLayer => "missing_layer",
            Self::MalformedClaims => "malformed_claims",
            Self::MalformedCredentials => "malformed_credentials",
            Self::MalformedHeader => "malformed_header",
            Self::MalformedToken => "malformed_token",
            Self::MissingToken => "missing_token",
            Self::MultipleCredentials => "multiple_credentials",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::SenderConstrained => "sender_constrained",
            Self::TokenTooLarge => "token_too_large",
            Self::TokenTooOld => "token_too_old",
            Self::TokenUseNotAllowed => "token_use_not_allowed",
        }
    }
}
