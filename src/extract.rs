//! axum extractors: claims as an argument of a handler.

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{bearer_auth::claims_of, error::AuthError, token::claims::Claims};

/// The claims of the request's token.
///
/// As an argument `Claims` it demands a token: inside an optional layer, a request without one gets
/// 401. As an argument `Option<Claims>` it is `None` for such a request. The nearest
/// [`BearerAuthLayer`](crate::BearerAuthLayer) outside forms the response. Without one, both return
/// 500 and log an error.
impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        claims_of(&parts.extensions, "Claims", Some(&parts.uri)).cloned()
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Claims {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        match claims_of(&parts.extensions, "Option<Claims>", Some(&parts.uri)) {
            Ok(claims) => Ok(Some(claims.clone())),
            Err(AuthError::MissingLayer) => Err(AuthError::MissingLayer),
            Err(_) => Ok(None),
        }
    }
}

/// The verified payload as a type of the service's own: for claims that a pre token generation
/// trigger adds.
///
/// A token whose payload does not have the type's shape gets 403: it is good, but not for this
/// route. For more control take [`Claims`] and call [`Claims::custom`].
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use tower_cognito::CustomClaims;
///
/// #[derive(Deserialize)]
/// struct Tenant {
///     tenant_id: String,
/// }
///
/// async fn handler(CustomClaims(tenant): CustomClaims<Tenant>) -> String {
///     tenant.tenant_id
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CustomClaims<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for CustomClaims<T> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let claims = <Claims as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        claims.custom().map(Self).map_err(|error| {
            tracing::debug!(%error, "custom claims unreadable");
            AuthError::Forbidden
        })
    }
}

impl<T> std::fmt::Debug for CustomClaims<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomClaims").finish_non_exhaustive()
    }
}

/// For an extractor that fails, and for a handler that returns `Err(AuthError::Forbidden)`: the
/// nearest [`BearerAuthLayer`](crate::BearerAuthLayer) outside forms the response, as it does for
/// its own rejections. Without a layer outside, the response is 500.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        self.into()
    }
}
