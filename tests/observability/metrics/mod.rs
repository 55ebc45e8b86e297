//! What is counted: each verdict, each look into the token cache, each fetch and each state of the
//! keys, with labels from lists that the documentation gives.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test binary has no public items")]

mod denylist;
mod documented;
mod fetches;
mod key_set;
mod lookups;
mod token_requests;
mod verdicts;
