use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    completion::Completion,
    rules::{Caller, Rules, authenticate_after},
};
use crate::{
    error::AuthError, keys::Waiting, rejection::RejectionResponse, token::bearer::OwnedCredentials,
};

pin_project! {
    /// The response of a [`BearerAuth`](super::BearerAuth) service.
    pub struct ResponseFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, R, ReqBody, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Inner {
            #[pin]
            future: S::Future,
            completion: Completion<R>,
        },
        Refused {
            response: Option<Response<ResBody>>,
        },
        Waiting {
            authentication: Pin<Box<dyn Future<Output = Result<Caller, AuthError>> + Send>>,
            parked: Option<Box<Parked<S, R, ReqBody>>>,
        },
        Accepted {
            accepted: Option<Box<Accepted<S, R, ReqBody>>>,
        },
    }
}

/// What waits for a key: the request, and a clone of the inner service, which is not ready.
struct Parked<S, R, ReqBody> {
    rules: Arc<Rules<R>>,
    service: S,
    request: Request<ReqBody>,
}

/// What waits for the inner service to be ready.
struct Accepted<S, R, ReqBody> {
    completion: Completion<R>,
    service: S,
    request: Request<ReqBody>,
}

impl<S, R, ReqBody, ResBody> ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) const fn inner(future: S::Future, completion: Completion<R>) -> Self {
        Self {
            state: State::Inner { future, completion },
        }
    }

    pub(super) const fn refused(response: Response<ResBody>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) fn waiting(
        rules: Arc<Rules<R>>,
        service: S,
        request: Request<ReqBody>,
        waiting: Waiting,
        credentials: OwnedCredentials,
    ) -> Self {
        let authentication = authenticate_after(rules.verifier.clone(), waiting, credentials);
        Self {
            state: State::Waiting {
                authentication: Box::pin(authentication),
                parked: Some(Box::new(Parked {
                    rules,
                    service,
                    request,
                })),
            },
        }
    }
}

impl<S, R, ReqBody, ResBody> Future for ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectionResponse<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            // A future that is polled after it was ready stays pending.
            let next = match state.as_mut().project() {
                StateProj::Inner { future, completion } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(completion.apply(response)));
                }
                StateProj::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProj::Waiting {
                    authentication,
                    parked,
                } => {
                    let authenticated = ready!(authentication.as_mut().poll(cx));
                    match parked.take() {
                        Some(parked) => parked.finish(authenticated),
                        None => return Poll::Pending,
                    }
                }
                StateProj::Accepted { accepted } => {
                    let Some(waiting) = accepted.as_mut() else {
                        return Poll::Pending;
                    };
                    ready!(waiting.service.poll_ready(cx))?;
                    match accepted.take() {
                        Some(accepted) => accepted.call(),
                        None => return Poll::Pending,
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, R, ReqBody> Parked<S, R, ReqBody> {
    fn finish<ResBody>(
        mut self,
        authenticated: Result<Caller, AuthError>,
    ) -> State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: RejectionResponse<ResBody>,
    {
        match self.rules.finish(&mut self.request, authenticated) {
            Ok(passed) => State::Accepted {
                accepted: Some(Box::new(Accepted {
                    completion: passed.completion(&self.rules, &self.request),
                    service: self.service,
                    request: self.request,
                })),
            },
            Err(refused) => State::Refused {
                response: Some(self.rules.refuse(&self.request, refused)),
            },
        }
    }
}

impl<S, R, ReqBody> Accepted<S, R, ReqBody> {
    fn call<ResBody>(mut self) -> State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    {
        State::Inner {
            future: self.service.call(self.request),
            completion: self.completion,
        }
    }
}

impl<S, R, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
