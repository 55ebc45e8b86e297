//! Tests for services that are guarded by this crate, without AWS and without a network.
//!
//! **Never for production.** The private keys in here are published with the crate: anyone can sign
//! with them. A service that trusts a [`TestPool`] trusts everybody. Turn the feature on under
//! `[dev-dependencies]` only; nothing of it is compiled in by default.
//!
//! ```toml
//! [dev-dependencies]
//! tower-cognito = { version = "0.1", features = ["testing"] }
//! ```
//!
//! * [`TestPool`] is a user pool in memory: keys, a verifier that accepts its tokens, and a clock
//!   that only tests move.
//! * [`TokenBuilder`] makes its tokens in the exact shapes of Cognito, good ones and one for each
//!   classic fault.
//! * [`ManualClock`] drives the tokens and the verifier together, so that a test of expiry does not
//!   wait.
//! * [`WithClaims`] puts claims into a request, for the unit test of a handler.
//! * [`LocalIssuer`] is a user pool that serves HTTP on loopback, for end-to-end tests and
//!   for whole systems on a laptop.
//! * [`hold_paused_time`] lets requests to it end in a test whose tokio time is paused.
//! * [`ScriptedFetcher`] replaces the JWKS endpoint, for tests of rotation and outages.
//! * [`RouteMatrix`] calls every route with every token that it must tell apart, so that no route
//!   is forgotten.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use tower_cognito::{AuthError, testing::TestPool};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), AuthError> {
//! let pool = TestPool::new();
//! let verifier = pool.verifier();
//!
//! let token = pool.token().scopes(["profiles/get"]).build();
//! let claims = verifier.verify(&token).await?;
//! assert_eq!(claims.client_id(), "test-client");
//! assert!(claims.has_scope("profiles/get"));
//!
//! pool.clock().advance(Duration::from_secs(2 * 60 * 60));
//! assert_eq!(verifier.verify(&token).await.unwrap_err(), AuthError::Expired);
//! # Ok(())
//! # }
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit is called by tests, for which a panic with a sentence is the clearest failure"
)]

mod clock;
mod fetcher;
mod issuer;
mod keys;
mod paused_time;
mod pool;
mod request;
mod routes;
mod token;

pub use self::{
    clock::ManualClock,
    fetcher::{HeldResponse, ScriptedFetcher},
    issuer::{
        Endpoint, EndpointSwitch, LocalIssuer, LocalIssuerBuilder, StartError, random_secret,
    },
    keys::Key,
    paused_time::{HeldTime, hold_paused_time},
    pool::TestPool,
    request::WithClaims,
    routes::{RouteFinding, RouteMatrix, RouteReport},
    token::TokenBuilder,
};
