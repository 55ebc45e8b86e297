//! How a JWK Set is fetched: the trait that a fetcher implements, and how it can fail.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use http::StatusCode;

use super::key_set::KeySetError;
use crate::{error::ConnectError, error_debug::debug_as_display, protected_url};

/// The largest JWK Set that is accepted, in bytes: what an ALB accepts.
pub const MAX_JWKS_BYTES: usize = 150_000;

/// A longer `ETag` is not sent back, since servers limit the size of a request's head.
const MAX_ETAG_BYTES: usize = 1024;

/// Fetches a JWK Set.
///
/// The crate's own fetcher uses reqwest and needs no configuration. Implement this for another HTTP
/// client, a proxy with a login, or a set kept in a secret store. What is fetched is validated by
/// the caller; the fetcher only transports.
///
/// A call is made in a separate task, abandoned after `fetch_timeout`, and never made twice at a
/// time.
///
/// # Examples
///
/// ```
/// use tower_cognito::keys::{ConnectError, FetchError, FetchJwks, JwksRequest, JwksResponse};
///
/// /// Reads the set from a file that a sidecar keeps up to date.
/// struct FromFile(std::path::PathBuf);
///
/// impl FetchJwks for FromFile {
///     async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
///         let document = std::fs::read_to_string(&self.0).map_err(|_| ConnectError::Other)?;
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
    /// [`FetchError`], in particular [`FetchError::Status`] for any other status than 200 and 304,
    /// and [`FetchError::TooLarge`] as soon as more than [`MAX_JWKS_BYTES`] have come, whatever
    /// `Content-Length` says.
    fn fetch(
        &self,
        request: JwksRequest<'_>,
    ) -> impl Future<Output = Result<JwksResponse, FetchError>> + Send;
}

/// What to fetch. Nothing in it comes from a token.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct JwksRequest<'a> {
    /// The JWKS URL.
    pub url: &'a str,
    /// The `ETag` of the set we have, to be sent as `If-None-Match`.
    pub etag: Option<&'a str>,
}

impl<'a> JwksRequest<'a> {
    /// A request for this URL that is not conditional: for testing your own fetcher.
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

/// Without the URL's query, which may hold a secret.
impl fmt::Debug for JwksRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksRequest")
            .field("url", &protected_url::without_secrets(self.url))
            .field("etag", &self.etag)
            .finish()
    }
}

/// A successful response.
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

    /// The response's `ETag`, such as `"33a64df5"` or `W/"33a64df5"`, quotes included.
    ///
    /// What is not an entity tag (RFC 9110 §8.8.3), or is longer than 1024 bytes, is left out: sent
    /// back as `If-None-Match`, a `*` would match whatever the endpoint has, and a long one be
    /// rejected. The next request is then unconditional.
    #[must_use]
    pub fn with_etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into()).filter(|etag| is_entity_tag(etag));
        self
    }

    /// The response's `Cache-Control: max-age`. It can only shorten the time to the next refresh,
    /// and not below 5 minutes.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }
}

/// Why the keys could not be fetched.
///
/// Nothing in it comes from the URL or the response's body.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The fetch ended without a result: it panicked, or its runtime was shut down.
    #[error("the fetch ended without a result")]
    Aborted,
    /// The body broke off.
    #[error("the JWKS endpoint's response broke off")]
    Body,
    /// No connection could be made: name resolution, TCP, TLS or a proxy failed.
    #[error("could not connect to the JWKS endpoint: {cause}{}", setting(.0), cause = .0)]
    Connect(#[from] ConnectError),
    /// A JWK Set that must not replace the one we have.
    #[error("the JWKS endpoint's document is unusable: {0}")]
    KeySet(#[from] KeySetError),
    /// The connection was closed before a response, or what came was not HTTP/1.1.
    #[error(
        "the JWKS endpoint closed the connection without an HTTP response; check the URL's scheme and port"
    )]
    NoResponse,
    /// There is no tokio runtime to fetch in.
    #[error("there is no tokio runtime to fetch keys in; call the verifier inside one")]
    NoRuntime,
    /// Any other status than 200 and 304. Redirects are not followed.
    #[error("the JWKS endpoint returned {status}{}", advice(*status))]
    Status {
        /// The status.
        status: StatusCode,
        /// The response's `Retry-After`, from when it came.
        retry_after: Option<Duration>,
    },
    /// There was no complete response within the verifier's `fetch_timeout`.
    #[error(
        "the JWKS endpoint did not send a complete response in time; `fetch_timeout` sets how long a fetch may take"
    )]
    Timeout,
    /// The body is longer than [`MAX_JWKS_BYTES`].
    #[error("the JWKS endpoint's document is longer than {MAX_JWKS_BYTES} bytes; check the URL")]
    TooLarge,
    /// The endpoint returned 304 to a request that was not conditional.
    #[error(
        "the JWKS endpoint returned 304 to a request without a condition; look for a cache in between"
    )]
    UnexpectedNotModified,
}

