//! The user pools API of Cognito: `GetClientToken` and `GetDerivedToken`, in the form of AWS's
//! service model. Neither takes a signature.

use std::{collections::BTreeMap, time::Duration};

use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    TokenError,
    endpoint::TokenProtocol,
    exchange_request::{ExchangeRequest, Target},
    request_token::TokenRequest,
    scopes::Scopes,
    secret::ClientSecret,
    token_response::{self, TokenResponse},
};
use crate::http_client::Request;

pub(super) struct ApiEndpoint {
    client_id: String,
    metadata: BTreeMap<String, String>,
}

impl TokenProtocol for ApiEndpoint {
    fn write<'r>(
        &self,
        mut post: Request<'r>,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Request<'r> {
        let (operation, body) = match request {
            TokenRequest::ClientCredentials(scopes) => {
                ("GetClientToken", self.get_client_token(secret, scopes))
            }
            TokenRequest::Exchange(exchange) => {
                ("GetDerivedToken", self.get_derived_token(secret, exchange))
            }
        };
        post.builder = post
            .builder
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{operation}"),
            )
            .body(body.to_string());
        post
    }

    fn read(&self, request: &TokenRequest, body: &[u8]) -> Result<TokenResponse, TokenError> {
        match request {
            TokenRequest::ClientCredentials(_) => TokenResponse::read_client_token(body),
            TokenRequest::Exchange(_) => TokenResponse::read_derived_token(body),
        }
    }

    fn rejection(
        &self,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> TokenError {
        token_response::exception(status, retry_after, body)
    }
}

impl ApiEndpoint {
    pub(super) const fn new(client_id: String, metadata: BTreeMap<String, String>) -> Self {
        Self {
            client_id,
            metadata,
        }
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
