//! A tower `Layer` that lets in exactly the requests that carry a good Amazon Cognito access token with the right scopes.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bearer;
mod bearer_auth;
mod challenge;
mod claims;
mod clock;
mod crypto;
mod error;
mod expect;
#[cfg(feature = "axum")]
mod extract;
mod json;
mod jwks;
mod jws;
mod numeric_date;
mod rejection;
mod require_scopes;
mod scope;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod token_cache;
mod user_pool;
mod verifier;

#[cfg(feature = "axum")]
pub use self::extract::CustomClaims;
pub use self::{
    bearer_auth::{BearerAuth, BearerAuthLayer, ResponseFuture, Verdict},
    claims::{Claims, CustomClaimsError, Principal, TokenUse},
    clock::{Clock, SystemClock},
    error::{AuthError, ConfigError, Denied},
    jwks::{
        FetchError, FetchJwks, JwksReply, JwksRequest, KeySetError, KeyState, KeyStatus,
        MAX_JWKS_BYTES, SkipReason, SkippedKey,
    },
    rejection::{BearerChallenge, Rejection, RejectionResponse},
    require_scopes::{GuardedFuture, RequireScopes, RequireScopesLayer},
    scope::ScopePolicy,
    token_cache::TokenCache,
    user_pool::{AllowedClients, UserPool},
    verifier::{Verifier, VerifierBuilder},
};
