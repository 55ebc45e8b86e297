//! A user pool in memory.

use std::{fmt, sync::Arc};

use super::{
    clock::ManualClock,
    keys::{Key, SigningKeys, jwks},
    token::TokenBuilder,
};
use crate::{
    allowed_clients::AllowedClients,
    config_error::ConfigError,
    token::claims::{Claims, TokenUse},
    user_pool::UserPool,
    verifier::{Verifier, VerifierBuilder},
};

/// A user pool that exists only in the test: fixture keys, tokens signed with them, and a clock
/// that only the test moves.
///
/// Two of its keys are published, as those of a Cognito user pool are, and one is not; see [`Key`].
/// A clone is the same pool with the same clock.
///
/// # Examples
///
/// ```
/// use tower_cognito::testing::TestPool;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let pool = TestPool::new();
/// let verifier = pool.verifier();
///
/// assert!(verifier.verify(&pool.token().build()).await.is_ok());
/// assert!(verifier.verify(&pool.token().expired().build()).await.is_err());
/// # }
/// ```
#[derive(Clone)]
pub struct TestPool {
    user_pool: UserPool,
    keys: SigningKeys,
    clock: ManualClock,
}

impl TestPool {
    /// The id of the pool that [`new`](Self::new) makes.
    pub const ID: &str = "eu-west-1_TestOnly1";

    /// The pool `eu-west-1_TestOnly1`, with its own clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_id(Self::ID).expect("the id is well-formed")
    }

    /// A pool of another id, for services that trust several. Its keys are the same, so only the
    /// issuer tells its tokens apart.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidUserPoolId`], as [`UserPool::new`].
    pub fn with_id(user_pool_id: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            user_pool: UserPool::new(user_pool_id)?,
            keys: SigningKeys::fixtures(),
            clock: ManualClock::new(),
        })
    }

    /// The pool for a verifier. Its JWKS URL is that of AWS, where this pool does not exist: take
    /// [`pinned_user_pool`](Self::pinned_user_pool), or give a
    /// [`ScriptedFetcher`](super::ScriptedFetcher).
    #[must_use]
    pub fn user_pool(&self) -> UserPool {
        self.user_pool.clone()
    }

    /// The same with the two published keys pinned, so that nothing is fetched: for services that
    /// trust several pools.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, Verifier, testing::TestPool};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let ours = TestPool::new();
    /// let partner = TestPool::with_id("us-east-1_Partner99")?;
    /// let verifier = Verifier::builder(ours.pinned_user_pool(), AllowedClients::only(["orders"])?)
    ///     .add_pool(partner.pinned_user_pool(), AllowedClients::only(["billing"])?)
    ///     .clock(ours.clock())
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pinned_user_pool(&self) -> UserPool {
        self.user_pool()
            .with_pinned_jwks(&self.jwks())
            .expect("the published keys are usable")
    }

    /// The JWK Set of the two published keys.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.jwks_of([Key::Access, Key::Id])
    }

    /// A JWK Set of these keys: what the endpoint would return after a rotation or a withdrawal.
    #[must_use]
    pub fn jwks_of(&self, keys: impl IntoIterator<Item = Key>) -> String {
        jwks(keys.into_iter().map(|key| self.keys.get(key)))
    }

    /// The clock of this pool, of its tokens and of its verifiers.
    #[must_use]
    pub fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    /// A verifier that accepts this pool's access tokens from any app client, at the time of this
    /// pool's clock, and never touches the network. It has its keys from the start, so it is always
    /// [ready](Verifier::is_ready).
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.verifier_builder()
            .build()
            .expect("the defaults can be built")
    }

    /// The same, to be configured further.
    ///
    /// For a list of app clients, or keys that are fetched, begin with
    /// `Verifier::builder(pool.user_pool(), clients)` or
    /// `Verifier::builder(pool.pinned_user_pool(), clients)` instead.
    pub fn verifier_builder(&self) -> VerifierBuilder {
        Verifier::builder(self.pinned_user_pool(), AllowedClients::any()).clock(self.clock())
    }

    /// A token of this pool, to be shaped and built. Unshaped it is the client-credentials token of
    /// `test-client`, without scopes.
    pub fn token(&self) -> TokenBuilder {
        let issuer = self.user_pool.issuers().next().unwrap_or_default();
        TokenBuilder::new(
            issuer.to_owned(),
            self.keys.clone(),
            Arc::new(self.clock.clone()),
        )
    }

    /// The claims of this token, for the unit test of a handler: see
    /// [`WithClaims`](super::WithClaims).
    ///
    /// There is no way to claims but through verification, so the token is built and verified.
    ///
    /// # Panics
    ///
    /// If the token is rejected: it is of another pool, or has a fault.
    #[must_use]
    #[track_caller]
    pub fn claims(&self, token: &TokenBuilder) -> Claims {
        let verdict = self
            .verifier_builder()
            .token_uses([TokenUse::Access, TokenUse::Id])
            .max_token_bytes(1024 * 1024)
            .build()
            .expect("these settings can be built")
            .try_verify(&token.build())
            .expect("pinned keys are never fetched");
        match verdict {
            Ok(claims) => claims,
            Err(rejected) => panic!("a token that is rejected has no claims: {rejected}"),
        }
    }
}

impl Default for TestPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPool")
            .field("user_pool", &self.user_pool)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
