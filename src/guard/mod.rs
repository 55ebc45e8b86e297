//! Guards for single routes: rules on the claims that an outer
//! [`BearerAuthLayer`](crate::BearerAuthLayer) verified.
//!
//! | guard | it demands |
//! | --- | --- |
//! | [`RequireScopesLayer`] | scopes |
//! | [`RequireScopesByPathLayer`] | scopes by the path of the request, for the methods of a gRPC service |
//! | [`RequireClaimsLayer`] | what a function of the service says: groups, tenants, `acr` |
//!
//! A rule that depends on the object belongs in the handler: see
//! [`Claims::require`](crate::Claims::require).
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() {
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
//! use tower::ServiceExt;
//! use tower_cognito::{ConfigError, RequireScopesLayer, testing::TestPool};
//!
//! fn app(pool: &TestPool) -> Result<Router, ConfigError> {
//!     let guard = RequireScopesLayer::all_of(["profiles/get"])?;
//!     Ok(Router::new()
//!         .route("/profiles", get(|| async {}).route_layer(guard))
//!         .route_layer(pool.verifier().layer()))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let pool = TestPool::new();
//! for (scope, status) in [
//!     ("profiles/get", StatusCode::OK),
//!     ("profiles/post", StatusCode::FORBIDDEN),
//! ] {
//!     let request = Request::get("/profiles")
//!         .header("authorization", pool.token().scopes([scope]).authorization())
//!         .body(Body::empty())
//!         .unwrap();
//!     let response = app(&pool).unwrap().oneshot(request).await.unwrap();
//!     assert_eq!(response.status(), status);
//! }
//! # });
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # What a guard does
//!
//! A guard looks at the [`Claims`](crate::Claims) in the request's extensions, and leaves them
//! there. If they do not meet its rule, it returns an empty response that says why, and the nearest
//! layer outside replaces that by the rejection: with its form, realm and metadata URL. The layer
//! also counts it.
//!
//! Without a layer outside, every request gets 500, and an error is logged once for each path: a
//! service that is put together wrongly must accept no one, and must not blame the caller. Where
//! that must not be a matter of order, put the whole layer on the route:
//! `verifier.layer().require(policy)` needs nothing outside it.
//!
//! Inside a [report-only](crate::BearerAuthLayer::report_only) layer, a guard passes every request
//! and records its verdict, unless another layer outside enforces.
//!
//! # Two guards, one inside the other
//!
//! Each demands its own rule. The response depends on which of them rejects:
//!
//! * If the inner one rejects, the challenge names the scopes of both, and of the layer.
//! * If the outer one rejects, the challenge names its own scopes and the layer's. A guard does not
//!   know what it wraps: a tower layer must work around every service, and axum boxes what is
//!   routed. The caller then learns the inner scopes with its next request. To name all of them at
//!   once, make one guard of the two policies with [`ScopePolicy::and`](crate::ScopePolicy::and),
//!   or give both to [`BearerAuthLayer::require`](crate::BearerAuthLayer::require), which adds up.
//!
//! # What middleware between layer and guard sees
//!
//! A rejection passes through it on its way out: an empty response, without `WWW-Authenticate`,
//! with an [`AuthError`](crate::AuthError) in its extensions. Its status is that of the rejection if a
//! guard rejects, so an access log or a failure classifier there counts a 403 as such. A handler or
//! an extractor has no request to look at when it makes its response, so that response is 500 until
//! the layer replaces it. Header fields that middleware adds are kept.

mod future;
mod require_claims;
mod require_scopes;
mod require_scopes_by_path;

pub use self::{
    future::ResponseFuture,
    require_claims::{RequireClaims, RequireClaimsLayer},
    require_scopes::{RequireScopes, RequireScopesLayer},
    require_scopes_by_path::{RequireScopesByPath, RequireScopesByPathLayer},
};
