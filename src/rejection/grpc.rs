//! gRPC statuses.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header::CONTENT_TYPE};

use super::{BearerChallenge, Rejection, RejectionResponse};
use crate::error::{AuthError, RejectionKind};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Responds to gRPC requests with a gRPC status, and to all others in another form:
/// [`BearerChallenge`] unless [`otherwise`](Self::otherwise) names one.
///
/// A gRPC request is a `POST` whose `Content-Type` is `application/grpc`, alone or with a format
/// (`application/grpc+proto`). It gets 200 and the status in the header fields, without a body
/// ("Trailers-Only" in gRPC's *HTTP/2 protocol*). gRPC-Web requests get the other form, whose HTTP
/// status their clients map to the same codes.
///
/// | rejection | `grpc-status` |
/// | --- | --- |
/// | no token, a bad one, or a malformed request | 16, `UNAUTHENTICATED` |
/// | scopes not met, or the check forbids | 7, `PERMISSION_DENIED` |
/// | the keys are unavailable | 14, `UNAVAILABLE`, with `grpc-retry-pushback-ms` for clients that have a retry policy (gRPC proposal A6) |
/// | no [`BearerAuthLayer`](crate::BearerAuthLayer) outside a guard | 13, `INTERNAL` |
///
/// `grpc-message` is a fixed text.
///
/// # Examples
///
/// ```
/// use tower_cognito::{AllowedClients, UserPool, Verifier, rejection::{Grpc, ProblemJson}};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// // For a server that has gRPC services and JSON routes.
/// let layer = verifier.layer().rejection(Grpc::new().otherwise(ProblemJson));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grpc<F = BearerChallenge> {
    otherwise: F,
}

impl Grpc {
    /// Responds to other requests than gRPC with [`BearerChallenge`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            otherwise: BearerChallenge,
        }
    }
}

impl<F> Grpc<F> {
    /// Responds to other requests than gRPC in this form.
    #[must_use]
    pub fn otherwise<F2>(self, form: F2) -> Grpc<F2> {
        Grpc { otherwise: form }
    }
}

#[diagnostic::do_not_recommend]
impl<F, B> RejectionResponse<B> for Grpc<F>
where
    F: RejectionResponse<B>,
    B: Default,
{
    fn response(&self, rejection: Rejection<'_>) -> Response<B> {
        // A request of another method must never get 200: nginx's `auth_request`, a forward-auth
        // proxy or a cache reads the HTTP status.
        if rejection.request_method() == Method::POST && is_grpc(rejection.request_headers()) {
            trailers_only(rejection.error())
        } else {
            self.otherwise.response(rejection)
        }
    }

    fn request_headers(&self) -> impl Iterator<Item = HeaderName> {
        std::iter::once(CONTENT_TYPE).chain(self.otherwise.request_headers())
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_some_and(|content_type| {
        let content_type = content_type.as_bytes();
        content_type
            .split_at_checked(GRPC.len())
            .is_some_and(|(name, rest)| {
                name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
            })
    })
}

fn trailers_only<B: Default>(error: &AuthError) -> Response<B> {
    let kind = error.kind();
    let mut response = Response::new(B::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(status(kind)));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(kind.description()));
    if let Some(retry_after) = error.retry_after() {
        let millis = i32::try_from(retry_after.as_millis()).unwrap_or(i32::MAX);
        headers.insert(GRPC_RETRY_PUSHBACK_MS, HeaderValue::from(millis));
    }
    response
}

const fn status(kind: RejectionKind) -> u16 {
    match kind {
        RejectionKind::ExpiredToken
        | RejectionKind::InvalidRequest
        | RejectionKind::InvalidToken
        | RejectionKind::MissingToken
        | RejectionKind::StepUp => 16,
        RejectionKind::Forbidden | RejectionKind::InsufficientScope => 7,
        RejectionKind::Misconfigured => 13,
        RejectionKind::Unavailable => 14,
    }
}
