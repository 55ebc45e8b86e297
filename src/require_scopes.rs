//! A guard for single routes: the scopes of a request whose token an outer [`BearerAuth`](crate::bearer_auth::BearerAuth) verified.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    bearer_auth::{Enforcement, OuterLayer, ReportOnlyVerdict, guard_refused},
    error::{AuthError, ConfigError},
    rejection::{
        BearerChallenge, RejectionResponse,
        challenge::{ChallengeParameters, Challenges, QuotableText},
        refuse,
    },
    scope::ScopePolicy,
    token::claims::Claims,
};

/// Demands scopes of the requests to a route.
///
/// It looks at the [`Claims`] in the request's extensions, and leaves them there. A [`BearerAuthLayer`](crate::BearerAuthLayer)
/// must stand outside of it. Where none does, every request gets 500 and an error is logged: a guard that is put together
/// wrongly must not let anyone in, and must not blame the caller.
///
/// In axum it goes into the `route_layer` of a method router, as below. Its `layer` would guard the answer to methods that
/// the route does not have as well, and make a 405 a 403.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use tower_cognito::{AllowedClients, RequireScopesLayer, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::any()).build()?;
/// let app: Router = Router::new()
///     .route("/profiles", get(|| async {}).route_layer(RequireScopesLayer::all_of(["profiles/get"])?))
///     .route("/profiles", post(|| async {}).route_layer(RequireScopesLayer::all_of(["profiles/post"])?))
///     .route_layer(verifier.layer());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireScopesLayer<R = BearerChallenge> {
    /// Complete at any time: axum clones and applies the layer of a handler's route anew for each request.
    guard: Arc<Guard<R>>,
}

impl RequireScopesLayer {
    /// Demands every one of the scopes.
    ///
    /// # Errors
    ///
    /// As [`ScopePolicy::all_of`].
    pub fn all_of<I>(scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        ScopePolicy::all_of(scopes).map(Self::new)
    }

    /// Demands at least one of the scopes.
    ///
    /// # Errors
    ///
    /// As [`ScopePolicy::any_of`].
    pub fn any_of<I>(scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        ScopePolicy::any_of(scopes).map(Self::new)
    }

    /// Demands that the policy is met.
    pub fn new(policy: ScopePolicy) -> Self {
        let parameters = ChallengeParameters::default();
        Self {
            guard: Arc::new(Guard {
                challenges: Challenges::new(&parameters, Some(&policy)),
                required: policy,
                parameters,
                rejection: BearerChallenge,
            }),
        }
    }
}

impl<R: Clone> RequireScopesLayer<R> {
    /// Answers refused requests in another form.
    pub fn rejection<R2>(self, rejection: R2) -> RequireScopesLayer<R2> {
        let guard = Arc::unwrap_or_clone(self.guard);
        RequireScopesLayer {
            guard: Arc::new(Guard {
                required: guard.required,
                parameters: guard.parameters,
                challenges: guard.challenges,
                rejection,
            }),
        }
    }

    /// Names the protection space in challenges, as [`BearerAuthLayer::realm`](crate::BearerAuthLayer::realm).
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidChallengeParameter`].
    pub fn realm(self, realm: &str) -> Result<Self, ConfigError> {
        let realm = QuotableText::realm(realm)?;
        Ok(self.describe(|parameters| parameters.realm = Some(realm)))
    }

    /// Names the URL of the resource's metadata in challenges, as
    /// [`BearerAuthLayer::resource_metadata`](crate::BearerAuthLayer::resource_metadata).
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidChallengeParameter`].
    pub fn resource_metadata(self, url: &str) -> Result<Self, ConfigError> {
        QuotableText::resource_metadata(url).map(|url| self.with_resource_metadata(url))
    }

    pub(crate) fn with_resource_metadata(self, url: QuotableText) -> Self {
        self.describe(|parameters| parameters.resource_metadata = Some(url))
    }

    fn describe(self, change: impl FnOnce(&mut ChallengeParameters)) -> Self {
        let mut guard = Arc::unwrap_or_clone(self.guard);
        change(&mut guard.parameters);
        guard.challenges = Challenges::new(&guard.parameters, Some(&guard.required));
        Self {
            guard: Arc::new(guard),
        }
    }
}

impl<R> Clone for RequireScopesLayer<R> {
    fn clone(&self) -> Self {
        Self {
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<S, R> Layer<S> for RequireScopesLayer<R> {
    type Service = RequireScopes<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopes {
            inner,
            guard: Arc::clone(&self.guard),
        }
    }
}

/// The service of a [`RequireScopesLayer`].
#[derive(Debug)]
pub struct RequireScopes<S, R = BearerChallenge> {
    inner: S,
    guard: Arc<Guard<R>>,
}

#[derive(Clone, Debug)]
struct Guard<R> {
    required: ScopePolicy,
    parameters: ChallengeParameters,
    challenges: Challenges,
    rejection: R,
}

impl<R> Guard<R> {
    fn check<B>(&self, request: &Request<B>) -> Result<(), AuthError> {
        let extensions = request.extensions();
        match extensions.get::<Claims>() {
            Some(claims) if self.required.is_met_by(claims.scopes()) => Ok(()),
            Some(_) => Err(AuthError::InsufficientScope {
                required: self.required.clone(),
            }),
            None => Err(OuterLayer::why_no_claims(extensions)),
        }
    }
}

impl<S: Clone, R> Clone for RequireScopes<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScopes<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardedFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let refused = self.guard.check(&request).err();
        let enforcement = OuterLayer::enforcement(request.extensions());
        if let Some(error) = &refused
            && (enforcement == Enforcement::Enforce
                || ReportOnlyVerdict::found_by_guard(request.extensions_mut(), error))
        {
            guard_refused(error, enforcement);
        }
        let state = match refused {
            Some(error) if enforcement == Enforcement::Enforce => {
                let guard = &self.guard;
                State::Refused {
                    response: Some(refuse(&guard.rejection, &guard.challenges, &request, error)),
                }
            }
            found => State::Inner {
                future: self.inner.call(request),
                found,
            },
        };
        GuardedFuture { state }
    }
}

pin_project! {
    /// The response of a [`RequireScopes`] service.
    pub struct GuardedFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Inner {
            #[pin]
            future: F,
            // What is to be reported beneath a report-only layer.
            found: Option<AuthError>,
        },
        Refused {
            response: Option<Response<B>>,
        },
    }
}

impl<F, B, E> Future for GuardedFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner { future, found } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(error) = found.take() {
                    response
                        .extensions_mut()
                        .insert(ReportOnlyVerdict::new(Some(error)));
                }
                Poll::Ready(Ok(response))
            }
            // A future that is polled after it was ready stays pending.
            StateProj::Refused { response } => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
        }
    }
}

impl<F, B> fmt::Debug for GuardedFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedFuture").finish_non_exhaustive()
    }
}
