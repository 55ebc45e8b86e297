//! What a layer finds out about a request.

use crate::error::AuthError;

/// What a layer found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finding<'a> {
    /// A good token, with the scopes that the layer demands.
    Accepted,
    /// No token, which the layer lets pass.
    Anonymous,
    Rejected(&'a AuthError),
}

impl Finding<'_> {
    #[inline]
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Anonymous => "anonymous",
            Self::Rejected(error) => error.reason(),
        }
    }

    /// Whether the token's signature verified, which follows from the finding: scopes and the
    /// service's check are decided after the signature, everything else before it. (The dates of
    /// a token from the cache are compared again; a token that expired there counts as one that was
    /// never seen, so that the cache makes no difference.)
    #[inline]
    pub(super) const fn of_verified_token(self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Anonymous => false,
            Self::Rejected(error) => matches!(
                error,
                AuthError::CheckUnavailable { .. }
                    | AuthError::Forbidden
                    | AuthError::InsufficientScope { .. }
                    | AuthError::InsufficientUserAuthentication { .. }
                    | AuthError::Revoked
            ),
        }
    }
}
