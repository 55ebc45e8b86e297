//! What a protected resource says of itself (RFC 9728): who issues its tokens, and which scopes
//! there are.

mod description;
mod identifier;
mod service;
mod well_known;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::{description::Description, identifier::Identifier};
pub use self::{
    service::ResourceMetadataService,
    well_known::{WellKnown, WellKnownFuture, WellKnownLayer},
};
use crate::{
    bearer_auth::{BearerAuthLayer, PublishedScopes},
    config_error::ConfigError,
    guard::RequireScopesLayer,
    scope::ScopePolicy,
    verifier::Verifier,
};

/// The metadata of a protected resource (RFC 9728), which cannot differ from what is enforced: the
/// layers of the service come from here, and whatever scopes they demand are in the document.
///
/// A client that knows nothing but the service's URL (as those of the Model Context Protocol) sends
/// a request, is rejected with a challenge that names the document's URL, and finds the issuer and
/// the scopes there.
///
/// ```json
/// {
///   "resource": "https://api.example.com/orders",
///   "authorization_servers": ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"],
///   "scopes_supported": ["orders/get", "orders/post"],
///   "bearer_methods_supported": ["header"]
/// }
/// ```
///
/// `authorization_servers` is one issuer for each of the verifier's pools, in their order: the one
/// whose discovery document can be fetched. For a pool that is known by its id that is
/// `https://cognito-idp.{region}.amazonaws.com/{id}`, also where its tokens carry another of its
/// issuers; the discovery document of the updated host (`issuer-cognito-idp.`) is only there for
/// pools that have switched to it. Name that one with
/// [`UserPool::with_exact_issuer`](crate::UserPool::with_exact_issuer) if clients are to be sent
/// there.
///
/// # Tokens that are bound to the resource
///
/// What is published here is accepted in `aud` by the layers that come from here: a client that
/// asks the issuer for this `resource` (RFC 8707) gets a token that is bound to it. Tokens that are
/// bound to another resource are rejected, and so are those of another `ResourceMetadata` of the
/// same process, unless their audience was given to
/// [`accept_audience`](crate::verifier::VerifierBuilder::accept_audience). Tokens that are bound to
/// none are accepted, unless [`require_audience`](Self::require_audience) says otherwise.
///
/// # Scopes
///
/// [`layer().require(…)`](Self::layer), [`guard`](Self::guard) and [`enforce`](Self::enforce) list
/// the scopes of what they make, so use them for every scope of the resource, those that a handler
/// demands with [`Claims::require`](crate::Claims::require) included. A client that finds no
/// `scopes_supported` here asks for those of the issuer's own discovery document, which for Cognito
/// are `openid`, `email`, `phone` and `profile`, and gets a token that opens nothing.
///
/// A guard that was not made here cannot be seen from here, until it rejects a request: each scope
/// of such a rejection that the document does not list is logged once, at warn.
///
/// A clone shares the scopes, so every part of a program that adds routes can have one. The
/// document is written for each request, and so includes the scopes of guards that were made after
/// [`service`](Self::service).
///
/// # Several resources
///
/// A process can have any number of resources, each with its own scopes and audience. Make a
/// `ResourceMetadata` of each from one [`Verifier`]: they share its keys.
///
/// # Browsers
///
/// The document may be read by scripts of any origin. To let a script also see why the service
/// itself rejected its request, have the CORS layer of the service expose `WWW-Authenticate`.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use tower_cognito::{AllowedClients, ResourceMetadata, ScopePolicy, UserPool, Verifier};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
/// let resource = ResourceMetadata::new("https://api.example.com/orders", &verifier)?;
///
/// let read = resource.guard(ScopePolicy::all_of(["orders/get"])?);
/// let write = resource.guard(ScopePolicy::all_of(["orders/post"])?);
/// let app: Router = Router::new()
///     .route("/orders", get(|| async {}).route_layer(read))
///     .route("/orders", post(|| async {}).route_layer(write))
///     .route_layer(resource.layer())
///     // After the layer: the document is for those who have no token yet.
///     .route_service(resource.path(), resource.service());
///
/// assert_eq!(resource.path(), "/.well-known/oauth-protected-resource/orders");
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    identifier: Identifier,
    description: Description,
    /// It accepts tokens that are bound to the resource.
    verifier: Verifier,
    scopes: PublishedScopes,
}

