//! The pipeline from a token to its claims.

mod builder;
mod from_env;
mod not_a_layer;
mod per_pool;
mod setup_warnings;
mod token_cache;

use std::{fmt, sync::Arc};

use tracing::{Span, level_filters::LevelFilter};

use self::per_pool::PerPool;
use self::setup_warnings::SetupWarnings;
use self::token_cache::{VerifiedToken, VerifiedTokens};
pub use self::{builder::VerifierBuilder, token_cache::TokenCache};
use crate::{
    allowed_clients::AllowedClients,
    clock::{Clock, Moment, unix_nanos},
    error::{AuthError, Denied},
    keys::{FetchError, FoundKey, KeySource, KeyStatus, Lookup, Waited, Waiting},
    metrics::{self, TokenLookup},
    token::{
        audience::ExpectedAudience,
        bearer,
        claims::{Claims, ExpectedClaims, UnverifiedClaims},
        expectations::{Expectations, PoolIndex},
        jws::{CompactJws, KnownHeaders},
        numeric_date::NumericDate,
    },
    user_pool::UserPool,
};

/// Verifies access tokens of one or more user pools.
///
/// It fetches and keeps the keys. A clone is one reference count and shares them, so build one per
/// process and clone it into every layer and route.
///
/// In front of HTTP routes use [`layer`](Self::layer). Where tokens come another way (a queue, a
/// WebSocket's first message, gRPC metadata), use [`verify`](Self::verify).
///
/// # Examples
///
/// ```
/// use tower_cognito::{AllowedClients, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// let layer = verifier.layer();
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    expectations: Expectations,
    /// In the order of the expectations' pools; pools of one JWKS URL share one.
    sources: PerPool<Arc<KeySource>>,
    max_token_bytes: usize,
    checks: Vec<Arc<Check>>,
    token_cache: TokenCache,
    tokens: VerifiedTokens,
    headers: KnownHeaders,
    clock: Arc<dyn Clock>,
    setup_warnings: SetupWarnings,
}

type Check = dyn Fn(&Claims) -> Result<(), Denied> + Send + Sync;

/// How far a token gets without waiting.
pub(crate) enum VerifyProgress {
    Verified(Claims),
    /// Its key has to be fetched. Pass the result of the wait to [`Verifier::verify_after`].
    Waiting(Waiting),
}

/// Why there are no claims of a token in the token cache.
pub(crate) enum NotRecalled {
    Rejected(AuthError),
    /// It is not in there, or is to be verified again.
    Unknown {
        unix_nanos: i64,
    },
}

impl Verifier {
    /// Begins the configuration of a verifier for one pool; [`VerifierBuilder::add_pool`] adds
    /// others.
    pub fn builder(pool: UserPool, clients: AllowedClients) -> VerifierBuilder {
        VerifierBuilder::new(pool, clients)
    }

