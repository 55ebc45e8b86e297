use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseFuture, future};
use crate::{config_error::ConfigError, scope::ScopePolicy, string_list::StringList};

/// Demands scopes of the requests to a route.
///
/// It looks at the [`Claims`](crate::Claims) in the request's extensions, and leaves them there.
/// The nearest [`BearerAuthLayer`](crate::BearerAuthLayer) outside forms the response to a request
/// that it rejects. The [module](super) says what happens without one, and what two guards say
/// together: the challenge of an outer one cannot name the scopes of an inner one.
///
/// In axum it goes into the `route_layer` of a method router, as below. Its `layer` would also
/// guard the response to methods that the route does not have, and turn a 405 into a 403.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use tower_cognito::{AllowedClients, RequireScopesLayer, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// let may_read = RequireScopesLayer::all_of(["profiles/get"])?;
/// let may_write = RequireScopesLayer::all_of(["profiles/post"])?;
/// let app: Router = Router::new()
///     .route("/profiles", get(|| async {}).route_layer(may_read))
///     .route("/profiles", post(|| async {}).route_layer(may_write))
///     .route_layer(verifier.layer());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireScopesLayer {
    /// A clone is a reference count: axum clones and applies the layer of a handler's route again
    /// for each request.
    required: ScopePolicy,
}

impl RequireScopesLayer {
    /// Demands every one of the scopes.
    ///
    /// # Errors
    ///
    /// As [`ScopePolicy::all_of`].
    pub fn all_of(scopes: impl StringList) -> Result<Self, ConfigError> {
        ScopePolicy::all_of(scopes).map(Self::new)
    }

    /// Demands at least one of the scopes.
    ///
    /// # Errors
    ///
    /// As [`ScopePolicy::any_of`].
    pub fn any_of(scopes: impl StringList) -> Result<Self, ConfigError> {
        ScopePolicy::any_of(scopes).map(Self::new)
    }

    /// Demands that the policy is met.
    pub const fn new(policy: ScopePolicy) -> Self {
        Self { required: policy }
    }
}

impl<S> Layer<S> for RequireScopesLayer {
    type Service = RequireScopes<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopes {
            inner,
            required: self.required.clone(),
        }
    }
}

/// The service of a [`RequireScopesLayer`].
///
/// The body of its responses must be `Default`: a rejection leaves it with an empty one, and the
/// layer outside gives it the body that its form makes.
#[derive(Clone, Debug)]
pub struct RequireScopes<S> {
    inner: S,
    required: ScopePolicy,
}

impl<S> RequireScopes<S> {
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

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScopes<S>
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
        let required = &self.required;
        future::call(
            &mut self.inner,
            request,
            "RequireScopesLayer",
            Some(required),
            |claims| claims.require_again(required),
        )
    }
}
