//! From a rejection to a response.
//!
//! A guard, an extractor or a handler says why a request is rejected; the nearest
//! [`BearerAuth`](crate::bearer_auth::BearerAuth) outside forms the response, as it does for its
//! own rejections.

pub(crate) mod challenge;
mod grpc;
pub(crate) mod missing_layer;
mod pending;
mod problem_json;
mod request_head;

use std::{fmt, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::{grpc::Grpc, problem_json::ProblemJson};
pub(crate) use self::{
    pending::{Outside, PendingRejection, keep_what_was_added},
    request_head::{KeptMethod, RequestFields, RequestHead},
};
use crate::error::AuthError;

/// Makes the response to a rejected request.
///
/// | form | what it responds with |
/// | --- | --- |
/// | [`BearerChallenge`], the default | status, challenge, no body |
/// | [`ProblemJson`] | the same with a problem document (RFC 9457) |
/// | [`Grpc`] | a gRPC status to gRPC requests, another form to the others |
/// | a closure `Fn(Rejection<'_>) -> Response<B>` | whatever it makes |
/// | your own type | as below |
///
/// It is called for every request that is rejected: by the layer, and by a guard, an extractor or a
/// handler inside it. The layer then adds what a form left out: `WWW-Authenticate` to 401 and 403
/// (RFC 9110 §15.5.2, RFC 6750 §3), `Retry-After` to 503, and `Cache-Control: no-store`.
///
/// # Examples
///
/// A closure, around an axum router:
///
/// ```
/// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
/// use tower::ServiceExt;
/// use tower_cognito::{AllowedClients, UserPool, Verifier, rejection::Rejection};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// let json = |rejection: Rejection<'_>| {
///     let body = format!(r#"{{"error":"{}"}}"#, rejection.error().reason());
///     rejection.into_response(Body::from(body))
/// };
/// let app: Router = Router::new()
///     .route("/profiles", get(|| async {}))
///     .route_layer(verifier.layer().rejection(json));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let request = Request::get("/profiles").body(Body::empty()).unwrap();
/// let response = app.oneshot(request).await.unwrap();
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["www-authenticate"], "Bearer");
/// # });
/// # Ok(())
/// # }
/// ```
///
/// A type that reads a header field of the request:
///
/// ```
/// use http::{HeaderName, HeaderValue, Response, header::{ACCEPT, CONTENT_TYPE}};
/// use tower_cognito::rejection::{Rejection, RejectionResponse};
///
/// /// JSON for programs, nothing for the others.
/// #[derive(Clone)]
/// struct JsonIfAccepted;
///
/// impl RejectionResponse<String> for JsonIfAccepted {
///     fn response(&self, rejection: Rejection<'_>) -> Response<String> {
///         let accept = rejection.request_headers().get(ACCEPT);
///         if accept.is_none_or(|accept| accept != "application/json") {
///             return rejection.into_response(String::new());
///         }
///         let body = format!(r#"{{"error":"{}"}}"#, rejection.error().reason());
///         let mut response = rejection.into_response(body);
///         let json = HeaderValue::from_static("application/json");
///         response.headers_mut().insert(CONTENT_TYPE, json);
///         response
///     }
///
///     fn request_headers(&self) -> impl Iterator<Item = HeaderName> {
///         [ACCEPT].into_iter()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot respond to rejected requests with a `{B}` body",
    note = "implement `RejectionResponse<{B}>`, or give a closure `|rejection: Rejection<'_>| -> Response<{B}>`",
    note = "in axum, end the closure with `.into_response()`: a tuple such as `(StatusCode, Json<T>)` is not a `Response`",
    note = "the closure takes a `Rejection<'_>`, and `rejection.error()` is the `AuthError`",
    note = "`BearerChallenge`, the default, and `Grpc` need the body to be `Default`",
    note = "for a body that is not `Default`, such as that of tower-http's `TraceLayer`, convert it with `map_response_body`",
    note = "`ProblemJson` needs the body to be `From<String>`"
)]
pub trait RejectionResponse<B> {
    /// The response.
    fn response(&self, rejection: Rejection<'_>) -> Response<B>;

    /// The header fields of the request that [`response`](Self::response) reads. None by default.
    ///
    /// A handler consumes its request before it rejects, so these fields are kept from the start.
    /// Each costs an accepted request a look-up, and keeping any costs an allocation or more.
    fn request_headers(&self) -> impl Iterator<Item = HeaderName> {
        std::iter::empty()
    }
}

/// Responds with the status, the challenge of RFC 6750 §3, and an empty body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge;

// So that the compiler names what cannot respond, and the trait's notes, and not only the bound of
// this implementation.
#[diagnostic::do_not_recommend]
impl<B: Default> RejectionResponse<B> for BearerChallenge {
    fn response(&self, rejection: Rejection<'_>) -> Response<B> {
        rejection.into_response(B::default())
    }
}

// Otherwise the compiler would ask for a closure where a type was given.
#[diagnostic::do_not_recommend]
impl<F, B> RejectionResponse<B> for F
where
    F: Fn(Rejection<'_>) -> Response<B>,
{
    fn response(&self, rejection: Rejection<'_>) -> Response<B> {
        self(rejection)
    }
}

/// A rejected request, and what the response must say.
///
/// Its `Debug` shows no header field of the request.
pub struct Rejection<'a> {
    error: &'a AuthError,
    challenge: Option<&'a HeaderValue>,
    method: &'a Method,
    headers: &'a HeaderMap,
}

impl<'a> Rejection<'a> {
    /// Why the request is rejected.
    #[must_use]
    pub const fn error(&self) -> &'a AuthError {
        self.error
    }

