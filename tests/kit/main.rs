//! The test kit: its tokens, its local issuer, its scripted fetcher.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

mod authorization_server;
mod debug;
mod grpc_routes;
mod local_issuer;
mod routes;
mod scripted_fetcher;
mod tokens;
