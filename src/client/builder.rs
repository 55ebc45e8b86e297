//! Configuration of a caller.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde_json::json;

use super::{
    ClientAuthentication, ClientCredentials, SecretSource, TokenStore,
    api_endpoint::ApiEndpoint,
    endpoint::{Endpoint, checked_token_url},
    request_token::{AppClient, RequestToken},
    scopes::Scopes,
    secrets::{NamedSource, Secrets},
    shared_tokens::SharedTokens,
    source::{Settings, TokenSource},
    token_endpoint::TokenEndpoint,
    token_store::DynTokenStore,
};
use crate::{
    allowed_clients::checked_client_id,
    clock::{Clock, SystemClock, jitter},
    config_error::ConfigError,
    crypto::sealing::{SealingKey, digest_of},
    environment::named,
    metrics,
    protected_url::Unencrypted,
    string_list::StringList,
};

/// How long one token request may take, both secrets included. A Cognito trigger that customises
/// tokens alone may take 5 s.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Sets of scopes whose tokens are held at a time.
const MAX_SCOPE_SETS: u64 = 256;
/// Longer than any token is held to live.
const DROPPED_WHEN_UNUSED_FOR: Duration = Duration::from_secs(25 * 60 * 60);

/// Configures [`ClientCredentials`]; made by [`ClientCredentials::builder`] and the other
/// constructors.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientCredentialsBuilder {
    issuer: Issuer,
    url: Result<String, ConfigError>,
    /// The environment variable that gave the URL.
    url_variable: Option<&'static str>,
    unencrypted: Unencrypted,
    client_id: String,
    secret: NamedSource,
    next_secret: Option<NamedSource>,
    scopes: Result<Scopes, ConfigError>,
    authentication: Option<ClientAuthentication>,
    metadata: BTreeMap<String, String>,
    shared: Option<(Arc<dyn DynTokenStore>, [u8; 32])>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// What is at the URL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Issuer {
    /// The user pools API.
    Api,
    TokenEndpoint,
}

