//! One call, and what its response says.

use std::{fmt, future::poll_fn};

use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, TE},
};
use tower_service::Service;

use super::expect::Expected;
use crate::error::AuthError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// An empty protobuf message, uncompressed: every field has its default.
const EMPTY_MESSAGE: &[u8] = &[0, 0, 0, 0, 0];

/// gRPC's codes, of which those that matter here have names.
const UNAUTHENTICATED: u16 = 16;
const PERMISSION_DENIED: u16 = 7;
const UNIMPLEMENTED: u16 = 12;

/// What a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Status(StatusCode),
    /// `grpc-status`.
    Grpc(u16),
    /// A guard found no [`BearerAuthLayer`](crate::BearerAuthLayer) around it.
    MissingLayer,
}

impl Seen {
    pub(super) fn is_no_route(self) -> bool {
        match self {
            Self::Status(status) => {
                status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED
            }
            Self::Grpc(code) => code == UNIMPLEMENTED,
            Self::MissingLayer => false,
        }
    }

    pub(super) fn is_rejection(self) -> bool {
        self.is(Expected::Unauthenticated) || self.is(Expected::Forbidden)
    }

    pub(super) fn is(self, expected: Expected) -> bool {
        match (expected, self) {
            (Expected::Unauthenticated, Self::Status(status)) => status == StatusCode::UNAUTHORIZED,
            (Expected::Unauthenticated, Self::Grpc(code)) => code == UNAUTHENTICATED,
            (Expected::Forbidden, Self::Status(status)) => status == StatusCode::FORBIDDEN,
            (Expected::Forbidden, Self::Grpc(code)) => code == PERMISSION_DENIED,
            (Expected::Exactly(expected), Self::Status(status)) => status == expected,
            (Expected::Passed, Self::Status(status)) => {
                !self.is_rejection() && !self.is_no_route() && !status.is_server_error()
            }
            (Expected::Passed | Expected::Exactly(_), Self::Grpc(_)) => {
                !self.is_rejection() && !self.is_no_route()
            }
            (_, Self::MissingLayer) => false,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => f.pad(status.as_str()),
            Self::Grpc(code) => f.pad(&format!("grpc {code}")),
            Self::MissingLayer => f.pad("500"),
        }
    }
}

/// The response to a call.
pub(super) struct Answer {
    pub(super) seen: Seen,
    /// Why it is rejected, if this crate rejects it.
    pub(super) rejected: Option<AuthError>,
}

pub(super) struct Probe<S, F> {
    service: S,
    body: F,
    protocol: Protocol,
}

impl<S: Clone, F> Probe<S, F> {
    pub(super) const fn new(service: S, body: F, protocol: Protocol) -> Self {
        Self {
            service,
            body,
            protocol,
        }
    }

    pub(super) async fn call<B, R>(&self, request: Request<()>) -> Answer
    where
        S: Service<Request<B>, Response = Response<R>, Error: fmt::Debug>,
        F: Fn(Vec<u8>) -> B,
    {
        let (mut head, ()) = request.into_parts();
        let route = format!("{} {}", head.method, head.uri);
        let mut body = Vec::new();
        if self.protocol == Protocol::Grpc {
            let grpc = HeaderValue::from_static("application/grpc");
            head.headers.insert(CONTENT_TYPE, grpc);
            head.headers
                .insert(TE, HeaderValue::from_static("trailers"));
            body = EMPTY_MESSAGE.to_vec();
        }
        let request = Request::from_parts(head, (self.body)(body));
        let mut service = self.service.clone();
        let response = match poll_fn(|cx| service.poll_ready(cx)).await {
            Ok(()) => service.call(request).await,
            Err(error) => Err(error),
        };
        match response {
            Ok(response) => Answer {
                seen: self.seen(&response),
                rejected: response.extensions().get().cloned(),
            },
            Err(error) => panic!("{route} got no response: {error:?}"),
        }
    }

    fn seen<R>(&self, response: &Response<R>) -> Seen {
        if let Some(AuthError::MissingLayer) = response.extensions().get() {
            return Seen::MissingLayer;
        }
        match self.protocol {
            Protocol::Grpc if response.status() == StatusCode::OK => {
                // Without it the status follows the message: the call has passed every guard.
                let code = response.headers().get("grpc-status");
                let code = code.and_then(|code| code.to_str().ok()?.parse().ok());
                Seen::Grpc(code.unwrap_or_default())
            }
            Protocol::Http | Protocol::Grpc => Seen::Status(response.status()),
        }
    }
}
