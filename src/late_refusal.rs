//! Refusals by code that cannot return the HTTP response: a tool of an MCP server, a resolver of
//! GraphQL, a JSON-RPC method.
//!
//! Such code only knows its own protocol, where an error is a message under status 200. A client of
//! OAuth waits for a 401 or 403 with a challenge. [`LateRefusal`] passes the reason from one to the
//! other.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() {
//! use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::post};
//! use tower::ServiceExt;
//! use tower_cognito::{
//!     ScopePolicy, late_refusal::{LateRefusal, LateRefusalLayer}, testing::TestPool,
//! };
//!
//! /// A framework calls the method, and makes a response with status 200 of whatever it returns.
//! async fn framework(request: Request) -> String {
//!     let (parts, _) = request.into_parts();
//!     let delete = ScopePolicy::all_of(["notes/delete"]).unwrap();
//!     match LateRefusal::authorize(&parts.extensions, |claims| claims.require(&delete)) {
//!         Ok(claims) => format!("deleted for {}", claims.client_id()),
//!         Err(error) => format!("an error of the framework's protocol: {error}"),
//!     }
//! }
//!
//! fn app(pool: &TestPool) -> Router {
//!     Router::new()
//!         .route("/rpc", post(framework))
//!         .route_layer(LateRefusalLayer)
//!         .route_layer(pool.verifier().layer())
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let pool = TestPool::new();
//! for (scope, status) in [
//!     ("notes/delete", StatusCode::OK),
//!     ("notes/read", StatusCode::FORBIDDEN),
//! ] {
//!     let request = Request::post("/rpc")
//!         .header("authorization", pool.token().scopes([scope]).authorization())
//!         .body(Body::empty())
//!         .unwrap();
//!     let response = app(&pool).oneshot(request).await.unwrap();
//!     assert_eq!(response.status(), status);
//!     let challenge = response.headers().get("www-authenticate");
//!     assert_eq!(challenge.is_some(), status == StatusCode::FORBIDDEN);
//! }
//! # });
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    bearer_auth::claims_of, error::AuthError, rejection::PendingRefusal, token::claims::Claims,
};

/// Lets code refuse a request that it does not respond to itself. In the extensions of a request
/// that a [`LateRefusalLayer`] passed.
#[derive(Clone, Debug, Default)]
pub struct LateRefusal {
    reason: Arc<OnceLock<AuthError>>,
}

impl LateRefusal {
    /// The claims of the request with these extensions, if the rule accepts them.
    ///
    /// # Errors
    ///
    /// What the rule returns, or why there are no claims. The request is refused with it. Return an
    /// error in the terms of the framework; it is sent only if the response has begun or there
    /// is no [`LateRefusalLayer`].
    pub fn authorize(
        extensions: &Extensions,
        rule: impl FnOnce(&Claims) -> Result<(), AuthError>,
    ) -> Result<&Claims, AuthError> {
        let authorized = claims_of(extensions, "LateRefusal", None)
            .and_then(|claims| rule(claims).map(|()| claims));
        if let (Err(error), Some(refusal)) = (&authorized, extensions.get::<Self>()) {
            refusal.refuse(error.clone());
        }
        authorized
    }

    /// Refuses the request. Of several refusals the first decides.
    pub fn refuse(&self, error: AuthError) {
        // It is set already: by the first.
        let _ = self.reason.set(error);
    }
}

/// Lets code inside refuse requests by a [`LateRefusal`], whatever it responds.
///
/// It belongs inside a [`BearerAuthLayer`](crate::BearerAuthLayer), which forms the response of a
/// refusal, and outside the framework whose handlers refuse. The response that the framework made
/// is dropped.
///
/// It works for refusals that come before the response begins. A framework that responds first and
/// computes later, as with server-sent events, has to be told to wait.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct LateRefusalLayer;

impl<S> Layer<S> for LateRefusalLayer {
    type Service = LateRefusals<S>;

    fn layer(&self, inner: S) -> LateRefusals<S> {
        LateRefusals { inner }
    }
}

/// The service of a [`LateRefusalLayer`].
///
/// The body of its responses must be `Default`, as of a guard.
#[derive(Clone, Debug)]
pub struct LateRefusals<S> {
    inner: S,
}

impl<S> LateRefusals<S> {
    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without late refusals.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for LateRefusals<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LateRefusalFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let refusal = LateRefusal::default();
        request.extensions_mut().insert(refusal.clone());
        LateRefusalFuture {
            future: self.inner.call(request),
            refusal,
        }
    }
}

pin_project! {
    /// The response of [`LateRefusals`].
    pub struct LateRefusalFuture<F> {
        #[pin]
        future: F,
        refusal: LateRefusal,
    }
}

impl<F, B, E> Future for LateRefusalFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        Poll::Ready(Ok(match this.refusal.reason.get() {
            // A refusal that is on its way out already says more.
            Some(error) if !PendingRefusal::is_in(&response) => {
                PendingRefusal::response(error.clone(), None)
            }
            _ => response,
        }))
    }
}

impl<F> fmt::Debug for LateRefusalFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateRefusalFuture").finish_non_exhaustive()
    }
}
