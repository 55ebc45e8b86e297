//! Serving the document.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use tower_service::Service;

use super::ResourceMetadata;

/// Answers with the document of a [`ResourceMetadata`]; made by [`ResourceMetadata::service`].
///
/// | request | answer |
/// | --- | --- |
/// | `GET` | 200, `application/json` |
/// | `HEAD` | the same without a body |
/// | any other method | 405 with `Allow` |
///
/// It does not look at the path: the router decides where it is, [`ResourceMetadata::path`] says where it belongs. Scripts in a
/// browser can read it if a CORS layer wraps it.
#[derive(Clone, Debug)]
pub struct ResourceMetadataService {
    metadata: ResourceMetadata,
}

impl ResourceMetadataService {
    pub(super) const fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }

    fn answer(&self, method: &Method) -> Response<String> {
        let mut response = Response::new(String::new());
        let headers = response.headers_mut();
        if method != Method::GET && method != Method::HEAD {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if method == Method::GET {
            *response.body_mut() = self.metadata.document();
        }
        response
    }
}

impl<B> Service<Request<B>> for ResourceMetadataService {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}
