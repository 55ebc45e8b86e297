//! The HTTP client of keys and tokens: every setting that decides what leaves this machine, and
//! what may come back.

use std::{error::Error, fmt, io, sync::OnceLock, time::Duration};

use http::{Method, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, redirect::Policy, retry};

use crate::{
    config_error::ConfigError, error::ConnectError, protected_url::ProtectedUrl, troubleshooting,
};

/// Makes requests to one URL, with reqwest and rustls.
///
/// No redirects, cookies, decompression or kept connections, whatever features of reqwest another
/// crate turns on.
///
/// The CA certificates are the system's, and are loaded only for https. Proxy variables of the
/// environment apply to https beyond this machine. Plain http goes to its host directly: a proxy
/// would be one more party that can read and change it.
pub(crate) struct HttpClient {
    url: ProtectedUrl,
    longest: Duration,
    client: OnceLock<Prepared>,
}

struct Prepared {
    client: Client,
    /// Whether requests go through a proxy: then connection errors below TLS are the proxy's.
    through_proxy: bool,
}

impl HttpClient {
    /// `longest` is the longest one request may take. The caller bounds the request by it;
    /// connecting may take nine tenths of it, so that the error can tell the two apart.
    pub(crate) const fn new(url: ProtectedUrl, longest: Duration) -> Self {
        Self {
            url,
            longest,
            client: OnceLock::new(),
        }
    }

    /// Sets up now what the first request would: a machine without CA certificates is noticed at
    /// the start.
    ///
    /// Warns of plain http beyond this machine, which the configuration allowed by name.
    pub(crate) fn prepare(&self) -> Result<(), ConfigError> {
        if !self.url.is_https() && !self.url.is_loopback() {
            tracing::warn!(
                url = self.url.label(),
                help = troubleshooting::STARTUP_WARNING,
                "unencrypted URL configured: anyone on the network path can read and replace what it carries"
            );
        }
        self.prepared()
            .map(drop)
            .map_err(|error| ConfigError::HttpClient {
                reason: match setup_error(&error) {
                    ConnectError::Other => Chain(&error).to_string(),
                    cause => cause.to_string(),
                },
            })
    }

    pub(crate) fn request(&self, method: Method) -> Result<Request<'_>, ConnectError> {
        let prepared = self.prepared().map_err(|error| {
            tracing::debug!(error = %Chain(&error), "HTTP client setup failed");
            setup_error(&error)
        })?;
        Ok(Request {
            builder: prepared.client.request(method, self.url.as_str()),
            through_proxy: prepared.through_proxy,
            url: &self.url,
        })
    }

    /// A failure is not kept: CA certificates may be mounted later.
    fn prepared(&self) -> Result<&Prepared, reqwest::Error> {
        if let Some(prepared) = self.client.get() {
            return Ok(prepared);
        }
        let client = self.builder().build()?;
        let through_proxy = self.may_use_proxy()
            && self
                .url
                .as_str()
                .parse::<Uri>()
                .is_ok_and(|url| Matcher::from_system().intercept(&url).is_some());
        Ok(self.client.get_or_init(|| Prepared {
            client,
            through_proxy,
        }))
    }

    fn builder(&self) -> ClientBuilder {
        let mut builder = Client::builder()
            // The other backend becomes the default as soon as another crate of the binary turns on
            // its feature.
            .tls_backend_rustls()
            .https_only(self.url.is_https())
            .redirect(Policy::none())
            .referer(false)
            .retry(retry::never())
            // These, too, are features that another crate may turn on.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .no_hickory_dns()
            .http1_only()
            // A connection kept from the last request saves little once an hour, and fails when the
            // endpoint has closed it, when the process was frozen meanwhile, or when the runtime
            // that drove it is gone.
            .pool_max_idle_per_host(0)
            // Name, TCP and TLS together. Of a name with several addresses each gets an equal share
            // of it.
            .connect_timeout(self.longest.mul_f64(0.9))
            .user_agent(concat!("tower-cognito/", env!("CARGO_PKG_VERSION")));
        if !self.may_use_proxy() {
            builder = builder.no_proxy();
        }
        if !self.url.is_https() {
            // Without redirects and proxies there is never a certificate to verify.
            builder = builder.tls_certs_only([]);
        }
        builder
    }

    fn may_use_proxy(&self) -> bool {
        self.url.is_https() && !self.url.is_loopback()
    }
}

