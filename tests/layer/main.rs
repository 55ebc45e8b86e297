//! The layers in front of services: plain tower services, axum routers, and stacks of tower and
//! tower-http.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

mod answers;
mod axum;
mod axum_stack;
mod by_path;
#[path = "../support/callsites.rs"]
mod callsites;
#[path = "../support/fetching.rs"]
mod fetching;
mod guards;
mod late_rejection;
mod nesting;
mod rejections;
mod require_claims;
mod resource_metadata;
mod routers;
mod seen_tokens;
mod service;
mod tower_http;
mod tower_limits;
