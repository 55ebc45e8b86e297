//! Token exchange (RFC 8693), as AWS documents it for Cognito: narrower scopes, one audience, `act`
//! under delegation.

use std::sync::Arc;

use serde_json::json;

use super::{
    body::MAX_BODY_BYTES, client::AppClient, form::Form, resource, state::Shared,
    token_error::TokenError,
};
use crate::{allowed_clients::AllowedClients, token::claims::Claims, verifier::Verifier};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The request, in whichever form it came.
pub(super) struct Exchange<'a> {
    pub(super) subject: Presented<'a>,
    pub(super) actor: Option<Presented<'a>>,
    pub(super) audience: Option<&'a str>,
    pub(super) resource: Option<&'a str>,
    pub(super) scopes: Option<Vec<String>>,
}

/// A token in the request.
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    /// Others are not exchanged here.
    pub(super) is_access_token: bool,
}

pub(super) struct Exchanged {
    pub(super) token: String,
    pub(super) scopes: Vec<String>,
}

/// At the token endpoint.
pub(super) fn exchange(
    shared: &Shared,
    client_id: String,
    client: &AppClient,
    form: &Form,
) -> Result<String, TokenError> {
    let parameter = |name| form.get(name).map(String::as_str);
    if !matches!(parameter("requested_token_type"), None | Some(ACCESS_TOKEN)) {
        return Err(TokenError::InvalidRequest);
    }
    let exchange = Exchange {
        subject: presented(form, "subject_token")?.ok_or(TokenError::InvalidRequest)?,
        actor: presented(form, "actor_token")?,
        audience: parameter("audience"),
        resource: parameter("resource"),
        scopes: parameter("scope").map(|scope| scope.split(' ').map(str::to_owned).collect()),
    };
    let exchanged = exchange.exchange(shared, client_id, client)?;
    Ok(json!({
        "access_token": exchanged.token,
        "expires_in": shared.state().lifetime.as_secs(),
        "issued_token_type": ACCESS_TOKEN,
        "scope": exchanged.scopes.join(" "),
        "token_type": "Bearer",
    })
    .to_string())
}

fn presented<'a>(form: &'a Form, name: &str) -> Result<Option<Presented<'a>>, TokenError> {
    let token_type = form.get(&format!("{name}_type")).map(String::as_str);
    match (form.get(name), token_type) {
        (None, None) => Ok(None),
        (Some(token), Some(token_type)) => Ok(Some(Presented {
            token,
            is_access_token: matches!(token_type, ACCESS_TOKEN | JWT),
        })),
        _ => Err(TokenError::InvalidRequest),
    }
}

impl Exchange<'_> {
    pub(super) fn exchange(
        self,
        shared: &Shared,
        client_id: String,
        client: &AppClient,
    ) -> Result<Exchanged, TokenError> {
        let subject = self.subject.verified(shared)?;
        let actor = self.actor.map(|actor| actor.verified(shared)).transpose()?;
        let audience = match (self.audience, self.resource) {
            (Some(_), Some(_)) => return Err(TokenError::InvalidRequest),
            (Some(audience), None) => Some(audience),
            (None, Some(resource)) => Some(resource::checked(resource)?),
            (None, None) => None,
        };
        let scopes = granted(&subject, client, self.scopes)?;
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
        Ok(Exchanged {
            token: token.build(),
            scopes,
        })
    }
}

impl Presented<'_> {
    fn verified(&self, shared: &Shared) -> Result<Claims, TokenError> {
        if self.is_access_token {
            verified(shared, self.token)
        } else {
            Err(TokenError::InvalidRequest)
        }
    }
}

/// RFC 8693 §2.2.2: a token that is not valid is an invalid request.
fn verified(shared: &Shared, token: &str) -> Result<Claims, TokenError> {
    let pool = shared.user_pool.clone();
    let verifier = pool
        .with_pinned_jwks(&shared.state().jwks())
        .and_then(|pool| {
            Verifier::builder(pool, AllowedClients::any())
                .shared_clock(Arc::clone(&shared.clock))
                .max_token_bytes(MAX_BODY_BYTES)
                .build()
        });
    verifier
        .ok()
        .and_then(|verifier| verifier.try_verify(token)?.ok())
        .ok_or(TokenError::InvalidRequest)
}

/// The scopes asked for that both the subject's token and the client have; without any, those of
/// the subject's token.
fn granted(
    subject: &Claims,
    client: &AppClient,
    asked: Option<Vec<String>>,
) -> Result<Vec<String>, TokenError> {
    let Some(mut granted) = asked else {
        return Ok(subject.scopes().map(str::to_owned).collect());
    };
    granted.retain(|scope| subject.has_scope(scope) && client.may_have(scope));
    if granted.is_empty() {
        Err(TokenError::InvalidScope)
    } else {
        Ok(granted)
    }
}