    /// The value of `WWW-Authenticate`. `None` for 500 and 503, which no token could change.
    #[must_use]
    pub const fn challenge(&self) -> Option<&'a HeaderValue> {
        self.challenge
    }

    /// The value of `Retry-After`, in whole seconds, at least one: only of errors with status 503.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        retry_after(self.error)
    }

    /// The request's method, as the layer saw it.
    #[must_use]
    pub const fn request_method(&self) -> &'a Method {
        self.method
    }

    /// The header fields that [`RejectionResponse::request_headers`] names, as the layer saw them;
    /// no others. Do not echo them.
    #[must_use]
    pub const fn request_headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// A response with the status, `WWW-Authenticate`, `Retry-After` and this body.
    #[must_use]
    pub fn into_response<B>(self, body: B) -> Response<B> {
        let retry_after = self.retry_after();
        let mut response = Response::new(body);
        *response.status_mut() = self.error.status();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(retry_after) = retry_after {
            headers.insert(RETRY_AFTER, retry_after);
        }
        response
    }
}

impl fmt::Debug for Rejection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("error", self.error)
            .field("challenge", &self.challenge)
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}

fn retry_after(error: &AuthError) -> Option<HeaderValue> {
    error
        .retry_after()
        .map(|delay| HeaderValue::from(whole_seconds(delay)))
}

fn whole_seconds(duration: Duration) -> u64 {
    let round_up = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(round_up).max(1)
}

/// Builds the response in the given form, then adds the mandatory fields and the `AuthError`.
pub(crate) fn form<B>(
    form: &impl RejectionResponse<B>,
    challenge: Option<&HeaderValue>,
    head: RequestHead<'_>,
    error: AuthError,
) -> Response<B> {
    let no_fields = HeaderMap::new();
    let mut response = form.response(Rejection {
        error: &error,
        challenge,
        method: head.method,
        headers: head.fields.map_or(&no_fields, RequestFields::headers),
    });
    let status = response.status();
    let headers = response.headers_mut();
    let left_out = |name, value: HeaderValue, headers: &mut HeaderMap| {
        headers.entry(name).or_insert(value);
    };
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let bare = HeaderValue::from_static("Bearer");
        left_out(
            WWW_AUTHENTICATE,
            challenge.cloned().unwrap_or(bare),
            headers,
        );
    }
    if status == StatusCode::SERVICE_UNAVAILABLE
        && let Some(delay) = retry_after(&error)
    {
        left_out(RETRY_AFTER, delay, headers);
    }
    left_out(CACHE_CONTROL, HeaderValue::from_static("no-store"), headers);
    response.extensions_mut().insert(error);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (4999, 5)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
