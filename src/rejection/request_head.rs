//! What a form may read of the request.

use http::{HeaderMap, Method, Request};

use super::RejectionResponse;

/// What a form may read of the request.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a Method,
    pub(crate) fields: Option<&'a RequestFields>,
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
