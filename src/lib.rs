//! A tower `Layer` that lets in exactly the requests that carry a good Amazon Cognito access token with the right scopes.
//!
//! Services call each other with OAuth 2.0 client-credentials tokens that a Cognito user pool issues. This crate stands in
//! front of the service that is called: it fetches and keeps the pool's keys, verifies each token, and hands its claims to
//! the service.
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
//! let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
//! let app: Router = Router::new()
//!     .route("/profiles", get(list).route_layer(RequireScopesLayer::all_of(["profiles/get"])?))
//!     .route("/profiles", post(create).route_layer(RequireScopesLayer::all_of(["profiles/post"])?))
//!     .route_layer(verifier.layer());
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The layers work around any `Service<http::Request<B>>`; axum is only one of them. [`Verifier::verify`] does the same without
//! HTTP, for a queue or a WebSocket.
//!
//! # How a request is decided
//!
//! Each step may only refuse, and nothing that a token says is readable before the signature has verified.
//!
//! 1. There is exactly one `Authorization` field, its scheme is `Bearer` in any case, and a token68 follows (RFC 6750 §2.1).
//! 2. The token is no longer than [`max_token_bytes`](verifier::VerifierBuilder::max_token_bytes).
//! 3. It has three parts, each strict base64url without padding (RFC 7515 §7.1).
//! 4. The header is one JSON object whose `alg` is the string `RS256` and whose `kid` is a string of at most 256 bytes. `crit`,
//!    `b64` and `zip` refuse; every other member is ignored, and so are keys in it.
//! 5. The payload is one JSON object; the members that are read occur once. `iss` is byte for byte an accepted issuer; `token_use`
//!    is `access`, or [another accepted one](verifier::VerifierBuilder::token_uses); `client_id` is an
//!    [allowed client](AllowedClients); `aud` is absent, names an [accepted audience](verifier::VerifierBuilder::accept_audience),
//!    or names nothing but the token's own client; `cnf` is absent, since a bearer token proves no key or certificate.
//! 6. `exp` is there and has not passed; `nbf`, if there, is not in the future, and `iat` at most a day; all with
//!    [leeway](verifier::VerifierBuilder::leeway). What cannot be read as a number is refused, never taken for absent.
//! 7. The key that `kid` names is among the pool's. Only this step can touch the network.
//! 8. The RSA signature verifies over the bytes that were received.
//! 9. Each [check](verifier::VerifierBuilder::check) of the service accepts.
//! 10. The scopes that the layer and the route require are there, whole and byte for byte, and are
//!     [this pool's to grant](UserPool::with_resource_servers).
//!
//! # Answers
//!
//! | case | status | `WWW-Authenticate` |
//! | --- | --- | --- |
//! | no `Authorization`, an empty one, or another scheme | 401 | `Bearer`, with realm, scope and metadata as configured |
//! | two fields, `Bearer` without a token, no token68, too long | 400 | `error="invalid_request"` |
//! | anything wrong with the token | 401 | `error="invalid_token"` |
//! | scopes not met, or a check or rule forbids | 403 | `error="insufficient_scope"` |
//! | a rule demands another authentication | 401 | `error="insufficient_user_authentication"` (RFC 9470) |
//! | the keys are unavailable, or a rule could not find out | 503 and `Retry-After` | none |
//! | a guard, an extractor or a handler refuses without a [`BearerAuthLayer`] outside | 500 | none |
//!
//! The layer forms every response to a refused request: its own, and those of guards, extractors and handlers inside it, which only
//! say why. Each has `Cache-Control: no-store`.
//!
//! All texts are constants. The precise reason is an [`AuthError`] in the response's extensions. [`RejectionResponse`](rejection::RejectionResponse) gives answers
//! another form: a problem document ([`ProblemJson`](rejection::ProblemJson)), a gRPC status ([`Grpc`](rejection::Grpc)), or whatever a closure makes.
//!
//! A client that knows only the service's URL finds issuer and scopes by [`ResourceMetadata`] (RFC 9728).
//!
//! # Rolling it out
//!
//! [`BearerAuthLayer::report_only`] lets everything through and records what would have happened; [`BearerAuthLayer::optional`] lets
//! requests without a token pass, and no others.
//!
//! # Key freshness
//!
//! Keys younger than an hour are used as they are. Older ones are refreshed by the first request that notices, which does not wait.
//! If that fails they serve until they are 24 hours old; a token with an unknown `kid` then gets 503, since nobody can know whether
//! it is new. Beyond 24 hours every request gets 503 until a fetch succeeds. [`KeyState`](keys::KeyState) names the states and
//! [`Verifier::key_status`] tells the current one.
//!
//! An unknown `kid` causes a fetch at once, twice in a row, and then once per 10 seconds at the most, whatever strangers send. A
//! withdrawn key stops working at the next refresh, also for tokens that were seen before.
//!
//! # Deployment caveats
//!
//! * **Clock.** `exp` is compared with the machine's clock, with 10 seconds of leeway.
//! * **`route_layer`, not `layer`.** Under `Router::route_layer` unknown paths stay 404; under `layer` they are 401, but for those of a
//!   nested router without a fallback of its own. No method or path is exempt: `OPTIONS` needs a token too, so put a CORS layer outside,
//!   or let preflight requests pass with [`pass_cors_preflight`](BearerAuthLayer::pass_cors_preflight).
//! * **Logging.** A layer outside that logs header fields logs the token, too, unless it is marked sensitive further out, as tower-http's
//!   `SetSensitiveRequestHeadersLayer` does. This layer marks it for everything inside.
//! * **Proxies.** The key fetch honours the proxy variables of the environment, except for a JWKS URL on loopback.
//! * **Several replicas** each fetch keys for themselves, an hour apart less jitter: three fetches a second for 10 000 processes.
//! * **Lambda and suspended machines.** Nothing runs between requests. Age is the larger of what the wall clock and the monotonic clock
//!   say, so a thawed process refreshes instead of trusting old keys.
//! * **Revocation.** A token is good until `exp`; Cognito has no way to take back a client-credentials token. Keep lifetimes short. A
//!   [`denylist`] stops a leaked client or a revoked token within seconds, in every process.
//! * **User tokens.** A user's access token can carry the same scopes as a service's. [`Claims::principal`] tells them apart.
//! * **Runtime.** A tokio runtime with its timer is needed to fetch keys.
//!
//! # Observability
//!
//! Each verdict is one `tracing` event at debug and, with the feature `metrics`, one count, both with [`AuthError::reason`]. A span
//! that declares a field `client_id` around the layer is told who is calling, once the signature has verified. Fetches and the state of
//! the keys are events and metrics too; [`Verifier::key_statuses`] sets the gauges, so call it when you are scraped. [`guide::observability`]
//! lists every metric, label and event, and what to be woken for.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `axum` | yes | `Claims`, `Option<Claims>` and `CustomClaims<T>` as arguments of handlers |
//! | `reqwest` | yes | the JWKS fetcher; without it give the builder one of your own |
//! | `client` | no | `client`: tokens for outgoing requests |
//! | `metrics` | no | counters, gauges and histograms for a recorder of the `metrics` facade |
//! | `testing` | no | `testing`: a pool in memory, a local issuer, token builders. Its keys are public: never in production |
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
mod error;
#[cfg(feature = "axum")]
mod extract;
mod granted_scopes;
mod guard;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod http_client;
mod json;
pub mod keys;
mod metrics;
mod protected_url;
pub mod rejection;
pub mod require_claims;
pub mod require_scopes;
pub mod require_scopes_by_path;
pub mod resource_metadata;
#[cfg(any(feature = "client", feature = "reqwest"))]
mod response_headers;
mod scope;
mod test_keys;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod token;
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
    user_pool::UserPool,
};
#[doc(inline)]
pub use self::{
    bearer_auth::BearerAuthLayer,
    require_claims::RequireClaimsLayer,
    require_scopes::RequireScopesLayer,
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
