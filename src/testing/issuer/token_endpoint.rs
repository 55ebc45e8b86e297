//! The token endpoint, with Cognito's statuses and errors: client credentials (RFC 6749 §4.4), and
//! authorization codes and token exchange where they are turned on.

use http::{
    HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    body,
    client::AppClient,
    code_grant, cors,
    credentials::Credentials,
    form::{self, Form},
    reply::{self, Reply},
    resource::{self, ResourceParameter},
    state::Shared,
    token_error::TokenError,
    token_exchange,
};
use crate::testing::token::random_uuid;

const JSON: &str = "application/json;charset=UTF-8";

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
    // RFC 6749 §5.1 requires both.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    if let Ok(request_id) = HeaderValue::try_from(random_uuid()) {
        headers.insert("x-amz-cognito-request-id", request_id);
    }
    if shared.behaviour.cors {
        cors::allow_any_origin(&mut reply);
    }
    reply
}

async fn issue(request: Request<Incoming>, shared: &Shared) -> Result<String, TokenError> {
    let (parts, body) = request.into_parts();
    if !form::is_form(parts.headers.get(CONTENT_TYPE)) {
        return Err(TokenError::InvalidRequest);
    }
    let body = body::read(body).await.ok_or(TokenError::InvalidRequest)?;
    let form = form::parse(&body)?;
    let credentials = Credentials::read(parts.headers.get(AUTHORIZATION), &form)?;
    let (client_id, client) = {
        let state = shared.state();
        let (client_id, client) = credentials
            .authenticate(&state.clients)
            .ok_or(TokenError::InvalidClient)?;
        (client_id.to_owned(), client.clone())
    };
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") if client.has_client_credentials() => {
            client_credentials(shared, client_id, &client, &form)
        }
        Some("authorization_code") if !client.has_client_credentials() => {
            code_grant::redeem(shared, &client_id, &form)
        }
        Some(token_exchange::GRANT_TYPE)
            if shared.behaviour.token_exchange && !client.is_public() =>
        {
            token_exchange::exchange(shared, client_id, &client, &form)
        }
        // Grants that Cognito has and this client does not.
        Some(
            "authorization_code"
            | "client_credentials"
            | "refresh_token"
            | token_exchange::GRANT_TYPE,
        ) => Err(TokenError::UnauthorizedClient),
        Some(_) => Err(TokenError::UnsupportedGrantType),
        None => Err(TokenError::InvalidRequest),
    }
}

/// There is no `scope` in the response: a client learns from the token what it was granted.
fn client_credentials(
    shared: &Shared,
    client_id: String,
    client: &AppClient,
    form: &Form,
) -> Result<String, TokenError> {
    let audience = match (shared.behaviour.resource, form.get("resource")) {
        (_, None) => None,
        // Cognito binds tokens of users to a resource, and none of this grant.
        (ResourceParameter::Rejected, Some(_)) => return Err(TokenError::InvalidRequest),
        (ResourceParameter::Bound, Some(resource)) => Some(resource::checked(resource)?),
    };
    let scopes = client
        .grant(form.get("scope").map(String::as_str))
        .ok_or(TokenError::InvalidScope)?;
    let mut token = shared.token().client_credentials(client_id).scopes(scopes);
    if let Some(audience) = audience {
        token = token.claim("aud", audience);
    }
    Ok(json!({
        "access_token": token.build(),
        "expires_in": shared.state().lifetime.as_secs(),
        "token_type": "Bearer",
    })
    .to_string())
}
