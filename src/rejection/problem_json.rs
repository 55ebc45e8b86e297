//! Problem details (RFC 9457).

use http::{
    HeaderValue, Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};

use super::{Rejection, RejectionResponse};
use crate::error::RejectionKind;

/// Responds with the status, the challenge, and a problem document (RFC 9457).
///
/// ```json
/// {"type":"about:blank","title":"Unauthorized","status":401,"detail":"the access token expired"}
/// ```
///
/// `title` is the name of the status, as `about:blank` demands (RFC 9457 §4.2.1). `detail` is one
/// of nine fixed texts; it says no more than the challenge does, and which check failed only of an
/// expired token. A `HEAD` request gets the header fields of a `GET`, its `Content-Length` included
/// (RFC 9110 §8.6), without the document.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_cognito::{
///     AllowedClients, RequireScopesLayer, UserPool, Verifier, rejection::ProblemJson,
/// };
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// let guard = RequireScopesLayer::all_of(["profiles/get"])?;
/// let app: Router = Router::new()
///     .route("/profiles", get(|| async {}).route_layer(guard))
///     .route_layer(verifier.layer().rejection(ProblemJson));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProblemJson;

#[diagnostic::do_not_recommend]
impl<B: From<String>> RejectionResponse<B> for ProblemJson {
    fn response(&self, rejection: Rejection<'_>) -> Response<B> {
        let document = document(rejection.error().kind());
        let mut response = if rejection.request_method() == Method::HEAD {
            let length = HeaderValue::from(document.len());
            let mut response = rejection.into_response(B::from(String::new()));
            response.headers_mut().insert(CONTENT_LENGTH, length);
            response
        } else {
            rejection.into_response(B::from(document))
        };
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

/// No text in it needs escaping: the names of statuses and the descriptions are plain.
fn document(kind: RejectionKind) -> String {
    let status = kind.status();
    format!(
        r#"{{"type":"about:blank","title":"{}","status":{},"detail":"{}"}}"#,
        status.canonical_reason().unwrap_or_default(),
        status.as_u16(),
        kind.description(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_document_is_json_and_says_what_the_status_says() {
        for kind in RejectionKind::ALL {
            let read: Value = serde_json::from_str(&document(kind)).unwrap();
            let status = kind.status();
            assert_eq!(
                read,
                json!({
                    "type": "about:blank",
                    "title": status.canonical_reason().unwrap(),
                    "status": status.as_u16(),
                    "detail": kind.description(),
                })
            );
        }
    }
}
