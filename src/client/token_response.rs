//! The response of a token endpoint (RFC 6749 §5), which is not trusted.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::TokenError;
use crate::json;

/// The largest response that is read, in bytes. A Cognito token with the most claims allowed is a
/// fraction of it.
pub(super) const MAX_REPLY_BYTES: usize = 256 * 1024;

/// The lifetime if the response names none: the shortest that Cognito lets one configure.
const LIFETIME_UNSAID: Duration = Duration::from_secs(5 * 60);
/// The longest that Cognito lets one configure. A token that claims a longer lifetime is renewed as
/// if it had this one.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A token and how long it lives.
#[derive(Clone)]
pub(super) struct TokenResponse {
    pub(super) header_value: HeaderValue,
    /// At most a day. Zero is a token for those who wait for it, and for no one after them.
    pub(super) lifetime: Duration,
    /// How much of its lifetime had passed when it was requested: more than zero if another process
    /// obtained it.
    pub(super) age: Duration,
}

#[derive(Deserialize)]
struct Granted<'a> {
    access_token: Option<String>,
    token_type: Option<String>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
}

/// The response of `GetClientToken`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ClientToken<'a> {
    #[serde(borrow)]
    client_authentication_result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ClientAuthenticationResult<'a> {
    access_token: Option<String>,
    token_type: Option<String>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
}

/// The response of `GetDerivedToken`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DerivedToken<'a> {
    issued_token: Option<String>,
    token_type: Option<String>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Rejected {
    error: Option<String>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "__type")]
    name: Option<String>,
}

impl TokenResponse {
    /// Reads the body of a token endpoint's response with status 200.
    pub(super) fn read(body: &[u8]) -> Result<Self, TokenError> {
        let granted = object::<Granted<'_>>(body)?;
        Self::of(granted.access_token, granted.token_type, granted.expires_in)
    }

    pub(super) fn read_client_token(body: &[u8]) -> Result<Self, TokenError> {
        let result = object::<ClientToken<'_>>(body)?
            .client_authentication_result
            .ok_or(WRONG_FORM)?;
        let granted = object::<ClientAuthenticationResult<'_>>(result.get().as_bytes())?;
        Self::of(granted.access_token, granted.token_type, granted.expires_in)
    }

    pub(super) fn read_derived_token(body: &[u8]) -> Result<Self, TokenError> {
        let granted = object::<DerivedToken<'_>>(body)?;
        Self::of(granted.issued_token, granted.token_type, granted.expires_in)
    }

    fn of(
        token: Option<String>,
        token_type: Option<String>,
        expires_in: Option<&RawValue>,
    ) -> Result<Self, TokenError> {
        let malformed = |problem| TokenError::MalformedResponse { problem };
        let is_bearer =
            token_type.is_some_and(|token_type| token_type.eq_ignore_ascii_case("Bearer"));
        if !is_bearer {
            // RFC 6749 §7.1: a token whose type is not understood must not be used.
            return Err(malformed("does not say that the token is of type Bearer"));
        }
        let header_value = bearer(&token.unwrap_or_default())
            .ok_or(malformed("holds no access token that could be sent"))?;
        Ok(Self {
            header_value,
            lifetime: lifetime(expires_in),
            age: Duration::ZERO,
        })
    }
}

const WRONG_FORM: TokenError = TokenError::MalformedResponse {
    problem: "is not a JSON object of the expected form",
};

fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, TokenError> {
    std::str::from_utf8(body)
        .ok()
        .and_then(json::object::<T>)
        .ok_or(WRONG_FORM)
}

/// The value of an `Authorization` field, if the token can be sent in one.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .ok()
        .filter(|_| is_b64token(token))?;
    value.set_sensitive(true);
    Some(value)
}

/// `b64token` of RFC 6750 §2.1: what can be sent as a bearer token.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// What a response with another status than 200 means. The body may be empty or not JSON: then the
/// status decides.
pub(super) fn rejection(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> TokenError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return TokenError::Throttled { retry_after };
    }
    if status.is_server_error() {
        return TokenError::Server {
            status,
            retry_after,
        };
    }
    if !status.is_client_error() {
        return TokenError::Status { status };
    }
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6749 §5.2 has 401 for a failed client authentication only. Servers differ in the code
        // they send with it.
        return TokenError::InvalidClient;
    }
    let code = object::<Rejected>(body)
        .ok()
        .and_then(|rejected| rejected.error);
    match code.as_deref() {
        Some("invalid_client") => TokenError::InvalidClient,
        Some("invalid_request" | "invalid_grant") => TokenError::InvalidRequest,
        Some("invalid_scope") => TokenError::InvalidScope,
        Some("invalid_target") => TokenError::InvalidTarget,
        Some("unauthorized_client") => TokenError::UnauthorizedClient,
        Some("unsupported_grant_type") => TokenError::UnsupportedGrantType,
        _ => TokenError::Status { status },
    }
}

