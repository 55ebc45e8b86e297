//! `GetClientToken` and `GetDerivedToken` of the user pools API, in the form of AWS's service
//! model: JSON 1.1, without a signature.

use std::collections::BTreeMap;

use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
use hyper::body::Incoming;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    body,
    client::AppClient,
    reply::{self, Reply},
    state::Shared,
    token_exchange::{Exchange, Presented},
};
use crate::testing::token::random_uuid;

const CONTENT: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSCognitoIdentityProviderService.";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetClientToken {
    client_id: String,
    secret: String,
    scopes: Option<Vec<String>>,
    #[allow(dead_code, reason = "a trigger would read it, and there is none")]
    client_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetDerivedToken {
    client_id: String,
    client_secret: String,
    subject_token: String,
    subject_token_type: String,
    actor_token: Option<String>,
    actor_token_type: Option<String>,
    scopes: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    requested_token_type: Option<String>,
}

/// The exceptions of the operations that this issuer has a reason for.
enum Exception {
    InvalidParameter,
    NotAuthorized,
    OperationNotEnabled,
    ResourceNotFound,
    UnknownOperation,
}

impl Exception {
    const fn name(&self) -> &'static str {
        match self {
            Self::InvalidParameter => "InvalidParameterException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::OperationNotEnabled => "OperationNotEnabledException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }
}

pub(super) async fn respond(request: Request<Incoming>, shared: &Shared) -> Reply {
    let mut reply = match answer(request, shared).await {
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

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<String, Exception> {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if header(CONTENT_TYPE.as_str()) != Some(CONTENT) {
        return Err(Exception::UnknownOperation);
    }
    let body = body::read(body).await.ok_or(Exception::InvalidParameter)?;
    match header("x-amz-target").and_then(|target| target.strip_prefix(TARGET)) {
        Some("GetClientToken") => get_client_token(read(&body)?, shared),
        Some("GetDerivedToken") => get_derived_token(read(&body)?, shared),
        _ => Err(Exception::UnknownOperation),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Exception> {
    serde_json::from_slice(body).map_err(|_| Exception::InvalidParameter)
}

fn authenticated(shared: &Shared, client_id: &str, secret: &str) -> Result<AppClient, Exception> {
    let client = shared.state().clients.get(client_id).cloned();
    let client = client.ok_or(Exception::ResourceNotFound)?;
    if client.has_secret(secret) {
        Ok(client)
    } else {
        Err(Exception::NotAuthorized)
    }
}

fn get_client_token(request: GetClientToken, shared: &Shared) -> Result<String, Exception> {
    let client = authenticated(shared, &request.client_id, &request.secret)?;
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

fn get_derived_token(request: GetDerivedToken, shared: &Shared) -> Result<String, Exception> {
    let client = authenticated(shared, &request.client_id, &request.client_secret)?;
    if !shared.behaviour.token_exchange {
        return Err(Exception::OperationNotEnabled);
    }
    let requested = request.requested_token_type.as_deref();
    if !matches!(requested, None | Some("ACCESS_TOKEN")) {
        return Err(Exception::InvalidParameter);
    }
    let exchange = Exchange {
        subject: Presented {
            token: &request.subject_token,
            is_access_token: request.subject_token_type == "ACCESS_TOKEN",
        },
        actor: request.actor_token.as_deref().map(|token| Presented {
            token,
            is_access_token: request.actor_token_type.as_deref() == Some("ACCESS_TOKEN"),
        }),
        audience: at_most_one(request.audiences.as_deref())?,
        resource: at_most_one(request.resources.as_deref())?,
        scopes: request.scopes,
    };
    let exchanged = exchange
        .exchange(shared, request.client_id, &client)
        .map_err(|_| Exception::InvalidParameter)?;
    Ok(json!({
        "ExpiresIn": shared.state().lifetime.as_secs(),
        "IssuedToken": exchanged.token,
        "IssuedTokenType": "ACCESS_TOKEN",
        "Scopes": exchanged.scopes,
        "TokenType": "Bearer",
    })
    .to_string())
}

fn at_most_one(list: Option<&[String]>) -> Result<Option<&str>, Exception> {
    match list {
        None | Some([]) => Ok(None),
        Some([one]) => Ok(Some(one)),
        Some(_) => Err(Exception::InvalidParameter),
    }
}
