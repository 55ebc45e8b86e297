//! A tower `Layer` that accepts exactly the requests that carry a valid Amazon Cognito access token
//! with the right scopes.
//!
//! Services call each other with OAuth 2.0 client-credentials tokens that a Cognito user pool
//! issues. This crate protects the service that is called: it fetches and caches the pool's key
//! set, verifies each token, and passes its claims to your handlers.
//!
//! ```no_run
//! use axum::{Router, routing::{get, post}};
//! use tower_cognito::{AllowedClients, Claims, RequireScopesLayer, UserPool, Verifier};
//!
//! async fn list(claims: Claims) -> String {
//!     format!("hello {}", claims.client_id())
//! }
//!
//! # async fn create() {}
//! # fn main() -> Result<(), tower_cognito::ConfigError> {
//! let pool = UserPool::new("eu-west-1_AbCdEf123")?;
//! let clients = AllowedClients::only(["1example23456789"])?;
//! let verifier = Verifier::builder(pool, clients).build()?;
//! let may_read = RequireScopesLayer::all_of(["profiles/get"])?;
//! let may_write = RequireScopesLayer::all_of(["profiles/post"])?;
//! let app: Router = Router::new()
//!     .route("/profiles", get(list).route_layer(may_read))
//!     .route("/profiles", post(create).route_layer(may_write))
//!     .route_layer(verifier.layer());
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The layers wrap any `Service<http::Request<B>>`: axum, plain hyper, gRPC, Lambda. For a queue or
//! a WebSocket, [`Verifier::verify`] does the same without HTTP. The [`guide`] has recipes, and
//! pages on testing, operating and observing a service.
//!
//! # How a request is decided
//!
//! A step can only reject. No claim is exposed until the signature has been verified.
//!
//! 1. There is exactly one `Authorization` field, its scheme is `Bearer` in any case, and a token68
//!    follows (RFC 6750 §2.1).
//! 2. The token is no longer than [`max_token_bytes`](verifier::VerifierBuilder::max_token_bytes).
//! 3. It has three parts (RFC 7515 §7.1). The first two are strict base64url without padding.
//! 4. The header is one JSON object whose `alg` is the string `RS256` and whose `kid` is a string
//!    of at most 256 bytes. `crit`, `b64` and `zip` are rejected; every other member is ignored,
//!    including keys.
//! 5. The payload is one JSON object, in which each member that is read occurs once. `iss` is byte
//!    for byte an accepted issuer. `token_use` is `access`, or
//!    [another accepted one](verifier::VerifierBuilder::token_uses). `client_id` is an
//!    [allowed client](AllowedClients). `aud` is absent, names an
//!    [accepted audience](verifier::VerifierBuilder::accept_audience), or names only the token's
//!    own client. `cnf` is absent, because a bearer token proves possession of no key or
//!    certificate.
//! 6. `exp` is present and has not passed. `nbf`, if present, is not in the future, and `iat` at
//!    most a day; all with [leeway](verifier::VerifierBuilder::leeway). A date that cannot be read
//!    as a number is rejected, never treated as absent.
//! 7. The key that `kid` names is in the pool's key set. Only this step can use the network.
//! 8. The third part is strict base64url, and the RSA signature in it verifies over the bytes that
//!    were received.
//! 9. Each [check](verifier::VerifierBuilder::check) of the service accepts.
//! 10. The token has the scopes that the layer and the route require, whole and byte for byte, and
//!     the pool [may grant them](UserPool::with_resource_servers).
//!
//! # Responses
//!
//! | case | status | `WWW-Authenticate` |
//! | --- | --- | --- |
//! | `Authorization` is missing or empty, or names another scheme | 401 | `Bearer`, with realm, scope and metadata as configured |
//! | two fields, or `Bearer` with a missing, malformed or too long token | 400 | `error="invalid_request"` |
//! | the token is invalid or expired | 401 | `error="invalid_token"` |
//! | a scope is missing, or a check or rule forbids the request | 403 | `error="insufficient_scope"` |
//! | a rule requires the user to authenticate again | 401 | `error="insufficient_user_authentication"` (RFC 9470) |
//! | the keys are unavailable, or a rule could not decide | 503 and `Retry-After` | none |
//! | a guard, an extractor or a handler rejects, and no [`BearerAuthLayer`] wraps it | 500 | none |
//!
//! The layer builds the response to every rejected request: its own rejections, and those of
//! guards, extractors and handlers inside it, which only say why. Each has
//! `Cache-Control: no-store`.
//!
//! All texts are constants. The exact reason is an [`AuthError`] in the response's extensions.
//! [`RejectionResponse`](rejection::RejectionResponse) sets another form: a problem document
//! ([`ProblemJson`](rejection::ProblemJson)), a gRPC status ([`Grpc`](rejection::Grpc)), or any
//! response that a closure builds.
//!
//! A client that knows only the service's URL finds issuer and scopes through [`ResourceMetadata`]
//! (RFC 9728).
//!
//! # Roll it out
//!
//! [`BearerAuthLayer::report_only`] passes every request and records the verdict that it would have
//! enforced. [`BearerAuthLayer::optional`] also passes requests without a token.
//!
//! # Key freshness
//!
//! Keys younger than an hour are used as they are. The first request that finds them older starts a
//! refresh and does not wait for it. If the refresh fails, the keys work until they are 24 hours
//! old; a token with an unknown `kid` then gets 503, because the verifier cannot tell a newly
//! rotated key from a forged one. After 24 hours every request gets 503 until a fetch succeeds.
//! [`KeyState`](keys::KeyState) names the states and [`Verifier::key_status`] returns the current
//! one.
//!
//! An unknown `kid` causes a fetch at once, twice in a row, and then at most once per 10 seconds,
//! whatever strangers send. A withdrawn key stops working at the next refresh, also for cached
//! tokens. [`guide::keys`] has every number.
//!
//! # Deployment notes
//!
//! * **Clock.** `exp` is compared with the machine's clock, with 10 seconds of leeway.
//! * **`route_layer`, not `layer`.** Under `Router::route_layer` unknown paths stay 404; under
//!   `layer` they become 401, except in a nested router that has no fallback. No method or path is
//!   exempt: `OPTIONS` needs a token too, so put a CORS layer outside, or pass preflight requests
//!   with [`pass_cors_preflight`](BearerAuthLayer::pass_cors_preflight).
//! * **Logging.** A layer outside that logs header fields logs the token too, unless it is marked
//!   sensitive further out, as tower-http's `SetSensitiveRequestHeadersLayer` does. This layer
//!   marks it for everything inside.
//! * **Proxies.** The key fetch honours the proxy variables of the environment, except for a JWKS
//!   URL on loopback.
//! * **Several replicas.** Each fetches keys for itself, about once an hour: three fetches a second
//!   for 10 000 processes.
//! * **Lambda and suspended machines.** Nothing runs between requests. The age of the keys is the
//!   larger of what the wall clock and the monotonic clock say, so a thawed process refreshes old
//!   keys.
//! * **Revocation.** A token is valid until `exp`; Cognito cannot revoke a client-credentials
//!   token. Keep lifetimes short. A [`denylist`] stops a leaked client or a revoked token within
//!   seconds, in every process.
//! * **User tokens.** A user's access token can carry the same scopes as a service's.
//!   [`Claims::principal`] tells them apart.
//! * **Runtime.** Fetching keys needs a tokio runtime with its timer.
//!
//! # Observability
//!
//! Each verdict is one `tracing` event at debug and, with the feature `metrics`, one count, both
//! with [`AuthError::reason`]. If a span around the layer declares a field `client_id`, the layer
//! records the caller there once the signature has verified. Fetches and the state of the keys are
//! events and metrics too; [`Verifier::record_key_metrics`] sets the gauges, so call it in your
//! scrape handler. [`guide::observability`] lists every metric, label, event and alert.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `axum` | yes | `Claims`, `Option<Claims>` and `CustomClaims<T>` as handler arguments |
//! | `reqwest` | yes | the JWKS fetcher; without it, give the builder your own |
//! | `client` | no | `client`: tokens for outgoing requests |
//! | `metrics` | no | counters, gauges and histograms for a recorder of the `metrics` facade |
//! | `testing` | no | `testing`: an in-memory pool, a local issuer, token builders; its keys are public, so never enable it in production |
//!
//! No feature changes how tokens are judged. The minimum supported Rust version is 1.88.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowed_clients;
mod aws_region;
pub mod bearer_auth;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub mod client;
pub mod clock;
mod config_error;
mod crypto;
pub mod denylist;
mod environment;
mod error;
mod error_debug;
#[cfg(feature = "axum")]
mod extract;
mod granted_scopes;
pub mod guard;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod http_client;
mod json;
pub mod keys;
pub mod late_rejection;
mod metrics;
mod protected_url;
pub mod rejection;
pub mod resource_metadata;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod response_headers;
mod scope;
mod string_list;
mod test_keys;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod token;
mod troubleshooting;
mod user_pool;
pub mod verifier;

// The paved road: what nearly every service names. The rest is in the module of its subject.
#[cfg(feature = "axum")]
pub use self::extract::CustomClaims;
pub use self::{
    allowed_clients::AllowedClients,
    config_error::ConfigError,
    error::{AuthError, Denied, StepUp},
    scope::ScopePolicy,
    string_list::StringList,
    user_pool::UserPool,
};
#[doc(inline)]
pub use self::{
    bearer_auth::BearerAuthLayer,
    guard::{RequireClaimsLayer, RequireScopesLayer},
    resource_metadata::ResourceMetadata,
    token::claims::{self, Claims, Principal, TokenUse},
    verifier::Verifier,
};

/// The examples of the pages that are not part of this documentation.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
}
