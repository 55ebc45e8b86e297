//! Where the processes of a fleet share tokens.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Clock, SystemClock},
    error_debug::debug_as_display,
};

/// A store that the processes of a fleet share, such as Redis: one token request per lifetime for
/// all of them. See [`share_tokens`](super::ClientCredentialsBuilder::share_tokens).
///
/// # What it must guarantee
///
/// 1. A value is what was put under this name, or nothing. It may be lost at any time.
/// 2. Of the callers that [`lock`](Self::lock) a name at the same time, one acquires it, until its
///    time has passed. If a store fails to keep that, for instance during a failover, the cost is a
///    further token request.
///
/// It need not keep secrets: values are encrypted and authenticated (AES-256-GCM, bound to their
/// name) before they get here, and names are digests. A writer can only make the processes ask for
/// tokens themselves.
///
/// Each call is given up after a tenth of the time-out of a token request. After an error the
/// process makes the token request itself, as it would without a store.
///
/// `examples/shared-tokens` in the repository is one for Redis.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of tokens",
    note = "implement `TokenStore` for it: `get`, `put` and `lock`"
)]
pub trait TokenStore: Send + Sync + 'static {
    /// What was put under this name, if it is still there.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError`] if the store cannot tell.
    fn get(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, TokenStoreError>> + Send;

    /// Keeps this value under this name, in place of an earlier one, for this time.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError`] if the store did not take it.
    fn put(
        &self,
        name: &str,
        value: &[u8],
        lives_for: Duration,
    ) -> impl Future<Output = Result<(), TokenStoreError>> + Send;

    /// Acquires the lock of this name for this time, unless it is held. There is no way to give it
    /// back early. A lock has no value, and its name is not that of a value.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError`] if the store cannot tell.
    fn lock(
        &self,
        name: &str,
        lasts_for: Duration,
    ) -> impl Future<Output = Result<TokenLock, TokenStoreError>> + Send;
}

/// Whether a lock was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenLock {
    /// The caller has it until its time has passed.
    Acquired,
    /// Another one has it.
    Held,
}

/// A [`TokenStore`] does not do what it was asked to.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TokenStoreError {
    reason: Arc<str>,
}

debug_as_display!(TokenStoreError);

impl TokenStoreError {
    /// The reason is logged: it must not quote a value.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string().into(),
        }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, TokenStoreError>> + Send + 'a>>;

/// [`TokenStore`] that can be stored.
pub(super) trait DynTokenStore: Send + Sync {
    fn get<'a>(&'a self, name: &'a str) -> Boxed<'a, Option<Vec<u8>>>;
    fn put<'a>(&'a self, name: &'a str, value: &'a [u8], lives_for: Duration) -> Boxed<'a, ()>;
    fn lock<'a>(&'a self, name: &'a str, lasts_for: Duration) -> Boxed<'a, TokenLock>;
}

impl<S: TokenStore> DynTokenStore for S {
    fn get<'a>(&'a self, name: &'a str) -> Boxed<'a, Option<Vec<u8>>> {
        Box::pin(TokenStore::get(self, name))
    }

    fn put<'a>(&'a self, name: &'a str, value: &'a [u8], lives_for: Duration) -> Boxed<'a, ()> {
        Box::pin(TokenStore::put(self, name, value, lives_for))
    }

    fn lock<'a>(&'a self, name: &'a str, lasts_for: Duration) -> Boxed<'a, TokenLock> {
        Box::pin(TokenStore::lock(self, name, lasts_for))
    }
}

/// A store in this process, for several clients of one app client and for tests. Clones share what
/// they hold.
///
/// # Examples
///
/// ```
/// use tower_cognito::client::{ClientCredentials, InProcessStore};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let store = InProcessStore::new();
/// let client = || {
///     let url = "https://auth.example.com/oauth2/token";
///     ClientCredentials::builder(url, "1example23456789", "the-client-secret")
///         .share_tokens(store.clone(), &[7; 32])
///         .build()
/// };
/// let (one, other) = (client()?, client()?);
/// # let _ = (one, other);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct InProcessStore {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    clock: Arc<dyn Clock>,
}

struct Entry {
    value: Vec<u8>,
    /// By the monotonic clock.
    until: Duration,
}

impl InProcessStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// An empty store whose entries age by this clock.
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Self {
        Self {
            entries: Arc::default(),
            clock: Arc::new(clock),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        entries.retain(|_, entry| now < entry.until);
        entries
    }

    fn entry(&self, value: &[u8], lives_for: Duration) -> Entry {
        Entry {
            value: value.to_vec(),
            until: self.clock.monotonic().saturating_add(lives_for),
        }
    }
}

impl TokenStore for InProcessStore {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TokenStoreError> {
        Ok(self.entries().get(name).map(|entry| entry.value.clone()))
    }

    async fn put(
        &self,
        name: &str,
        value: &[u8],
        lives_for: Duration,
    ) -> Result<(), TokenStoreError> {
        let entry = self.entry(value, lives_for);
        self.entries().insert(name.to_owned(), entry);
        Ok(())
    }

    async fn lock(&self, name: &str, lasts_for: Duration) -> Result<TokenLock, TokenStoreError> {
        let entry = self.entry(&[], lasts_for);
        let mut entries = self.entries();
        if entries.contains_key(name) {
            return Ok(TokenLock::Held);
        }
        entries.insert(name.to_owned(), entry);
        Ok(TokenLock::Acquired)
    }
}

impl Default for InProcessStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InProcessStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessStore").finish_non_exhaustive()
    }
}
