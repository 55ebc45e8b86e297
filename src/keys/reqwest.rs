//! The default fetcher: one GET with reqwest and rustls, bounded in every direction.

use std::time::Duration;

use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, ETAG, IF_NONE_MATCH, RETRY_AFTER},
};
use reqwest::{Client, Response, redirect::Policy};

use super::{FetchError, FetchJwks, JwksRequest, JwksResponse, KeySetError, MAX_JWKS_BYTES};
use crate::{
    error::ConfigError,
    protected_url::{self, HostIs},
    response_headers,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// For one attempt, headers and body together.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Fetches with reqwest: no redirects, no cookies, no decompression, system TLS roots.
///
/// Proxy variables of the environment are honoured, except for a loopback URL, which never leaves the machine.
pub(crate) struct ReqwestFetcher {
    client: Client,
}

impl ReqwestFetcher {
    pub(crate) fn new(jwks_url: &str) -> Result<Self, ConfigError> {
        let loopback = protected_url::host_of(jwks_url) == Some(HostIs::Loopback);
        let mut builder = Client::builder()
            .https_only(!loopback)
            .redirect(Policy::none())
            .referer(false)
            // Another crate of the same binary may have turned these features of reqwest on.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // A connection kept from the last fetch saves little once an hour, and fails when the endpoint has closed it,
            // when the process was frozen meanwhile, or when the runtime that drove it is gone.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .user_agent(concat!("tower-cognito/", env!("CARGO_PKG_VERSION")));
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| ConfigError::HttpClient {
            reason: error.to_string(),
        })?;
        Ok(Self { client })
    }

    async fn attempt(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let mut get = self
            .client
            .get(request.url)
            .header(ACCEPT, "application/json");
        if let Some(etag) = request.etag {
            get = get.header(IF_NONE_MATCH, etag);
        }
        let response = get.send().await.map_err(|error| fetch_error(&error))?;
        let reply = match response.status() {
            StatusCode::OK => None,
            StatusCode::NOT_MODIFIED => Some(JwksResponse::not_modified()),
            status => {
                return Err(FetchError::Status {
                    status,
                    retry_after: response_headers::retry_after(text(
                        response.headers(),
                        &RETRY_AFTER,
                    )),
                });
            }
        };
        let etag = text(response.headers(), &ETAG).map(str::to_owned);
        let max_age = response_headers::max_age(text(response.headers(), &CACHE_CONTROL));
        let mut reply = match reply {
            Some(not_modified) => not_modified,
            None => JwksResponse::document(read_body(response).await?),
        };
        if let Some(etag) = etag {
            reply = reply.with_etag(etag);
        }
        if let Some(max_age) = max_age {
            reply = reply.with_max_age(max_age);
        }
        Ok(reply)
    }
}

impl FetchJwks for ReqwestFetcher {
    /// Tries once more, at once, after what is likely to pass: a lost connection, a slow reply, a server's error.
    async fn fetch(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        match self.attempt(request).await {
            Err(error) if is_transient(&error) => self.attempt(request).await,
            outcome => outcome,
        }
    }
}

fn is_transient(error: &FetchError) -> bool {
    match error {
        FetchError::Connect | FetchError::Timeout | FetchError::Body => true,
        // A server that says when to come back is not asked again before.
        FetchError::Status {
            status,
            retry_after,
        } => status.is_server_error() && retry_after.is_none(),
        _ => false,
    }
}

/// Counts what comes instead of believing `Content-Length`.
async fn read_body(mut response: Response) -> Result<String, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| body_error(&error))? {
        if body.len() + chunk.len() > MAX_JWKS_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    // JSON is UTF-8 (RFC 8259 §8.1), so this is no set, and asking again would not make it one.
    String::from_utf8(body).map_err(|_| KeySetError::NotAJwkSet.into())
}

fn fetch_error(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else {
        FetchError::Connect
    }
}

fn body_error(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else {
        FetchError::Body
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
