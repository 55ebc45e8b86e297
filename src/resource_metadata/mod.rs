//! What a protected resource says of itself (RFC 9728): who issues its tokens, and which scopes there are.

mod service;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::json;

pub use self::service::ResourceMetadataService;
use crate::{
    bearer_auth::BearerAuthLayer,
    config_error::ConfigError,
    protected_url::{self, ProtectedUrl, Unencrypted},
    rejection::challenge::QuotableText,
    require_scopes::RequireScopesLayer,
    scope::ScopePolicy,
    verifier::Verifier,
};

/// RFC 9728 §3.1.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of a protected resource (RFC 9728), which cannot differ from what is enforced: the layers of the service come
/// from here, and whatever scopes they demand are in the document.
///
/// A client that knows nothing but the service's URL (as those of the Model Context Protocol) sends a request, is
/// refused with a challenge that names the document's URL, and finds the issuer and the scopes there.
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
/// `authorization_servers` is one issuer for each of the verifier's pools, in their order: the one whose discovery document can
/// be fetched. For a pool that is known by its id that is `https://cognito-idp.{region}.amazonaws.com/{id}`, also where its
/// tokens carry another of its issuers; the discovery document of the updated host (`issuer-cognito-idp.`) is only there for
/// pools that have switched to it. Name that one with
/// [`UserPool::with_exact_issuer`](crate::UserPool::with_exact_issuer) if clients are to be sent there.
///
/// # Tokens that are bound to the resource
///
/// What is published here is accepted in `aud` by the layers that come from here: a client that asks the issuer for this
/// `resource` (RFC 8707) gets a token that is bound to it. Tokens that are bound to another resource are rejected, and so are
/// those of another `ResourceMetadata` of the same process, unless their audience was given to
/// [`accept_audience`](crate::verifier::VerifierBuilder::accept_audience). Tokens that are bound to none are accepted, unless
/// [`require_audience`](Self::require_audience) says otherwise.
///
/// A clone shares the scopes, so it can be passed to every part of a program that adds routes. The document is written again
/// for each request and so knows of guards that were made after [`service`](Self::service).
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

#[derive(Debug)]
struct Shared {
    resource: Box<str>,
    /// The document's URL, as challenges name it.
    url: QuotableText,
    path: Box<str>,
    /// It accepts tokens that are bound to the resource.
    verifier: Verifier,
    /// A std mutex: held for single insertions and for one walk, never across an await.
    enforced: Arc<Mutex<BTreeSet<Box<str>>>>,
}

