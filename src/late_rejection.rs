//! Rejections by code that cannot return the HTTP response: a tool of an MCP server, a resolver of
//! GraphQL, a JSON-RPC method.
//!
//! Such code only knows its own protocol, where an error is a message under status 200. An OAuth
//! client waits for a 401 or 403 with a challenge. [`LateRejection`] passes the reason from the
//! code to the layer that can send it.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() {
//! use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::post};
//! use tower::ServiceExt;
//! use tower_cognito::{
//!     ScopePolicy, late_rejection::{LateRejection, LateRejectionLayer}, testing::TestPool,
//! };
//!
//! /// A framework calls the method, and makes a response with status 200 of whatever it returns.
//! async fn framework(request: Request) -> String {
//!     let (parts, _) = request.into_parts();
//!     let delete = ScopePolicy::all_of(["notes/delete"]).unwrap();
//!     match LateRejection::authorize(&parts.extensions, |claims| claims.require(&delete)) {
//!         Ok(claims) => format!("deleted for {}", claims.client_id()),
//!         Err(error) => format!("an error of the framework's protocol: {error}"),
//!     }
//! }
//!
//! fn app(pool: &TestPool) -> Router {
//!     Router::new()
//!         .route("/rpc", post(framework))
//!         .route_layer(LateRejectionLayer)
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
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    bearer_auth::claims_of,
    error::AuthError,
    rejection::{PendingRejection, missing_layer},
    token::claims::Claims,
};

/// Lets code reject a request that it does not respond to itself. In the extensions of a request
/// that a [`LateRejectionLayer`] passed.
#[derive(Clone, Debug, Default)]
pub struct LateRejection {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    reason: OnceLock<AuthError>,
    /// The layer has passed the response on.
    responded: AtomicBool,
}

impl LateRejection {
    /// The claims of the request with these extensions, if the rule accepts them.
    ///
    /// # Errors
    ///
    /// What the rule returns, or why there are no claims. The request is rejected with it. Return
    /// an error in the terms of the framework as well; it is sent only if the response has begun or
    /// there is no [`LateRejectionLayer`], which is logged once.
    pub fn authorize(
        extensions: &Extensions,
        rule: impl FnOnce(&Claims) -> Result<(), AuthError>,
    ) -> Result<&Claims, AuthError> {
        let authorized = claims_of(extensions, "LateRejection", None)
            .and_then(|claims| rule(claims).map(|()| claims));
        if let Err(error) = &authorized {
            match extensions.get::<Self>() {
                Some(rejection) => rejection.reject(error.clone()),
                // Without an outer layer either, that has been reported.
                None if *error != AuthError::MissingLayer => missing_layer::report_unseen(),
                None => {}
            }
        }
        authorized
    }

    /// Rejects the request. Of several rejections the first decides. One that comes after the
    /// response has begun is lost, which is logged once.
    pub fn reject(&self, error: AuthError) {
        let is_first = self.shared.reason.set(error).is_ok();
        // Reads and writes in one step, as `poll` does: whichever comes second sees the other, so
        // that no rejection is lost without a report.
        if is_first && self.shared.responded.fetch_or(false, Ordering::AcqRel) {
            missing_layer::report_too_late();
        }
    }
}

/// Lets code inside reject requests by a [`LateRejection`], whatever it responds.
///
/// It belongs inside a [`BearerAuthLayer`](crate::BearerAuthLayer), which forms the response of a
/// rejection, and outside the framework whose handlers reject. The response that the framework made
/// is dropped.
///
/// It works for rejections that come before the response begins. Configure a framework that
/// responds first and computes later, as with server-sent events, to wait.
///
/// A rejection replaces the whole response. If one request calls several methods, as a JSON-RPC
/// batch does, those that were accepted have run anyway.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct LateRejectionLayer;

impl<S> Layer<S> for LateRejectionLayer {
    type Service = LateRejections<S>;

    fn layer(&self, inner: S) -> LateRejections<S> {
        LateRejections { inner }
    }
}

/// The service of a [`LateRejectionLayer`].
///
/// The body of its responses must be `Default`, as of a guard.
#[derive(Clone, Debug)]
pub struct LateRejections<S> {
    inner: S,
}

impl<S> LateRejections<S> {
    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without late rejections.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for LateRejections<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LateRejectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let rejection = LateRejection::default();
        request.extensions_mut().insert(rejection.clone());
        LateRejectionFuture {
            future: self.inner.call(request),
            rejection,
        }
    }
}

pin_project! {
    /// The response of [`LateRejections`].
    pub struct LateRejectionFuture<F> {
        #[pin]
        future: F,
        rejection: LateRejection,
    }
}

impl<F, B, E> Future for LateRejectionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        let shared = &this.rejection.shared;
        shared.responded.swap(true, Ordering::AcqRel);
        Poll::Ready(Ok(match shared.reason.get() {
            // A rejection that is on its way out already says more.
            Some(error) if !PendingRejection::is_in(&response) => {
                PendingRejection::response(error.clone(), None)
            }
            _ => response,
        }))
    }
}

impl<F> fmt::Debug for LateRejectionFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateRejectionFuture")
            .finish_non_exhaustive()
    }
}
