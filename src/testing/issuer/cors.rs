//! CORS: any origin may call, as at Cognito's token endpoint.

use http::{
    HeaderValue, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    },
};

use super::reply::{self, Reply};

pub(super) fn allow_any_origin(reply: &mut Reply) {
    reply
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

/// What a browser asks before it sends a request with an `Authorization` field or with JSON.
pub(super) fn preflight() -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    allow_any_origin(&mut reply);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    ] {
        reply
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    reply
}
