//! A store of tokens in Redis.

use std::time::Duration;

use redis::{
    Client, Cmd, ExistenceCheck, RedisError, RedisResult, SetExpiry, SetOptions,
    aio::MultiplexedConnection,
};
use tokio::sync::Mutex;
use tower_cognito::client::{TokenLock, TokenStore, TokenStoreError};

/// Tokens in one Redis server or in a primary with replicas. Values come encrypted, so Redis need
/// not be trusted to keep them secret; still, give the user of this connection access to
/// `tower-cognito:*` only.
///
/// A primary that fails before a lock has reached its replica gives the lock twice. That costs one
/// token request.
pub(crate) struct RedisStore {
    client: Client,
    /// Made by the first call, and made again after an error.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl RedisStore {
    /// `url` is as in `redis://127.0.0.1:6379`, or `rediss://…` over TLS. Nothing is connected yet.
    pub(crate) fn new(url: &str) -> RedisResult<Self> {
        Ok(Self {
            client: Client::open(url)?,
            connection: Mutex::new(None),
        })
    }

    async fn run<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, TokenStoreError> {
        let mut connection = self
            .connection()
            .await
            .map_err(|error| unavailable(&error))?;
        let outcome = command.query_async(&mut connection).await;
        if outcome.is_err() {
            *self.connection.lock().await = None;
        }
        outcome.map_err(|error| unavailable(&error))
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let fresh = self.client.get_multiplexed_async_connection().await?;
        Ok(connection.insert(fresh).clone())
    }
}

/// The kind only: a message of the server may quote the command.
fn unavailable(error: &RedisError) -> TokenStoreError {
    TokenStoreError::new(error.category())
}

fn expiry(after: Duration) -> SetExpiry {
    // Redis rejects zero.
    SetExpiry::PX(u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1))
}

impl TokenStore for RedisStore {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TokenStoreError> {
        self.run(&Cmd::get(name)).await
    }

    async fn put(
        &self,
        name: &str,
        value: &[u8],
        lives_for: Duration,
    ) -> Result<(), TokenStoreError> {
        let options = SetOptions::default().with_expiration(expiry(lives_for));
        self.run(&Cmd::set_options(name, value, options)).await
    }

    async fn lock(&self, name: &str, lasts_for: Duration) -> Result<TokenLock, TokenStoreError> {
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(expiry(lasts_for));
        let acquired: Option<String> = self.run(&Cmd::set_options(name, "", options)).await?;
        Ok(acquired.map_or(TokenLock::Held, |_| TokenLock::Acquired))
    }
}
