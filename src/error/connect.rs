//! Why no connection could be made, for keys and tokens alike.

use crate::error_debug::debug_as_display;

/// Why no connection to an endpoint could be made. Each cause needs another remedy, and its text
/// names it.
///
/// It holds nothing of the URL, so a secret in a query cannot get into a log through it. What the
/// operating system or the TLS library said is a `tracing` event at debug.
///
/// # Examples
///
/// ```
/// use tower_cognito::keys::{ConnectError, FetchError};
///
/// let error = FetchError::Connect(ConnectError::Refused);
/// assert_eq!(error.cause(), Some("refused"));
/// assert!(error.to_string().contains("nothing listens"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint's certificate has expired or is not valid yet.
    #[error(
        "the endpoint's certificate has expired or is not valid yet; renew it, or correct this machine's clock"
    )]
    CertificateExpired,
    /// The endpoint's certificate is invalid for another reason, such as revocation.
    #[error("the endpoint's certificate is invalid; inspect it with `openssl s_client`")]
    CertificateInvalid,
    /// The endpoint's certificate is for another host name.
    #[error(
        "the endpoint's certificate is for another host name; check the host in the URL, and what that name resolves to"
    )]
    CertificateName,
    /// No CA that this machine trusts has signed the endpoint's certificate.
    #[error(
        "the endpoint's certificate is not signed by a CA that this machine trusts; if the CA is your own, or a proxy's \
         that inspects TLS, add it to the system's CA certificates or point `SSL_CERT_FILE` to a file that has it"
    )]
    CertificateUnknownIssuer,
    /// The connection was closed or reset while it was made.
    #[error("the connection was closed during setup; check the port and firewalls")]
    Closed,
    /// The host name could not be resolved.
    #[error(
        "the host name could not be resolved; check the host in the URL, and DNS in this network"
    )]
    Dns,
    /// This machine has no CA certificates, so no certificate can be verified.
    #[error(
        "this machine has no CA certificates, which https needs; install them (package `ca-certificates`), or point \
         `SSL_CERT_FILE` to a file that has them"
    )]
    NoTrustRoots,
    /// Any other cause, or a fetcher that does not tell.
    #[error("the cause is unknown")]
    Other,
    /// The proxy that the environment configures could not be used.
    #[error(
        "the proxy that the environment configures cannot be reached or refuses the connection; check `HTTPS_PROXY`, or \
         name the endpoint's host in `NO_PROXY`"
    )]
    Proxy,
    /// The connection was refused.
    #[error("the connection was refused; check host and port, since nothing listens there")]
    Refused,
    /// Resolving the name, connecting and the TLS handshake took too long together.
    #[error(
        "the attempt timed out; a private subnet needs a NAT gateway or a proxy, and security groups must allow the port"
    )]
    TimedOut,
    /// The TLS handshake failed: no common version or cipher suite, or the endpoint does not speak
    /// TLS.
    #[error("the TLS handshake failed; check that the port speaks TLS 1.2 or 1.3")]
    Tls,
    /// There is no route to the host.
    #[error("there is no route to the host; check this machine's network and routes")]
    Unreachable,
}

debug_as_display!(ConnectError);

impl ConnectError {
    /// A fixed label: fit for a metric or a log field.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateInvalid => "certificate_invalid",
            Self::CertificateName => "certificate_name",
            Self::CertificateUnknownIssuer => "certificate_unknown_issuer",
            Self::Closed => "closed",
            Self::Dns => "dns",
            Self::NoTrustRoots => "no_trust_roots",
            Self::Other => "other",
            Self::Proxy => "proxy",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether an immediate retry may succeed: not if the endpoint would present the same
    /// certificate again, nor if the time is used up.
    #[cfg(any(feature = "client", feature = "reqwest"))]
    pub(crate) const fn may_pass_at_once(self) -> bool {
        matches!(
            self,
            Self::Closed | Self::Dns | Self::Other | Self::Proxy | Self::Refused
        )
    }
}
