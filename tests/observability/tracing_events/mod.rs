//! What goes through `tracing`: one event per verdict, in the words of the counters, and the app
//! client of verified tokens in the span that declares a field for it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test binary has no public items")]

mod caller;
mod denylist;
mod documented;
mod late;
mod secrets;
mod seen;
mod setup;
mod verdicts;
