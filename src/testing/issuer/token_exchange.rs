//! Token exchange (RFC 8693), as AWS documents it for Cognito: narrower scopes, one audience, `act` under delegation.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::json;

use super::{
    client::AppClient,
    resource,
    state::Shared,
    token_endpoint::{Form, MAX_BODY_BYTES},
    token_error::TokenError,
};
use crate::{
    allowed_clients::AllowedClients, clock::Clock, token::claims::Claims, verifier::Verifier,
};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(super) fn exchange(
    shared: &Shared,
    client_id: String,
    client: &AppClient,
    form: &Form,
) -> Result<String, TokenError> {
    let subject = presented(shared, form, "subject_token")?.ok_or(TokenError::InvalidRequest)?;
    let actor = presented(shared, form, "actor_token")?;
    let requested = form.get("requested_token_type").map(String::as_str);
    if !matches!(requested, None | Some(ACCESS_TOKEN)) {
        return Err(TokenError::InvalidRequest);
    }
    let audience = match (form.get("audience"), form.get("resource")) {
        (Some(_), Some(_)) => return Err(TokenError::InvalidRequest),
        (Some(audience), None) => Some(audience.as_str()),
        (None, Some(resource)) => Some(resource::checked(resource)?),
        (None, None) => None,
    };
    let scopes = granted(&subject, client, form.get("scope").map(String::as_str))?;
    let mut token = match subject.username() {
        Some(username) => shared.token().user(username).client_id(client_id),
        None => shared.token().client_credentials(client_id),
    }
    .claim("sub", subject.subject())
    .scopes(&scopes);
    if let Some(audience) = audience {
        token = token.claim("aud", audience);
    }
    if let Some(actor) = actor {
        token = token.claim("act", json!({ "sub": actor.subject() }));
    }
    Ok(json!({
        "access_token": token.build(),
        "expires_in": shared.state().lifetime.as_secs(),
        "issued_token_type": ACCESS_TOKEN,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    })
    .to_string())
}

/// The claims of a token in the request, which must be an access token of this issuer.
fn presented(shared: &Shared, form: &Form, name: &str) -> Result<Option<Claims>, TokenError> {
    let token_type = form.get(&format!("{name}_type")).map(String::as_str);
    match (form.get(name), token_type) {
        (None, None) => Ok(None),
        (Some(token), Some(ACCESS_TOKEN | JWT)) => verified(shared, token).map(Some),
        _ => Err(TokenError::InvalidRequest),
    }
}

/// RFC 8693 §2.2.2: a token that is not valid is an invalid request.
fn verified(shared: &Shared, token: &str) -> Result<Claims, TokenError> {
    let pool = shared.user_pool.clone();
    let verifier = pool
        .with_pinned_jwks(&shared.state().jwks())
        .and_then(|pool| {
            Verifier::builder(pool, AllowedClients::any())
                .clock(IssuerClock(Arc::clone(&shared.clock)))
                .max_token_bytes(MAX_BODY_BYTES)
                .build()
        });
    verifier
        .ok()
        .and_then(|verifier| verifier.verify_cached(token)?.ok())
        .ok_or(TokenError::InvalidRequest)
}

/// The scopes asked for that both the subject's token and the client have; without any, those of the subject's token.
fn granted(
    subject: &Claims,
    client: &AppClient,
    asked: Option<&str>,
) -> Result<Vec<String>, TokenError> {
    let Some(asked) = asked else {
        return Ok(subject.scopes().map(str::to_owned).collect());
    };
    let granted = asked
        .split(' ')
        .filter(|scope| subject.has_scope(scope) && client.may_have(scope))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    if granted.is_empty() {
        Err(TokenError::InvalidScope)
    } else {
        Ok(granted)
    }
}

struct IssuerClock(Arc<dyn Clock>);

impl Clock for IssuerClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}
