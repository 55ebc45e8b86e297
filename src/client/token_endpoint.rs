//! The token endpoint: one POST, bounded in every direction.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::json;

use super::{
    TokenError,
    exchange_request::{ExchangeRequest, SubjectTokenKind, Target},
    request_token::{BoxedTokenRequest, RequestToken, TokenRequest},
    secret::{ClientAuthentication, ClientSecret},
    token_response::{self, MAX_REPLY_BYTES, TokenResponse},
};
use crate::{
    clock::Clock,
    config_error::ConfigError,
    error::ConnectError,
    http_client::{self, BodyError, HttpClient, Request, SendError},
    protected_url::{self, ProtectedUrl, Unencrypted, UrlProblem},
    response_headers,
};

/// Asks for tokens with the crate's HTTP client.
pub(super) struct TokenEndpoint {
    client_id: String,
    /// `None` chooses by secret.
    authentication: Option<ClientAuthentication>,
    /// The value of `aws_client_metadata`.
    metadata: Option<String>,
    client: HttpClient,
    /// For a `Retry-After` that is a date.
    clock: Arc<dyn Clock>,
}

impl TokenEndpoint {
    /// `timeout` bounds a request as a whole; the caller keeps to it.
    pub(super) fn new(
        url: ProtectedUrl,
        client_id: String,
        authentication: Option<ClientAuthentication>,
        metadata: &BTreeMap<String, String>,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let client = HttpClient::new(url, timeout);
        client.prepare()?;
        Ok(Self {
            client_id,
            authentication,
            metadata: (!metadata.is_empty()).then(|| json!(metadata).to_string()),
            client,
            clock,
        })
    }

    fn request(
        &self,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Result<Request<'_>, ConnectError> {
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
        let mut request = self.client.request(Method::POST)?;
        let mut post = request
            .builder
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match authentication {
            ClientAuthentication::Basic => {
                post = post.header(AUTHORIZATION, basic(&self.client_id, secret));
            }
            ClientAuthentication::Post => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret.expose());
            }
        }
        request.builder = post.body(form.finish());
        Ok(request)
    }

    async fn attempt(
        &self,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Result<TokenResponse, TokenError> {
        let response = self.request(secret, request)?.send().await?;
        let status = response.status();
        if status == StatusCode::OK {
            let body = http_client::read_body(response, MAX_REPLY_BYTES).await?;
            return TokenResponse::read(&body);
        }
        let retry_after = response_headers::retry_after(response.headers(), self.clock.now());
        // The status is an answer, whatever becomes of the body.
        let body = http_client::read_body(response, MAX_REPLY_BYTES)
            .await
            .unwrap_or_default();
        Err(token_response::refusal(status, retry_after, &body))
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

impl RequestToken for TokenEndpoint {
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

impl From<SendError> for TokenError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Connect(cause) => Self::Connect(cause),
            SendError::NoResponse => Self::NoResponse,
        }
    }
}

impl From<BodyError> for TokenError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::BrokenOff => Self::NoResponse,
            BodyError::TooLarge => Self::MalformedReply {
                problem: "is longer than a token response can be",
            },
        }
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

/// The URL, if a secret may be sent there.
pub(super) fn checked_token_url(
    url: &str,
    unencrypted: Unencrypted,
) -> Result<ProtectedUrl, ConfigError> {
    ProtectedUrl::parse(url, unencrypted).map_err(|problem| ConfigError::InvalidTokenUrl {
        given: protected_url::without_secrets(url),
        problem: match problem {
            UrlProblem::Unencrypted => {
                "plain http is accepted only on a loopback address, since anyone on the network path could read the \
                 client secret; use https, or `allow_unencrypted_token_url` for an emulator on a private network"
            }
            UrlProblem::UserInfo => {
                "it contains a user name or password, which logs and errors would show; remove them, and give client \
                 id and secret to the builder"
            }
            problem => problem.sentence(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_tls_or_stays_on_the_machine() {
        let checked = |url| checked_token_url(url, Unencrypted::OnLoopback);
        assert!(checked("http://127.0.0.1:9000/oauth2/token").is_ok());
        let url = "http://id.example.com/token";
        let error = checked(url).unwrap_err().to_string();
        assert!(error.contains("allow_unencrypted_token_url"), "{error}");
        assert!(checked_token_url(url, Unencrypted::Anywhere).is_ok());
    }

    #[test]
    fn a_password_in_the_url_is_refused_with_its_reason_and_not_quoted() {
        for unencrypted in [Unencrypted::OnLoopback, Unencrypted::Anywhere] {
            let url = "https://me:hush@id.example.com/token?hush";
            let error = checked_token_url(url, unencrypted).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hush"), "{text}");
            assert!(text.contains("user name or password"), "{text}");
        }
    }

    #[test]
    fn basic_is_base64_of_id_and_secret_unencoded() {
        let secret = ClientSecret::new("builder", "s+cret").unwrap();
        let value = basic("id", &secret);
        assert_eq!(value, "Basic aWQ6cytjcmV0");
        assert!(value.is_sensitive());
    }
}
