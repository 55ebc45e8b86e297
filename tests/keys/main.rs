//! Where keys come from, how long they are used, and what happens when they are unavailable:
//! against a scripted endpoint, on a clock that only the test moves.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "a test binary has no public items")]

mod age;
mod bad_responses;
#[path = "../support/callsites.rs"]
mod callsites;
mod conditional;
mod fallback;
mod fetcher_sockets;
mod first_fetch;
mod flood;
mod good_tokens;
mod jwk_oracle;
mod late_responses;
mod layer;
mod log;
mod model;
mod outage;
mod pools;
#[path = "../support/rig.rs"]
mod rig;
mod rotation;
mod runtimes;
mod serving;
mod status;
mod stress;
mod tls;
