//! A pool, its scripted JWKS endpoint, and a verifier of it.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{task::yield_now, time::timeout};
use tower_cognito::{
    AllowedClients, AuthError, Claims, UserPool, Verifier,
    keys::{FetchError, JwksResponse, KeyState},
    testing::{Key, ScriptedFetcher, TestPool},
    verifier::VerifierBuilder,
};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);

pub struct Rig {
    pub pool: TestPool,
    pub fetcher: ScriptedFetcher,
    pub verifier: Verifier,
}

impl Rig {
    pub fn new() -> Self {
        Self::configured(|builder| builder)
    }

    pub fn configured(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        Self::of(|pool| pool.user_pool(), configure)
    }

    /// With the pool's two keys, and none fetched ever.
    pub fn pinned() -> Self {
        Self::of(TestPool::pinned_user_pool, |builder| builder)
    }

    /// With the pool's two keys to begin with.
    pub fn seeded() -> Self {
        let seeded = |pool: &TestPool| pool.user_pool().with_seed_jwks(&pool.jwks()).unwrap();
        Self::of(seeded, |builder| builder)
    }

    fn of(
        trusted: impl FnOnce(&TestPool) -> UserPool,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Self {
        let pool = TestPool::new();
        let fetcher = ScriptedFetcher::new();
        let builder = Verifier::builder(trusted(&pool), AllowedClients::any())
            .fetcher(fetcher.clone())
            .clock(pool.clock());
        let verifier = configure(builder).build().unwrap();
        Self {
            pool,
            fetcher,
            verifier,
        }
    }

    /// With the pool's two keys fetched at this moment.
    pub async fn warm() -> Self {
        let rig = Self::new();
        rig.warm_up().await;
        rig
    }

    pub async fn warm_up(&self) {
        self.fetcher.respond(self.keys());
        assert_eq!(bounded(self.verifier.warm_up()).await, Ok(()));
    }

    /// The response of a healthy pool.
    pub fn keys(&self) -> JwksResponse {
        JwksResponse::document(self.pool.jwks())
    }

    pub fn keys_of(&self, keys: impl IntoIterator<Item = Key>) -> JwksResponse {
        JwksResponse::document(self.pool.jwks_of(keys))
    }

    /// A good token, which lives for a week, so that only keys decide.
    pub fn token(&self) -> String {
        self.token_by(Key::Access)
    }

    pub fn token_by(&self, key: Key) -> String {
        self.pool
            .token()
            .expires_in(7 * 24 * HOUR)
            .signed_with(key)
            .build()
    }

    pub async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        bounded(self.verifier.verify(token)).await
    }

    /// Verifies in a separate task, and returns when it waits or is done.
    pub async fn begin(&self, token: &str) -> Verifying {
        let (verifier, token) = (self.verifier.clone(), token.to_owned());
        let task = tokio::spawn(async move { verifier.verify(&token).await });
        settle().await;
        task
    }

    pub fn advance(&self, by: Duration) {
        self.pool.clock().advance(by);
    }

    pub fn state(&self) -> KeyState {
        self.verifier.key_status().state()
    }

    pub fn last_error(&self) -> Option<FetchError> {
        self.verifier.key_status().last_error().cloned()
    }

    #[track_caller]
    pub fn assert_calls(&self, calls: usize) {
        assert_eq!(self.fetcher.calls(), calls, "calls of the endpoint");
        assert_eq!(self.fetcher.unexpected_calls(), 0, "unexpected calls");
    }
}

pub type Verifying = tokio::task::JoinHandle<Result<Claims, AuthError>>;

/// More than any wait of the verifier. The clock is paused, so no test waits that long.
pub async fn bounded<T>(future: impl Future<Output = T>) -> T {
    timeout(10 * MINUTE, future).await.unwrap()
}

/// Lets every task go on until it waits for something. On the paused runtime of a single thread, no
/// task of these tests needs more turns.
pub async fn settle() {
    for _ in 0..64 {
        yield_now().await;
    }
}

#[track_caller]
pub fn assert_unavailable(verdict: &Result<Claims, AuthError>) -> Duration {
    match verdict {
        Err(AuthError::KeysUnavailable { retry_after }) => *retry_after,
        other => panic!("expected 503, got {other:?}"),
    }
}

/// Asserts the 503 of a `kid` that may be new, and returns its `Retry-After`.
#[track_caller]
pub fn assert_unconfirmed(verdict: &Result<Claims, AuthError>) -> Duration {
    match verdict {
        Err(AuthError::KeyUnconfirmed { retry_after }) => *retry_after,
        other => panic!("expected the 503 of an unconfirmed kid, got {other:?}"),
    }
}

/// Tokens that name these keys. No key made their signature, which shows only once there is a key.
pub struct Forger {
    rest: String,
}

impl Forger {
    pub fn new(rig: &Rig) -> Self {
        let token = rig.token();
        let (_, rest) = token.split_once('.').unwrap();
        Self {
            rest: rest.to_owned(),
        }
    }

    pub fn token(&self, kid: &str) -> String {
        let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), self.rest)
    }
}
