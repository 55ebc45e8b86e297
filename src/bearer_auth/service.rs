use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    ResponseFuture,
    outer_layer::OuterLayer,
    rules::{Admission, Rules},
};
use crate::{
    rejection::{BearerChallenge, RejectionResponse},
    token::claims::Claims,
};

/// The service of a [`BearerAuthLayer`](super::BearerAuthLayer).
///
/// It works around any service of `http` requests, whatever the bodies. The inner service must be `Clone` because a request
/// whose key has to be fetched takes the service that was polled ready with it.
#[derive(Debug)]
pub struct BearerAuth<S, R = BearerChallenge> {
    inner: S,
    rules: Arc<Rules<R>>,
}

impl<S, R> BearerAuth<S, R> {
    pub(super) const fn new(inner: S, rules: Arc<Rules<R>>) -> Self {
        Self { inner, rules }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone, R> Clone for BearerAuth<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for BearerAuth<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Whatever an outer layer or a careless client of this service put there, it is not ours.
        request.extensions_mut().remove::<Claims>();
        request.extensions_mut().remove::<OuterLayer>();
        match self.rules.admit(&request) {
            Admission::Done(outcome) => match self.rules.let_in(&mut request, outcome) {
                Ok(report) => ResponseFuture::inner(self.inner.call(request), report),
                Err(refused) => ResponseFuture::refused(self.rules.refuse(&request, refused)),
            },
            Admission::Wait(waiting, credentials) => {
                // The service that was polled ready goes with the request; the clone stays behind and is polled anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(
                    Arc::clone(&self.rules),
                    ready,
                    request,
                    waiting,
                    credentials,
                )
            }
        }
    }
}
