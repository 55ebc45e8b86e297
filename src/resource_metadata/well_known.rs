//! Serving the document at its path, outside everything else.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::ResourceMetadataService;

/// Responds to requests for the document of a [`ResourceMetadata`](super::ResourceMetadata) at its
/// path; made by [`ResourceMetadata::well_known_layer`](super::ResourceMetadata::well_known_layer).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct WellKnownLayer {
    document: ResourceMetadataService,
}

impl WellKnownLayer {
    pub(super) const fn new(document: ResourceMetadataService) -> Self {
        Self { document }
    }
}

impl<S> Layer<S> for WellKnownLayer {
    type Service = WellKnown<S>;

    fn layer(&self, inner: S) -> WellKnown<S> {
        WellKnown {
            inner,
            document: self.document.clone(),
        }
    }
}

/// The service of a [`WellKnownLayer`].
///
/// The body of its responses must be `From<String>`.
#[derive(Clone, Debug)]
pub struct WellKnown<S> {
    inner: S,
    document: ResourceMetadataService,
}

impl<S> WellKnown<S> {
    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the document.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for WellKnown<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<String>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WellKnownFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = if request.uri().path() == self.document.metadata.path() {
            let document = self.document.respond(request.method());
            State::Document {
                response: Some(document.map(ResBody::from)),
            }
        } else {
            State::Inner {
                future: self.inner.call(request),
            }
        };
        WellKnownFuture { state }
    }
}

pin_project! {
    /// The response of [`WellKnown`].
    pub struct WellKnownFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, B> {
        Document { response: Option<Response<B>> },
        Inner { #[pin] future: F },
    }
}

impl<F, B, E> Future for WellKnownFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            // A future that is polled after it was ready stays pending.
            Projected::Document { response } => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Projected::Inner { future } => future.poll(cx),
        }
    }
}

impl<F, B> fmt::Debug for WellKnownFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WellKnownFuture").finish_non_exhaustive()
    }
}
