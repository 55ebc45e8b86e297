//! Tokens on behalf of a subject (RFC 8693).

use std::{fmt, sync::Arc, time::Duration};

use super::{
    AccessToken, ClientCredentials, TokenError,
    exchange_request::{ExchangeRequest, ObtainToken, ObtainedToken, SubjectToken, Target},
    request_token::TokenRequest,
    scopes::Scopes,
    source::{Settings, TokenSource},
};
use crate::{config_error::ConfigError, string_list::StringList, token::audience::is_audience};

const DEFAULT_CAPACITY: u64 = 10_000;
/// A subject that does not call for so long costs one more request.
const DROPPED_WHEN_UNUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// Exchanges the token of a user or service for one with narrower scopes, bound to one downstream
/// service (RFC 8693). Clones are cheap and share what is held.
///
/// # What it does
///
/// 1. Each subject token is exchanged once, however many calls need it at the same time, and again
///    from 75 % to 85 % of the new token's lifetime on. Failures, back-off and time-outs are those
///    of [`ClientCredentials`], for each subject by itself.
/// 2. Tokens are held under a digest of the subject token. The subject token itself is held only
///    while a request with it is under way.
/// 3. At most [`capacity`](TokenExchangeBuilder::capacity) subjects are held; beyond that, the one
///    that was not used for longest is dropped. So is one that was not used for an hour.
/// 4. The new token may outlive the subject's. Verify the subject's token, for each request, before
///    it is exchanged.
///
/// # Examples
///
/// ```
/// use tower_cognito::{
///     client::{ClientCredentials, unproven::{SubjectToken, TokenExchange}},
///     testing::LocalIssuer,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = LocalIssuer::builder()
///     .client("backend", "a-secret-for-this-test", ["orders/get"])
///     .with_token_exchange()
///     .start()?;
/// let credentials =
///     ClientCredentials::builder(issuer.token_url(), "backend", "a-secret-for-this-test")
///         .build()?;
/// let for_orders = TokenExchange::builder(&credentials)
///     .audience("orders")
///     .scopes(["orders/get"])
///     .build()?;
///
/// // The token that came with a request, after it was verified.
/// let users = issuer.token().user("user-1").scopes(["orders/get", "profiles/get"]).build();
/// let token = for_orders.token(&SubjectToken::access_token(users)).await?;
/// # let _ = token;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange {
    source: Arc<TokenSource>,
    target: Option<Target>,
    scopes: Scopes,
    actor: Option<Arc<dyn ObtainToken>>,
}

impl TokenExchange {
    /// Begins the configuration of an exchange by this app client, at its token endpoint or API.
    pub fn builder(credentials: &ClientCredentials) -> TokenExchangeBuilder {
        TokenExchangeBuilder {
            credentials: credentials.clone(),
            target: Ok(None),
            scopes: Ok(Scopes::default()),
            actor: None,
            capacity: DEFAULT_CAPACITY,
        }
    }

    /// A token on behalf of this subject. Waits only where there is none yet.
    ///
    /// # Errors
    ///
    /// [`TokenError`]. A subject token that the issuer does not accept is
    /// [`TokenError::InvalidRequest`].
    pub async fn token(&self, subject: &SubjectToken) -> Result<AccessToken, TokenError> {
        let request = ExchangeRequest::new(
            subject.clone(),
            self.target.clone(),
            self.scopes.clone(),
            self.actor.clone(),
        );
        self.source
            .token(&TokenRequest::Exchange(Arc::new(request)))
            .await
    }

    /// Notes that a callee rejected this token, as [`ClientCredentials::invalidate`] does.
    pub fn invalidate(&self, token: &AccessToken) {
        token.reject();
    }
}

/// Configures a [`TokenExchange`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TokenExchangeBuilder {
    credentials: ClientCredentials,
    target: Result<Option<Target>, ConfigError>,
    scopes: Result<Scopes, ConfigError>,
    actor: Option<ClientCredentials>,
    capacity: u64,
}

impl TokenExchangeBuilder {
    /// The logical name of the service that the token is for (`audience`). Cognito takes one
    /// audience or one resource; this replaces a resource.
    pub fn audience(mut self, audience: &str) -> Self {
        self.target = checked_target(audience).map(|audience| Some(Target::Audience(audience)));
        self
    }

    /// The resource that the token is for (`resource`, RFC 8707). This replaces an audience.
    pub fn resource(mut self, resource: &str) -> Self {
        self.target = checked_target(resource).map(|resource| Some(Target::Resource(resource)));
        self
    }

    /// The scopes that the token should have. The issuer grants those that the subject's token has,
    /// too. By default none are named, and the token has all scopes of the subject's.
    pub fn scopes(mut self, scopes: impl StringList) -> Self {
        self.scopes = Scopes::new(scopes);
        self
    }

    /// Delegation (RFC 8693 §1.1): sends a token of this client as `actor_token`, so that the new
    /// token names it in `act`. By default the new token looks as if the subject acted itself
    /// (impersonation).
    pub fn acting_as(mut self, actor: &ClientCredentials) -> Self {
        self.actor = Some(actor.clone());
        self
    }

    /// For how many subjects tokens are held. The default is 10 000.
    pub fn capacity(mut self, subjects: u64) -> Self {
        self.capacity = subjects;
        self
    }

    /// Checks the configuration. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidAudience`], [`ConfigError::EmptyList`] or
    /// [`ConfigError::InvalidScope`], and [`ConfigError::OutOfRange`] for a capacity of zero.
    pub fn build(self) -> Result<TokenExchange, ConfigError> {
        if self.capacity == 0 {
            return Err(ConfigError::OutOfRange {
                setting: "capacity",
                given: "0".to_owned(),
                accepted: "at least 1",
            });
        }
        let source = TokenSource::new(
            self.credentials.source.client(),
            Settings {
                capacity: self.capacity,
                dropped_when_unused_for: DROPPED_WHEN_UNUSED_FOR,
                ..self.credentials.source.settings().clone()
            },
        );
        Ok(TokenExchange {
            source: Arc::new(source),
            target: self.target?,
            scopes: self.scopes?,
            actor: self
                .actor
                .map(|actor| Arc::new(actor) as Arc<dyn ObtainToken>),
        })
    }
}

fn checked_target(target: &str) -> Result<Arc<str>, ConfigError> {
    if is_audience(target) {
        Ok(target.into())
    } else {
        Err(ConfigError::InvalidAudience {
            given: target.to_owned(),
        })
    }
}

impl ObtainToken for ClientCredentials {
    fn obtain_token(&self) -> ObtainedToken<'_> {
        Box::pin(self.token())
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("client_id", &self.source.client_id())
            .field("target", &self.target)
            .field("scopes", &self.scopes.as_str())
            .field("has_actor", &self.actor.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenExchangeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchangeBuilder")
            .field("credentials", &self.credentials)
            .field("target", &self.target)
            .field("scopes", &self.scopes)
            .field("actor", &self.actor)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
