//! The pipeline from a token to its claims.

mod builder;
mod token_cache;

use std::{fmt, sync::Arc};

use tracing::{Span, level_filters::LevelFilter};

use self::token_cache::{VerifiedToken, VerifiedTokens};
pub use self::{builder::VerifierBuilder, token_cache::TokenCache};
use crate::{
    allowed_clients::AllowedClients,
    bearer_auth::BearerAuthLayer,
    clock::{Clock, Moment},
    error::{AuthError, Denied},
    keys::{FetchError, FoundKey, KeySource, KeyStatus, Lookup, Waited, Waiting},
    metrics::{self, TokenLookup},
    token::{
        bearer,
        claims::{Claims, ExpectedClaims, UnverifiedClaims},
        expectations::{Expectations, PoolIndex},
        jws::{CompactJws, SignatureBuffer},
        numeric_date::NumericDate,
    },
    user_pool::UserPool,
};

/// Verifies access tokens of one or more user pools.
///
/// It fetches and keeps the keys. A clone is one reference count and shares them, so build one per process and clone it
/// into every layer and route.
///
/// In front of HTTP routes use [`layer`](Self::layer). Where tokens come another way (a queue, a WebSocket's first message,
/// gRPC metadata), use [`verify`](Self::verify).
///
/// # Examples
///
/// ```
/// use tower_cognito::{AllowedClients, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::any()).build()?;
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
    /// One per pool, in the order of the expectations' pools; pools of one JWKS URL share one.
    sources: Vec<Arc<KeySource>>,
    max_token_bytes: usize,
    checks: Vec<Box<Check>>,
    tokens: VerifiedTokens,
    clock: Arc<dyn Clock>,
}

type Check = dyn Fn(&Claims) -> Result<(), Denied> + Send + Sync;

/// How far a token gets without waiting.
pub(crate) enum Step {
    Done(Result<Claims, AuthError>),
    /// Its key has to be fetched. Pass the result of the wait to [`Verifier::finish`].
    Wait(Waiting),
}

impl Verifier {
    /// Begins the configuration of a verifier for one pool; [`VerifierBuilder::add_pool`] adds others.
    pub fn builder(pool: UserPool, clients: AllowedClients) -> VerifierBuilder {
        VerifierBuilder::new(pool, clients)
    }

    /// A layer that lets in requests with a token that this verifier accepts.
    pub fn layer(&self) -> BearerAuthLayer {
        BearerAuthLayer::new(self.clone())
    }

