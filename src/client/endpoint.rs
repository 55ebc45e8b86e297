//! One request to an issuer: one POST, bounded in every direction, in whichever protocol the issuer
//! takes.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};

use super::{
    TokenError,
    request_token::{BoxedTokenRequest, RequestToken, TokenRequest},
    secret::ClientSecret,
    token_response::{MAX_REPLY_BYTES, TokenResponse},
};
use crate::{
    clock::Clock,
    config_error::ConfigError,
    http_client::{self, BodyError, HttpClient, Request, SendError},
    protected_url::{self, ProtectedUrl, Unencrypted, UrlProblem},
    response_headers,
};

/// What differs between the token endpoint and the user pools API.
pub(super) trait TokenProtocol: Send + Sync + 'static {
    /// Adds the header fields and the body.
    fn write<'r>(
        &self,
        post: Request<'r>,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Request<'r>;

    /// Reads the body of a response with status 200.
    fn read(&self, request: &TokenRequest, body: &[u8]) -> Result<TokenResponse, TokenError>;

    /// Reads a response with any other status.
    fn rejection(
        &self,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> TokenError;
}

/// Asks for tokens with the crate's HTTP client.
pub(super) struct Endpoint<P> {
    client: HttpClient,
    /// For a `Retry-After` that is a date.
    clock: Arc<dyn Clock>,
    protocol: P,
}

impl<P: TokenProtocol> Endpoint<P> {
    /// `timeout` bounds a request as a whole; the caller keeps to it.
    pub(super) fn new(
        url: ProtectedUrl,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        protocol: P,
    ) -> Result<Self, ConfigError> {
        let client = HttpClient::new(url, timeout);
        client.prepare()?;
        Ok(Self {
            client,
            clock,
            protocol,
        })
    }

    async fn attempt(
        &self,
        secret: &ClientSecret,
        request: &TokenRequest,
    ) -> Result<TokenResponse, TokenError> {
        let post = self.client.request(Method::POST)?;
        let response = self.protocol.write(post, secret, request).send().await?;
        let status = response.status();
        if status == StatusCode::OK {
            let body = http_client::read_body(response, MAX_REPLY_BYTES).await?;
            return self.protocol.read(request, &body);
        }
        let retry_after = response_headers::retry_after(response.headers(), self.clock.now());
        // The status decides, whatever becomes of the body.
        let body = http_client::read_body(response, MAX_REPLY_BYTES)
            .await
            .unwrap_or_default();
        Err(self.protocol.rejection(status, retry_after, &body))
    }
}

impl<P: TokenProtocol> RequestToken for Endpoint<P> {
    /// Retries once, immediately, if no connection could be made: then no request was sent.
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
            BodyError::TooLarge => Self::MalformedResponse {
                problem: "is longer than a token response can be",
            },
        }
    }
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
    fn a_password_in_the_url_is_rejected_with_its_reason_and_not_quoted() {
        for unencrypted in [Unencrypted::OnLoopback, Unencrypted::Anywhere] {
            let url = "https://me:hush@id.example.com/token?hush";
            let error = checked_token_url(url, unencrypted).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hush"), "{text}");
            assert!(text.contains("user name or password"), "{text}");
        }
    }
}
