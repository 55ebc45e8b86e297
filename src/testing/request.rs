//! Claims in a request, for the unit test of a handler.

use crate::token::claims::Claims;

/// Puts claims into a request, as `BearerAuth` does with those of a good token.
///
/// For the unit test of a handler, or of a router whose layers are added elsewhere. Behind a
/// [`BearerAuthLayer`](crate::BearerAuthLayer) it has no effect: the layer removes claims that it
/// did not make.
///
/// A layer forms the response to a rejection. Without one, a handler that returns
/// `Err(AuthError::Forbidden)` responds with 500, and the [`AuthError`](crate::AuthError) is in the
/// extensions of the response. To see the status, put a layer around the router.
///
/// # Examples
///
/// ```
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_cognito::{
///     Claims,
///     testing::{TestPool, WithClaims},
/// };
///
/// async fn hello(claims: Claims) -> String {
///     format!("hello {}", claims.client_id())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = TestPool::new();
/// let claims = pool.claims(&pool.token().client_credentials("caller"));
/// let request = Request::get("/").body(Body::empty())?.with_claims(claims);
///
/// let router = Router::new().route("/", get(hello));
/// assert_eq!(router.oneshot(request).await?.status(), StatusCode::OK);
/// # Ok(())
/// # }
/// ```
pub trait WithClaims {
    /// The same request with these claims in its extensions.
    #[must_use]
    fn with_claims(self, claims: Claims) -> Self;
}

impl<B> WithClaims for http::Request<B> {
    fn with_claims(mut self, claims: Claims) -> Self {
        self.extensions_mut().insert(claims);
        self
    }
}
