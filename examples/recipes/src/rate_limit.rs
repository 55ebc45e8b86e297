//! A rate limit per caller. It goes inside the authentication layer:
//!
//! ```ignore
//! .route_layer(middleware::from_fn_with_state(CallerLimits::new(quota, 10_000), limit))
//! .route_layer(verifier.layer())
//! ```
//!
//! The key is the client id of a verified token: no one can use up the limit of another caller, and
//! only the pool can make a new key. Memory is still bounded, because a pool can have many
//! clients: the caller that was not seen for the longest time is forgotten, and starts with a full
//! limit. Each process counts alone.
//!
//! All users of an app have its client id. For a limit per user, use `claims.subject()`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header::RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::{policy::EvictionPolicy, sync::Cache};
use tower_cognito::Claims;

/// A limit for each caller.
#[derive(Clone, Debug)]
pub struct CallerLimits {
    quota: Quota,
    callers: Cache<String, Arc<DefaultDirectRateLimiter>>,
}

impl CallerLimits {
    /// `max_callers` bounds the memory.
    pub fn new(quota: Quota, max_callers: u64) -> Self {
        // The default policy does not admit every new key: such a caller would have no limit.
        let callers = Cache::builder().eviction_policy(EvictionPolicy::lru());
        let callers = callers.max_capacity(max_callers).build();
        Self { quota, callers }
    }
}

/// 429 for a caller that has used up its limit.
pub async fn limit(
    State(limits): State<CallerLimits>,
    claims: Claims,
    request: Request,
    next: Next,
) -> Response {
    let new = || Arc::new(RateLimiter::direct(limits.quota));
    let caller = limits.callers.get_with_by_ref(claims.client_id(), new);
    let Err(exceeded) = caller.check() else {
        return next.run(request).await;
    };
    let wait = exceeded.wait_time_from(DefaultClock::default().now());
    let retry_after = (wait.as_secs() + 1).to_string();
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, retry_after)]).into_response()
}
