//! How a client says who it is: `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1),
//! or its id alone where it is public (RFC 6749 §3.2.1).

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

use super::{client::AppClient, form::Form, token_error::TokenError};

/// Credentials as they were sent. It has no `Debug`: it holds a secret.
pub(super) struct Credentials {
    id: String,
    /// `None` of a public client.
    secret: Option<String>,
}

impl Credentials {
    pub(super) fn read(
        authorization: Option<&HeaderValue>,
        form: &Form,
    ) -> Result<Self, TokenError> {
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        match (authorization, id, secret) {
            (Some(_), _, Some(_)) => Err(TokenError::InvalidRequest),
            (Some(authorization), id, None) => {
                let basic = Self::basic(authorization).ok_or(TokenError::InvalidClient)?;
                // AWS's own samples repeat the client's id in the body.
                match id {
                    Some(id) if *id != basic.id => Err(TokenError::InvalidClient),
                    _ => Ok(basic),
                }
            }
            (None, Some(id), secret) => Ok(Self {
                id: id.clone(),
                secret: secret.cloned(),
            }),
            (None, None, _) => Err(TokenError::InvalidRequest),
        }
    }

    fn basic(authorization: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self {
            id: id.to_owned(),
            secret: Some(secret.to_owned()),
        })
    }

    /// The client that these belong to, and its id.
    ///
    /// RFC 6749 has both parts form-encoded before `Basic` encodes them, AWS's documentation has
    /// not; the two differ for `+` and `%` only, so either is taken.
    pub(super) fn authenticate<'c>(
        &self,
        clients: &'c BTreeMap<String, AppClient>,
    ) -> Option<(&'c str, &'c AppClient)> {
        let id_and_client = |id: &str| {
            clients
                .get_key_value(id)
                .map(|(id, client)| (id.as_str(), client))
        };
        let Some(secret) = &self.secret else {
            return id_and_client(&self.id).filter(|(_, client)| client.is_public());
        };
        id_and_client(&self.id)
            .filter(|(_, client)| client.has_secret(secret))
            .or_else(|| {
                let (id, secret) = (form_decoded(&self.id)?, form_decoded(secret)?);
                id_and_client(&id).filter(|(_, client)| client.has_secret(&secret))
            })
    }
}

/// `None` for what form-encoding never writes.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        return None;
    }
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
}
