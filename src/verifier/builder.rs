//! The configuration of a verifier: every setting with its effect, unit, default and bounds.

use std::{fmt, sync::Arc, time::Duration};

use super::{Check, Shared, Verifier};
use crate::{
    allowed_clients::AllowedClients,
    clock::{Clock, SystemClock},
    error::{ConfigError, Denied},
    keys::{DynFetchJwks, FetchJwks, KeySet, KeySource, KeySourceConfig, Keys},
    metrics,
    protected_url::ProtectedUrl,
    token::{
        claims::{Claims, TokenUse},
        expectations::{Expectations, ExpectedDates, ExpectedPool},
    },
    user_pool::UserPool,
    verifier::token_cache::{TokenCache, VerifiedTokens},
};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(10);
const LONGEST_LEEWAY: Duration = Duration::from_secs(5 * 60);
const DEFAULT_MAX_TOKEN_BYTES: usize = 16 * 1024;
const LARGEST_MAX_TOKEN_BYTES: usize = 1024 * 1024;
const DEFAULT_REFRESH_AFTER: Duration = Duration::from_secs(60 * 60);
const DEFAULT_EXPIRE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_UNKNOWN_KID_INTERVAL: Duration = Duration::from_secs(10);
const SHORTEST_UNKNOWN_KID_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Configures a [`Verifier`].
///
/// Only the pool and its allowed clients have to be given; the rest has defaults that fit a service in AWS.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use tower_cognito::{AllowedClients, Denied, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let verifier = Verifier::builder(
///     UserPool::new("eu-west-1_AbCdEf123")?.with_replica_region("us-west-2")?,
///     AllowedClients::only(["1example23456789"])?,
/// )
/// .leeway(Duration::from_secs(30))
/// .max_token_age(Duration::from_secs(3600))
/// .check(|claims| {
///     if claims.client_id() == "2leaked23456789" {
///         return Err(Denied::revoked());
///     }
///     Ok(())
/// })
/// .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct VerifierBuilder {
    /// Never empty.
    pools: Vec<TrustedPool>,
    token_use: TokenUse,
    audiences: Vec<String>,
    leeway: Duration,
    max_token_age: Option<Duration>,
    max_token_bytes: usize,
    check: Option<Box<Check>>,
    refresh_after: Duration,
    expire_after: Duration,
    unknown_kid_interval: Duration,
    fetch_timeout: Duration,
    fetcher: Option<Arc<dyn DynFetchJwks>>,
    clock: Option<Arc<dyn Clock>>,
    token_cache: TokenCache,
}

struct TrustedPool {
    pool: UserPool,
    clients: AllowedClients,
    document: Document,
}

/// A JWK Set that was handed in.
enum Document {
    None,
    Pinned(String),
    Seed(String),
}

impl VerifierBuilder {
    pub(super) fn new(pool: UserPool, clients: AllowedClients) -> Self {
        Self {
            pools: vec![TrustedPool::new(pool, clients)],
            token_use: TokenUse::Access,
            audiences: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            max_token_age: None,
            max_token_bytes: DEFAULT_MAX_TOKEN_BYTES,
            check: None,
            refresh_after: DEFAULT_REFRESH_AFTER,
            expire_after: DEFAULT_EXPIRE_AFTER,
            unknown_kid_interval: DEFAULT_UNKNOWN_KID_INTERVAL,
            fetch_timeout: DEFAULT_FETCH_TIMEOUT,
            fetcher: None,
            clock: None,
            token_cache: TokenCache::default(),
        }
    }

    /// Trusts a further pool. A token belongs to the pool whose issuer it names, byte for byte, and must be signed by that
    /// pool's keys and be of that pool's clients.
    pub fn pool(mut self, pool: UserPool, clients: AllowedClients) -> Self {
        self.pools.push(TrustedPool::new(pool, clients));
        self
    }

