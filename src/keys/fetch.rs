//! How a JWK Set is fetched: the trait that a fetcher implements, and how it can fail.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use http::StatusCode;

use super::key_set::KeySetError;

/// The largest JWK Set that is accepted, in bytes: what an ALB accepts.
pub const MAX_JWKS_BYTES: usize = 150_000;

/// Fetches a JWK Set.
///
/// The crate's own fetcher uses reqwest and needs no configuration. Implement this for another HTTP client, a proxy with
/// a login, or a set kept in a secret store. What is fetched is validated by the caller; the fetcher only transports.
///
/// A call is made in a task of its own, given up after `fetch_timeout`, and never made twice at a time.
///
/// # Examples
///
/// ```
/// use tower_cognito::keys::{FetchError, FetchJwks, JwksRequest, JwksResponse};
///
/// /// Reads the set from a file that a sidecar keeps up to date.
/// struct FromFile(std::path::PathBuf);
///
/// impl FetchJwks for FromFile {
///     async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
///         let document = std::fs::read_to_string(&self.0).map_err(|_| FetchError::Connect)?;
///         Ok(JwksResponse::document(document))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fetch a JWK Set",
    note = "implement `FetchJwks` for it: one `async fn fetch(&self, request: JwksRequest<'_>)`"
)]
pub trait FetchJwks: Send + Sync + 'static {
    /// Fetches the set once.
    ///
    /// # Errors
    ///
    /// [`FetchError`], in particular [`FetchError::Status`] for any other status than 200 and 304, and
    /// [`FetchError::TooLarge`] as soon as more than [`MAX_JWKS_BYTES`] have come, whatever `Content-Length` says.
    fn fetch(
        &self,
        request: JwksRequest<'_>,
    ) -> impl Future<Output = Result<JwksResponse, FetchError>> + Send;
}

/// What to fetch. Nothing in it comes from a token.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JwksRequest<'a> {
    /// The JWKS URL.
    pub url: &'a str,
    /// The `ETag` of the set we have, to be sent as `If-None-Match`.
    pub etag: Option<&'a str>,
}

impl<'a> JwksRequest<'a> {
    /// A request for this URL that is not conditional: for testing a fetcher of one's own.
    #[must_use]
    pub const fn new(url: &'a str) -> Self {
        Self { url, etag: None }
    }

    /// A request on the condition that the set is no longer the one with this `ETag`.
    #[must_use]
    pub const fn with_etag(mut self, etag: &'a str) -> Self {
        self.etag = Some(etag);
        self
    }
}

/// A successful reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksResponse {
    pub(super) document: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) max_age: Option<Duration>,
}

impl JwksResponse {
    /// Status 200 with this body.
    #[must_use]
    pub fn document(document: impl Into<String>) -> Self {
        Self {
            document: Some(document.into()),
            etag: None,
            max_age: None,
        }
    }

    /// Status 304: the set we have is current.
    #[must_use]
    pub const fn not_modified() -> Self {
        Self {
            document: None,
            etag: None,
            max_age: None,
        }
    }

    /// The reply's `ETag`.
    #[must_use]
    pub fn with_etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// The reply's `Cache-Control: max-age`. It can only shorten the time to the next refresh, and not below 5 minutes.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }
}

/// Why the keys could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The fetch ended without a result: it panicked, or its runtime was shut down.
    #[error("the fetch ended without a result")]
    Aborted,
    /// The body broke off.
    #[error("the reply's body could not be read")]
    Body,
    /// No connection could be made: name resolution, TCP or TLS.
    #[error(
        "no connection to the JWKS endpoint could be made: name resolution, TCP or TLS failed; from a private network \
         it takes a NAT gateway or a proxy"
    )]
    Connect,
    /// A JWK Set that must not replace the one we have.
    #[error("the document was refused: {0}")]
    KeySet(#[from] KeySetError),
    /// The endpoint answered 304 to a request that was not conditional.
    #[error("the endpoint answered 304, but was not asked whether anything was modified")]
    UnexpectedNotModified,
    /// There is no tokio runtime to fetch in.
    #[error("there is no tokio runtime to fetch in; verify within one")]
    NoRuntime,
    /// Any other status than 200 and 304. Redirects are not followed.
    #[error("the endpoint answered with status {status}{}", advice(*status))]
    Status {
        /// The status.
        status: StatusCode,
        /// The reply's `Retry-After`, if it is a number of seconds.
        retry_after: Option<Duration>,
    },
    /// It took too long.
    #[error("the endpoint did not answer in time")]
    Timeout,
    /// The body is longer than [`MAX_JWKS_BYTES`].
    #[error("the document is longer than {MAX_JWKS_BYTES} bytes")]
    TooLarge,
}

impl FetchError {
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A fixed label of the kind of failure: fit for a metric or a log field.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Body => "body",
            Self::Connect => "connect",
            Self::KeySet(_) => "key_set",
            Self::UnexpectedNotModified => "unexpected_not_modified",
            Self::NoRuntime => "no_runtime",
            Self::Status { .. } => "status",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
        }
    }
}

/// What to look at when the endpoint is there, but has no such document.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            "; is there a pool of this id in this region?"
        }
        status if status.is_redirection() => "; redirects are not followed",
        _ => "",
    }
}

/// [`FetchJwks`] behind a pointer, so that the verifier has no type parameter. One box per fetch is nothing beside it.
pub(crate) trait DynFetchJwks: Send + Sync {
    fn fetch_boxed<'a>(&'a self, request: JwksRequest<'a>) -> BoxedFetch<'a>;
}

pub(crate) type BoxedFetch<'a> =
    Pin<Box<dyn Future<Output = Result<JwksResponse, FetchError>> + Send + 'a>>;

impl<F: FetchJwks> DynFetchJwks for F {
    fn fetch_boxed<'a>(&'a self, request: JwksRequest<'a>) -> BoxedFetch<'a> {
        Box::pin(self.fetch(request))
    }
}

impl fmt::Debug for dyn DynFetchJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FetchJwks")
    }
}
