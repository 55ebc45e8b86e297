//! The tokens of an app client.

use std::{fmt, sync::Arc};

use super::{
    AccessToken, SendBearerLayer, TokenError,
    builder::{ClientCredentialsBuilder, Issuer},
    domain,
    request_token::TokenRequest,
    scopes::Scopes,
    secret_source::SecretSource,
    source::TokenSource,
};
use crate::{config_error::ConfigError, string_list::StringList};

/// The tokens of an app client, obtained by client credentials (RFC 6749 §4.4). Clones are cheap
/// and share what is held.
///
/// See the [module](super) for the rules.
///
/// # Examples
///
/// ```
/// use tower_cognito::{ConfigError, client::ClientCredentials};
///
/// # fn main() -> Result<(), ConfigError> {
/// let credentials = ClientCredentials::builder(
///     "https://auth.example.com/oauth2/token",
///     "1example23456789",
///     "the-client-secret",
/// )
/// .scopes(["profiles/get"])
/// .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    pub(super) source: Arc<TokenSource>,
    request: TokenRequest,
}

impl ClientCredentials {
    pub(super) const fn new(source: Arc<TokenSource>, scopes: Scopes) -> Self {
        Self {
            source,
            request: TokenRequest::ClientCredentials(scopes),
        }
    }

    /// Begins the configuration of a client of the token endpoint at this URL: a domain of another
    /// form, another issuer, or an emulator.
    pub fn builder(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretSource>,
    ) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(
            Issuer::TokenEndpoint,
            Ok(token_url.into()),
            client_id.into(),
            client_secret.into(),
        )
    }

    /// Begins the configuration of a client of a Cognito domain with a prefix:
    /// `https://{prefix}.auth.{region}.amazoncognito.com`, or in GovCloud
    /// `https://{prefix}.auth-fips.{region}.amazoncognito.com`.
    ///
    /// For a region of another partition (China, `eusc-…`, isolated regions)
    /// [`build`](ClientCredentialsBuilder::build) returns
    /// [`ConfigError::UnsupportedPartition`]: copy the domain from the console, and give its
    /// token URL to [`builder`](Self::builder).
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::client::ClientCredentials;
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let credentials = ClientCredentials::builder_for_domain(
    ///     "my-app",
    ///     "us-gov-west-1",
    ///     "1example23456789",
    ///     "the-client-secret",
    /// )
    /// .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder_for_domain(
        prefix: &str,
        region: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretSource>,
    ) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(
            Issuer::TokenEndpoint,
            domain::prefix_token_url(prefix, region),
            client_id.into(),
            client_secret.into(),
        )
    }

    /// As [`builder_for_domain`](Self::builder_for_domain), for the FIPS 140 endpoint of the
    /// domain: `https://{prefix}.auth-fips.{region}.amazoncognito.com`. Outside GovCloud it exists
    /// in some regions of North America only.
    ///
    /// Source: AWS, *General Reference*, "Amazon Cognito Identity endpoints and quotas".
    pub fn builder_for_fips_domain(
        prefix: &str,
        region: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretSource>,
    ) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(
            Issuer::TokenEndpoint,
            domain::fips_token_url(prefix, region),
            client_id.into(),
            client_secret.into(),
        )
    }

    /// Begins the configuration of a client of a custom Cognito domain, such as `auth.example.com`.
    pub fn builder_for_custom_domain(
        host: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretSource>,
    ) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(
            Issuer::TokenEndpoint,
            domain::custom_token_url(host),
            client_id.into(),
            client_secret.into(),
        )
    }

    /// The same client with other scopes. It shares the HTTP client, the secrets and what is held.
    ///
    /// # Errors
    ///
    /// [`ConfigError::EmptyList`] or [`ConfigError::InvalidScope`].
    pub fn with_scopes(&self, scopes: impl StringList) -> Result<Self, ConfigError> {
        Ok(Self {
            source: Arc::clone(&self.source),
            request: TokenRequest::ClientCredentials(Scopes::new(scopes)?),
        })
    }

    /// A token that is still valid for some time. Waits only if there is none.
    ///
    /// Call this for every request instead of keeping a token: the call renews it.
    ///
    /// # Errors
    ///
    /// [`TokenError`], which says by its kind what to do.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.source.token(&self.request).await
    }

    /// Notes that a callee rejected this token: call it after a 401 with `error="invalid_token"`,
    /// and after nothing else.
    ///
    /// The next call for a token waits for a new one. A token that has been replaced already, or
    /// that has itself just replaced another (for a minute), is not asked for again; see the
    /// [module](super).
    pub fn invalidate(&self, token: &AccessToken) {
        token.reject();
    }

    /// A layer that puts the token on outgoing requests to this origin, such as
    /// `https://profiles.example.com`, and on no others.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidOrigin`] if it has a path, or is neither https nor http on a loopback
    /// address.
    pub fn layer(&self, origin: &str) -> Result<SendBearerLayer, ConfigError> {
        SendBearerLayer::new(self.clone(), origin)
    }

    /// As [`layer`](Self::layer), for an http origin beyond loopback. **Anyone on the network path
    /// can read the token**, and use it until it expires: only where something else encrypts, such
    /// as a service mesh.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidOrigin`] if it has a path, or is neither http nor https.
    pub fn layer_unencrypted(&self, origin: &str) -> Result<SendBearerLayer, ConfigError> {
        SendBearerLayer::new_unencrypted(self.clone(), origin)
    }
}

/// Without secret and token.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client_id", &self.source.client_id())
            .field("scopes", &self.request.scopes().as_str())
            .finish_non_exhaustive()
    }
}