    /// Accepts this kind of token, and no other. The default is [`TokenUse::Access`], which is what callers present to a
    /// service; an ID token is for the app client itself, and carries no scopes.
    pub fn token_use(mut self, token_use: TokenUse) -> Self {
        self.token_use = token_use;
        self
    }

    /// This service's own identifier, as it stands in the `aud` of tokens that are bound to a resource. May be called
    /// several times.
    ///
    /// Cognito's access tokens have no `aud` unless the caller asked for one, so a token without it stays accepted. A token
    /// that has it must name one of the audiences given here, or its own app client, which is the only other value that
    /// Cognito lets a trigger write. Without this setting, a token that is bound to any resource is refused (RFC 7519
    /// §4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// How far this machine's clock and the issuer's may be apart: added to `exp`, taken from `nbf` and `iat`.
    ///
    /// The default is 10 seconds; at most 5 minutes are accepted.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago than this, however long they live, and tokens that do not say when. Off by
    /// default.
    pub fn max_token_age(mut self, age: Duration) -> Self {
        self.max_token_age = Some(age);
        self
    }

    /// Refuses longer tokens before anything else is done with them. In bytes; the default is 16 KiB, and 1 byte to 1 MiB is
    /// accepted.
    ///
    /// A pre token generation trigger can make tokens large. Most HTTP servers limit all headers together to 16 KiB or less.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// A check of the service's own, for what configuration cannot say: a list of leaked clients, a tenant's rule.
    ///
    /// It is called after the signature and before scopes, on every request, also for a token that was seen before. It must
    /// be quick and must not block. The default accepts.
    pub fn check(
        mut self,
        check: impl Fn(&Claims) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// After this time a request causes the keys to be fetched again, while the old ones serve.
    ///
    /// The default is 1 hour. Up to a tenth of it is taken off at random, so that a fleet does not refresh at once;
    /// `Cache-Control: max-age` can shorten it to 5 minutes. This is how long a withdrawn key works at the most, as long as the
    /// endpoint can be reached.
    pub fn refresh_after(mut self, age: Duration) -> Self {
        self.refresh_after = age;
        self
    }

    /// Keys that could not be refreshed for this long are no longer used: every request gets 503.
    ///
    /// The default is 24 hours. It is how long an outage of the endpoint is survived, and also how long a withdrawn key works
    /// for an attacker who can keep this service from reaching the endpoint.
    pub fn expire_after(mut self, age: Duration) -> Self {
        self.expire_after = age;
        self
    }

    /// How often tokens with unknown `kid`s may cause a fetch, once two in a row have: the time in which a rotation is noticed
    /// while strangers send random `kid`s.
    ///
    /// The default is 10 seconds; less than 1 second is refused.
    pub fn unknown_kid_interval(mut self, interval: Duration) -> Self {
        self.unknown_kid_interval = interval;
        self
    }

    /// How long a fetch may take in all, and so how long a request may wait for one: name resolution, TCP, TLS and the
    /// response together. The default is 5 seconds; at most 60 seconds are accepted.
    ///
    /// Connecting may take nine tenths of it. If the host has several addresses, each gets an equal share of that, so that
    /// one that does not answer leaves time for the next.
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.fetch_timeout = timeout;
        self
    }

    /// Uses these keys for the pool given last, and never fetches any: for a service without a network. A rotation then needs
    /// a new deployment.
    pub fn jwks(self, document: &str) -> Self {
        self.with_document(Document::Pinned(document.to_owned()))
    }

    /// Starts with these keys for the pool given last, and fetches at the first request: for a start that does not depend on
    /// the endpoint. They serve for `expire_after` at the most, counted from `build`.
    pub fn seed_jwks(self, document: &str) -> Self {
        self.with_document(Document::Seed(document.to_owned()))
    }

    /// Fetches keys with this instead of reqwest.
    pub fn fetcher(mut self, fetcher: impl FetchJwks) -> Self {
        self.fetcher = Some(Arc::new(fetcher));
        self
    }

