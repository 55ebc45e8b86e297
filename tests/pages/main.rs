//! The pages of the documentation say what the code does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test program has no public items")]

mod attacks;
mod design;
mod errors;
#[path = "../support/table/mod.rs"]
mod table;
mod testing;
