//! `GetClientToken` of the user pools API, in the form of AWS's service model: JSON 1.1, without a signature.

use std::collections::BTreeMap;

use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::{
    reply::{self, Reply},
    state::Shared,
    token_endpoint::MAX_BODY_BYTES,
};
use crate::testing::token::random_uuid;

const CONTENT: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSCognitoIdentityProviderService.GetClientToken";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetClientToken {
    client_id: String,
    secret: String,
    scopes: Option<Vec<String>>,
    #[allow(dead_code, reason = "a trigger would read it, and there is none")]
    client_metadata: Option<BTreeMap<String, String>>,
}

/// The exceptions of the operation that this issuer has a reason for.
enum Exception {
    InvalidParameter,
    NotAuthorized,
    ResourceNotFound,
    UnknownOperation,
}

impl Exception {
    const fn name(&self) -> &'static str {
        match self {
            Self::InvalidParameter => "InvalidParameterException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }
}

pub(super) async fn respond(request: Request<Incoming>, shared: &Shared) -> Reply {
    let mut reply = match get_client_token(request, shared).await {
        Ok(result) => reply::json(StatusCode::OK, CONTENT, result),
        Err(exception) => reply::json(
            StatusCode::BAD_REQUEST,
            CONTENT,
            json!({ "__type": exception.name(), "message": "the local issuer says so" })
                .to_string(),
        ),
    };
    if let Ok(request_id) = HeaderValue::try_from(random_uuid()) {
        reply.headers_mut().insert("x-amzn-requestid", request_id);
    }
    reply
}

async fn get_client_token(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<String, Exception> {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if header("x-amz-target") != Some(TARGET) || header(CONTENT_TYPE.as_str()) != Some(CONTENT) {
        return Err(Exception::UnknownOperation);
    }
    let body = Limited::new(body, MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(|_| Exception::InvalidParameter)?
        .to_bytes();
    let request =
        serde_json::from_slice::<GetClientToken>(&body).map_err(|_| Exception::InvalidParameter)?;
    let client = shared.state().clients.get(&request.client_id).cloned();
    let client = client.ok_or(Exception::ResourceNotFound)?;
    if !client.has_secret(&request.secret) {
        return Err(Exception::NotAuthorized);
    }
    let asked = request.scopes.map(|scopes| scopes.join(" "));
    let scopes = client
        .grant(asked.as_deref())
        .ok_or(Exception::InvalidParameter)?;
    let token = shared
        .token()
        .client_credentials(request.client_id)
        .scopes(scopes)
        .build();
    Ok(json!({
        "ClientAuthenticationResult": {
            "AccessToken": token,
            "ExpiresIn": shared.state().lifetime.as_secs(),
            "TokenType": "Bearer",
        },
    })
    .to_string())
}
