//! The token source: carries out what [`schedule`](super::schedule) decides. Clock, cache and tasks are here and nowhere
//! else.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};
use tokio::{runtime::Handle, time::timeout};

use super::{
    AccessToken, TokenError,
    request_token::AppClient,
    schedule::Decision,
    scopes::Scopes,
    slot::{RenewalPermit, TokenSlot},
};
use crate::{
    clock::{Clock, Moment},
    metrics,
};

/// Sets of scopes whose tokens are held at a time; beyond that, the one that was not used for longest is dropped.
const MAX_SCOPE_SETS: u64 = 256;
/// Longer than any token is held to live.
const DROPPED_WHEN_UNUSED_FOR: Duration = Duration::from_secs(25 * 60 * 60);

/// The tokens of one app client, shared by every clone, scope set and layer.
///
/// # One request at a time
///
/// Every token request runs as the initialiser of its scope set's entry in the cache, and moka runs one initialiser per key
/// at a time: whoever comes meanwhile gets its outcome, be it a token or an error. When it ends, the entry is another one
/// than those who waited had seen, so [`replaces`](Self::flight) keeps a latecomer from starting a second one.
///
/// # Nobody takes it down
///
/// Callers and background renewals alike run that entry operation in a task of its own, so that a caller who goes away
/// neither cancels the request nor throws its token away. The request itself is one more task inside: a panic in it is a
/// failed renewal. If the runtime goes away, moka hands the key to whoever waits on another runtime, and a [`RenewalPermit`] gives
/// itself back.
///
/// moka's own expiry is not used for tokens: it reads the system's clock, and a token's age is a matter of ours.
pub(super) struct TokenSource {
    held: Cache<Scopes, Arc<TokenSlot>>,
    client: AppClient,
    settings: Settings,
}

pub(super) struct Settings {
    pub(super) client_id: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
    /// A random share in `0.0..1.0`.
    pub(super) jitter: fn() -> f64,
}

