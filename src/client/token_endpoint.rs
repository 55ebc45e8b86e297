//! The token endpoint: one POST with reqwest and rustls, bounded in every direction.

use std::time::Duration;

use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};

use super::{
    TokenError,
    origin::without_user_info,
    request_token::{BoxedTokenRequest, RequestToken},
    scopes::Scopes,
    secret::{ClientAuthentication, ClientSecret},
    token_response::{self, MAX_REPLY_BYTES, TokenResponse},
};
use crate::{
    error::ConfigError,
    protected_url::{self, HostIs},
    response_headers,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks for tokens with reqwest: no redirects, no cookies, no decompression, no kept connections, system TLS roots.
///
/// Proxy variables of the environment are honoured, except for a loopback URL, which never leaves the machine.
pub(super) struct TokenEndpoint {
    url: String,
    client_id: String,
    /// `None` chooses by secret.
    authentication: Option<ClientAuthentication>,
    client: Client,
}

impl TokenEndpoint {
    pub(super) fn new(
        url: &str,
        client_id: String,
        authentication: Option<ClientAuthentication>,
    ) -> Result<Self, ConfigError> {
        let host_is_loopback = checked_host(url)? == HostIs::Loopback;
        let mut builder = Client::builder()
            .https_only(!host_is_loopback)
            .redirect(Policy::none())
            .referer(false)
            // Another crate of the same binary may have turned these features of reqwest on.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .connect_timeout(CONNECT_TIMEOUT)
            // Between two requests lies most of an hour: a kept connection is a dead one.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("tower-cognito/", env!("CARGO_PKG_VERSION")));
        if host_is_loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| ConfigError::HttpClient {
            reason: error.to_string(),
        })?;
        Ok(Self {
            url: url.to_owned(),
            client_id,
            authentication,
            client,
        })
    }

    fn request(&self, secret: &ClientSecret, scopes: &Scopes) -> RequestBuilder {
        let authentication = self
            .authentication
            .unwrap_or_else(|| ClientAuthentication::fit_for(&self.client_id, secret));
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !scopes.is_unsaid() {
            form.append_pair("scope", scopes.as_str());
        }
        let mut post = self
            .client
            .post(&self.url)
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
        post.body(form.finish())
    }

    async fn attempt(
        &self,
        secret: &ClientSecret,
        scopes: &Scopes,
    ) -> Result<TokenResponse, Failure> {
        let response = self.request(secret, scopes).send().await?;
        let status = response.status();
        if status == StatusCode::OK {
            let body = read_body(response).await?.ok_or(TOO_LARGE)?;
            return Ok(TokenResponse::read(&body)?);
        }
        let field = response.headers().get(RETRY_AFTER);
        let retry_after =
            response_headers::retry_after(field.and_then(|field| field.to_str().ok()));
        // The status is an answer, whatever becomes of the body.
        let body = read_body(response).await.ok().flatten();
        let body = body.unwrap_or_default();
        Err(token_response::refusal(status, retry_after, &body).into())
    }
}

impl RequestToken for TokenEndpoint {
    /// Tries once more, at once, if no connection could be made: then no request was, either.
    fn request_token<'a>(
        &'a self,
        secret: &'a ClientSecret,
        scopes: &'a Scopes,
    ) -> BoxedTokenRequest<'a> {
        Box::pin(async move {
            let mut outcome = self.attempt(secret, scopes).await;
            if let Err(Failure::NotConnected) = outcome {
                outcome = self.attempt(secret, scopes).await;
            }
            outcome.map_err(|failure| match failure {
                Failure::NotConnected => TokenError::Unreachable,
                Failure::Other(error) => error,
            })
        })
    }
}

/// How an attempt fails, as far as the next one depends on it.
enum Failure {
    NotConnected,
    Other(TokenError),
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::Other(error)
    }
}

/// The error itself is dropped: it would name the URL, which the operator may have put a key into.
impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Other(TokenError::Timeout)
        } else if error.is_connect() {
            Self::NotConnected
        } else {
            Self::Other(TokenError::Unreachable)
        }
    }
}

const TOO_LARGE: TokenError = TokenError::MalformedReply {
    problem: "is longer than a token reply can be",
};

/// Counts what comes instead of believing `Content-Length`. `None` is too much.
async fn read_body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
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

/// Whether the URL's host is this machine, if the URL may be sent a secret at all.
fn checked_host(url: &str) -> Result<HostIs, ConfigError> {
    protected_url::host_of(url).ok_or_else(|| ConfigError::InvalidTokenUrl {
        given: without_user_info(url),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_tls_or_stays_on_the_machine() {
        let url = "http://127.0.0.1:9000/oauth2/token";
        assert_eq!(checked_host(url), Ok(HostIs::Loopback));
        let url = "http://id.example.com/token";
        let given = url.to_owned();
        assert_eq!(
            checked_host(url),
            Err(ConfigError::InvalidTokenUrl { given })
        );
        let error = checked_host("https://me:hush@id.example.com/token").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[test]
    fn basic_is_base64_of_id_and_secret_unencoded() {
        let secret = ClientSecret::new("builder", "s+cret").unwrap();
        let value = basic("id", &secret);
        assert_eq!(value, "Basic aWQ6cytjcmV0");
        assert!(value.is_sensitive());
    }
}