debug_as_display!(FetchError, retry_after);

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
            Self::Connect(_) => "connect",
            Self::KeySet(_) => "key_set",
            Self::NoResponse => "no_response",
            Self::NoRuntime => "no_runtime",
            Self::Status { .. } => "status",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::UnexpectedNotModified => "unexpected_not_modified",
        }
    }

    /// Of [`FetchError::Connect`], its [`ConnectError::reason`]: which part of connecting failed.
    #[must_use]
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Connect(cause) => Some(cause.reason()),
            _ => None,
        }
    }
}

/// Which setting to look at.
const fn setting(cause: &ConnectError) -> &'static str {
    match cause {
        ConnectError::TimedOut => "; `fetch_timeout` sets how long a fetch may take",
        _ => "",
    }
}

/// `entity-tag` (RFC 9110 §8.8.3): quoted, without white space and quotes inside, with `W/` before
/// it if it is weak. Bytes above 127 are legal.
fn is_entity_tag(etag: &str) -> bool {
    let opaque = etag.strip_prefix("W/").unwrap_or(etag);
    let inner = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    etag.len() <= MAX_ETAG_BYTES
        && inner.is_some_and(|inner| {
            inner
                .bytes()
                .all(|byte| byte > b' ' && byte != b'"' && byte != 0x7f)
        })
}

/// What to look at when the endpoint is there, but has no such document.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            "; check that the pool id and region match"
        }
        status if status.is_redirection() => "; redirects are not followed",
        _ => "",
    }
}

/// [`FetchJwks`] behind a pointer, so that the verifier has no type parameter. Compared with a
/// fetch, one box costs nothing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_request_leaves_the_query_out() {
        let request = JwksRequest::new("https://keys.example/jwks?hush");
        assert_eq!(
            format!("{:?}", request.with_etag("v1")),
            r#"JwksRequest { url: "https://keys.example/jwks?***", etag: Some("v1") }"#
        );
    }

    #[test]
    fn an_error_names_a_setting_that_may_be_too_low() {
        for (cause, named) in [
            (ConnectError::TimedOut, true),
            (ConnectError::Refused, false),
        ] {
            let error = FetchError::Connect(cause).to_string();
            let setting = format!("{cause}; `fetch_timeout` sets how long a fetch may take");
            assert_eq!(error.ends_with(&setting), named, "{error}");
            assert_eq!(error.ends_with(&cause.to_string()), !named, "{error}");
        }
    }

    #[test]
    fn only_an_entity_tag_is_sent_back() {
        let longest = format!("\"{}\"", "x".repeat(MAX_ETAG_BYTES - 2));
        for etag in [
            r#""""#,
            r#""1""#,
            r#"W/"1""#,
            r#""a,b!#'/\""#,
            "\"\u{e9}\"",
            &longest,
        ] {
            let response = JwksResponse::not_modified().with_etag(etag);
            assert_eq!(response.etag.as_deref(), Some(etag));
        }
        for etag in [
            "",
            "*",
            "1",
            "\"",
            "\"1",
            "1\"",
            "w/\"1\"",
            "W/1",
            "\"1\", \"2\"",
            "\"a b\"",
            "\"a\tb\"",
            "\"a\u{7f}\"",
            " \"1\"",
            &longest.replace("x\"", "xx\""),
        ] {
            let response = JwksResponse::not_modified().with_etag(etag);
            assert_eq!(response.etag, None, "{etag}");
        }
    }
}