/// What a response of the user pools API with another status than 200 means: the exceptions of
/// AWS's service model.
pub(super) fn exception(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> TokenError {
    let name = object::<Exception>(body)
        .ok()
        .and_then(|exception| exception.name)
        .unwrap_or_default();
    // A name may be preceded by its namespace and followed by a URL.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default();
    match name {
        "TooManyRequestsException" | "LimitExceededException" => {
            TokenError::Throttled { retry_after }
        }
        "NotAuthorizedException" | "ResourceNotFoundException" => TokenError::InvalidClient,
        "InvalidParameterException" | "UserNotFoundException" => TokenError::InvalidRequest,
        "ForbiddenException" | "OperationNotEnabledException" => TokenError::UnauthorizedClient,
        "UnknownOperationException" => TokenError::UnsupportedGrantType,
        _ => rejection(status, retry_after, b""),
    }
}

/// `expires_in`: a number of seconds, or a string of digits, as some issuers write. Anything else
/// says nothing; it does not make the token worse.
///
/// Read from the text, so that it means the same whichever features of `serde_json` another crate
/// turned on.
fn lifetime(expires_in: Option<&RawValue>) -> Duration {
    let seconds = expires_in.map(RawValue::get).and_then(|text| {
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        match quoted {
            Some(text) if !is_integer(text) => None,
            // What JSON allows as a number, `parse` reads as the same number.
            _ => quoted.unwrap_or(text).parse::<f64>().ok(),
        }
    });
    // Clamped before it becomes a duration, which would panic on what is negative or too large.
    seconds.map_or(LIFETIME_UNSAID, |seconds| {
        Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_LIFETIME.as_secs_f64()))
    })
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime_of(member: &str) -> Duration {
        let body = format!(r#"{{"access_token":"a.b.c","token_type":"Bearer"{member}}}"#);
        TokenResponse::read(body.as_bytes()).unwrap().lifetime
    }

    #[test]
    fn every_form_of_expires_in_has_a_meaning() {
        for (member, seconds) in [
            (r#","expires_in":3600"#, 3600),
            (r#","expires_in":"3600""#, 3600),
            (r#","expires_in":3600.0"#, 3600),
            (r#","expires_in":3.6e3"#, 3600),
            (r#","expires_in":0"#, 0),
            (r#","expires_in":-1"#, 0),
            (r#","expires_in":"-1""#, 0),
            (r#","expires_in":-1e300"#, 0),
            (r#","expires_in":86400"#, 86_400),
            (r#","expires_in":86401"#, 86_400),
            (r#","expires_in":18446744073709551615"#, 86_400),
            (r#","expires_in":99999999999999999999999"#, 86_400),
            (r#","expires_in":1e308"#, 86_400),
            (r#","expires_in":1e999"#, 86_400),
            (r#","expires_in":"99999999999999999999999""#, 86_400),
            ("", 300),
            (r#","expires_in":null"#, 300),
            (r#","expires_in":"""#, 300),
            (r#","expires_in":"an hour""#, 300),
            (r#","expires_in":"inf""#, 300),
            (r#","expires_in":"NaN""#, 300),
            (r#","expires_in":"1e3""#, 300),
            (r#","expires_in":" 3600""#, 300),
            (r#","expires_in":true"#, 300),
            (r#","expires_in":[3600]"#, 300),
            (r#","expires_in":{"seconds":3600}"#, 300),
        ] {
            assert_eq!(
                lifetime_of(member),
                Duration::from_secs(seconds),
                "{member}"
            );
        }
    }

    #[test]
    fn a_good_response_becomes_a_sensitive_header_value() {
        for body in [
            r#"{"access_token":"a.b-_~+/c==","expires_in":3600,"token_type":"Bearer"}"#,
            r#" {"token_type":"bearer","access_token":"a.b-_~+/c==","scope":"x","id_token":null}"#,
        ] {
            let reply = TokenResponse::read(body.as_bytes()).unwrap();
            assert_eq!(reply.header_value, "Bearer a.b-_~+/c==");
            assert!(reply.header_value.is_sensitive());
        }
    }

    #[test]
    fn a_response_without_a_bearer_token_is_rejected_by_kind() {
        let form = "is not a JSON object of the expected form";
        let kind = "does not say that the token is of type Bearer";
        let token = "holds no access token that could be sent";
        for (body, expected) in [
            ("", form),
            ("<html>", form),
            ("[]", form),
            ("null", form),
            (r#"["a","Bearer",1]"#, form),
            (r#"{"access_token":"a","token_type":"Bearer"} x"#, form),
            (r#"{"access_token":1,"token_type":"Bearer"}"#, form),
            (
                r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
                form,
            ),
            (r#"{"access_token":"a"}"#, kind),
            (r#"{"access_token":"a","token_type":"DPoP"}"#, kind),
            (r#"{"access_token":"a","token_type":"Bearer "}"#, kind),
            (r#"{"token_type":"Bearer"}"#, token),
            (r#"{"access_token":"","token_type":"Bearer"}"#, token),
            (r#"{"access_token":null,"token_type":"Bearer"}"#, token),
            (
                r#"{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer"}"#,
                token,
            ),
            (r#"{"access_token":"a b","token_type":"Bearer"}"#, token),
        ] {
            assert_eq!(
                TokenResponse::read(body.as_bytes()).err(),
                Some(TokenError::MalformedResponse { problem: expected }),
                "{body}"
            );
        }
        assert!(TokenResponse::read(b"\xff{}").is_err());
    }

    #[test]
    fn a_rejection_is_read_from_the_code_and_else_from_the_status() {
        let status = |code| TokenError::Status {
            status: StatusCode::from_u16(code).unwrap(),
        };
        let server = |code| TokenError::Server {
            status: StatusCode::from_u16(code).unwrap(),
            retry_after: None,
        };
        let code = |code: &str| format!(r#"{{"error":"{code}"}}"#);
        for (code, body, expected) in [
            (400, code("invalid_client"), TokenError::InvalidClient),
            (401, code("invalid_client"), TokenError::InvalidClient),
            (401, String::new(), TokenError::InvalidClient),
            (401, "<html>".to_owned(), TokenError::InvalidClient),
            (401, code("unauthorized_client"), TokenError::InvalidClient),
            (401, code("invalid_scope"), TokenError::InvalidClient),
            (401, code("something_new"), TokenError::InvalidClient),
            (403, String::new(), status(403)),
            (400, code("invalid_scope"), TokenError::InvalidScope),
            (400, code("invalid_target"), TokenError::InvalidTarget),
            (400, code("invalid_request"), TokenError::InvalidRequest),
            (400, code("invalid_grant"), TokenError::InvalidRequest),
            (
                400,
                code("unauthorized_client"),
                TokenError::UnauthorizedClient,
            ),
            (
                400,
                code("unsupported_grant_type"),
                TokenError::UnsupportedGrantType,
            ),
            (400, code("something_new"), status(400)),
            (400, r#"{"error":1}"#.to_owned(), status(400)),
            (400, "[]".to_owned(), status(400)),
            (404, "not found".to_owned(), status(404)),
            (
                429,
                code("invalid_client"),
                TokenError::Throttled { retry_after: None },
            ),
            (500, code("invalid_client"), server(500)),
            (503, String::new(), server(503)),
            (302, code("invalid_client"), status(302)),
            (204, String::new(), status(204)),
        ] {
            assert_eq!(
                rejection(StatusCode::from_u16(code).unwrap(), None, body.as_bytes()),
                expected,
                "{code} {body}"
            );
        }
    }

    #[test]
    fn an_exception_is_read_from_its_name_and_else_from_the_status() {
        let server = TokenError::Server {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            retry_after: None,
        };
        let status = TokenError::Status {
            status: StatusCode::BAD_REQUEST,
        };
        for (code, name, expected) in [
            (400, "NotAuthorizedException", TokenError::InvalidClient),
            (
                400,
                "com.amazonaws.cognito#NotAuthorizedException",
                TokenError::InvalidClient,
            ),
            (
                400,
                "NotAuthorizedException:http://internal.amazon.com/",
                TokenError::InvalidClient,
            ),
            (400, "ResourceNotFoundException", TokenError::InvalidClient),
            (400, "InvalidParameterException", TokenError::InvalidRequest),
            (
                400,
                "OperationNotEnabledException",
                TokenError::UnauthorizedClient,
            ),
            (
                400,
                "TooManyRequestsException",
                TokenError::Throttled { retry_after: None },
            ),
            (
                400,
                "UnknownOperationException",
                TokenError::UnsupportedGrantType,
            ),
            (400, "SomethingNewException", status),
            (500, "InternalErrorException", server),
        ] {
            let body = format!(r#"{{"__type":"{name}","message":"x"}}"#);
            let code = StatusCode::from_u16(code).unwrap();
            assert_eq!(exception(code, None, body.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn the_two_operations_of_the_api_answer_in_forms_of_their_own() {
        let client = br#"{"ClientAuthenticationResult":{"AccessToken":"a.b.c","ExpiresIn":300,"TokenType":"Bearer"}}"#;
        let derived = br#"{"IssuedToken":"a.b.c","IssuedTokenType":"ACCESS_TOKEN","TokenType":"Bearer","ExpiresIn":300}"#;
        for response in [
            TokenResponse::read_client_token(client),
            TokenResponse::read_derived_token(derived),
        ] {
            let response = response.unwrap();
            assert_eq!(response.header_value, "Bearer a.b.c");
            assert_eq!(response.lifetime, Duration::from_secs(300));
        }
        assert!(TokenResponse::read_client_token(derived).is_err());
        assert!(TokenResponse::read_derived_token(client).is_err());
        assert!(TokenResponse::read_client_token(b"{}").is_err());
    }
}
