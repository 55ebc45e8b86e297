//! The client: tokens for outgoing requests.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

mod layer;
mod redaction;
mod secrets;
mod server;
mod shared;
mod token_endpoint;
mod unproven;
