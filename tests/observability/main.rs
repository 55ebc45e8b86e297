//! What is counted, what is logged, and what never appears in either.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

#[path = "../support/callsites.rs"]
mod callsites;
mod metrics;
mod no_leak;
#[path = "../support/recorded/mod.rs"]
mod recorded;
#[path = "../support/rig.rs"]
#[allow(dead_code, reason = "another program uses the rest")]
mod rig;
mod tracing_events;