impl ClientCredentialsBuilder {
    pub(super) fn new(
        issuer: Issuer,
        url: Result<String, ConfigError>,
        client_id: String,
        secret: SecretSource,
    ) -> Self {
        Self {
            issuer,
            url,
            url_variable: None,
            unencrypted: Unencrypted::OnLoopback,
            client_id,
            secret: NamedSource {
                setting: "ClientCredentials",
                source: secret,
            },
            next_secret: None,
            scopes: Ok(Scopes::default()),
            authentication: None,
            metadata: BTreeMap::new(),
            shared: None,
            timeout: DEFAULT_TIMEOUT,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// The scopes to ask for, as `profiles/get`. Their order does not matter.
    ///
    /// By default none are named, and Cognito then grants all that the app client may have: a token
    /// with more rights than the calls need. An empty list is an error, since it could be read
    /// either way.
    pub fn scopes(mut self, scopes: impl StringList) -> Self {
        self.scopes = Scopes::new(scopes);
        self
    }

    /// The client's second secret, while secrets are being rotated. None by default.
    ///
    /// Cognito lets a client have two secrets at a time. Add the new one there, give it here, and
    /// delete the old one when every caller knows the new one: the secret that worked last is tried
    /// first, and the other one once if it is rejected as `invalid_client`. So neither order of
    /// deployment loses a request.
    pub fn next_secret(mut self, client_secret: impl Into<SecretSource>) -> Self {
        self.next_secret = Some(NamedSource {
            setting: "next_secret",
            source: client_secret.into(),
        });
        self
    }

    /// Shares tokens with the other processes that use this store: one token request per lifetime
    /// for all of them. By default each process has its own tokens.
    ///
    /// A process that finds no token acquires a lock in the store, asks the issuer, and puts the
    /// token there; the others wait for it, within the time-out of a token request. The lock lasts
    /// half of that, so that a process that dies with it holds up no one for longer. If the store
    /// does not respond, each process makes its own token requests, as without a store.
    ///
    /// Tokens are encrypted with `key` before they are put. All processes must have the same one:
    /// 32 random bytes that are kept like the client secret. A process with another key finds
    /// nothing and obtains its own tokens. The clocks of the processes must agree to within a few
    /// seconds.
    ///
    /// See [`TokenStore`] for what the store must guarantee, and
    /// [`InProcessStore`](super::InProcessStore) for an example.
    pub fn share_tokens(mut self, store: impl TokenStore, key: &[u8; 32]) -> Self {
        self.shared = Some((Arc::new(store), *key));
        self
    }

    /// What errors name: the variables that gave the URL and the secrets.
    pub(super) fn with_variables(
        mut self,
        url_variable: &'static str,
        secret: NamedSource,
        next_secret: Option<NamedSource>,
    ) -> Self {
        self.url_variable = Some(url_variable);
        self.secret = secret;
        self.next_secret = next_secret;
        self
    }

    pub(super) fn client_metadata(mut self, metadata: BTreeMap<String, String>) -> Self {
        self.metadata = metadata;
        self
    }

    /// How the client shows its secret. By default it depends on the secret, see
    /// [`ClientAuthentication`].
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Accepts a token URL that is plain http on another host. **Anyone on the network path can
    /// then read the client secret and the tokens.** It is for an emulator under a name on a
    /// private network, such as `http://cognito:9229/oauth2/token` among containers, and never for
    /// production. `build` logs a warning. Proxies are not used for such a URL.
    ///
    /// By default plain http is accepted on a loopback address only, where it does not leave the
    /// machine.
    pub fn allow_unencrypted_token_url(mut self) -> Self {
        self.unencrypted = Unencrypted::Anywhere;
        self
    }

    /// How long a token request may take altogether, connection, both secrets and body included.
    /// The default is 10 s; at most 60 s.
    ///
    /// Callers wait that long only without a usable token. Limit them further with a timeout around
    /// the call: the request goes on, and its token is there for the next call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where the age of tokens comes from. The default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the configuration. Nothing is sent; the first token is requested when it is needed.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidTokenUrl`] if the token URL is neither https nor http on a loopback
    ///    address, and [`ConfigError::InvalidDomainPrefix`], [`ConfigError::InvalidRegion`],
    ///    [`ConfigError::UnsupportedPartition`] or [`ConfigError::InvalidCustomDomain`] for a
    ///    domain whose URL cannot be made.
    /// 2. [`ConfigError::InvalidClientId`], [`ConfigError::InvalidClientSecret`], or
    ///    [`ConfigError::ClientSecretUnavailable`] for an environment variable or file that cannot
    ///    be read.
    /// 3. [`ConfigError::EmptyList`] or [`ConfigError::InvalidScope`] for scopes.
    /// 4. [`ConfigError::OutOfRange`] for a timeout of zero or above 60 s, or for
    ///    [`ClientAuthentication::Basic`] with a client id that holds `:`, where Basic would cut
    ///    it.
    /// 5. [`ConfigError::HttpClient`] if the token URL is https and this machine has no CA
    ///    certificates.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        let url = checked_token_url(&self.url?, self.unencrypted).map_err(|error| {
            match self.url_variable {
                Some(variable) => named(variable)(error),
                None => error,
            }
        })?;
        let client_id = checked_client_id(&self.client_id)?;
        let secrets = Secrets::new(self.secret, self.next_secret)?;
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
        let shared = self
            .shared
            .map(|(store, key)| {
                Ok(SharedTokens {
                    store,
                    key: SealingKey::new(&key).ok_or(ConfigError::OutOfRange {
                        setting: "share_tokens",
                        given: "a key that AES-256 does not take".to_owned(),
                        accepted: "32 random bytes",
                    })?,
                    client: digest_of(&[
                        url.as_str().as_bytes(),
                        client_id.as_bytes(),
                        json!(self.metadata).to_string().as_bytes(),
                    ]),
                    clock: Arc::clone(&self.clock),
                    timeout: self.timeout,
                    jitter,
                })
            })
            .transpose()?;
        let clock = Arc::clone(&self.clock);
        let endpoint: Box<dyn RequestToken> = match self.issuer {
            Issuer::Api => {
                let protocol = ApiEndpoint::new(client_id.clone(), self.metadata);
                Box::new(Endpoint::new(url, self.timeout, clock, protocol)?)
            }
            Issuer::TokenEndpoint => {
                let protocol =
                    TokenEndpoint::new(client_id.clone(), self.authentication, &self.metadata);
                Box::new(Endpoint::new(url, self.timeout, clock, protocol)?)
            }
        };
        metrics::describe();
        let source = TokenSource::new(
            Arc::new(AppClient::new(endpoint, secrets, shared)),
            Settings {
                client_id: client_id.into(),
                clock: self.clock,
                timeout: self.timeout,
                jitter,
                capacity: MAX_SCOPE_SETS,
                dropped_when_unused_for: DROPPED_WHEN_UNUSED_FOR,
            },
        );
        Ok(ClientCredentials::new(Arc::new(source), scopes))
    }
}

/// Without the secrets.
impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialsBuilder")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("secret", &self.secret.source)
            .field(
                "next_secret",
                &self.next_secret.as_ref().map(|next| &next.source),
            )
            .field("shares_tokens", &self.shared.is_some())
            .field("authentication", &self.authentication)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