/// A request on its way.
pub(crate) struct Request<'a> {
    pub(crate) builder: RequestBuilder,
    through_proxy: bool,
    url: &'a ProtectedUrl,
}

impl Request<'_> {
    pub(crate) async fn send(self) -> Result<Response, SendError> {
        self.builder.send().await.map_err(|error| {
            let error = error.without_url();
            let outcome = send_error(&error, self.through_proxy);
            tracing::debug!(url = self.url.label(), error = %Chain(&error), "HTTP request failed");
            outcome
        })
    }
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    Connect(ConnectError),
    /// The connection broke, or what came was not HTTP/1.1.
    NoResponse,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    BrokenOff,
    TooLarge,
}

/// Counts what comes instead of believing `Content-Length`.
pub(crate) async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| BodyError::BrokenOff)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn setup_error(error: &reqwest::Error) -> ConnectError {
    // With valid settings, loading the CA certificates is all that rustls can fail at.
    if chain(error).any(|cause| cause.is::<rustls::Error>()) {
        ConnectError::NoTrustRoots
    } else {
        ConnectError::Other
    }
}

fn send_error(error: &reqwest::Error, through_proxy: bool) -> SendError {
    if !error.is_connect() && !error.is_timeout() {
        return SendError::NoResponse;
    }
    SendError::Connect(connect_error(error, through_proxy))
}

fn connect_error(error: &reqwest::Error, through_proxy: bool) -> ConnectError {
    if let Some(tls) = chain(error).find_map(|cause| cause.downcast_ref()) {
        return tls_error(tls);
    }
    if through_proxy {
        return ConnectError::Proxy;
    }
    if error.is_dns() {
        return ConnectError::Dns;
    }
    if error.is_timeout() {
        return ConnectError::TimedOut;
    }
    // The innermost says most.
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last()
        .map_or(ConnectError::Other, |io| io_error(io.kind()))
}

const fn tls_error(error: &rustls::Error) -> ConnectError {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => ConnectError::CertificateExpired,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                ConnectError::CertificateName
            }
            Certificate::UnknownIssuer => ConnectError::CertificateUnknownIssuer,
            _ => ConnectError::CertificateInvalid,
        },
        _ => ConnectError::Tls,
    }
}

const fn io_error(kind: io::ErrorKind) -> ConnectError {
    use io::ErrorKind as Kind;
    match kind {
        Kind::ConnectionRefused => ConnectError::Refused,
        Kind::BrokenPipe
        | Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::NotConnected
        | Kind::UnexpectedEof => ConnectError::Closed,
        Kind::HostUnreachable | Kind::NetworkDown | Kind::NetworkUnreachable => {
            ConnectError::Unreachable
        }
        Kind::TimedOut => ConnectError::TimedOut,
        _ => ConnectError::Other,
    }
}

/// An error, its source, and so on.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        // What an `io::Error` wraps is not its source: it passes on the source of that.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// An error and its sources, in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cause) in chain(self.0).enumerate() {
            let separator = if index == 0 { "" } else { ": " };
            write!(f, "{separator}{cause}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_is_classified_by_its_kind() {
        use io::ErrorKind as Kind;
        for (kind, cause) in [
            (Kind::ConnectionRefused, ConnectError::Refused),
            (Kind::BrokenPipe, ConnectError::Closed),
            (Kind::ConnectionAborted, ConnectError::Closed),
            (Kind::ConnectionReset, ConnectError::Closed),
            (Kind::NotConnected, ConnectError::Closed),
            (Kind::UnexpectedEof, ConnectError::Closed),
            (Kind::HostUnreachable, ConnectError::Unreachable),
            (Kind::NetworkDown, ConnectError::Unreachable),
            (Kind::NetworkUnreachable, ConnectError::Unreachable),
            (Kind::TimedOut, ConnectError::TimedOut),
            (Kind::PermissionDenied, ConnectError::Other),
        ] {
            assert_eq!(io_error(kind), cause, "{kind:?}");
        }
    }

    #[test]
    fn an_error_is_shown_with_its_sources() {
        let wrapped = io::Error::other("inner");
        assert_eq!(Chain(&wrapped).to_string(), "inner: inner");
        assert_eq!(Chain(&fmt::Error).to_string(), fmt::Error.to_string());
    }
}
