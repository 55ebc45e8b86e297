//! The user pools API of Cognito: `GetClientToken` and `GetDerivedToken`, in the form of AWS's service model. Neither takes a
//! signature.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    TokenError,
    exchange_request::{ExchangeRequest, Target},
    request_token::{BoxedTokenRequest, RequestToken, TokenRequest},
    scopes::Scopes,
    secret::ClientSecret,
    token_response::{self, MAX_REPLY_BYTES, TokenResponse},
};
use crate::{
    clock::Clock,
    config_error::ConfigError,
    http_client::{self, HttpClient},
    protected_url::ProtectedUrl,
    response_headers,
};

/// Asks for tokens with the crate's HTTP client.
pub(super) struct ApiEndpoint {
    client_id: String,
    metadata: BTreeMap<String, String>,
    client: HttpClient,
    /// For a `Retry-After` that is a date.
    clock: Arc<dyn Clock>,
}

impl ApiEndpoint {
    /// `timeout` bounds a request as a whole; the caller keeps to it.
    pub(super) fn new(
        url: ProtectedUrl,
        client_id: String,
        metadata: BTreeMap<String, String>,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let client = HttpClient::new(url, timeout);
        client.prepare()?;
        Ok(Self {
            client_id,
            metadata,
            client,
            clock,
        })
    }

    async fn attempt(
        &self,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Result<TokenResponse, TokenError> {
        let (operation, body) = match request {
            TokenRequest::ClientCredentials(scopes) => {
                ("GetClientToken", self.get_client_token(secret, scopes))
            }
            TokenRequest::Exchange(exchange) => {
                ("GetDerivedToken", self.get_derived_token(secret, exchange))
            }
        };
        let mut post = self.client.request(Method::POST)?;
        post.builder = post
            .builder
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{operation}"),
            )
            .body(body.to_string());
        let response = post.send().await?;
        let status = response.status();
        if status == StatusCode::OK {
            let body = http_client::read_body(response, MAX_REPLY_BYTES).await?;
            return match request {
                TokenRequest::ClientCredentials(_) => TokenResponse::read_client_token(&body),
                TokenRequest::Exchange(_) => TokenResponse::read_derived_token(&body),
            };
        }
        let retry_after = response_headers::retry_after(response.headers(), self.clock.now());
        // The status is an answer, whatever becomes of the body.
        let body = http_client::read_body(response, MAX_REPLY_BYTES)
            .await
            .unwrap_or_default();
        Err(token_response::exception(status, retry_after, &body))
    }

    fn get_client_token(&self, secret: &ClientSecret, scopes: &Scopes) -> Value {
        let mut body = json!({ "ClientId": self.client_id, "Secret": secret.expose() });
        if !scopes.is_unsaid() {
            set(&mut body, "Scopes", listed(scopes));
        }
        if !self.metadata.is_empty() {
            set(&mut body, "ClientMetadata", json!(self.metadata));
        }
        body
    }

    fn get_derived_token(&self, secret: &ClientSecret, exchange: &ExchangeRequest) -> Value {
        let subject = exchange.subject();
        let mut body = json!({
            "ClientId": self.client_id,
            "ClientSecret": secret.expose(),
            "SubjectToken": &*subject.token,
            "SubjectTokenType": subject.kind.in_the_api(),
            "RequestedTokenType": "ACCESS_TOKEN",
        });
        if !exchange.scopes().is_unsaid() {
            set(&mut body, "Scopes", listed(exchange.scopes()));
        }
        match exchange.target() {
            Some(Target::Audience(audience)) => set(&mut body, "Audiences", json!([&**audience])),
            Some(Target::Resource(resource)) => set(&mut body, "Resources", json!([&**resource])),
            None => {}
        }
        if let Some(actor) = exchange.actor_token() {
            set(&mut body, "ActorToken", json!(actor.as_str()));
            set(&mut body, "ActorTokenType", json!("ACCESS_TOKEN"));
        }
        body
    }
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = body {
        members.insert(name.to_owned(), value);
    }
}

fn listed(scopes: &Scopes) -> Value {
    json!(scopes.as_str().split(' ').collect::<Vec<_>>())
}

impl RequestToken for ApiEndpoint {
    /// Tries once more, at once, if no connection could be made: then no request was, either.
    fn request_token<'a>(
        &'a self,
        secret: &'a ClientSecret,
        request: &'a TokenRequest,
    ) -> BoxedTokenRequest<'a> {
        Box::pin(async move {
            match self.attempt(secret, request).await {
                Err(TokenError::Connect(cause)) if cause.may_pass_at_once() => {
                    self.attempt(secret, request).await
                }
                outcome => outcome,
            }
        })
    }
}
