use std::sync::Arc;

use tower_layer::Layer;

use super::{ClientCredentials, CloneBody, NoRetry, SendBearer, origin::Origin};
use crate::{config_error::ConfigError, protected_url::Unencrypted};

/// Puts the token of [`ClientCredentials`] on outgoing requests; made by
/// [`ClientCredentials::layer`].
///
/// # What it does to a request
///
/// 1. A request for any other origin than those given passes as it is, without a token. So does one
///    whose URI names no origin, as in `/profiles`: it cannot be told where it goes.
/// 2. `Authorization` is set to the token, marked sensitive; whatever stood there is replaced. If
///    there is no token, the request is not sent, and the error is
///    [`SendBearerError::Token`](super::SendBearerError::Token).
/// 3. If the callee returns 401 with a `Bearer` challenge of `error="invalid_token"` (RFC 6750
///    §3.1), the token is [invalidated](ClientCredentials::invalidate). After
///    [`retry_cloned`](Self::retry_cloned) the request is then sent once more, if there is another
///    token. The second response is final: there is no third attempt.
///
/// # Deployment
///
/// * Redirects: a middleware that follows them belongs *outside* of this layer, which then sees
///   each hop and puts the token on those to the origins given. Inside of it, that middleware has
///   the token and decides where it goes.
/// * tonic: a channel's requests name no origin unless the client was made with `with_origin`.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, service_fn};
/// use tower_cognito::client::ClientCredentials;
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let (id, secret) = ("1example23456789", "the-client-secret");
/// let credentials = ClientCredentials::builder_for_domain("my-app", "eu-west-1", id, secret)
///     .scopes(["profiles/get"])
///     .build()?;
/// # let http_client = service_fn(|_: Request<String>| async {
/// #     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// # });
///
/// let profiles = ServiceBuilder::new()
///     .layer(credentials.layer("https://profiles.example.com")?.retry_cloned())
///     .service(http_client);
/// # let _ = profiles;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct SendBearerLayer<R = NoRetry> {
    credentials: ClientCredentials,
    origins: Vec<Origin>,
    bodies: R,
}

impl SendBearerLayer {
    pub(super) fn new(credentials: ClientCredentials, origin: &str) -> Result<Self, ConfigError> {
        Self::without_origins(credentials).add_origin(origin)
    }

    pub(super) fn new_unencrypted(
        credentials: ClientCredentials,
        origin: &str,
    ) -> Result<Self, ConfigError> {
        Self::without_origins(credentials).add_unencrypted_origin(origin)
    }

    const fn without_origins(credentials: ClientCredentials) -> Self {
        Self {
            credentials,
            origins: Vec::new(),
            bodies: NoRetry,
        }
    }
}

impl<R> SendBearerLayer<R> {
    /// Adds an origin that the token may be sent to.
    ///
    /// # Errors
    ///
    /// As [`ClientCredentials::layer`].
    pub fn add_origin(mut self, origin: &str) -> Result<Self, ConfigError> {
        self.origins
            .push(Origin::parse(origin, Unencrypted::OnLoopback)?);
        Ok(self)
    }

    /// Adds an origin, which may be http beyond loopback: see
    /// [`ClientCredentials::layer_unencrypted`].
    ///
    /// # Errors
    ///
    /// As [`ClientCredentials::layer_unencrypted`].
    pub fn add_unencrypted_origin(mut self, origin: &str) -> Result<Self, ConfigError> {
        self.origins
            .push(Origin::parse(origin, Unencrypted::Anywhere)?);
        Ok(self)
    }

    /// Sends a request again, once, if its token was rejected and another one is available. Off by
    /// default.
    ///
    /// The body must be `Clone`, as `String`, `Bytes` and `http_body_util::Full` are, and is cloned
    /// for every request. A callee that rejects a token has not acted on the request, so this is
    /// for every method.
    pub fn retry_cloned(self) -> SendBearerLayer<CloneBody> {
        self.retry_with(CloneBody)
    }

    /// As [`retry_cloned`](Self::retry_cloned), for bodies that are copied in another way, or not
    /// always: a [`CopyBody`](super::CopyBody), such as a closure.
    pub fn retry_with<R2>(self, bodies: R2) -> SendBearerLayer<R2> {
        SendBearerLayer {
            credentials: self.credentials,
            origins: self.origins,
            bodies,
        }
    }
}

impl<S, R: Clone> Layer<S> for SendBearerLayer<R> {
    type Service = SendBearer<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        SendBearer::new(
            inner,
            self.credentials.clone(),
            Arc::from(self.origins.clone()),
            self.bodies.clone(),
        )
    }
}