impl ResourceMetadata {
    /// The metadata of the resource with this identifier (RFC 9728 §1.2): the URL by which clients know the service, with the path
    /// under which they know it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidResource`] if it is not an https URL (or http on a loopback address), or has a query, a fragment or a user
    /// name.
    pub fn new(resource: &str, verifier: &Verifier) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidResource {
            given: protected_url::without_secrets(resource),
        };
        let (origin, path) = split_resource(resource).ok_or_else(invalid)?;
        let path = format!("{WELL_KNOWN}{path}");
        let url = QuotableText::resource_metadata(&format!("{origin}{path}"))?;
        Ok(Self {
            shared: Arc::new(Shared {
                resource: resource.into(),
                url,
                path: path.into(),
                verifier: verifier.with_audience(|audience| audience.accept(resource.to_owned())),
                enforced: Arc::default(),
            }),
        })
    }

    /// Rejects tokens that are not bound to this resource, as the specification of the Model Context Protocol demands of a
    /// server. Audiences that were given to the verifier stay accepted.
    ///
    /// Cognito does not bind client-credentials tokens to a resource, so those are all rejected; see
    /// [`VerifierBuilder::require_audience`](crate::verifier::VerifierBuilder::require_audience).
    ///
    /// It holds for layers made from what it returns, so call it first:
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, ResourceMetadata, UserPool, Verifier};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    /// // Clients register themselves: what they may do is up to the audience and the scopes.
    /// let verifier = Verifier::builder(pool, AllowedClients::any()).build()?;
    /// let resource = ResourceMetadata::new("https://mcp.example.com", &verifier)?.require_audience();
    /// # let _ = resource;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn require_audience(self) -> Self {
        let shared = &*self.shared;
        let resource = || shared.resource.clone().into();
        Self {
            shared: Arc::new(Shared {
                resource: shared.resource.clone(),
                url: shared.url.clone(),
                path: shared.path.clone(),
                verifier: shared
                    .verifier
                    .with_audience(|audience| audience.require(resource())),
                enforced: Arc::clone(&shared.enforced),
            }),
        }
    }

    /// The verifier that the layers use: for tokens of this resource that come another way than in a request.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    /// The verifier's layer, whose challenges name the document.
    ///
    /// Scopes for everything below it go through [`enforce`](Self::enforce):
    /// `resource.layer().require(resource.enforce(policy))`.
    pub fn layer(&self) -> BearerAuthLayer {
        self.shared
            .verifier
            .layer()
            .with_resource_metadata(self.shared.url.clone())
    }

    /// A guard for a route. The document lists its scopes.
    pub fn guard(&self, policy: ScopePolicy) -> RequireScopesLayer {
        RequireScopesLayer::new(self.enforce(policy))
    }

    /// Lists the scopes of a policy in the document, and gives the policy back: for whatever else enforces it.
    #[must_use = "the document now says that the policy is enforced"]
    pub fn enforce(&self, policy: ScopePolicy) -> ScopePolicy {
        self.enforced().extend(policy.scopes().map(Box::from));
        policy
    }

    /// Where clients look for the document: the well-known path, with the resource's own path behind it (RFC 9728 §3.1).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.shared.path
    }

    /// The document's URL, as challenges name it.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.url.as_str()
    }

    /// The document, as JSON.
    #[must_use]
    pub fn document(&self) -> String {
        json!({
            "resource": self.shared.resource,
            "authorization_servers": self.shared.verifier.discoverable_issuers().collect::<Vec<_>>(),
            "scopes_supported": *self.enforced(),
            "bearer_methods_supported": ["header"],
        })
        .to_string()
    }

    /// A service that answers `GET` and `HEAD` with the document. It is to be reachable without a token.
    #[must_use]
    pub fn service(&self) -> ResourceMetadataService {
        ResourceMetadataService::new(self.clone())
    }

    fn enforced(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.shared
            .enforced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Origin and path. The path of a resource at the root is empty: a slash right behind the host is not part of the document's
/// path.
fn split_resource(resource: &str) -> Option<(&str, &str)> {
    ProtectedUrl::parse(resource, Unencrypted::OnLoopback).ok()?;
    if resource.contains(['?', '"', '\\']) {
        return None;
    }
    let path_at = resource
        .find("://")
        .and_then(|scheme| Some(scheme + 3 + resource.get(scheme + 3..)?.find('/')?))
        .unwrap_or(resource.len());
    let (origin, path) = resource.split_at_checked(path_at)?;
    Some((origin, if path == "/" { "" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_stands_between_host_and_path() {
        for (resource, origin, path) in [
            ("https://api.example.com", "https://api.example.com", ""),
            ("https://api.example.com/", "https://api.example.com", ""),
            (
                "https://api.example.com/orders",
                "https://api.example.com",
                "/orders",
            ),
            (
                "https://api.example.com/a/b/",
                "https://api.example.com",
                "/a/b/",
            ),
            (
                "https://api.example.com:8443/orders",
                "https://api.example.com:8443",
                "/orders",
            ),
            (
                "http://127.0.0.1:8080/orders",
                "http://127.0.0.1:8080",
                "/orders",
            ),
            ("http://[::1]:8080", "http://[::1]:8080", ""),
        ] {
            assert_eq!(split_resource(resource), Some((origin, path)), "{resource}");
        }
        for resource in [
            "",
            "api.example.com",
            "/orders",
            "ftp://api.example.com",
            "http://api.example.com",
            "https://",
            "https:///orders",
            "https://user@api.example.com",
            "https://api.example.com/#orders",
            "https://api.example.com/?orders",
            "https://api.example.com/\"",
            "https://api.example.com/\\",
            "https://api.example.com/ä",
            "https://api.example.com/a b",
        ] {
            assert_eq!(split_resource(resource), None, "{resource}");
        }
    }
}
