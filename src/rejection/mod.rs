//! From a refusal to a response.

pub(crate) mod challenge;
mod grpc;
pub(crate) mod kind;
mod problem_json;

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::{grpc::Grpc, problem_json::ProblemJson};
use crate::{error::AuthError, rejection::challenge::Challenges};

/// Makes the response to a refused request.
///
/// | form | what it answers with |
/// | --- | --- |
/// | [`BearerChallenge`], the default | status, challenge, no body |
/// | [`ProblemJson`] | the same with a problem document (RFC 9457) |
/// | [`Grpc`] | a gRPC status to gRPC requests, another form to the others |
/// | a closure `Fn(&AuthError) -> Response<B>` | whatever it makes; a 401 that it leaves without a challenge gets one (RFC 9110 §15.5.2) |
/// | a type of your own | as below |
///
/// # Examples
///
/// ```
/// use http::{Response, header::CONTENT_TYPE};
/// use tower_cognito::rejection::{Rejection, RejectionResponse};
///
/// /// Answers with a body that the service's clients know.
/// #[derive(Clone)]
/// struct JsonError;
///
/// impl RejectionResponse<String> for JsonError {
///     fn response(&self, rejection: Rejection<'_>) -> Response<String> {
///         let body = format!(r#"{{"error":"{}"}}"#, rejection.error().reason());
///         let mut response = rejection.into_response(body);
///         response
///             .headers_mut()
///             .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
///         response
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer refused requests with a `{B}` body",
    note = "implement `RejectionResponse<{B}>`, or give a closure `Fn(&AuthError) -> Response<{B}>`",
    note = "`BearerChallenge`, the default, and `Grpc` need the body to be `Default`",
    note = "a service whose body is not (that of tower-http's `TraceLayer`) can be given another by `map_response_body`",
    note = "`ProblemJson` needs the body to be `From<String>`"
)]
pub trait RejectionResponse<B> {
    /// The response.
    fn response(&self, rejection: Rejection<'_>) -> Response<B>;
}

/// Answers with the status, the challenge of RFC 6750 §3, and an empty body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge;

// So that the compiler names what cannot answer, and the trait's notes, and not only the bound of this implementation.
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
    F: Fn(&AuthError) -> Response<B>,
{
    fn response(&self, rejection: Rejection<'_>) -> Response<B> {
        self(rejection.error)
    }
}

/// A refused request, and what the answer must say.
#[derive(Debug)]
pub struct Rejection<'a> {
    error: &'a AuthError,
    challenge: Option<&'a HeaderValue>,
    method: &'a Method,
    headers: &'a HeaderMap,
}

impl<'a> Rejection<'a> {
    /// Why the request is refused.
    #[must_use]
    pub const fn error(&self) -> &'a AuthError {
        self.error
    }

    /// The value of `WWW-Authenticate`. None for 500 and 503, which no token could cure.
    #[must_use]
    pub const fn challenge(&self) -> Option<&'a HeaderValue> {
        self.challenge
    }

    /// The value of `Retry-After`: only of [`AuthError::KeysUnavailable`], in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        match self.error {
            AuthError::KeysUnavailable { retry_after } => {
                Some(HeaderValue::from(whole_seconds(*retry_after)))
            }
            _ => None,
        }
    }

    /// The request's method.
    #[must_use]
    pub const fn request_method(&self) -> &'a Method {
        self.method
    }

    /// The request's header fields, to choose a form of answer. Nothing of them should be echoed.
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

fn whole_seconds(duration: Duration) -> u64 {
    let round_up = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(round_up).max(1)
}

/// Refuses a request: the response as the service wants it, with what must not be missing.
pub(crate) fn refuse<Q, B>(
    form: &impl RejectionResponse<B>,
    challenges: &Challenges,
    request: &Request<Q>,
    error: AuthError,
) -> Response<B> {
    let challenge = challenges.of(error.kind());
    let mut response = form.response(Rejection {
        error: &error,
        challenge,
        method: request.method(),
        headers: request.headers(),
    });
    if response.status() == http::StatusCode::UNAUTHORIZED
        && let Some(challenge) = challenge
    {
        response
            .headers_mut()
            .entry(WWW_AUTHENTICATE)
            .or_insert_with(|| challenge.clone());
    }
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