    /// Takes the time from here instead of from the system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// How much memory verified tokens may take, or none. The default is 8 MiB.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.token_cache = cache;
        self
    }

    /// Builds the verifier. No I/O is done.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::OutOfRange`] and [`ConfigError::DurationOrder`] for settings outside of the bounds named above.
    /// 2. [`ConfigError::IssuerTwice`] if two pools share an issuer.
    /// 3. [`ConfigError::InvalidJwks`] if a document handed in has no usable key.
    /// 4. [`ConfigError::NoFetcher`] if keys would have to be fetched and nothing can.
    /// 5. [`ConfigError::HttpClient`] if the default fetcher cannot be set up: the JWKS URL is https, this machine has no CA
    ///    certificates, and no keys were handed in to start with.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.check_bounds()?;
        metrics::describe();
        let clock = self
            .clock
            .clone()
            .unwrap_or_else(|| Arc::new(SystemClock::new()));
        let sources = self.sources(&clock)?;
        let expectations = Expectations {
            pools: self
                .pools
                .iter()
                .map(|trusted| ExpectedPool {
                    issuers: trusted.pool.issuers().map(str::to_owned).collect(),
                    clients: trusted.clients.clone(),
                })
                .collect(),
            token_use: self.token_use,
            audiences: self.audiences,
            dates: ExpectedDates {
                leeway: self.leeway,
                max_age: self.max_token_age,
            },
        };
        Ok(Verifier {
            shared: Arc::new(Shared {
                expectations,
                sources,
                max_token_bytes: self.max_token_bytes,
                check: self.check,
                tokens: VerifiedTokens::new(self.token_cache),
                clock,
            }),
        })
    }

    fn with_document(mut self, document: Document) -> Self {
        if let Some(last) = self.pools.last_mut() {
            last.document = document;
        }
        self
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        let in_range = |setting, given: &dyn fmt::Debug, holds: bool, accepted| {
            if holds {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange {
                    setting,
                    given: format!("{given:?}"),
                    accepted,
                })
            }
        };
        in_range(
            "leeway",
            &self.leeway,
            self.leeway <= LONGEST_LEEWAY,
            "at most 5 minutes",
        )?;
        in_range(
            "max_token_age",
            &self.max_token_age,
            self.max_token_age != Some(Duration::ZERO),
            "longer than zero",
        )?;
        in_range(
            "max_token_bytes",
            &self.max_token_bytes,
            (1..=LARGEST_MAX_TOKEN_BYTES).contains(&self.max_token_bytes),
            "1 to 1048576",
        )?;
        in_range(
            "refresh_after",
            &self.refresh_after,
            !self.refresh_after.is_zero(),
            "longer than zero",
        )?;
        in_range(
            "unknown_kid_interval",
            &self.unknown_kid_interval,
            self.unknown_kid_interval >= SHORTEST_UNKNOWN_KID_INTERVAL,
            "at least 1 second",
        )?;
        in_range(
            "fetch_timeout",
            &self.fetch_timeout,
            !self.fetch_timeout.is_zero() && self.fetch_timeout <= LONGEST_FETCH_TIMEOUT,
            "longer than zero and at most 60 seconds",
        )?;
        if self.refresh_after >= self.expire_after {
            return Err(ConfigError::DurationOrder {
                shorter: "refresh_after",
                shorter_value: self.refresh_after,
                longer: "expire_after",
                longer_value: self.expire_after,
            });
        }
        self.check_issuers()
    }

    fn check_issuers(&self) -> Result<(), ConfigError> {
        let mut seen = Vec::new();
        for issuer in self.pools.iter().flat_map(|trusted| trusted.pool.issuers()) {
            if seen.contains(&issuer) {
                return Err(ConfigError::IssuerTwice {
                    issuer: issuer.to_owned(),
                });
            }
            seen.push(issuer);
        }
        Ok(())
    }

    /// One source per JWKS URL, so that pools behind one endpoint do not fetch it twice. A pool with keys of its own has its
    /// own.
    fn sources(&self, clock: &Arc<dyn Clock>) -> Result<Vec<Arc<KeySource>>, ConfigError> {
        let mut sources: Vec<Arc<KeySource>> = Vec::new();
        let mut fetching: Vec<Arc<KeySource>> = Vec::new();
        for trusted in &self.pools {
            let url = trusted.pool.protected_jwks_url();
            let keys = trusted.document.keys()?;
            let shareable = matches!(keys, Keys::None);
            let same_url = fetching
                .iter()
                .find(|source| shareable && source.jwks_url() == url);
            let source = match same_url {
                Some(source) => Arc::clone(source),
                None => Arc::new(self.source(url, keys, clock)?),
            };
            if shareable {
                fetching.push(Arc::clone(&source));
            }
            sources.push(source);
        }
        Ok(sources)
    }

    fn source(
        &self,
        url: &ProtectedUrl,
        keys: Keys,
        clock: &Arc<dyn Clock>,
    ) -> Result<KeySource, ConfigError> {
        let fetcher = match (&keys, &self.fetcher) {
            (Keys::Pinned(_), _) => None,
            (_, Some(fetcher)) => Some(Arc::clone(fetcher)),
            (Keys::Seeded(_), None) => {
                Some(default_fetcher(url, self.fetch_timeout, Start::WithKeys)?)
            }
            (Keys::None, None) => Some(default_fetcher(url, self.fetch_timeout, Start::Empty)?),
        };
        let config = KeySourceConfig {
            jwks_url: url.clone(),
            fetcher,
            clock: Arc::clone(clock),
            refresh_after: self.refresh_after,
            expire_after: self.expire_after,
            unknown_kid_interval: self.unknown_kid_interval,
            fetch_timeout: self.fetch_timeout,
        };
        Ok(KeySource::new(config, keys))
    }
}

