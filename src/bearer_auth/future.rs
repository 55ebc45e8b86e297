use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    outer_layer::ReportOnlyVerdict,
    rules::{Admitted, Rules, admit_after},
};
use crate::{error::AuthError, keys::Waiting, rejection::RejectionResponse};

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
            report: Option<ReportOnlyVerdict>,
        },
        Refused {
            response: Option<Response<ResBody>>,
        },
        Waiting {
            admission: Pin<Box<dyn Future<Output = Result<Admitted, AuthError>> + Send>>,
            parked: Option<Box<Parked<S, R, ReqBody>>>,
        },
    }
}

/// What waits for a key: the request, and the service that is ready for it.
struct Parked<S, R, ReqBody> {
    rules: Arc<Rules<R>>,
    service: S,
    request: Request<ReqBody>,
}

impl<S, R, ReqBody, ResBody> ResponseFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) const fn inner(future: S::Future, report: Option<ReportOnlyVerdict>) -> Self {
        Self {
            state: State::Inner { future, report },
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
        credentials: HeaderValue,
    ) -> Self {
        let admission = admit_after(rules.verifier.clone(), waiting, credentials);
        Self {
            state: State::Waiting {
                admission: Box::pin(admission),
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
            let next = match state.as_mut().project() {
                StateProj::Inner { future, report } => {
                    let mut response = ready!(future.poll(cx))?;
                    if let Some(verdict) = report.take() {
                        record(&mut response, verdict);
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProj::Refused { response } => {
                    // A future that is polled after it was ready stays pending.
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProj::Waiting { admission, parked } => {
                    let outcome = ready!(admission.as_mut().poll(cx));
                    match parked.take() {
                        Some(parked) => parked.release(outcome),
                        None => return Poll::Pending,
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, R, ReqBody> Parked<S, R, ReqBody> {
    fn release<ResBody>(
        mut self,
        outcome: Result<Admitted, AuthError>,
    ) -> State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: RejectionResponse<ResBody>,
    {
        match self.rules.let_in(&mut self.request, outcome) {
            Ok(report) => State::Inner {
                future: self.service.call(self.request),
                report,
            },
            Err(refused) => State::Refused {
                response: Some(self.rules.refuse(&self.request, refused)),
            },
        }
    }
}

/// A guard beneath may have found something that this layer did not: a refusal outweighs an acceptance.
fn record<B>(response: &mut Response<B>, verdict: ReportOnlyVerdict) {
    let found_beneath = response.extensions().get::<ReportOnlyVerdict>().is_some();
    if verdict.refused().is_some() || !found_beneath {
        response.extensions_mut().insert(verdict);
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
