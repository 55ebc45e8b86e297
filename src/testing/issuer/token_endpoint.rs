//! The token endpoint, for the client-credentials grant (RFC 6749 §4.4), with Cognito's statuses and errors.

use std::collections::BTreeMap;

use http::{
    HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    credentials::Credentials,
    reply::{self, Reply},
    state::Shared,
};
use crate::testing::token::random_uuid;

const MAX_FORM_BYTES: usize = 64 * 1024;
const JSON: &str = "application/json;charset=UTF-8";

/// The error codes of Cognito's token endpoint. All of them are sent with status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
}

impl TokenError {
    const fn code(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

pub(super) async fn respond(request: Request<Incoming>, shared: &Shared) -> Reply {
    let mut reply = match issue(request, shared).await {
        Ok(granted) => reply::json(StatusCode::OK, JSON, granted),
        Err(error) => reply::json(
            StatusCode::BAD_REQUEST,
            JSON,
            json!({ "error": error.code() }).to_string(),
        ),
    };
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(request_id) = HeaderValue::try_from(random_uuid()) {
        headers.insert("x-amz-cognito-request-id", request_id);
    }
    reply
}

/// There is no `scope` in the reply: a client learns from the token what it was granted.
async fn issue(request: Request<Incoming>, shared: &Shared) -> Result<String, TokenError> {
    let (parts, body) = request.into_parts();
    if !is_form(parts.headers.get(CONTENT_TYPE)) {
        return Err(TokenError::InvalidRequest);
    }
    let body = Limited::new(body, MAX_FORM_BYTES)
        .collect()
        .await
        .map_err(|_| TokenError::InvalidRequest)?
        .to_bytes();
    let form = parse_form(&body)?;
    let credentials = Credentials::read(parts.headers.get(AUTHORIZATION), &form)?;
    let (client_id, scopes, lifetime) = {
        let state = shared.state();
        let (client_id, client) = credentials
            .authenticate(&state.clients)
            .ok_or(TokenError::InvalidClient)?;
        check_grant(&form)?;
        let scopes = client
            .grant(form.get("scope").map(String::as_str))
            .ok_or(TokenError::InvalidScope)?;
        (client_id.to_owned(), scopes, state.lifetime)
    };
    let token = shared
        .token()
        .client_credentials(client_id)
        .scopes(scopes)
        .build();
    Ok(json!({
        "access_token": token,
        "expires_in": lifetime.as_secs(),
        "token_type": "Bearer",
    })
    .to_string())
}

fn is_form(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

/// A parameter must not come twice (RFC 6749 §3.2).
fn parse_form(body: &[u8]) -> Result<BTreeMap<String, String>, TokenError> {
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let repeated = form.insert(name.into_owned(), value.into_owned());
        if repeated.is_some() {
            return Err(TokenError::InvalidRequest);
        }
    }
    Ok(form)
}

fn check_grant(form: &BTreeMap<String, String>) -> Result<(), TokenError> {
    match form.get("grant_type").map(String::as_str) {
        // Cognito binds tokens of users to a resource, and none of this grant.
        Some("client_credentials") if form.contains_key("resource") => {
            Err(TokenError::InvalidRequest)
        }
        Some("client_credentials") => Ok(()),
        // Grants that Cognito has and these clients do not.
        Some("authorization_code" | "refresh_token") => Err(TokenError::UnauthorizedClient),
        Some(_) => Err(TokenError::UnsupportedGrantType),
        None => Err(TokenError::InvalidRequest),
    }
}
