//! Dynamic client registration (RFC 7591), open to anyone.

use http::{HeaderValue, Request, StatusCode, Uri, header::CACHE_CONTROL};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::{
    body,
    client::{AppClient, random_secret},
    cors,
    reply::{self, Reply},
    state::Shared,
};
use crate::protected_url::{ProtectedUrl, Unencrypted};

/// What every client may ask for besides, as at Cognito.
const OPENID_SCOPES: [&str; 4] = ["openid", "email", "phone", "profile"];

/// The metadata that decides something. The rest is ignored (RFC 7591 §2).
#[derive(Deserialize)]
struct ClientMetadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
}

/// RFC 7591 §3.2.2.
enum RegistrationError {
    InvalidClientMetadata,
    InvalidRedirectUri,
}

impl RegistrationError {
    const fn code(&self) -> &'static str {
        match self {
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
        }
    }
}

pub(super) async fn respond(request: Request<Incoming>, shared: &Shared) -> Reply {
    let registered = match body::read(request.into_body()).await {
        Some(body) => register(&body, shared),
        None => Err(RegistrationError::InvalidClientMetadata),
    };
    let (status, document) = match registered {
        Ok(registered) => (StatusCode::CREATED, registered),
        Err(error) => (
            StatusCode::BAD_REQUEST,
            json!({ "error": error.code() }).to_string(),
        ),
    };
    let mut reply = reply::json(status, "application/json", document);
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if shared.behaviour.cors {
        cors::allow_any_origin(&mut reply);
    }
    reply
}

fn register(body: &[u8], shared: &Shared) -> Result<String, RegistrationError> {
    let metadata: ClientMetadata =
        serde_json::from_slice(body).map_err(|_| RegistrationError::InvalidClientMetadata)?;
    let signs_users_in = |asked: &Option<Vec<String>>, kind| {
        asked
            .as_ref()
            .is_none_or(|asked| asked.iter().any(|asked| asked == kind))
    };
    if !signs_users_in(&metadata.grant_types, "authorization_code")
        || !signs_users_in(&metadata.response_types, "code")
    {
        return Err(RegistrationError::InvalidClientMetadata);
    }
    if metadata.redirect_uris.is_empty()
        || !metadata
            .redirect_uris
            .iter()
            .all(|uri| may_be_redirect_uri(uri))
    {
        return Err(RegistrationError::InvalidRedirectUri);
    }
    let method = metadata
        .token_endpoint_auth_method
        .unwrap_or_else(|| "client_secret_basic".to_owned());
    let secret = match method.as_str() {
        "none" => None,
        "client_secret_basic" | "client_secret_post" => Some(random_secret()),
        _ => return Err(RegistrationError::InvalidClientMetadata),
    };
    let allowed = shared.behaviour.registration.iter().flatten();
    let scopes = allowed.map(String::as_str).chain(OPENID_SCOPES);
    let client = AppClient::for_users(secret.clone(), &metadata.redirect_uris, scopes);
    let client_id = random_secret();
    shared.state().clients.insert(client_id.clone(), client);
    let mut registered = json!({
        "client_id": client_id,
        "redirect_uris": metadata.redirect_uris,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    });
    if let (Some(secret), Some(members)) = (secret, registered.as_object_mut()) {
        members.insert("client_secret".to_owned(), json!(secret));
        // It does not expire.
        members.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    Ok(registered.to_string())
}

/// https, http on this machine, or a scheme of an app's own (RFC 8252 §7).
fn may_be_redirect_uri(uri: &str) -> bool {
    let scheme = uri
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.scheme_str().map(str::to_owned));
    match scheme.as_deref() {
        Some("http" | "https") => ProtectedUrl::parse(uri, Unencrypted::OnLoopback).is_ok(),
        Some("javascript" | "data" | "file" | "vbscript") | None => false,
        Some(_) => !uri.contains('#'),
    }
}
