use std::sync::Arc;

use tower_layer::Layer;

use super::{BearerAuth, outer_layer::Enforcement, rules::Rules};
use crate::{
    error::ConfigError,
    rejection::{
        BearerChallenge,
        challenge::{ChallengeParameters, QuotableText},
    },
    scope::ScopePolicy,
    verifier::Verifier,
};

/// Lets in requests whose bearer token a [`Verifier`] accepts; made by [`Verifier::layer`].
///
/// # What it does to a request
///
/// 1. `Claims` that are already in the extensions are removed.
/// 2. There must be one `Authorization` field with a bearer token. Nothing else is looked at: no query, form or cookie.
/// 3. The token is verified. While its key is in memory, which it nearly always is, nothing is awaited.
/// 4. The scopes given to [`require`](Self::require) must be met.
/// 5. [`Claims`](crate::Claims) are put into the extensions, the `Authorization` value is marked sensitive, and the inner
///    service is called.
///
/// A refused request never reaches the inner service. The answer is made by a
/// [`RejectionResponse`](crate::rejection::RejectionResponse), and carries the [`AuthError`](crate::AuthError) in its extensions.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_cognito::{AllowedClients, Claims, ScopePolicy, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::any()).build()?;
/// let app: Router = Router::new()
///     .route("/profiles", get(|claims: Claims| async move { claims.client_id().to_owned() }))
///     .route_layer(verifier.layer().require(ScopePolicy::all_of(["profiles/get"])?))
///     .route("/healthz", get(|| async { "ok" }));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct BearerAuthLayer<R = BearerChallenge> {
    /// Complete at any time: axum clones and applies the layer of a handler's route anew for each request, so both must
    /// cost no more than a reference count.
    rules: Arc<Rules<R>>,
}

impl BearerAuthLayer {
    pub(crate) fn new(verifier: Verifier) -> Self {
        Self {
            rules: Arc::new(Rules::new(verifier)),
        }
    }
}

impl<R: Clone> BearerAuthLayer<R> {
    /// Demands scopes of every request, beside those that are demanded already. For scopes that differ by route use
    /// [`RequireScopesLayer`](crate::RequireScopesLayer).
    ///
    /// An [`optional`](Self::optional) layer demands them, too, and so a token.
    pub fn require(self, policy: ScopePolicy) -> Self {
        self.change(|rules| rules.challenges.require(policy))
    }

    /// Lets a request *without* a token pass, without claims. A request with a token that is not accepted is refused all the
    /// same: taking it for an anonymous one would hide an attack, or a caller's mistake.
    ///
    /// "Without a token" means no `Authorization` field, an empty one, or one of another scheme. With scopes to
    /// [`require`](Self::require) such a request is refused: nothing could grant them.
    pub fn optional(self) -> Self {
        self.change(|rules| rules.optional = true)
    }

    /// Lets CORS preflight requests pass, without claims. Browsers send them without a token, whatever the page's script does.
    ///
    /// A preflight request is an `OPTIONS` request with `Origin` and `Access-Control-Request-Method` and without a token
    /// (Fetch standard, "CORS-preflight request"). One with a token is judged by it.
    ///
    /// Needed only where the CORS layer stands *inside* of this one. It is better *outside*: then it answers
    /// preflight requests itself, and puts `Access-Control-Allow-Origin` on refusals too, without which a script
    /// cannot read them. Guards beneath refuse what has no claims, preflight or not; in a method router's `route_layer` they do not
    /// see it.
    pub fn pass_cors_preflight(self) -> Self {
        self.change(|rules| rules.pass_cors_preflight = true)
    }

    /// Lets everything through and records what would have happened: for rolling authentication out on a service that is in
    /// use.
    ///
    /// The finding is a [`ReportOnlyVerdict`](super::ReportOnlyVerdict) in the extensions of request and response, and a `tracing` event.
    /// `Claims` are in the extensions only of a verified token, so handlers take `Option<Claims>` for as long as this is on. Nothing waits for keys: while they have to be fetched, the
    /// finding is `KeysUnavailable`. **It protects nothing.**
    pub fn report_only(self) -> Self {
        self.change(|rules| rules.enforcement = Enforcement::ReportOnly)
    }

    /// Answers refused requests in another form.
    pub fn rejection<R2>(self, rejection: R2) -> BearerAuthLayer<R2> {
        BearerAuthLayer {
            rules: Arc::new(Arc::unwrap_or_clone(self.rules).with_rejection(rejection)),
        }
    }

    /// Names the protection space in challenges (RFC 9110 §11.5). None by default.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidChallengeParameter`] if it is empty, not printable ASCII, or has a quote or backslash.
    pub fn realm(self, realm: &str) -> Result<Self, ConfigError> {
        let realm = QuotableText::realm(realm)?;
        Ok(self.describe(|parameters| parameters.realm = Some(realm)))
    }

    /// Names the URL of the resource's metadata in challenges (RFC 9728 §5.1). None by default.
    /// [`ResourceMetadata`](crate::ResourceMetadata) does this by itself, and serves the metadata.
    ///
    /// # Errors
    ///
    /// As [`realm`](Self::realm).
    pub fn resource_metadata(self, url: &str) -> Result<Self, ConfigError> {
        QuotableText::resource_metadata(url).map(|url| self.with_resource_metadata(url))
    }

    pub(crate) fn with_resource_metadata(self, url: QuotableText) -> Self {
        self.describe(|parameters| parameters.resource_metadata = Some(url))
    }

    fn describe(self, change: impl FnOnce(&mut ChallengeParameters)) -> Self {
        self.change(|rules| rules.challenges.describe(change))
    }

    fn change(self, change: impl FnOnce(&mut Rules<R>)) -> Self {
        let mut rules = Arc::unwrap_or_clone(self.rules);
        change(&mut rules);
        Self {
            rules: Arc::new(rules),
        }
    }
}

impl<R> Clone for BearerAuthLayer<R> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<S, R> Layer<S> for BearerAuthLayer<R> {
    type Service = BearerAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerAuth::new(inner, Arc::clone(&self.rules))
    }
}
