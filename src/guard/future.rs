//! What all guards share: they look at the claims that a layer outside left, and say why a request
//! is rejected.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    bearer_auth::{Enforcement, OuterLayer, ReportOnlyVerdict, claims_of},
    error::AuthError,
    rejection::PendingRejection,
    scope::ScopePolicy,
    token::claims::Claims,
};

/// Calls the inner service if the claims pass the check, or if no layer outside enforces.
/// `demanded` are the scopes that a rejection from inside needs, too.
pub(super) fn call<S, ReqBody, ResBody>(
    inner: &mut S,
    mut request: Request<ReqBody>,
    place: &'static str,
    demanded: Option<&ScopePolicy>,
    check: impl FnOnce(&Claims) -> Result<(), AuthError>,
) -> ResponseFuture<S::Future, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    let verdict = claims_of(request.extensions(), place, Some(request.uri())).and_then(check);
    let found = match verdict {
        Ok(()) => None,
        Err(rejected) => match OuterLayer::enforcement(request.extensions()) {
            Enforcement::Enforce => {
                let mut response = PendingRejection::response_inside(
                    rejected,
                    Some(request.uri().path()),
                    OuterLayer::find(request.extensions()),
                );
                if let Some(demanded) = demanded {
                    PendingRejection::add_scopes(&mut response, demanded);
                }
                return ResponseFuture {
                    state: State::Rejected {
                        response: Some(response),
                    },
                };
            }
            Enforcement::ReportOnly => {
                ReportOnlyVerdict::found_by_guard(request.extensions_mut(), &rejected);
                Some(rejected)
            }
        },
    };
    ResponseFuture {
        state: State::Inner {
            future: inner.call(request),
            demanded: demanded.cloned(),
            found,
        },
    }
}

pin_project! {
    /// The response of a guard.
    pub struct ResponseFuture<F, B> {
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
            demanded: Option<ScopePolicy>,
            // What is to be reported inside a report-only layer.
            found: Option<AuthError>,
        },
        Rejected {
            response: Option<Response<B>>,
        },
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner {
                future,
                demanded,
                found,
            } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(demanded) = demanded
                    && PendingRejection::is_in(&response)
                {
                    PendingRejection::add_scopes(&mut response, demanded);
                }
                if let Some(error) = found.take() {
                    response
                        .extensions_mut()
                        .insert(ReportOnlyVerdict::new(Some(error)));
                }
                Poll::Ready(Ok(response))
            }
            // A future that is polled after it was ready stays pending.
            StateProj::Rejected { response } => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
