//! What a form may read of the request.

use http::{HeaderMap, Method, Request};

use super::RejectionResponse;

/// What a form may read of the request.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a Method,
    pub(crate) fields: Option<&'a RequestFields>,
}

/// The request's method, kept until the response is there. Those that nearly every request has are
/// a reference, so that there is nothing to copy and to drop.
#[derive(Debug)]
pub(crate) enum KeptMethod {
    Standard(&'static Method),
    Other(Box<Method>),
}

impl KeptMethod {
    #[inline]
    pub(crate) fn of(method: &Method) -> Self {
        Self::Standard(match *method {
            Method::GET => &Method::GET,
            Method::POST => &Method::POST,
            Method::PUT => &Method::PUT,
            Method::DELETE => &Method::DELETE,
            Method::HEAD => &Method::HEAD,
            Method::PATCH => &Method::PATCH,
            Method::OPTIONS => &Method::OPTIONS,
            _ => return Self::Other(Box::new(method.clone())),
        })
    }

    pub(crate) fn get(&self) -> &Method {
        match self {
            Self::Standard(method) => method,
            Self::Other(method) => method,
        }
    }
}

/// The fields that the form reads: kept until the response is there, because a handler consumes its
/// request.
#[derive(Debug)]
pub(crate) struct RequestFields(HeaderMap);

impl RequestFields {
    /// `None` if there are none.
    #[inline]
    pub(crate) fn of<Q, B>(form: &impl RejectionResponse<B>, request: &Request<Q>) -> Option<Self> {
        let mut kept = None;
        for name in form.request_headers() {
            for value in request.headers().get_all(&name) {
                let Self(kept) = kept.get_or_insert_with(|| Self(HeaderMap::new()));
                kept.append(&name, value.clone());
            }
        }
        kept
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.0
    }
}
