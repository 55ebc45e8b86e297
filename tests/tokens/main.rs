//! Which tokens are accepted and which are rejected, and with which settings.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

mod cases;
mod claims;
mod differential;
#[path = "../support/fuzz_bodies.rs"]
mod fuzz_bodies;
mod fuzz_seeds;
mod order;
mod policy;
mod pools;
mod properties;
#[path = "../support/seeds.rs"]
mod seeds;
mod settings;
#[path = "../support/table/mod.rs"]
mod table;
mod token_cache;
