//! What a form may read of the request.

use std::{borrow::Cow, mem};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use super::RejectionResponse;

/// What is kept of a request until its response is there, because a form may read it.
#[derive(Debug)]
pub(crate) struct RequestHead {
    method: Method,
    fields: KeptFields,
}

/// One field, which is what [`Grpc`](super::Grpc) reads, costs no memory.
#[derive(Debug)]
enum KeptFields {
    None,
    One(HeaderName, HeaderValue),
    Many(Box<HeaderMap>),
}

impl RequestHead {
    /// The method, and the fields that the form reads.
    pub(crate) fn of<Q, B>(form: &impl RejectionResponse<B>, request: &Request<Q>) -> Self {
        let mut fields = KeptFields::None;
        for name in form.request_headers() {
            for value in request.headers().get_all(&name) {
                fields.push(&name, value);
            }
        }
        Self {
            method: request.method().clone(),
            fields,
        }
    }

    pub(super) const fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn headers(&self) -> Cow<'_, HeaderMap> {
        match &self.fields {
            KeptFields::None => Cow::Owned(HeaderMap::new()),
            KeptFields::One(name, value) => {
                Cow::Owned(HeaderMap::from_iter([(name.clone(), value.clone())]))
            }
            KeptFields::Many(fields) => Cow::Borrowed(fields),
        }
    }
}

impl KeptFields {
    fn push(&mut self, name: &HeaderName, value: &HeaderValue) {
        match mem::replace(self, Self::None) {
            Self::None => *self = Self::One(name.clone(), value.clone()),
            Self::One(first_name, first) => {
                let mut fields = HeaderMap::from_iter([(first_name, first)]);
                fields.append(name, value.clone());
                *self = Self::Many(Box::new(fields));
            }
            Self::Many(mut fields) => {
                fields.append(name, value.clone());
                *self = Self::Many(fields);
            }
        }
    }
}
