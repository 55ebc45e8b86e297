use std::{
    fmt,
    future::Future,
    mem,
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

/// What is left to do.
enum Step<S, R, ReqBody, ResBody> {
    /// The inner service is called.
    Complete(Completion<R>),
    /// Large and rare: in a box, so that the common future is small.
    Before(Box<Before<S, R, ReqBody, ResBody>>),
}

/// What is left to do where the inner service is not called yet, or never.
enum Before<S, R, ReqBody, ResBody> {
    Rejected(Response<ResBody>),
    Authenticate(
        Pin<Box<dyn Future<Output = Result<Caller, AuthError>> + Send>>,
        Parked<S, R, ReqBody>,
    ),
    Call(Accepted<S, R, ReqBody>),
    /// A future that is polled after it was ready stays pending.
    Over,
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
        Self::before(Before::Rejected(response))
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
        let parked = Parked {
            rules,
            service,
            request,
        };
        Self::before(Before::Authenticate(Box::pin(authentication), parked))
    }

    fn before(before: Before<S, R, ReqBody, ResBody>) -> Self {
        Self {
            inner: None,
            step: Step::Before(Box::new(before)),
        }
    }
}

impl<S, R, ReqBody, ResBody> Future for ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectionResponse<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Step::Before(before) = this.step {
            match ready!(before.poll(cx)) {
                Ok(Passed { future, completion }) => {
                    this.inner.set(Some(future));
                    *this.step = Step::Complete(completion);
                }
                Err(ended) => return Poll::Ready(ended),
            }
        }
        let (Step::Complete(completion), Some(future)) = (this.step, this.inner.as_pin_mut())
        else {
            return Poll::Pending;
        };
        let mut polled = future.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled {
            completion.apply(response);
        }
        polled
    }
}

/// A request that passes, after its inner service is called.
struct Passed<F, R> {
    future: F,
    completion: Completion<R>,
}

impl<S, R, ReqBody, ResBody> Before<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectionResponse<ResBody>,
{
    /// Until the inner service is called. `Err` is what the request gets without that.
    #[inline(never)]
    #[allow(
        clippy::type_complexity,
        reason = "a name for it would hide what it is"
    )]
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Passed<S::Future, R>, Result<Response<ResBody>, S::Error>>> {
        if let Self::Authenticate(authentication, _) = self {
            let authenticated = ready!(authentication.as_mut().poll(cx));
            if let Self::Authenticate(_, parked) = mem::replace(self, Self::Over) {
                *self = parked.finish(authenticated);
            }
        }
        if let Self::Call(accepted) = self {
            ready!(accepted.service.poll_ready(cx)).map_err(Err)?;
        }
        match mem::replace(self, Self::Over) {
            Self::Call(Accepted {
                completion,
                mut service,
                request,
            }) => Poll::Ready(Ok(Passed {
                future: service.call(request),
                completion,
            })),
            Self::Rejected(response) => Poll::Ready(Err(Ok(response))),
            Self::Authenticate(..) | Self::Over => Poll::Pending,
        }
    }
}

impl<S, R, ReqBody> Parked<S, R, ReqBody> {
    fn finish<ResBody>(
        mut self,
        authenticated: Result<Caller, AuthError>,
    ) -> Before<S, R, ReqBody, ResBody>
    where
        R: RejectionResponse<ResBody>,
    {
        match self.rules.finish(&mut self.request, authenticated) {
            Ok(completion) => Before::Call(Accepted {
                completion,
                service: self.service,
                request: self.request,
            }),
            Err(rejected) => Before::Rejected(self.rules.reject(&self.request, rejected)),
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
