//! An access token as a caller holds it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::HeaderValue;

use super::{
    schedule::{Lifespan, Rejection, TokenView},
    token_response::TokenResponse,
};
use crate::clock::Moment;

/// An access token, ready to be sent. Clones are cheap and are the same token.
///
/// It is opaque to the caller (RFC 6749 §1.4): nothing here reads it. Its `Debug` form does not
/// show it.
///
/// # Examples
///
/// ```
/// # use tower_cognito::client::{ClientCredentials, TokenError};
/// # async fn call(credentials: ClientCredentials) -> Result<http::Request<()>, TokenError> {
/// let token = credentials.token().await?;
/// let mut request = http::Request::new(());
/// request
///     .headers_mut()
///     .insert(http::header::AUTHORIZATION, token.header_value());
/// # Ok(request)
/// # }
/// ```
#[derive(Clone)]
pub struct AccessToken(Arc<Obtained>);

struct Obtained {
    header_value: HeaderValue,
    at: Moment,
    /// How much of its life had passed at that moment.
    age_at_first: Duration,
    lifetime: Duration,
    lifespan: Lifespan,
    /// It was obtained because a callee had rejected the one before.
    is_replacement: bool,
    /// A callee rejected it. Never taken back, so that a token is replaced once at most.
    rejected: AtomicBool,
}

impl AccessToken {
    /// A token asked for at this moment. Its lifetime counts from the request, not from the
    /// response: erring towards "older" renews too early, which does no harm.
    pub(super) fn new(
        response: TokenResponse,
        at: Moment,
        jitter: f64,
        is_replacement: bool,
    ) -> Self {
        Self(Arc::new(Obtained {
            lifespan: Lifespan::new(response.lifetime, jitter),
            header_value: response.header_value,
            at,
            age_at_first: response.age,
            lifetime: response.lifetime,
            is_replacement,
            rejected: AtomicBool::new(false),
        }))
    }

    /// The value of an `Authorization` field, `Bearer …`, marked sensitive: HPACK does not index
    /// it, and `http` does not print it.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        self.0.header_value.clone()
    }

    /// The token itself, for a protocol that sends it elsewhere. Its holder is the caller until it
    /// expires.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0
            .header_value
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default()
    }

    /// When it expires, as far as is known here: `expires_in` counted from the request for it.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0
            .at
            .wall
            .checked_add(self.0.lifetime.saturating_sub(self.0.age_at_first))
            .unwrap_or(self.0.at.wall)
    }

    /// Notes that a callee rejected it. The next call for a token decides whether that renews it.
    pub(super) fn reject(&self) {
        self.0.rejected.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.0.rejected.load(Ordering::Relaxed)
    }

    pub(super) fn is_usable(&self, now: &Moment) -> bool {
        self.0.lifespan.is_usable(self.age(now))
    }

    fn age(&self, now: &Moment) -> Duration {
        now.since(&self.0.at).saturating_add(self.0.age_at_first)
    }

    /// `renewal_failed`: a renewal since the rejection did.
    pub(super) fn view(&self, now: &Moment, renewal_failed: bool) -> TokenView {
        TokenView {
            age: self.age(now),
            lifespan: self.0.lifespan,
            rejection: match (self.is_rejected(), renewal_failed) {
                (false, _) => Rejection::None,
                (true, true) => Rejection::RenewalFailed,
                (true, false) => Rejection::Reported {
                    of_replacement: self.0.is_replacement,
                },
            },
        }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
