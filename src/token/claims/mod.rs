//! Claims: what a handler may rely on (RFC 7519 §4).

mod actor;
mod custom;
mod principal;
mod unverified;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use serde::Deserialize;

pub(crate) use self::unverified::{ExpectedClaims, UnverifiedClaims};
pub use self::{actor::Actor, custom::CustomClaimsError, principal::Principal};
pub use super::token_use::TokenUse;
use super::{members::Times, registered::Registered};
use crate::{
    error::AuthError,
    json::Span,
    scope::ScopePolicy,
    token::{jws::VerifiedPayload, numeric_date::NumericDate},
};

/// The claims of a verified token.
///
/// A `Claims` exists only after the token's signature, issuer, times, use and app client were
/// checked; it cannot be constructed, deserialised or altered by other code. A clone is one
/// reference count.
///
/// `BearerAuth` puts it into the request's extensions. In an axum handler it is an argument:
///
/// ```
/// use tower_cognito::Claims;
///
/// async fn handler(claims: Claims) -> String {
///     format!("hello {}", claims.client_id())
/// }
/// ```
///
/// Anywhere else:
///
/// ```
/// use tower_cognito::Claims;
///
/// fn caller<B>(request: &http::Request<B>) -> Option<&str> {
///     request.extensions().get::<Claims>().map(Claims::client_id)
/// }
/// ```
///
/// Its `Debug` shows that there are claims, and none of them.
#[derive(Clone)]
pub struct Claims {
    verified: Arc<Verified>,
    /// Whether these are the ones that a `BearerAuth` left in the extensions of a request, and not
    /// such as a test puts there. Beside the `Arc`, since a separate extension would cost each
    /// request an allocation.
    left_by_layer: bool,
}

struct Verified {
    payload: VerifiedPayload,
    registered: Registered,
    token_use: TokenUse,
    /// What is left of `scope`, if the pool may not grant all of it.
    narrowed_scope: Option<Box<str>>,
    /// The first policy of a layer or a guard that these claims met. Neither ever changes, so they
    /// meet it again.
    met: OnceLock<ScopePolicy>,
}