    /// Verifies a compact token, without `Bearer`.
    ///
    /// Once the signature has verified, `client_id` is recorded in the current `tracing` span, if
    /// that declares such a field.
    ///
    /// It waits only if a key has to be fetched, and then no longer than `fetch_timeout`. It must
    /// be called within a tokio runtime whose timer is enabled. Dropping it does not cancel the
    /// fetch, which others may be waiting for.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: what the layer would answer with.
    pub async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let token = token.as_bytes();
        let mut progress = self.verify_now(token)?;
        loop {
            match progress {
                VerifyProgress::Verified(claims) => return Ok(claims),
                VerifyProgress::Waiting(waiting) => {
                    progress = self.verify_after(token, waiting.wait().await)?;
                }
            }
        }
    }

    /// Verifies a compact token if that is possible without waiting, which it is whenever its key
    /// is in memory.
    ///
    /// `None` means that a key has to be fetched. The fetch has been started, if there is a tokio
    /// runtime to do it in.
    #[must_use]
    pub fn try_verify(&self, token: &str) -> Option<Result<Claims, AuthError>> {
        match self.verify_now(token.as_bytes()) {
            Ok(VerifyProgress::Verified(claims)) => Some(Ok(claims)),
            Ok(VerifyProgress::Waiting(_)) => None,
            Err(rejected) => Some(Err(rejected)),
        }
    }

    /// Fetches the keys of every pool now, all at once, unless they are fresh.
    ///
    /// It is optional: the first request does the same. Call it at start-up to learn of a wrong
    /// pool id or a closed network before the first request, and decide whether to start
    /// regardless: the verifier recovers by itself. It takes no longer than `fetch_timeout`,
    /// however many pools there are.
    ///
    /// # Errors
    ///
    /// The [`FetchError`] of the first pool whose keys could not be fetched. The others have been
    /// fetched nevertheless, so with several pools an error need not keep the service from
    /// starting; see [`is_ready`](Self::is_ready).
    pub async fn warm_up(&self) -> Result<(), FetchError> {
        // Each fetch runs in a separate task, so what is started here goes on while another one is
        // waited for.
        let mut started = Vec::new();
        for source in self.shared.sources.iter() {
            started.push((source, source.warm_up()));
        }
        let mut outcome = Ok(());
        for (source, mut progress) in started {
            while let Ok(Some(waiting)) = progress {
                progress = source.warm_up_after(Some(waiting.wait().await));
            }
            outcome = outcome.and(progress.map(|_| ()));
        }
        outcome
    }

    /// Whether this verifier can serve: whether the keys of at least one pool are usable. It is
    /// what a readiness probe asks.
    ///
    /// One pool whose endpoint is down must not take the service from the callers of the others. A
    /// service that is of no use without a certain pool asks for that pool in
    /// [`key_statuses`](Self::key_statuses).
    ///
    /// Only requests cause fetches, so a process that gets no request before it is ready must call
    /// [`warm_up`](Self::warm_up).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_cognito::Verifier;
    ///
    /// fn readyz(verifier: &Verifier) -> StatusCode {
    ///     if verifier.is_ready() {
    ///         StatusCode::OK
    ///     } else {
    ///         StatusCode::SERVICE_UNAVAILABLE
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.key_statuses().iter().any(KeyStatus::is_ready)
    }

    /// The status of the pool whose keys are in the worst state. It is what an alert asks.
    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        let PerPool { first, others } = &self.shared.sources;
        others.iter().fold(first.status(), |worst, source| {
            let status = source.status();
            if status.state().severity() < worst.state().severity() {
                worst
            } else {
                status
            }
        })
    }

    /// The status of each pool's keys, in the order in which the pools were given.
    #[must_use]
    pub fn key_statuses(&self) -> Vec<KeyStatus> {
        self.shared
            .sources
            .iter()
            .map(|source| source.status())
            .collect()
    }

    /// This verifier with another audience. It shares the keys, and has its own token cache: a
    /// cached token is not asked for its audience again.
    pub(crate) fn with_audience(&self, change: impl FnOnce(&mut ExpectedAudience)) -> Self {
        let shared = &*self.shared;
        let mut expectations = shared.expectations.clone();
        change(&mut expectations.audience);
        Self {
            shared: Arc::new(Shared {
                expectations,
                sources: shared.sources.clone(),
                max_token_bytes: shared.max_token_bytes,
                checks: shared.checks.clone(),
                token_cache: shared.token_cache,
                tokens: VerifiedTokens::new(shared.token_cache),
                headers: KnownHeaders::default(),
                clock: Arc::clone(&shared.clock),
                setup_warnings: SetupWarnings::default(),
            }),
        }
    }

    /// Logs once that a layer of this verifier does not enforce.
    pub(crate) fn warn_of_report_only(&self) {
        self.shared.setup_warnings.report_only();
    }

    /// Logs once, where metadata tells clients how to get tokens, that tokens of any client and for
    /// any service are accepted.
    pub(crate) fn warn_of_open_clients(&self) {
        let Shared {
            setup_warnings,
            expectations,
            ..
        } = &*self.shared;
        let is_open = expectations.pools.iter().any(|pool| pool.clients.are_any());
        if is_open && !expectations.audience.is_required() {
            setup_warnings.open_clients();
        }
    }

    /// Sets the gauges of each pool's keys, such as their age, to what they are now. Does nothing
    /// without the feature `metrics`.
    ///
    /// Nothing does that by itself as time passes, so call it first in the handler that answers a
    /// scrape.
    pub fn record_key_metrics(&self) {
        for source in self.shared.sources.iter() {
            source.record_metrics();
        }
    }

    /// The issuer of each pool whose discovery document can be fetched.
    pub(crate) fn discoverable_issuers(&self) -> impl Iterator<Item = &str> {
        let pools = &self.shared.expectations.pools;
        pools
            .iter()
            .filter_map(|pool| pool.issuers.first().map(String::as_str))
    }

    /// Does everything that can be done without waiting.
    pub(crate) fn verify_now(&self, token: &[u8]) -> Result<VerifyProgress, AuthError> {
        match self.recall(token) {
            Ok(claims) => {
                metrics::token_looked_up(TokenLookup::Hit);
                Ok(VerifyProgress::Verified(claims))
            }
            Err(not_recalled) => self.verify_anew(token, not_recalled),
        }
    }

    /// The claims of a token in the token cache, if it would verify again. Such a token is not
    /// counted: the caller does that with whatever else it counts.
    #[inline]
    pub(crate) fn recall(&self, token: &[u8]) -> Result<Claims, NotRecalled> {
        if token.len() > self.shared.max_token_bytes {
            return Err(NotRecalled::Rejected(AuthError::TokenTooLarge));
        }
        let now = unix_nanos(self.shared.clock.now());
        match self.shared.tokens.get(token) {
            Some(known) => self.revalidate(token, known, now),
            None => Err(NotRecalled::Unknown { unix_nanos: now }),
        }
    }

    /// Verifies a token that [`recall`](Self::recall) has no claims of.
    #[inline(never)]
    pub(crate) fn verify_anew(
        &self,
        token: &[u8],
        not_recalled: NotRecalled,
    ) -> Result<VerifyProgress, AuthError> {
        match not_recalled {
            NotRecalled::Unknown { unix_nanos } => {
                self.look_up_and_verify(token, unix_nanos, |source, kid| {
                    source.lookup(kid, unix_nanos)
                })
            }
            NotRecalled::Rejected(rejected) => Err(rejected),
        }
    }

    /// The same after a wait, which may not be the last. The token is parsed again: time has
    /// passed, and nothing borrowed outlives a wait.
    pub(crate) fn verify_after(
        &self,
        token: &[u8],
        waited: Waited,
    ) -> Result<VerifyProgress, AuthError> {
        let now = unix_nanos(self.shared.clock.now());
        self.look_up_and_verify(token, now, |source, kid| source.lookup_after(waited, kid))
    }

    #[inline(never)]
    fn look_up_and_verify(
        &self,
        token: &[u8],
        unix_nanos: i64,
        look_up: impl FnOnce(&Arc<KeySource>, &str) -> Result<Lookup, AuthError>,
    ) -> Result<VerifyProgress, AuthError> {
        let expected = self
            .parse_and_expect(token, unix_nanos)
            .inspect_err(|rejected| {
                let Shared {
                    setup_warnings,
                    expectations,
                    clock,
                    ..
                } = &*self.shared;
                let now = || Moment::read(&**clock);
                setup_warnings.token_rejected(rejected, token, expectations, now);
            })?;
        let source = self
            .source(expected.pool())
            .ok_or(AuthError::IssuerNotAllowed)?;
        match look_up(source, expected.kid())? {
            Lookup::Found(found) => self
                .verify_signature(token, expected, &found)
                .map(VerifyProgress::Verified),
            Lookup::Wait(waiting) => Ok(VerifyProgress::Waiting(waiting)),
        }
    }

    /// Revalidates a cached token: everything except the bytes and their signature is checked
    /// again.
    #[inline]
    fn revalidate(
        &self,
        token: &[u8],
        known: VerifiedToken,
        unix_nanos: i64,
    ) -> Result<Claims, NotRecalled> {
        let dates = &self.shared.expectations.dates;
        let now = NumericDate::from_unix_nanos(unix_nanos);
        if let Err(rejected) = dates.check(known.claims.times(), now) {
            self.shared.tokens.remove(token);
            metrics::token_looked_up(TokenLookup::Hit);
            return Err(NotRecalled::Rejected(rejected));
        }
        let vouched_for = self
            .source(known.pool)
            .is_some_and(|source| source.still_vouches(known.generation, unix_nanos));
        if !vouched_for {
            metrics::token_looked_up(TokenLookup::Stale);
            return Err(NotRecalled::Unknown { unix_nanos });
        }
        self.run_check(known.claims).map_err(|rejected| {
            metrics::token_looked_up(TokenLookup::Hit);
            NotRecalled::Rejected(rejected)
        })
    }

    /// What can be rejected without a key.
    fn parse_and_expect<'t>(
        &'t self,
        token: &'t [u8],
        unix_nanos: i64,
    ) -> Result<ExpectedClaims<'t, 't>, AuthError> {
        let headers = &self.shared.headers;
        let jws = CompactJws::parse(token, headers)
            .map_err(|rejected| or_malformed_credentials(rejected, token))?;
        let now = NumericDate::from_unix_nanos(unix_nanos);
        UnverifiedClaims::parse(jws)?.meet(&self.shared.expectations, now)
    }

    /// The signature, and what may only be read after it.
    fn verify_signature(
        &self,
        token: &[u8],
        expected: ExpectedClaims<'_, '_>,
        found: &FoundKey,
    ) -> Result<Claims, AuthError> {
        let pool = expected.pool();
        let verified = expected
            .verify(&found.key)
            .map_err(|rejected| or_malformed_credentials(rejected, token))?;
        let claims = self.run_check(verified)?;
        let verified = VerifiedToken {
            claims: claims.clone(),
            pool,
            generation: found.generation,
        };
        self.shared.tokens.insert(token, verified);
        Ok(claims)
    }

    /// What is done with every token whose signature has verified: the current span gets the
    /// caller, and the service's own checks have a say.
    #[inline]
    fn run_check(&self, claims: Claims) -> Result<Claims, AuthError> {
        name_caller(&claims);
        for check in &self.shared.checks {
            check(&claims)?;
        }
        Ok(claims)
    }

    #[inline]
    fn source(&self, PoolIndex(index): PoolIndex) -> Option<&Arc<KeySource>> {
        self.shared.sources.get(index)
    }
}

/// Whatever decodes is token68. Only what does not can be something else, and a malformed request
/// with it.
fn or_malformed_credentials(rejected: AuthError, token: &[u8]) -> AuthError {
    match rejected {
        AuthError::MalformedToken if !bearer::is_token68(token) => AuthError::MalformedCredentials,
        rejected => rejected,
    }
}

/// Records the app client in the current span, if that declares a field for it. Claims are those of
/// a verified token, so a caller cannot choose the name.
#[inline]
fn name_caller(claims: &Claims) {
    // To ask for the span would cost more than all that is left to do.
    if LevelFilter::current() != LevelFilter::OFF {
        Span::current().record("client_id", claims.client_id());
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("sources", &self.shared.sources.iter().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
