//! Serving the document.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_LENGTH, CONTENT_TYPE,
    },
};
use tower_service::Service;

use super::ResourceMetadata;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Responds with the document of a [`ResourceMetadata`]; made by [`ResourceMetadata::service`].
///
/// | request | response |
/// | --- | --- |
/// | `GET` | 200, `application/json` |
/// | `HEAD` | the same header fields without a body |
/// | `OPTIONS` | 204, which permits a CORS preflight request of any origin |
/// | any other method | 405 with `Allow` |
///
/// Every response has `Access-Control-Allow-Origin: *`, because the document is public and clients
/// in browsers read it from their own origin (RFC 9728 §3.1). A CORS layer outside replaces that
/// field.
///
/// It does not look at the path: the router decides where it is, [`ResourceMetadata::path`] says
/// where it belongs.
#[derive(Clone, Debug)]
pub struct ResourceMetadataService {
    pub(super) metadata: ResourceMetadata,
}

impl ResourceMetadataService {
    pub(super) const fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }

    pub(super) fn respond(&self, method: &Method) -> Response<String> {
        let mut response = match *method {
            Method::GET | Method::HEAD => self.document(method),
            Method::OPTIONS => preflight(),
            _ => with_status(StatusCode::METHOD_NOT_ALLOWED),
        };
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }

    fn document(&self, method: &Method) -> Response<String> {
        let document = self.metadata.document();
        let mut response = Response::new(String::new());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // As of `GET` (RFC 9110 §8.6).
        headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
        if method == Method::GET {
            *response.body_mut() = document;
        }
        response
    }
}

/// MCP clients send `MCP-Protocol-Version` with this request, too, so browsers ask first.
fn preflight() -> Response<String> {
    let mut response = with_status(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn with_status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

impl<B> Service<Request<B>> for ResourceMetadataService {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(request.method())))
    }
}
