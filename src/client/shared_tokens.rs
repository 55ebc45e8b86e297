//! How the processes of a fleet share one token.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::{
    AccessToken, TokenError,
    schedule::Lifespan,
    scopes::Scopes,
    token_response::{self, TokenResponse},
    token_store::{DynTokenStore, TokenLock, TokenStoreError},
};
use crate::{
    clock::Clock,
    crypto::sealing::{SealingKey, digest_of},
};

/// How often a process looks for the token that another one is asking for. Up to half of it is left
/// out at random.
const POLL: Duration = Duration::from_millis(100);

/// The token store, as one app client uses it.
pub(super) struct SharedTokens {
    pub(super) store: Arc<dyn DynTokenStore>,
    pub(super) key: SealingKey,
    /// Of everything that a token depends on, except for the scopes.
    pub(super) client: [u8; 32],
    pub(super) clock: Arc<dyn Clock>,
    /// Of a token request.
    pub(super) timeout: Duration,
    pub(super) jitter: fn() -> f64,
}

/// What is sealed.
#[derive(Deserialize, Serialize)]
struct SharedToken {
    access_token: String,
    /// Seconds since the epoch.
    asked_at: u64,
    /// Seconds.
    lifetime: u64,
}

impl SharedTokens {
    /// The token that another process obtained, or else one that this process obtains for all. A
    /// process that cannot use the store asks for itself.
    ///
    /// The caller bounds the whole: while another process has the lock, this one waits.
    pub(super) async fn obtain<F>(
        &self,
        scopes: &Scopes,
        rejected: Option<&AccessToken>,
        ask: impl Fn() -> F,
    ) -> Result<TokenResponse, TokenError>
    where
        F: Future<Output = Result<TokenResponse, TokenError>>,
    {
        let name = self.name(scopes, b"token");
        let lock_name = self.name(scopes, b"lock");
        match self.find_or_lock(&name, &lock_name, rejected).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let asked_at = self.clock.now();
                let obtained = ask().await?;
                self.put(&name, &obtained, asked_at).await;
                Ok(obtained)
            }
            Err(error) => {
                tracing::warn!(%error, "token store unavailable; token requested without it");
                ask().await
            }
        }
    }

    /// `None` with the lock acquired.
    async fn find_or_lock(
        &self,
        name: &str,
        lock_name: &str,
        rejected: Option<&AccessToken>,
    ) -> Result<Option<TokenResponse>, TokenStoreError> {
        // Half of the time-out: if the process that has the lock is gone, those who wait have the
        // other half.
        let lock_lasts = self.timeout / 2;
        loop {
            if let Some(found) = self.find(name, rejected).await? {
                return Ok(Some(found));
            }
            match self.bounded(self.store.lock(lock_name, lock_lasts)).await? {
                // Between the two, another process may have put one.
                TokenLock::Acquired => return self.find(name, rejected).await,
                TokenLock::Held => sleep(POLL.mul_f64(1.0 - 0.5 * (self.jitter)())).await,
            }
        }
    }

    async fn find(
        &self,
        name: &str,
        rejected: Option<&AccessToken>,
    ) -> Result<Option<TokenResponse>, TokenStoreError> {
        let sealed = self.bounded(self.store.get(name)).await?;
        Ok(sealed
            .and_then(|sealed| self.open(name, &sealed))
            .filter(|found| {
                Lifespan::is_worth_sharing(found.lifetime, found.age)
                    && rejected.is_none_or(|rejected| rejected.header_value() != found.header_value)
            }))
    }

    async fn put(&self, name: &str, obtained: &TokenResponse, asked_at: SystemTime) {
        let Some(sealed) = self.seal(name, obtained, asked_at) else {
            return;
        };
        let put = self.store.put(name, &sealed, obtained.lifetime);
        if let Err(error) = self.bounded(put).await {
            tracing::warn!(%error, "token store write failed");
        }
    }

    fn seal(&self, name: &str, obtained: &TokenResponse, asked_at: SystemTime) -> Option<Vec<u8>> {
        let value = obtained.header_value.to_str().ok()?;
        let shared = SharedToken {
            access_token: value.strip_prefix("Bearer ")?.to_owned(),
            asked_at: asked_at
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()?
                .as_secs(),
            lifetime: obtained.lifetime.as_secs(),
        };
        let plaintext = serde_json::to_vec(&shared).ok()?;
        self.key.seal(name.as_bytes(), &plaintext)
    }

    /// `None` for what was sealed under another key or name, or is not a token.
    fn open(&self, name: &str, sealed: &[u8]) -> Option<TokenResponse> {
        let plaintext = self.key.open(name.as_bytes(), sealed)?;
        let shared = serde_json::from_slice::<SharedToken>(&plaintext).ok()?;
        let asked_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(shared.asked_at))?;
        Some(TokenResponse {
            header_value: token_response::bearer(&shared.access_token)?,
            lifetime: Duration::from_secs(shared.lifetime),
            // The clock of the process that asked may be ahead.
            age: self
                .clock
                .now()
                .duration_since(asked_at)
                .unwrap_or_default(),
        })
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, TokenStoreError>>,
    ) -> Result<T, TokenStoreError> {
        timeout(self.timeout / 10, call)
            .await
            .unwrap_or_else(|_| Err(TokenStoreError::new("it did not respond in time")))
    }

    fn name(&self, scopes: &Scopes, kind: &[u8]) -> String {
        let digest = digest_of(&[&self.client, scopes.as_str().as_bytes(), kind]);
        let hex = digest.iter().map(|byte| format!("{byte:02x}"));
        format!("tower-cognito:1:{}", hex.collect::<String>())
    }
}