impl Claims {
    /// `client_id`: the app client that the token was issued to. Of an ID token it is `aud`, where
    /// Cognito writes it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.verified
            .payload
            .text(self.verified.registered.client_id)
    }

    /// `iss`: one of the accepted issuers.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.verified.payload.text(self.verified.registered.issuer)
    }

    /// `sub`: the user, or the app client itself in a client-credentials token.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.text(self.verified.registered.subject)
    }

    /// `jti`: the token's own id.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.text(self.verified.registered.token_id)
    }

    /// `username`, or `cognito:username` in an ID token. Absent from client-credentials tokens.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.text(self.verified.registered.username)
    }

    /// `token_use`.
    #[must_use]
    pub fn token_use(&self) -> TokenUse {
        self.verified.token_use
    }

    /// `cognito:groups`. A value that is not a list of strings grants nothing and reads as no
    /// group.
    pub fn groups(&self) -> impl Iterator<Item = &str> + Clone {
        let Verified {
            payload,
            registered,
            ..
        } = &*self.verified;
        registered.groups.iter().map(|&group| payload.text(group))
    }

    /// The scopes in `scope`, which are separated by single spaces (RFC 6749 §3.3), less those that
    /// [the pool may not grant](crate::UserPool::with_resource_servers). A value that is not a
    /// string grants nothing and reads as no scope.
    pub fn scopes(&self) -> impl Iterator<Item = &str> + Clone {
        crate::scope::split(self.granted_scope())
    }

    /// Whether the token carries exactly this scope, whole and byte for byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// Demands scopes that depend on the object or the method, which a layer does not know.
    ///
    /// In an axum handler the error becomes the response: the nearest
    /// [`BearerAuthLayer`](crate::BearerAuthLayer) outside forms it, as it does for its own
    /// rejections.
    ///
    /// # Errors
    ///
    /// [`AuthError::InsufficientScope`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{AuthError, Claims, ScopePolicy};
    ///
    /// async fn delete(claims: Claims, policy: &ScopePolicy) -> Result<(), AuthError> {
    ///     claims.require(policy)?;
    ///     Ok(())
    /// }
    /// ```
    pub fn require(&self, policy: &ScopePolicy) -> Result<(), AuthError> {
        if policy.is_met_by_claim(self.granted_scope()) {
            return Ok(());
        }
        Err(AuthError::InsufficientScope {
            required: policy.clone(),
        })
    }

    /// The same for a layer or a guard, whose policy lives as long as the service: what was met
    /// once takes a comparison of pointers when the token is seen again.
    #[inline]
    pub(crate) fn require_again(&self, policy: &ScopePolicy) -> Result<(), AuthError> {
        match self.verified.met.get() {
            Some(met) if met.is_clone_of(policy) => Ok(()),
            _ => self.require_and_remember(policy),
        }
    }

    fn require_and_remember(&self, policy: &ScopePolicy) -> Result<(), AuthError> {
        self.require(policy)?;
        self.verified.met.get_or_init(|| policy.clone());
        Ok(())
    }

    /// `exp`. A date after the year 2262 reads as the last moment of that range.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.verified.registered.times.expires_at.to_system_time()
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.verified
            .registered
            .times
            .issued_at
            .map(NumericDate::to_system_time)
    }

    /// `acr`: the class of the authentication (OpenID Connect Core §2), which Cognito writes for
    /// users who signed in with `acr_values`. It is for step-up rules, and client-credentials
    /// tokens have none. A value that is not a string reads as none.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.text(self.verified.registered.acr)
    }

    /// `auth_time`: when the user signed in, or the app client was authenticated. With `acr` it is
    /// what a step-up rule asks for (RFC 9470 §3: `max_age`). A value that is not a date reads as
    /// none.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        self.verified
            .registered
            .authenticated_at
            .map(NumericDate::to_system_time)
    }

    /// Who is calling: an app client on its own behalf, a user through one, or neither that can be
    /// told.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{Claims, Principal};
    ///
    /// /// A route for services, not for people who hold the same scope.
    /// fn is_a_service(claims: &Claims) -> bool {
    ///     matches!(claims.principal(), Principal::Client(_))
    /// }
    /// ```
    #[must_use]
    pub fn principal(&self) -> Principal<'_> {
        match (self.subject(), self.username()) {
            (subject, Some(username)) => Principal::User { subject, username },
            (Some(subject), None) if subject == self.client_id() => Principal::Client(subject),
            (subject, None) => Principal::Unknown { subject },
        }
    }

    /// `act`: who is acting on behalf of the [subject](Self::subject), if the token says so (RFC
    /// 8693 §4.1).
    ///
    /// Cognito's token exchange (`GetDerivedToken`, or the token-exchange grant of the token
    /// endpoint) writes it when the service that exchanges a user's token presents its own token as
    /// the actor token. `sub` is still the user, and the actor is that service. Without an actor
    /// token the exchanged token has no `act`, and looks as if the user called directly.
    ///
    /// No decision of this crate depends on it. To let some services act for users and no others,
    /// compare it in a [check](crate::verifier::VerifierBuilder::check) or in the handler. It is
    /// read from the payload each time.
    ///
    /// Source: AWS, *Amazon Cognito developer guide*, "Exchanging tokens for downstream services".
    ///
    /// # Errors
    ///
    /// [`CustomClaimsError`] if `act` is there and is not an object, or a member of it that
    /// [`Actor`] reads is there twice or is not a string.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{Claims, Denied};
    ///
    /// /// Users call directly or through the gateway; no other service may act for them.
    /// fn only_the_gateway(claims: &Claims) -> Result<(), Denied> {
    ///     match claims.actor() {
    ///         Ok(None) => Ok(()),
    ///         Ok(Some(actor)) if actor.subject() == Some("1gateway23456789") => Ok(()),
    ///         Ok(Some(_)) | Err(_) => Err(Denied::forbidden()),
    ///     }
    /// }
    ///
    /// # #[cfg(feature = "testing")] {
    /// use serde_json::json;
    /// use tower_cognito::testing::TestPool;
    ///
    /// let pool = TestPool::new();
    /// let token = pool.token().user("jane").claim("act", json!({"sub": "1gateway23456789"}));
    /// assert_eq!(only_the_gateway(&pool.claims(&token)), Ok(()));
    /// let token = pool.token().user("jane").claim("act", json!({"sub": "1another23456789"}));
    /// assert_eq!(only_the_gateway(&pool.claims(&token)), Err(Denied::forbidden()));
    /// # }
    /// ```
    pub fn actor(&self) -> Result<Option<Actor>, CustomClaimsError> {
        self.custom::<actor::Delegation>()
            .map(|delegation| delegation.act)
            .map_err(|error| error.naming("Actor"))
    }

    /// The whole verified payload, read as a type of the service's own: for claims that a pre token
    /// generation trigger adds.
    ///
    /// # Errors
    ///
    /// [`CustomClaimsError`] if the payload does not have the type's shape.
    ///
    /// # Examples
    ///
    /// A string that has escapes in the token cannot be borrowed from it, and Cognito has written
    /// `/` as `\/` for years. So borrow as a [`Cow`](std::borrow::Cow), which serde does with
    /// `#[serde(borrow)]`, or take a `String`; `&str` works until the first slash.
    /// [`TokenBuilder::with_escaped_slashes`](crate::testing::TokenBuilder::with_escaped_slashes)
    /// writes such tokens in tests.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use serde::Deserialize;
    /// use tower_cognito::{Claims, claims::CustomClaimsError, testing::TestPool};
    ///
    /// #[derive(Deserialize)]
    /// struct Tenant<'a> {
    ///     #[serde(borrow)]
    ///     tenant_id: Cow<'a, str>,
    /// }
    ///
    /// fn tenant(claims: &Claims) -> Result<Cow<'_, str>, CustomClaimsError> {
    ///     Ok(claims.custom::<Tenant>()?.tenant_id)
    /// }
    ///
    /// let pool = TestPool::new();
    /// let token = pool.token().claim("tenant_id", "acme/eu");
    /// for token in [token.clone(), token.with_escaped_slashes()] {
    ///     assert_eq!(tenant(&pool.claims(&token)).unwrap(), "acme/eu");
    /// }
    /// ```
    pub fn custom<'a, T: Deserialize<'a>>(&'a self) -> Result<T, CustomClaimsError> {
        custom::read(self.verified.payload.as_str())
    }

    /// The claims as an enforcing `BearerAuth` leaves them in the extensions: see
    /// [`are_left_by_layer`](Self::are_left_by_layer).
    pub(crate) fn left_by_layer(self) -> Self {
        Self {
            left_by_layer: true,
            ..self
        }
    }

    /// Whether a layer is outside, which forms a rejection. It decides nothing about the request.
    pub(crate) const fn are_left_by_layer(&self) -> bool {
        self.left_by_layer
    }

    /// For the checks that are repeated when the token is seen again.
    pub(crate) fn times(&self) -> &Times {
        &self.verified.registered.times
    }

    /// What keeping these claims costs in memory, apart from what the allocator adds.
    pub(crate) fn memory(&self) -> usize {
        // An `Arc` stores the strong and weak counts before its value.
        2 * size_of::<usize>()
            + size_of::<Verified>()
            + self.verified.payload.memory()
            + size_of_val(&*self.verified.registered.groups)
            + self
                .verified
                .narrowed_scope
                .as_ref()
                .map_or(0, |scope| scope.len())
    }

    /// `scope`, or what is left of it.
    fn granted_scope(&self) -> &str {
        match &self.verified.narrowed_scope {
            Some(narrowed) => narrowed,
            None => self
                .text(self.verified.registered.scope)
                .unwrap_or_default(),
        }
    }

    fn text(&self, at: Option<Span>) -> Option<&str> {
        at.map(|at| self.verified.payload.text(at))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").finish_non_exhaustive()
    }
}