impl ResourceMetadata {
    /// The metadata of the resource with this identifier (RFC 9728 §1.2): the URL by which clients
    /// know the service, with the path under which they know it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidResource`] if it is not an https URL (or http on a loopback address),
    /// or has a query, a fragment or a user name.
    pub fn new(resource: &str, verifier: &Verifier) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared {
                identifier: Identifier::parse(resource)?,
                description: Description::default(),
                verifier: verifier.with_audience(|audience| audience.accept(resource.to_owned())),
                scopes: PublishedScopes::default(),
            }),
        })
    }

    /// Rejects tokens that are not bound to this resource, as the specification of the Model
    /// Context Protocol demands of a server. Audiences that were given to the verifier stay
    /// accepted.
    ///
    /// Cognito does not bind client-credentials tokens to a resource, so those are all rejected;
    /// see
    /// [`VerifierBuilder::require_audience`](crate::verifier::VerifierBuilder::require_audience).
    ///
    /// It holds for layers made from what it returns, so call it first:
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, ResourceMetadata, UserPool, Verifier};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    /// let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
    /// let resource = ResourceMetadata::new("https://mcp.example.com", &verifier)?.require_audience();
    /// # let _ = resource;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where clients register themselves, their ids cannot be listed, and
    /// [`AllowedClients::any`](crate::AllowedClients::any) is what is left: then this demand and
    /// the scopes are all that keeps a stranger out.
    #[must_use]
    pub fn require_audience(self) -> Self {
        self.change(|shared| {
            let resource = shared.identifier.resource.to_string();
            shared.verifier = shared
                .verifier
                .with_audience(|audience| audience.require(resource));
        })
    }

    /// The resource identifier, as given.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.shared.identifier.resource
    }

    /// The verifier that the layers use: for tokens of this resource that come another way than in
    /// a request.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    /// The verifier's layer, whose challenges name the document. The document lists the scopes that
    /// the layer demands by [`require`](BearerAuthLayer::require).
    pub fn layer(&self) -> BearerAuthLayer {
        self.shared.verifier.warn_of_open_clients();
        let url = self.shared.identifier.url.clone();
        let scopes = self.shared.scopes.clone();
        self.shared.verifier.layer().of_resource(url, scopes)
    }

    /// A guard for a route. The document lists its scopes.
    pub fn guard(&self, policy: ScopePolicy) -> RequireScopesLayer {
        RequireScopesLayer::new(self.enforce(policy))
    }

    /// Lists the scopes of a policy in the document, and gives the policy back: for whatever else
    /// enforces it.
    #[must_use = "the document now says that the policy is enforced"]
    pub fn enforce(&self, policy: ScopePolicy) -> ScopePolicy {
        self.shared.scopes.list(&policy);
        policy
    }

    /// Where clients look for the document: the well-known path, with the resource's own path
    /// behind it (RFC 9728 §3.1).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.shared.identifier.path
    }

    /// The document's URL, as challenges name it.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.identifier.url.as_str()
    }

    /// The document, as JSON. A member without a value is left out (RFC 9728 §3.2).
    #[must_use]
    pub fn document(&self) -> String {
        let shared = &*self.shared;
        let issuers = shared.verifier.discoverable_issuers().collect::<Vec<_>>();
        let mut document = Map::from_iter([
            ("resource".to_owned(), json!(shared.identifier.resource)),
            ("authorization_servers".to_owned(), json!(issuers)),
            ("bearer_methods_supported".to_owned(), json!(["header"])),
        ]);
        let scopes = shared.scopes.listed();
        if !scopes.is_empty() {
            document.insert("scopes_supported".to_owned(), json!(scopes));
        }
        document.extend(shared.description.members());
        Value::Object(document).to_string()
    }

    /// A service that responds with the document: for a router whose paths are those of the whole
    /// host. It must be reachable without a token.
    ///
    /// In a router that is nested under a path, use [`well_known_layer`](Self::well_known_layer)
    /// instead.
    #[must_use]
    pub fn service(&self) -> ResourceMetadataService {
        ResourceMetadataService::new(self.clone())
    }

    /// A layer that responds with the document at its [`path`](Self::path), and passes every other
    /// request on. It belongs outside everything that routes, nests or authenticates.
    ///
    /// The well-known path begins at the root of the host, whatever path the resource has (RFC 9728
    /// §3.1). A router that is nested under `/api` cannot serve it: its own `/.well-known` is
    /// `/api/.well-known`, where no client looks.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # fn main() {
    /// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
    /// use tower::ServiceExt;
    /// use tower_cognito::{ConfigError, ResourceMetadata, testing::TestPool};
    ///
    /// fn app(pool: &TestPool) -> Result<Router, ConfigError> {
    ///     let resource = ResourceMetadata::new("https://example.com/api/orders", &pool.verifier())?;
    ///     let orders = Router::new().route("/orders", get(|| async {}));
    ///     let orders = orders.route_layer(resource.layer());
    ///     Ok(Router::new().nest("/api", orders).layer(resource.well_known_layer()))
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// for (path, status) in [
    ///     ("/.well-known/oauth-protected-resource/api/orders", StatusCode::OK),
    ///     ("/api/orders", StatusCode::UNAUTHORIZED),
    /// ] {
    ///     let request = Request::get(path).body(Body::empty()).unwrap();
    ///     let response = app(&TestPool::new()).unwrap().oneshot(request).await.unwrap();
    ///     assert_eq!(response.status(), status);
    /// }
    /// # });
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn well_known_layer(&self) -> WellKnownLayer {
        WellKnownLayer::new(self.service())
    }

    fn change(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        change(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }
}
