use std::sync::Arc;

use tower_layer::Layer;

use super::{
    BearerAuth, Verdict, configuration::Rules, outer_layer::Enforcement,
    published_scopes::PublishedScopes,
};
use crate::{
    config_error::ConfigError,
    rejection::{
        BearerChallenge,
        challenge::{ChallengeParameters, QuotableText},
    },
    scope::ScopePolicy,
    verifier::Verifier,
};

/// Accepts requests whose bearer token a [`Verifier`] accepts; made by [`Verifier::layer`].
///
/// # What it does to a request
///
/// 1. Every `Authorization` value is marked sensitive, and `Claims` that are already in the
///    extensions are replaced.
/// 2. There must be one `Authorization` field with a bearer token. Nothing else is read: no
///    query, form or cookie.
/// 3. The token is verified. While its key is in memory, which it nearly always is, nothing is
///    awaited.
/// 4. The scopes given to [`require`](Self::require) must be met.
/// 5. [`Claims`](crate::Claims) are put into the extensions, and the inner service is called.
///
/// A rejected request never reaches the inner service. A
/// [`RejectionResponse`](crate::rejection::RejectionResponse) forms the response, which has the
/// [`AuthError`](crate::AuthError) in its extensions. A guard, an extractor or a handler inside
/// that rejects only says why: the nearest layer outside forms that response in the same way.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_cognito::{AllowedClients, Claims, ScopePolicy, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
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
    /// Complete at any time: axum clones and applies the layer of a handler's route again for each
    /// request, so both must cost no more than a reference count.
    rules: Arc<Rules<R>>,
}

impl Verifier {
    /// A layer that accepts requests with a token that this verifier accepts.
    pub fn layer(&self) -> BearerAuthLayer {
        BearerAuthLayer {
            rules: Arc::new(Rules::new(self.clone())),
        }
    }
}

impl<R: Clone> BearerAuthLayer<R> {
    /// Demands scopes of every request, beside those that are demanded already. For scopes that
    /// differ by route use [`RequireScopesLayer`](crate::RequireScopesLayer).
    ///
    /// An [`optional`](Self::optional) layer demands them, too, and so a token. A layer of a
    /// [`ResourceMetadata`](crate::ResourceMetadata) lists them in its document.
    pub fn require(self, policy: ScopePolicy) -> Self {
        self.change(|rules| {
            if let Some(published) = &rules.published {
                published.list(&policy);
            }
            rules.challenges.require(policy);
        })
    }

    /// Passes a request *without* a token, without claims. A request with a token that is not
    /// accepted is still rejected: treating it as anonymous would hide an attack, or a caller's
    /// mistake.
    ///
    /// "Without a token" means no `Authorization` field, an empty one, or one of another scheme.
    /// With scopes to [`require`](Self::require) such a request is rejected: nothing could grant
    /// them.
    pub fn optional(self) -> Self {
        self.change(|rules| rules.optional = true)
    }

    /// Lets CORS preflight requests pass, without claims. Browsers send them without a token,
    /// whatever the page's script does.
    ///
    /// A preflight request is an `OPTIONS` request with `Origin` and
    /// `Access-Control-Request-Method` and without a token (Fetch standard, "CORS-preflight
    /// request"). One with a token is judged by it.
    ///
    /// Needed only where the CORS layer stands *inside* of this one. It is better *outside*: then
    /// it answers preflight requests itself, and puts `Access-Control-Allow-Origin` on rejections
    /// too, without which a script cannot read them. Guards inside reject a request without claims,
    /// preflight or not; in a method router's `route_layer` they do not see it.
    pub fn pass_cors_preflight(self) -> Self {
        self.change(|rules| rules.pass_cors_preflight = true)
    }

    /// Passes every request and records what would have happened: for rolling authentication out on
    /// a service that is in use. **It protects nothing.**
    ///
    /// The finding is a [`ReportOnlyVerdict`](super::ReportOnlyVerdict) in the extensions of
    /// request and response, and a `tracing` event. Guards inside report, too. A layer outside that
    /// enforces goes on to enforce, and so do the guards inside both: this layer leaves its claims
    /// as they are.
    ///
    /// [`Claims`](crate::Claims) are in the extensions of a request whose token is good. What still
    /// rejects:
    ///
    /// * `Claims` as an argument of a handler, if the token is not good or there is none. Take
    ///   `Option<Claims>` for as long as this is on.
    /// * `Claims` as an argument while keys have to be fetched: nothing waits for them here, so the
    ///   finding is [`KeysUnavailable`](crate::AuthError::KeysUnavailable) even of a good token.
    /// * A handler that returns an [`AuthError`](crate::AuthError) itself, by
    ///   [`Claims::require`](crate::Claims::require) for example.
    ///
    /// It is logged once for each verifier, at warn.
    pub fn report_only(self) -> Self {
        self.change(|rules| {
            rules.enforcement = Enforcement::ReportOnly;
            rules.verifier.warn_of_report_only();
        })
    }

    /// Calls the function with each verdict: of this layer, and of guards, extractors and handlers
    /// inside that reject. For an audit log, without the feature `metrics`. A second observer is
    /// called after the first.
    ///
    /// It runs while the request is served, so it must be quick and must not block.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{Claims, Verifier, bearer_auth::BearerAuthLayer};
    ///
    /// fn audited(verifier: &Verifier) -> BearerAuthLayer {
    ///     verifier.layer().on_verdict(|verdict| {
    ///         let client_id = verdict.claims().map(Claims::client_id);
    ///         println!("{} {:?}", verdict.reason(), client_id);
    ///     })
    /// }
    /// ```
    pub fn on_verdict(self, observer: impl Fn(&Verdict<'_>) + Send + Sync + 'static) -> Self {
        self.change(|rules| rules.observers.add(observer))
    }

    /// Puts the [`Claims`](crate::Claims) of an accepted token into the extensions of the
    /// *response* as well, where an access log outside finds who called. Off by default.
    pub fn claims_in_response(self) -> Self {
        self.change(|rules| rules.claims_in_response = true)
    }

    /// Responds to rejected requests in another form. Replaces the form given before.
    ///
    /// The form responds to what this layer rejects, and to what a guard, an extractor or a handler
    /// inside rejects.
    pub fn rejection<R2>(self, rejection: R2) -> BearerAuthLayer<R2> {
        BearerAuthLayer {
            rules: Arc::new(Arc::unwrap_or_clone(self.rules).with_rejection(rejection)),
        }
    }

    /// Names the protection space in challenges (RFC 9110 §11.5). None by default.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidChallengeParameter`] if it is empty, not printable ASCII, or has a
    /// quote or backslash.
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

    /// A layer of a resource whose metadata at this URL lists these scopes.
    pub(crate) fn of_resource(self, url: QuotableText, published: PublishedScopes) -> Self {
        self.change(|rules| rules.published = Some(published))
            .with_resource_metadata(url)
    }

    fn with_resource_metadata(self, url: QuotableText) -> Self {
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
