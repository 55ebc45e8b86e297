//! The configuration of a verifier: every setting with its effect, unit, default and bounds.

use std::{fmt, sync::Arc, time::Duration};

use super::{Check, PerPool, SetupWarnings, Shared, Verifier};
use crate::{
    allowed_clients::AllowedClients,
    clock::{Clock, SystemClock},
    config_error::ConfigError,
    error::Denied,
    keys::{DynFetchJwks, FetchJwks, KeyEndpoint, KeyEndpoints, KeySource, KeySourceConfig, Keys},
    metrics,
    protected_url::ProtectedUrl,
    token::{
        audience::ExpectedAudience,
        claims::{Claims, TokenUse},
        expectations::{Expectations, ExpectedDates, ExpectedPool},
        jws::KnownHeaders,
    },
    user_pool::{PoolKeys, UserPool},
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
/// Only the pool and its allowed clients have to be given; the rest has defaults that fit a service
/// in AWS. The order of the calls does not matter. `add_pool`, `accept_audience`,
/// `require_audience` and `check` add to what was said before; every other method replaces it.
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
    pools: PerPool<TrustedPool>,
    token_uses: Vec<TokenUse>,
    audience: ExpectedAudience,
    leeway: Duration,
    max_token_age: Option<Duration>,
    max_token_bytes: usize,
    checks: Vec<Arc<Check>>,
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
}

impl VerifierBuilder {
    pub(super) fn new(pool: UserPool, clients: AllowedClients) -> Self {
        Self {
            pools: PerPool {
                first: TrustedPool { pool, clients },
                others: Vec::new(),
            },
            token_uses: vec![TokenUse::Access],
            audience: ExpectedAudience::default(),
            leeway: DEFAULT_LEEWAY,
            max_token_age: None,
            max_token_bytes: DEFAULT_MAX_TOKEN_BYTES,
            checks: Vec::new(),
            refresh_after: DEFAULT_REFRESH_AFTER,
            expire_after: DEFAULT_EXPIRE_AFTER,
            unknown_kid_interval: DEFAULT_UNKNOWN_KID_INTERVAL,
            fetch_timeout: DEFAULT_FETCH_TIMEOUT,
            fetcher: None,
            clock: None,
            token_cache: TokenCache::default(),
        }
    }

    #[cfg(test)]
    pub(super) const fn first_pool(&self) -> &UserPool {
        &self.pools.first.pool
    }

    #[cfg(test)]
    pub(super) const fn first_clients(&self) -> &AllowedClients {
        &self.pools.first.clients
    }

    #[cfg(test)]
    pub(super) const fn expected_audience(&self) -> &ExpectedAudience {
        &self.audience
    }

    /// Also trusts this pool. Each call adds one.
    ///
    /// A token belongs to the pool whose issuer it names, byte for byte. It must be signed by that
    /// pool's keys and be issued to one of that pool's clients. What its scopes may grant is up to
    /// [`UserPool::with_resource_servers`](crate::UserPool::with_resource_servers).
    pub fn add_pool(mut self, pool: UserPool, clients: AllowedClients) -> Self {
        self.pools.others.push(TrustedPool { pool, clients });
        self
    }

    /// Accepts these kinds of token and no others. It replaces the default, which is
    /// [`TokenUse::Access`] alone: what callers present to a service. An ID token is for the app
    /// client itself, and carries no scopes.
    ///
    /// Where both are accepted, [`Claims::token_use`] tells them apart.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, TokenUse, UserPool, Verifier};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    /// let web_app = AllowedClients::only(["1example23456789"])?;
    /// let verifier = Verifier::builder(pool, web_app)
    ///     .token_uses([TokenUse::Access, TokenUse::Id])
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn token_uses(mut self, token_uses: impl IntoIterator<Item = TokenUse>) -> Self {
        self.token_uses = token_uses.into_iter().collect();
        self
    }

