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
    configuration::Rules,
    rules::{Caller, KeyWait, authenticate_after},
};
use crate::{error::AuthError, rejection::RejectionResponse};

pin_project! {
    /// The response of a [`BearerAuth`](super::BearerAuth) service.
    pub struct ResponseFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        // The future of the inner service, once that is called. It is large, and in an enum it
        // would be made elsewhere and moved.
        #[pin]
        inner: Option<S::Future>,
        step: Step<S, R, ReqBody, ResBody>,
    }
}

/// What is left to do. What is large and rare is in a box, so that the common future is small.
enum Step<S, R, ReqBody, ResBody> {
    /// The inner service is called.
    Complete(Completion<R>),
    Rejected(Option<Box<Response<ResBody>>>),
    Authenticate {
        authentication: Pin<Box<dyn Future<Output = Result<Caller, AuthError>> + Send>>,
        parked: Option<Box<Parked<S, R, ReqBody>>>,
    },
    Call(Option<Box<Accepted<S, R, ReqBody>>>),
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
    #[inline]
    pub(super) const fn inner(future: S::Future, completion: Completion<R>) -> Self {
        Self {
            inner: Some(future),
            step: Step::Complete(completion),
        }
    }

    pub(super) fn rejected(response: Response<ResBody>) -> Self {
        Self {
            inner: None,
            step: Step::rejected(response),
        }
    }

    pub(super) fn waiting(
        rules: Arc<Rules<R>>,
        service: S,
        request: Request<ReqBody>,
        KeyWait {
            waiting,
            credentials,
        }: KeyWait,
    ) -> Self {
        let authentication = authenticate_after(rules.verifier.clone(), waiting, credentials);
        Self {
            inner: None,
            step: Step::Authenticate {
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
        let mut this = self.project();
        loop {
            // A future that is polled after it was ready stays pending.
            match this.step {
                Step::Complete(completion) => {
                    let Some(future) = this.inner.as_mut().as_pin_mut() else {
                        return Poll::Pending;
                    };
                    let mut polled = future.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut polled {
                        completion.apply(response);
                    }
                    return polled;
                }
                Step::Rejected(response) => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)));
                }
                Step::Authenticate {
                    authentication,
                    parked,
                } => {
                    let authenticated = ready!(authentication.as_mut().poll(cx));
                    let Some(parked) = parked.take() else {
                        return Poll::Pending;
                    };
                    *this.step = parked.finish(authenticated);
                }
                Step::Call(accepted) => {
                    let Some(waiting) = accepted else {
                        return Poll::Pending;
                    };
                    ready!(waiting.service.poll_ready(cx))?;
                    let Some(accepted) = accepted.take() else {
                        return Poll::Pending;
                    };
                    let Accepted {
                        completion,
                        mut service,
                        request,
                    } = *accepted;
                    this.inner.set(Some(service.call(request)));
                    *this.step = Step::Complete(completion);
                }
            }
        }
    }
}

impl<S, R, ReqBody, ResBody> Step<S, R, ReqBody, ResBody> {
    fn rejected(response: Response<ResBody>) -> Self {
        Self::Rejected(Some(Box::new(response)))
    }
}

impl<S, R, ReqBody> Parked<S, R, ReqBody> {
    fn finish<ResBody>(
        mut self,
        authenticated: Result<Caller, AuthError>,
    ) -> Step<S, R, ReqBody, ResBody>
    where
        R: RejectionResponse<ResBody>,
    {
        match self.rules.finish(&mut self.request, authenticated) {
            Ok(completion) => Step::Call(Some(Box::new(Accepted {
                completion,
                service: self.service,
                request: self.request,
            }))),
            Err(rejected) => Step::rejected(self.rules.reject(&self.request, rejected)),
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
