//! Configuration of a caller.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    ClientAuthentication, ClientCredentials,
    request_token::AppClient,
    scopes::Scopes,
    secret::{ClientSecret, Secrets},
    source::{Settings, TokenSource},
    token_endpoint::{TokenEndpoint, checked_token_url},
};
use crate::{
    allowed_clients::checked_client_id,
    clock::{Clock, SystemClock, jitter},
    error::ConfigError,
    metrics,
    protected_url::Unencrypted,
};

/// How long one token request may take, both secrets included. A Cognito trigger that customises tokens alone may take 5 s.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Configures [`ClientCredentials`]; made by [`ClientCredentials::builder`] and the constructors beside it.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientCredentialsBuilder {
    token_url: Result<String, ConfigError>,
    unencrypted: Unencrypted,
    client_id: String,
    client_secret: String,
    next_secret: Option<String>,
    scopes: Result<Scopes, ConfigError>,
    authentication: Option<ClientAuthentication>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl ClientCredentialsBuilder {
    pub(super) fn new(
        token_url: Result<String, ConfigError>,
        client_id: String,
        client_secret: String,
    ) -> Self {
        Self {
            token_url,
            unencrypted: Unencrypted::OnLoopback,
            client_id,
            client_secret,
            next_secret: None,
            scopes: Ok(Scopes::default()),
            authentication: None,
            timeout: DEFAULT_TIMEOUT,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// The scopes to ask for, as `profiles/get`. Their order does not matter.
    ///
    /// By default none are named, and Cognito then grants all that the app client may have: a token with more rights than
    /// the calls need. An empty list is an error, since it could be read either way.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Scopes::new(scopes);
        self
    }

    /// The client's second secret, while secrets are being rotated. None by default.
    ///
    /// Cognito lets a client have two secrets at a time. Add the new one there, give it here, and delete the old one when
    /// every caller knows the new one: the secret that worked last is tried first, and the other one once if it is refused
    /// as `invalid_client`. So neither order of deployment loses a request.
    pub fn with_next_secret(mut self, client_secret: impl Into<String>) -> Self {
        self.next_secret = Some(client_secret.into());
        self
    }

    /// How the client shows its secret. By default it depends on the secret, see [`ClientAuthentication`].
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Accepts a token URL that is plain http on another host. **Whoever is on the network path can then read the client
    /// secret and the tokens.** It is for an emulator under a name on a private network, such as
    /// `http://cognito:9229/oauth2/token` among containers, and never for production. `build` logs a warning. Proxies are not
    /// used for such a URL.
    ///
    /// By default plain http is accepted on a loopback address only, where it does not leave the machine.
    pub fn allow_unencrypted_token_url(mut self) -> Self {
        self.unencrypted = Unencrypted::Anywhere;
        self
    }

    /// How long a token request may take altogether, connection, both secrets and body included. The default is
    /// 10 s; at most 60 s.
    ///
    /// Callers wait that long only where there is no good token. Bound them further with a timeout of their own: the request
    /// goes on, and its token is there for the next call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where the age of tokens comes from. The default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the configuration. Nothing is sent; the first token is asked for when it is needed.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidTokenUrl`] if the token URL is neither https nor http on a loopback address, and
    ///    [`ConfigError::InvalidDomainPrefix`], [`ConfigError::InvalidRegion`], [`ConfigError::UnsupportedPartition`] or
    ///    [`ConfigError::InvalidCustomDomain`] for a domain whose URL cannot be made.
    /// 2. [`ConfigError::InvalidClientId`] or [`ConfigError::InvalidClientSecret`]. A secret read from a file often ends in a
    ///    line break.
    /// 3. [`ConfigError::EmptyList`] or [`ConfigError::InvalidScope`] for scopes.
    /// 4. [`ConfigError::OutOfRange`] for a timeout of zero or above 60 s, or for [`ClientAuthentication::Basic`] with a
    ///    client id that holds `:`, where Basic would cut it.
    /// 5. [`ConfigError::HttpClient`] if the token URL is https and this machine has no CA certificates.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        let token_url = checked_token_url(&self.token_url?, self.unencrypted)?;
        let client_id = checked_client_id(&self.client_id)?;
        let client_secret = ClientSecret::new("ClientCredentials", &self.client_secret)?;
        let next_secret = self
            .next_secret
            .map(|secret| ClientSecret::new("with_next_secret", &secret))
            .transpose()?;
        let scopes = self.scopes?;
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            return Err(ConfigError::OutOfRange {
                setting: "timeout",
                given: format!("{:?}", self.timeout),
                accepted: "more than zero and at most 60 s",
            });
        }
        if self.authentication == Some(ClientAuthentication::Basic) && client_id.contains(':') {
            return Err(ConfigError::OutOfRange {
                setting: "authentication",
                given: "Basic".to_owned(),
                accepted: "Post, because the client id holds a colon",
            });
        }
        let endpoint = TokenEndpoint::new(
            token_url,
            client_id.clone(),
            self.authentication,
            self.timeout,
        )?;
        metrics::describe();
        let source = TokenSource::new(
            AppClient::new(endpoint, Secrets::new(client_secret, next_secret)),
            Settings {
                client_id,
                clock: self.clock,
                timeout: self.timeout,
                jitter,
            },
        );
        Ok(ClientCredentials::new(Arc::new(source), scopes))
    }
}

/// Without the secrets.
impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialsBuilder")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("has_next_secret", &self.next_secret.is_some())
            .field("authentication", &self.authentication)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
