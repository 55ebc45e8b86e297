//! The default fetcher: one GET, bounded in every direction.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, Method, StatusCode,
    header::{ACCEPT, ETAG, IF_NONE_MATCH},
};

use super::{
    fetch::{FetchError, FetchJwks, JwksRequest, JwksResponse, MAX_JWKS_BYTES},
    key_set::KeySetError,
};
use crate::{
    clock::Clock,
    config_error::ConfigError,
    http_client::{self, BodyError, HttpClient, SendError},
    protected_url::ProtectedUrl,
    response_headers,
};

/// Fetches one URL with the crate's HTTP client.
pub(crate) struct ReqwestFetcher {
    client: HttpClient,
    clock: Arc<dyn Clock>,
}

impl ReqwestFetcher {
    /// `fetch_timeout` bounds a fetch as a whole; the caller keeps to it. The clock is for a
    /// `Retry-After` that is a date.
    pub(crate) const fn new(
        jwks_url: ProtectedUrl,
        fetch_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            client: HttpClient::new(jwks_url, fetch_timeout),
            clock,
        }
    }

    /// Notices now that this machine has no CA certificates, rather than at the first fetch.
    pub(crate) fn prepare(&self) -> Result<(), ConfigError> {
        self.client.prepare()
    }

    async fn attempt(&self, etag: Option<&str>) -> Result<JwksResponse, FetchError> {
        let mut get = self.client.request(Method::GET)?;
        get.builder = get.builder.header(ACCEPT, "application/json");
        if let Some(etag) = etag {
            get.builder = get.builder.header(IF_NONE_MATCH, etag);
        }
        let response = get.send().await?;
        let reply = match response.status() {
            StatusCode::OK => None,
            StatusCode::NOT_MODIFIED => Some(JwksResponse::not_modified()),
            status => {
                return Err(FetchError::Status {
                    status,
                    retry_after: response_headers::retry_after(
                        response.headers(),
                        self.clock.now(),
                    ),
                });
            }
        };
        let etag = etag_of(response.headers());
        let max_age = response_headers::max_age(response.headers());
        let mut reply = match reply {
            Some(not_modified) => not_modified,
            None => {
                let body = http_client::read_body(response, MAX_JWKS_BYTES).await?;
                // JSON is UTF-8 (RFC 8259 §8.1), so this is not a key set, and asking again would
                // not make it one.
                let body = String::from_utf8(body).map_err(|_| KeySetError::NotAJwkSet)?;
                JwksResponse::document(body)
            }
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
    /// Retries once, immediately, after a failure that may pass: a lost connection, a server error.
    async fn fetch(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        match self.attempt(request.etag).await {
            Err(error) if is_transient(&error) => self.attempt(request.etag).await,
            outcome => outcome,
        }
    }
}

fn is_transient(error: &FetchError) -> bool {
    match error {
        FetchError::Body | FetchError::NoResponse => true,
        FetchError::Connect(cause) => cause.may_pass_at_once(),
        // A server that says when to come back is not asked again before.
        FetchError::Status {
            status,
            retry_after,
        } => status.is_server_error() && retry_after.is_none(),
        _ => false,
    }
}

impl From<SendError> for FetchError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Connect(cause) => Self::Connect(cause),
            SendError::NoResponse => Self::NoResponse,
        }
    }
}

impl From<BodyError> for FetchError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::BrokenOff => Self::Body,
            BodyError::TooLarge => Self::TooLarge,
        }
    }
}

/// The `ETag`, if there is exactly one: of several, none identifies the version. Beyond ASCII it
/// has to be UTF-8, to be sent back as it is.
fn etag_of(headers: &HeaderMap) -> Option<String> {
    let mut fields = headers.get_all(ETAG).into_iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    String::from_utf8(field.as_bytes().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ConnectError;

    #[test]
    fn what_may_pass_at_once_is_tried_again() {
        let server_error = |retry_after| FetchError::Status {
            status: StatusCode::BAD_GATEWAY,
            retry_after,
        };
        for (error, retried) in [
            (FetchError::Body, true),
            (FetchError::NoResponse, true),
            (FetchError::Connect(ConnectError::Refused), true),
            (FetchError::Connect(ConnectError::CertificateExpired), false),
            (server_error(None), true),
            (server_error(Some(Duration::from_secs(1))), false),
            (FetchError::TooLarge, false),
        ] {
            assert_eq!(is_transient(&error), retried, "{error:?}");
        }
    }
}
