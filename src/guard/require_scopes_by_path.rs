use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseFuture, future};
use crate::{error::AuthError, scope::ScopePolicy};

/// Demands scopes by the path of the request.
///
/// A router has a place for a guard at each route. A tonic service has none: all its methods are
/// one service. This guard wraps it, and knows by the path, `/package.Service/Method`, what each
/// method demands.
///
/// Paths are compared whole, byte for byte and without the query. A path that is not listed is
/// rejected with 403, so a method that is added to the service later is not open. This also makes
/// it safe where a path has several spellings; for a service that accepts several, use a router.
///
/// Everything else is as with [`RequireScopesLayer`](crate::RequireScopesLayer). `examples/grpc`
/// takes the methods from a service's descriptors.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// use http::{Request, Response};
/// use std::convert::Infallible;
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_cognito::{
///     ScopePolicy, rejection::Grpc, guard::RequireScopesByPathLayer, testing::TestPool,
/// };
///
/// let guard = RequireScopesByPathLayer::new()
///     .require("/orders.Orders/Get", ScopePolicy::all_of(["orders/get"])?)
///     .require("/orders.Orders/Cancel", ScopePolicy::all_of(["orders/cancel"])?);
/// let pool = TestPool::new();
/// let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
/// let service = pool.verifier().layer().rejection(Grpc::new()).layer(guard.layer(service));
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// for (path, code) in [("/orders.Orders/Get", None), ("/orders.Orders/Cancel", Some("7"))] {
///     let token = pool.token().scopes(["orders/get"]);
///     let request = Request::post(path)
///         .header("authorization", token.authorization())
///         .header("content-type", "application/grpc")
///         .body(String::new())
///         .unwrap();
///     let response = service.clone().oneshot(request).await.unwrap();
///     let status = response.headers().get("grpc-status");
///     assert_eq!(status.map(|status| status.to_str().unwrap()), code);
/// }
/// # });
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireScopesByPathLayer {
    /// `None` demands a good token only.
    policies: Arc<HashMap<Box<str>, Option<ScopePolicy>>>,
}

impl RequireScopesByPathLayer {
    /// Rejects every path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that the policy is met by requests for this path. It replaces what was said of the
    /// path before.
    pub fn require(self, path: impl Into<String>, policy: ScopePolicy) -> Self {
        self.with(path.into().into_boxed_str(), Some(policy))
    }

    /// Demands a good token of requests for this path, whatever its scopes. It replaces what was
    /// said of the path before.
    pub fn any_token(self, path: impl Into<String>) -> Self {
        self.with(path.into().into_boxed_str(), None)
    }

    /// The listed paths, in no particular order: compare them with those that the service has.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(AsRef::as_ref)
    }

    fn with(mut self, path: Box<str>, policy: Option<ScopePolicy>) -> Self {
        Arc::make_mut(&mut self.policies).insert(path, policy);
        self
    }
}

impl<S> Layer<S> for RequireScopesByPathLayer {
    type Service = RequireScopesByPath<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopesByPath {
            inner,
            policies: Arc::clone(&self.policies),
        }
    }
}

/// The service of a [`RequireScopesByPathLayer`]. The body of its responses must be `Default`.
#[derive(Clone, Debug)]
pub struct RequireScopesByPath<S> {
    inner: S,
    policies: Arc<HashMap<Box<str>, Option<ScopePolicy>>>,
}

impl<S> RequireScopesByPath<S> {
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

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScopesByPath<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let listed = self.policies.get(request.uri().path());
        let required = listed.and_then(Option::as_ref);
        future::call(
            &mut self.inner,
            request,
            "RequireScopesByPathLayer",
            required,
            |claims| match (listed, required) {
                (None, _) => Err(AuthError::Forbidden),
                (Some(_), None) => Ok(()),
                (Some(_), Some(required)) => claims.require_again(required),
            },
        )
    }
}