    /// Verifies a compact token, without `Bearer`.
    ///
    /// Once the signature has verified, `client_id` is recorded in the current `tracing` span, if that declares such a field.
    ///
    /// It waits only if a key has to be fetched, and then no longer than `fetch_timeout`. It must be called within a tokio
    /// runtime whose timer is enabled. Dropping it does not cancel the fetch, which others may be waiting for.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: what the layer would answer with.
    pub async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        match self.begin(token.as_bytes()) {
            Step::Done(verdict) => verdict,
            Step::Wait(waiting) => self.finish(token.as_bytes(), &waiting.wait().await),
        }
    }

    /// Verifies a compact token if that is possible without waiting, which it is whenever its key is in memory.
    ///
    /// `None` means that a key has to be fetched. The fetch has been started, if there is a tokio runtime to do it in.
    #[must_use]
    pub fn verify_cached(&self, token: &str) -> Option<Result<Claims, AuthError>> {
        match self.begin(token.as_bytes()) {
            Step::Done(verdict) => Some(verdict),
            Step::Wait(_) => None,
        }
    }

    /// Fetches the keys now, unless they are fresh.
    ///
    /// It is optional: the first request does the same. Call it at start-up to learn of a wrong pool id or a closed network
    /// before the first request, and decide whether to start regardless: the verifier recovers by itself.
    ///
    /// # Errors
    ///
    /// The [`FetchError`] of the first pool whose keys could not be had. The others have been tried too.
    pub async fn warm_up(&self) -> Result<(), FetchError> {
        let mut outcome = Ok(());
        for source in &self.shared.sources {
            outcome = outcome.and(source.warm_up().await);
        }
        outcome
    }

    /// How the keys are doing. With several pools it is the one that is doing worst.
    ///
    /// With the feature `metrics`, asking also sets the gauges of each pool's keys; see [`key_statuses`](Self::key_statuses).
    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        self.key_statuses()
            .into_iter()
            .max_by_key(|status| status.state().severity())
            .unwrap_or_else(KeyStatus::of_nothing)
    }

    /// How the keys of each pool are doing, in the order in which the pools were given.
    ///
    /// With the feature `metrics`, asking also sets the gauges of state and age to what they are now. Nothing does that by itself
    /// as time passes, so the handler that answers a scrape should begin with it.
    #[must_use]
    pub fn key_statuses(&self) -> Vec<KeyStatus> {
        self.shared
            .sources
            .iter()
            .map(|source| source.status())
            .collect()
    }

    /// The issuer of each pool whose discovery document can be fetched.
    pub(crate) fn discoverable_issuers(&self) -> impl Iterator<Item = &str> {
        let pools = &self.shared.expectations.pools;
        pools
            .iter()
            .filter_map(|pool| pool.issuers.first().map(String::as_str))
    }

    /// Everything that can be done without waiting.
    pub(crate) fn begin(&self, token: &[u8]) -> Step {
        if token.len() > self.shared.max_token_bytes {
            return Step::Done(Err(AuthError::TokenTooLarge));
        }
        let now = Moment::read(&*self.shared.clock);
        if let Some(verdict) = self.recall(token, &now) {
            return Step::Done(verdict);
        }
        let mut signature = SignatureBuffer::new();
        let expected = match self.examine(token, &mut signature, &now) {
            Ok(expected) => expected,
            Err(refused) => return Step::Done(Err(refused)),
        };
        match self
            .source(expected.pool())
            .map(|source| source.lookup(expected.kid(), &now))
        {
            Some(Lookup::Found(found)) => Step::Done(self.conclude(token, expected, &found)),
            Some(Lookup::Refused(refused)) => Step::Done(Err(refused)),
            Some(Lookup::Wait(waiting)) => Step::Wait(waiting),
            None => Step::Done(Err(AuthError::IssuerNotAllowed)),
        }
    }

    /// The same after the one wait. The token is examined again: time has passed, and nothing borrowed outlives a wait.
    pub(crate) fn finish(&self, token: &[u8], waited: &Waited) -> Result<Claims, AuthError> {
        let now = Moment::read(&*self.shared.clock);
        let mut signature = SignatureBuffer::new();
        let expected = self.examine(token, &mut signature, &now)?;
        let source = self
            .source(expected.pool())
            .ok_or(AuthError::IssuerNotAllowed)?;
        let found = source.lookup_after(waited, expected.kid(), &now)?;
        self.conclude(token, expected, &found)
    }

    /// A token that was let in before: its bytes need no second look, what can have changed since does.
    fn recall(&self, token: &[u8], now: &Moment) -> Option<Result<Claims, AuthError>> {
        let known = self.shared.tokens.get(token)?;
        let verdict = self.look_again(token, known, now);
        metrics::token_looked_up(match verdict {
            Some(_) => TokenLookup::Hit,
            None => TokenLookup::Stale,
        });
        verdict
    }

    fn look_again(
        &self,
        token: &[u8],
        known: VerifiedToken,
        now: &Moment,
    ) -> Option<Result<Claims, AuthError>> {
        let dates = self.shared.expectations.dates;
        if let Err(refused) = dates.check(
            known.claims.times(),
            NumericDate::from_system_time(now.wall),
        ) {
            self.shared.tokens.remove(token);
            return Some(Err(refused));
        }
        if !self
            .source(known.pool)?
            .still_vouches(known.generation, now)
        {
            return None;
        }
        Some(self.consent(known.claims))
    }

    /// What can be refused without a key.
    fn examine<'t>(
        &self,
        token: &'t [u8],
        signature: &'t mut SignatureBuffer,
        now: &Moment,
    ) -> Result<ExpectedClaims<'t, '_>, AuthError> {
        let jws = CompactJws::parse(token, signature).map_err(|refused| match refused {
            // Whatever decodes is token68. Only what does not can be something else, and a malformed request with it.
            AuthError::MalformedToken if !bearer::is_token68(token) => {
                AuthError::MalformedCredentials
            }
            refused => refused,
        })?;
        let now = NumericDate::from_system_time(now.wall);
        UnverifiedClaims::parse(jws)?.meet(&self.shared.expectations, now)
    }

    /// The signature, and what may only be looked at after it.
    fn conclude(
        &self,
        token: &[u8],
        expected: ExpectedClaims<'_, '_>,
        found: &FoundKey,
    ) -> Result<Claims, AuthError> {
        let pool = expected.pool();
        let claims = self.consent(expected.verify(&found.key)?)?;
        let verified = VerifiedToken {
            claims: claims.clone(),
            pool,
            generation: found.generation,
        };
        self.shared.tokens.insert(token, verified);
        Ok(claims)
    }

    /// What is done with every token whose signature has verified: the current span is told who is calling, and the
    /// service's own checks have a say.
    fn consent(&self, claims: Claims) -> Result<Claims, AuthError> {
        name_caller(&claims);
        for check in &self.shared.checks {
            check(&claims)?;
        }
        Ok(claims)
    }

    fn source(&self, PoolIndex(index): PoolIndex) -> Option<&Arc<KeySource>> {
        self.shared.sources.get(index)
    }
}

/// Records the app client in the current span, if that declares a field for it. Claims are those of a verified token, so
/// nobody can write a name of his choice there.
fn name_caller(claims: &Claims) {
    // To ask for the span would cost more than all that is left to do.
    if LevelFilter::current() != LevelFilter::OFF {
        Span::current().record("client_id", claims.client_id());
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("sources", &self.shared.sources)
            .finish_non_exhaustive()
    }
}
