//! The token endpoint: a form (RFC 6749 §4.4.2, RFC 8693 §2.1).

use std::{collections::BTreeMap, time::Duration};

use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::json;

use super::{
    TokenError,
    endpoint::TokenProtocol,
    exchange_request::{ExchangeRequest, SubjectTokenKind, Target},
    request_token::TokenRequest,
    secret::{ClientAuthentication, ClientSecret},
    token_response::{self, TokenResponse},
};
use crate::http_client::Request;

pub(super) struct TokenEndpoint {
    client_id: String,
    /// `None` chooses by secret.
    authentication: Option<ClientAuthentication>,
    /// The value of `aws_client_metadata`.
    metadata: Option<String>,
}

impl TokenEndpoint {
    pub(super) fn new(
        client_id: String,
        authentication: Option<ClientAuthentication>,
        metadata: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            client_id,
            authentication,
            metadata: (!metadata.is_empty()).then(|| json!(metadata).to_string()),
        }
    }
}

impl TokenProtocol for TokenEndpoint {
    fn write<'r>(
        &self,
        mut post: Request<'r>,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Request<'r> {
        let authentication = self
            .authentication
            .unwrap_or_else(|| ClientAuthentication::fit_for(&self.client_id, secret));
        let mut form = form_urlencoded::Serializer::new(String::new());
        match request {
            TokenRequest::ClientCredentials(_) => {
                form.append_pair("grant_type", "client_credentials");
                if let Some(metadata) = &self.metadata {
                    form.append_pair("aws_client_metadata", metadata);
                }
            }
            TokenRequest::Exchange(exchange) => append_exchange(&mut form, exchange),
        }
        let scopes = request.scopes();
        if !scopes.is_unsaid() {
            form.append_pair("scope", scopes.as_str());
        }
        post.builder = post
            .builder
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match authentication {
            ClientAuthentication::Basic => {
                let basic = basic(&self.client_id, secret);
                post.builder = post.builder.header(AUTHORIZATION, basic);
            }
            ClientAuthentication::Post => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret.expose());
            }
        }
        post.builder = post.builder.body(form.finish());
        post
    }

    fn read(&self, _: &TokenRequest, body: &[u8]) -> Result<TokenResponse, TokenError> {
        TokenResponse::read(body)
    }

    fn rejection(
        &self,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> TokenError {
        token_response::rejection(status, retry_after, body)
    }
}

/// RFC 8693 §2.1.
fn append_exchange(form: &mut form_urlencoded::Serializer<'_, String>, exchange: &ExchangeRequest) {
    let subject = exchange.subject();
    form.append_pair(
        "grant_type",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    )
    .append_pair("subject_token", &subject.token)
    .append_pair("subject_token_type", subject.kind.urn());
    match exchange.target() {
        Some(Target::Audience(audience)) => form.append_pair("audience", audience),
        Some(Target::Resource(resource)) => form.append_pair("resource", resource),
        None => form,
    };
    if let Some(actor) = exchange.actor_token() {
        form.append_pair("actor_token", actor.as_str())
            .append_pair("actor_token_type", SubjectTokenKind::AccessToken.urn());
    }
}

fn basic(client_id: &str, secret: &ClientSecret) -> HeaderValue {
    let encoded =
        base64_simd::STANDARD.encode_to_string(format!("{client_id}:{}", secret.expose()));
    // Base64 is always a header value.
    let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_base64_of_id_and_secret_unencoded() {
        let secret = ClientSecret::new("builder", "s+cret").unwrap();
        let value = basic("id", &secret);
        assert_eq!(value, "Basic aWQ6cytjcmV0");
        assert!(value.is_sensitive());
    }
}