    /// Accepts tokens that are bound to this service under this name, as it is in their `aud`. Each
    /// call adds a name.
    ///
    /// Cognito's access tokens have no `aud` unless the caller asked for one: with `resource` at
    /// sign-in (RFC 8707), or by token exchange (RFC 8693). So there are three cases:
    ///
    /// | `aud` | by default | with `accept_audience` | with [`require_audience`](Self::require_audience) |
    /// | --- | --- | --- | --- |
    /// | absent | accepted | accepted | rejected |
    /// | only the token's own app client, as a trigger may write it | accepted | accepted | rejected |
    /// | names this service | – | accepted | accepted |
    /// | anything else | rejected | rejected | rejected |
    ///
    /// A token that names another resource is rejected even if it names its own client beside it
    /// (RFC 7519 §4.1.3).
    ///
    /// The layers of a [`ResourceMetadata`](crate::ResourceMetadata) accept its resource by
    /// themselves.
    pub fn accept_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.accept(audience.into());
        self
    }

    /// Rejects every token that is not bound to this service, and accepts those that are bound to
    /// it under this name. Each call adds a name; with names from
    /// [`accept_audience`](Self::accept_audience), one of all of them must be in `aud`.
    ///
    /// The specification of the Model Context Protocol demands this of a server. It is wrong for a
    /// service that is called with client credentials: Cognito does not bind those to a resource,
    /// so they would all be rejected. So would ID tokens, whose `aud` is their app client.
    pub fn require_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience.require(audience.into());
        self
    }

    /// How far this machine's clock and the issuer's may be apart: added to `exp`, taken from
    /// `nbf`. `iat` may be a day in the future, whatever the leeway: a clock that is behind must
    /// not reject every fresh token.
    ///
    /// The default is 10 seconds; at most 5 minutes are accepted.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Rejects tokens that were issued longer ago than this, however long they live, and tokens
    /// that do not say when. Off by default.
    pub fn max_token_age(mut self, age: Duration) -> Self {
        self.max_token_age = Some(age);
        self
    }

    /// Rejects longer tokens before anything else is done with them. In bytes; the default is 16
    /// KiB, and 1 byte to 1 MiB is accepted.
    ///
    /// A pre token generation trigger can make tokens large. Most HTTP servers limit all headers
    /// together to 16 KiB or less.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Your own check, for what configuration cannot say: a list of leaked clients, a tenant's
    /// rule. Each call adds one. A token must pass them all; they are called in the order in which
    /// they were added, until one denies.
    ///
    /// It is called after the signature and before scopes, on every request, also for a token that
    /// was seen before. It must be quick and must not block.
    pub fn check(
        mut self,
        check: impl Fn(&Claims) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// After this time a request causes the keys to be fetched again, while the old ones serve.
    ///
    /// The default is 1 hour. Up to a tenth of it is taken off at random, so that a fleet does not
    /// refresh at once; `Cache-Control: max-age` can shorten it to 5 minutes. This is how long a
    /// withdrawn key works at most, while the endpoint can be reached.
    pub fn refresh_after(mut self, age: Duration) -> Self {
        self.refresh_after = age;
        self
    }

    /// Keys that could not be refreshed for this long are no longer used: every request gets 503.
    ///
    /// The default is 24 hours. It is how long an outage of the endpoint is survived, and also how
    /// long a withdrawn key works for an attacker who can keep this service from reaching the
    /// endpoint.
    pub fn expire_after(mut self, age: Duration) -> Self {
        self.expire_after = age;
        self
    }

    /// How often tokens with unknown `kid`s may cause a fetch, once two in a row have. A new key
    /// works within this time of its publication, no matter who asked for it before.
    ///
    /// It is also how long a `kid` is rejected without another look after the issuer was found not
    /// to have it, and the longest back-off of an attempt that a request needs.
    ///
    /// The default is 10 seconds; less than 1 second is rejected.
    pub fn unknown_kid_interval(mut self, interval: Duration) -> Self {
        self.unknown_kid_interval = interval;
        self
    }

    /// The longest a fetch may take, and so the longest a request may wait for one: name
    /// resolution, TCP, TLS and the response together. The default is 5 seconds; at most 60 seconds
    /// are accepted.
    ///
    /// Connecting may take nine tenths of it. If the host has several addresses, each gets an equal
    /// share of that, so that one that does not respond leaves time for the next.
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.fetch_timeout = timeout;
        self
    }

    /// Fetches keys with this instead of reqwest.
    pub fn fetcher(mut self, fetcher: impl FetchJwks) -> Self {
        self.fetcher = Some(Arc::new(fetcher));
        self
    }

    /// Takes the time from here instead of from the system.
    pub fn clock(self, clock: impl Clock) -> Self {
        self.shared_clock(Arc::new(clock))
    }

    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
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
    /// 1. [`ConfigError::OutOfRange`] and [`ConfigError::DurationOrder`] for settings outside the
    ///    bounds named above.
    /// 2. [`ConfigError::EmptyList`] if no token use is accepted.
    /// 3. [`ConfigError::InvalidAudience`] if an audience is empty, too long, or has white space or
    ///    control characters in it.
    /// 4. [`ConfigError::IssuerTwice`] if two pools share an issuer.
    /// 5. [`ConfigError::NoFetcher`] if keys would have to be fetched and nothing can.
    /// 6. [`ConfigError::HttpClient`] if the default fetcher cannot be set up: the JWKS URL is
    ///    https, this machine has no CA certificates, and the pool has neither seeded nor pinned
    ///    keys.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.check_bounds()?;
        metrics::describe();
        let clock = self
            .clock
            .clone()
            .unwrap_or_else(|| Arc::new(SystemClock::new()));
        let sources = self.sources(&clock)?;
        let expectations = Expectations {
            pools: self.pools.iter().map(TrustedPool::expected).collect(),
            token_uses: self.token_uses.into(),
            audience: self.audience,
            dates: ExpectedDates {
                leeway: self.leeway.into(),
                max_age: self.max_token_age.map(Into::into),
            },
        };
        Ok(Verifier {
            shared: Arc::new(Shared {
                expectations,
                sources,
                max_token_bytes: self.max_token_bytes,
                checks: self.checks,
                token_cache: self.token_cache,
                tokens: VerifiedTokens::new(self.token_cache),
                headers: KnownHeaders::default(),
                clock,
                setup_warnings: SetupWarnings::default(),
            }),
        })
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
        if self.token_uses.is_empty() {
            return Err(ConfigError::EmptyList {
                what: "token uses",
                instead: "name at least one, or leave `token_uses` out to accept access tokens",
            });
        }
        self.audience.check_names()?;
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

    /// One source per JWKS URL, so that pools behind one endpoint do not fetch it twice. A pool
    /// with its own keys has its own.
    fn sources(&self, clock: &Arc<dyn Clock>) -> Result<PerPool<Arc<KeySource>>, ConfigError> {
        let mut fetching: Vec<Arc<KeySource>> = Vec::new();
        self.pools.try_map(|trusted| {
            let url = trusted.pool.protected_jwks_url();
            let keys = match trusted.pool.keys() {
                PoolKeys::Fetched => Keys::None,
                PoolKeys::Pinned(keys) => Keys::Pinned(keys.clone()),
                PoolKeys::Seeded(keys) => Keys::Seeded(keys.clone()),
            };
            let shareable = matches!(keys, Keys::None);
            let fallback_url = trusted.pool.protected_fallback_jwks_url();
            let same_urls = fetching.iter().find(|source| {
                shareable && source.jwks_url() == url && source.fallback_jwks_url() == fallback_url
            });
            let source = match same_urls {
                Some(source) => Arc::clone(source),
                None => Arc::new(self.source(&trusted.pool, keys, clock)?),
            };
            if shareable {
                fetching.push(Arc::clone(&source));
            }
            Ok(source)
        })
    }

    fn source(
        &self,
        pool: &UserPool,
        keys: Keys,
        clock: &Arc<dyn Clock>,
    ) -> Result<KeySource, ConfigError> {
        let is_pinned = matches!(keys, Keys::Pinned(_));
        let start = match keys {
            Keys::None => Start::Empty,
            Keys::Pinned(_) | Keys::Seeded(_) => Start::WithKeys,
        };
        // Two URLs share the time for a fetch.
        let timeout = match pool.protected_fallback_jwks_url() {
            Some(_) => self.fetch_timeout / 2,
            None => self.fetch_timeout,
        };
        let endpoint = |url: &ProtectedUrl| {
            let fetcher = match &self.fetcher {
                Some(fetcher) => Arc::clone(fetcher),
                None => default_fetcher(url, timeout, clock, start)?,
            };
            Ok(KeyEndpoint {
                url: url.clone(),
                fetcher,
            })
        };
        let first = (!is_pinned)
            .then(|| endpoint(pool.protected_jwks_url()))
            .transpose()?;
        let fallback = pool.protected_fallback_jwks_url().filter(|_| !is_pinned);
        let fallback = fallback.map(endpoint).transpose()?;
        let config = KeySourceConfig {
            jwks_url: pool.protected_jwks_url().clone(),
            endpoints: first.map(|first| KeyEndpoints { first, fallback }),
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
    fn expected(&self) -> ExpectedPool {
        ExpectedPool {
            issuers: self.pool.issuers().map(str::to_owned).collect(),
            clients: self.clients.clone(),
            granted_scopes: self.pool.granted_scopes().clone(),
            confirmation: self.pool.confirmation(),
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
    clock: &Arc<dyn Clock>,
    start: Start,
) -> Result<Arc<dyn DynFetchJwks>, ConfigError> {
    let fetcher = crate::keys::reqwest::ReqwestFetcher::new(
        jwks_url.clone(),
        fetch_timeout,
        Arc::clone(clock),
    );
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
    _: &Arc<dyn Clock>,
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
