use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    ResponseFuture,
    configuration::Rules,
    rules::{KeyWait, Stopped},
};
use crate::rejection::{BearerChallenge, RejectionResponse};

/// The service of a [`BearerAuthLayer`](super::BearerAuthLayer).
///
/// It works around any service of `http` requests, whatever the bodies. The inner service must be
/// `Clone`: a request whose key has to be fetched takes a clone with it, and polls that one ready
/// once its token is accepted. Until then it holds no capacity of the inner service.
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

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
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

impl<S: Clone, R> BearerAuth<S, R> {
    fn wait<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
        wait: KeyWait,
    ) -> ResponseFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        // The service that was polled ready is dropped, and with it the capacity that it has
        // reserved. Kept here, it would hold that until the next call: a caller that awaits
        // this response first would wait for its own place.
        self.inner = self.inner.clone();
        let service = self.inner.clone();
        let rules = Arc::clone(&self.rules);
        ResponseFuture::waiting(rules, service, request, wait)
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
        let stopped = match self.rules.judge(&mut request) {
            Ok(completion) => return ResponseFuture::inner(self.inner.call(request), completion),
            Err(stopped) => stopped,
        };
        match stopped {
            Stopped::Rejected(rejected) => {
                ResponseFuture::rejected(self.rules.reject(&request, rejected))
            }
            Stopped::Wait(wait) => self.wait(request, *wait),
        }
    }
}