impl TokenSource {
    pub(super) fn new(client: AppClient, settings: Settings) -> Self {
        Self {
            held: Cache::builder()
                .max_capacity(MAX_SCOPE_SETS)
                // The default policy may refuse a newcomer, which then would cost a token request per call.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(DROPPED_WHEN_UNUSED_FOR)
                .build(),
            client,
            settings,
        }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    pub(super) async fn token(
        self: &Arc<Self>,
        scopes: &Scopes,
    ) -> Result<AccessToken, TokenError> {
        let Some(held) = self.held.get(scopes).await else {
            return self.wait(scopes, None).await;
        };
        let now = self.now();
        match held.decide(&now) {
            Decision::Serve | Decision::Refuse => held.outcome(&now),
            Decision::ServeAndRenew => {
                self.renew_in_background(scopes, &held);
                held.outcome(&now)
            }
            Decision::Wait => self.wait(scopes, Some(held)).await,
        }
    }

    async fn wait(
        self: &Arc<Self>,
        scopes: &Scopes,
        seen: Option<Arc<TokenSlot>>,
    ) -> Result<AccessToken, TokenError> {
        let runtime = Handle::try_current().map_err(|_| TokenError::NoRuntime)?;
        let flight = runtime.spawn(Arc::clone(self).flight(scopes.clone(), seen));
        match flight.await {
            Ok(held) => held.outcome(&self.now()),
            Err(_) => Err(TokenError::Aborted),
        }
    }

    fn renew_in_background(self: &Arc<Self>, scopes: &Scopes, held: &Arc<TokenSlot>) {
        // Without a runtime the token stays due, and the next call tries again.
        let (Ok(runtime), Some(claim)) = (Handle::try_current(), RenewalPermit::take(held)) else {
            return;
        };
        let (source, scopes) = (Arc::clone(self), scopes.clone());
        drop(runtime.spawn(async move {
            source.flight(scopes, Some(Arc::clone(claim.held()))).await;
        }));
    }

    /// Replaces what was seen, once, however many ask for it.
    async fn flight(
        self: Arc<Self>,
        scopes: Scopes,
        seen: Option<Arc<TokenSlot>>,
    ) -> Arc<TokenSlot> {
        let renewal = self.renew(&scopes, seen.as_deref());
        let replaces =
            |current: &Arc<TokenSlot>| seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, current));
        self.held
            .entry_by_ref(&scopes)
            .or_insert_with_if(renewal, replaces)
            .await
            .into_value()
    }

    async fn renew(
        self: &Arc<Self>,
        scopes: &Scopes,
        before: Option<&TokenSlot>,
    ) -> Arc<TokenSlot> {
        let started = self.now();
        let of_rejected = before
            .and_then(TokenSlot::token)
            .is_some_and(AccessToken::is_rejected);
        let (source, asked) = (Arc::clone(self), scopes.clone());
        let request = tokio::spawn(async move {
            timeout(source.settings.timeout, source.client.ask(&asked)).await
        });
        let reply = match request.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(TokenError::Timeout),
            Err(_) => Err(TokenError::Aborted),
        };
        let ended = self.now();
        let jitter = (self.settings.jitter)();
        let duration = ended.monotonic.saturating_sub(started.monotonic);
        let outcome = reply
            .as_ref()
            .map_or_else(TokenError::reason, |_| "obtained");
        metrics::token_requested(&self.settings.client_id, outcome, duration);
        Arc::new(match reply {
            Ok(reply) => {
                tracing::debug!(
                    client_id = self.settings.client_id,
                    scopes = scopes.as_str(),
                    lifetime = ?reply.lifetime,
                    ?duration,
                    "obtained an access token"
                );
                TokenSlot::renewed(AccessToken::new(reply, started, jitter, of_rejected))
            }
            Err(error) => {
                tracing::warn!(
                    client_id = self.settings.client_id,
                    scopes = scopes.as_str(),
                    outcome,
                    cause = error.cause(),
                    error = %error,
                    ?duration,
                    "obtaining an access token failed"
                );
                TokenSlot::failed(before, error, of_rejected, &ended, jitter)
            }
        })
    }

    fn now(&self) -> Moment {
        Moment::read(&*self.settings.clock)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::HeaderValue;

    use super::*;
    use crate::{
        client::{
            request_token::{BoxedTokenRequest, RequestToken},
            secret::{ClientSecret, Secrets},
            token_response::TokenResponse,
        },
        testing::ManualClock,
    };

    struct Counting(Arc<AtomicUsize>);

    impl RequestToken for Counting {
        fn request_token<'a>(
            &'a self,
            _: &'a ClientSecret,
            _: &'a Scopes,
        ) -> BoxedTokenRequest<'a> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                Ok(TokenResponse {
                    header_value: HeaderValue::from_static("Bearer a.b.c"),
                    lifetime: Duration::from_secs(3600),
                })
            })
        }
    }

    #[tokio::test]
    async fn a_latecomer_does_not_ask_for_what_has_just_come() {
        let asked = Arc::new(AtomicUsize::new(0));
        let secret = ClientSecret::new("test", "one").unwrap();
        let source = Arc::new(TokenSource::new(
            AppClient::new(Counting(Arc::clone(&asked)), Secrets::new(secret, None)),
            Settings {
                client_id: "caller".to_owned(),
                clock: Arc::new(ManualClock::new()),
                timeout: Duration::from_secs(10),
                jitter: || 0.0,
            },
        ));
        let flight = |seen| Arc::clone(&source).flight(Scopes::default(), seen);

        let first = flight(None).await;
        let second = flight(Some(Arc::clone(&first))).await;
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(asked.load(Ordering::Relaxed), 2);

        for late in [None, Some(first)] {
            assert!(Arc::ptr_eq(&flight(late).await, &second));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(!Arc::ptr_eq(
            &flight(Some(Arc::clone(&second))).await,
            &second
        ));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