impl TrustedPool {
    const fn new(pool: UserPool, clients: AllowedClients) -> Self {
        Self {
            pool,
            clients,
            document: Document::None,
        }
    }
}

impl Document {
    fn keys(&self) -> Result<Keys, ConfigError> {
        let parse = |setting, document| {
            KeySet::parse(document).map_err(|error| ConfigError::InvalidJwks {
                setting,
                reason: error.to_string(),
            })
        };
        match self {
            Self::None => Ok(Keys::None),
            Self::Pinned(document) => parse("jwks", document).map(Keys::Pinned),
            Self::Seed(document) => parse("seed_jwks", document).map(Keys::Seeded),
        }
    }
}

/// Whether a verifier can serve before its first fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Empty,
    WithKeys,
}

#[cfg(feature = "reqwest")]
fn default_fetcher(
    jwks_url: &ProtectedUrl,
    fetch_timeout: Duration,
    start: Start,
) -> Result<Arc<dyn DynFetchJwks>, ConfigError> {
    let fetcher = crate::keys::reqwest::ReqwestFetcher::new(jwks_url.clone(), fetch_timeout);
    match (fetcher.prepare(), start) {
        (Err(error), Start::Empty) => Err(error),
        // It serves without a fetch, and each fetch tries again.
        (Ok(()) | Err(_), _) => Ok(Arc::new(fetcher)),
    }
}

#[cfg(not(feature = "reqwest"))]
fn default_fetcher(
    jwks_url: &ProtectedUrl,
    _: Duration,
    _: Start,
) -> Result<Arc<dyn DynFetchJwks>, ConfigError> {
    Err(ConfigError::NoFetcher {
        jwks_url: jwks_url.label().to_owned(),
    })
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field(
                "pools",
                &self
                    .pools
                    .iter()
                    .map(|trusted| &trusted.pool)
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}
