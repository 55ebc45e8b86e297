use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseFuture, future};
use crate::{error::Denied, token::claims::Claims};

/// Demands that the claims pass a function of the service.
///
/// The function gets the claims of a verified token, and says why it denies it: see [`Denied`]. It
/// is called for each request, so it must be quick and must not block; what it needs from a
/// database belongs into memory, and if that is stale, [`Denied::unavailable`] says so.
///
/// Everything else is as with [`RequireScopesLayer`](crate::RequireScopesLayer): the nearest
/// [`BearerAuthLayer`](crate::BearerAuthLayer) outside forms and counts the rejection, and a layer
/// must be outside.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() {
/// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::delete};
/// use tower::ServiceExt;
/// use tower_cognito::{Claims, Denied, RequireClaimsLayer, testing::TestPool};
///
/// let admins = RequireClaimsLayer::new(|claims: &Claims| {
///     if claims.groups().any(|group| group == "admins") {
///         return Ok(());
///     }
///     Err(Denied::forbidden())
/// });
/// let pool = TestPool::new();
/// let app: Router = Router::new()
///     .route("/users", delete(|| async {}).route_layer(admins))
///     .route_layer(pool.verifier().layer());
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let user = pool.token().user("user-1");
/// let admin = user.clone().groups(["admins"]);
/// for (token, status) in [(admin, StatusCode::OK), (user, StatusCode::FORBIDDEN)] {
///     let request = Request::delete("/users")
///         .header("authorization", token.authorization())
///         .body(Body::empty())
///         .unwrap();
///     assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status);
/// }
/// # });
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireClaimsLayer<F> {
    /// axum clones and applies the layer of a handler's route again for each request.
    rule: Arc<F>,
}

impl<F> RequireClaimsLayer<F>
where
    F: Fn(&Claims) -> Result<(), Denied>,
{
    /// Demands that the rule accepts the claims.
    pub fn new(rule: F) -> Self {
        Self {
            rule: Arc::new(rule),
        }
    }
}

impl<F> Clone for RequireClaimsLayer<F> {
    fn clone(&self) -> Self {
        Self {
            rule: Arc::clone(&self.rule),
        }
    }
}

impl<F> fmt::Debug for RequireClaimsLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireClaimsLayer").finish_non_exhaustive()
    }
}

impl<S, F> Layer<S> for RequireClaimsLayer<F> {
    type Service = RequireClaims<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireClaims {
            inner,
            rule: Arc::clone(&self.rule),
        }
    }
}

/// The service of a [`RequireClaimsLayer`]. The body of its responses must be `Default`.
pub struct RequireClaims<S, F> {
    inner: S,
    rule: Arc<F>,
}

impl<S, F> RequireClaims<S, F> {
    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, F> Clone for RequireClaims<S, F> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            rule: Arc::clone(&self.rule),
        }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for RequireClaims<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireClaims")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, F, ReqBody, ResBody> Service<Request<ReqBody>> for RequireClaims<S, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    F: Fn(&Claims) -> Result<(), Denied>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let rule = &self.rule;
        let check = |claims: &Claims| Ok(rule(claims)?);
        future::call(&mut self.inner, request, "RequireClaimsLayer", None, check)
    }
}
