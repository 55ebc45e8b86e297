//! The layer that accepts requests with a good token, and puts the token's claims into their
//! extensions.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # fn main() {
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::get};
//! use tower::ServiceExt;
//! use tower_cognito::{Claims, testing::TestPool};
//!
//! async fn hello(claims: Claims) -> String {
//!     format!("hello {}", claims.client_id())
//! }
//!
//! let pool = TestPool::new();
//! let app: Router = Router::new()
//!     .route("/hello", get(hello))
//!     .route_layer(pool.verifier().layer());
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let accepted = Request::get("/hello")
//!     .header("authorization", pool.token().authorization())
//!     .body(Body::empty())
//!     .unwrap();
//! let response = app.clone().oneshot(accepted).await.unwrap();
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let rejected = Request::get("/hello").body(Body::empty()).unwrap();
//! let response = app.oneshot(rejected).await.unwrap();
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], "Bearer");
//! # });
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Who responds to a rejected request
//!
//! This layer, also where a guard ([`RequireScopesLayer`](crate::RequireScopesLayer),
//! [`RequireClaimsLayer`](crate::RequireClaimsLayer)), an extractor or a handler inside rejects.
//! They only say why, by an [`AuthError`](crate::AuthError), and return an empty response. The
//! nearest layer outside replaces it: with its own [form](crate::rejection::RejectionResponse),
//! realm and metadata URL, the mandatory header fields, and one count. Header fields that a service
//! in between adds (CORS, a request id) are kept. A service in between sees the status of a guard's
//! rejection, and 500 for one of an extractor or a handler, which cannot know of the layer.
//!
//! Without a layer outside, the response stays 500, and the first such response for each place and
//! path is logged as an error.
//!
//! # Layers in layers
//!
//! Each layer judges for itself, and the claims of the innermost are the ones that guards and
//! handlers see. A [report-only](BearerAuthLayer::report_only) layer inside an enforcing one is
//! the exception: it changes nothing, and only reports.

mod completion;
mod configuration;
mod finding;
mod future;
mod layer;
mod outer_layer;
mod preflight;
mod published_scopes;
mod report;
mod report_only;
mod rules;
mod service;
mod verdict;

pub use self::{
    future::ResponseFuture, layer::BearerAuthLayer, report_only::ReportOnlyVerdict,
    service::BearerAuth, verdict::Verdict,
};
pub(crate) use self::{
    outer_layer::{Enforcement, OuterLayer, claims_of},
    published_scopes::PublishedScopes,
};
