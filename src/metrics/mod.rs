//! Counters, gauges and histograms: what is recorded, by whom it is called, and the one switch
//! between recording and not.
//!
//! Callers call the same functions whether the `metrics` feature is on or not. `facade` is the only
//! file that names the facade crate; `noop` has the same functions without a body. Names, labels
//! and when each is recorded are in `docs/guide/observability.md`, which a test compares with what
//! is recorded.
//!
//! A recorder is foreign code: nothing here may be called while the key source's ledger is locked.

#![cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "only the facade reads its arguments")
)]

#[cfg_attr(not(feature = "metrics"), path = "noop.rs")]
mod facade;

use std::time::{Duration, SystemTime};

pub(crate) use self::facade::*;

/// What a layer or a guard found, as labels. Each is one of a few constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerdictLabels {
    pub(crate) reason: &'static str,
    /// Whether the token's signature verified.
    pub(crate) verified: bool,
    pub(crate) enforcement: &'static str,
}

/// What the token cache knew of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenLookup {
    /// It was there, and answered for the token.
    Hit,
    /// It was not there.
    Miss,
    /// It was there, but the keys are no longer those that it was verified with, or may not be
    /// used.
    Stale,
}

/// How a fetch ended, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLabels<'a> {
    pub(crate) jwks_url: &'a str,
    pub(crate) reason: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) duration: Duration,
}

/// How a key set is at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySetReading {
    /// The label of each state, and whether the keys are in it.
    pub(crate) states: [(&'static str, bool); 6],
    pub(crate) age: Option<Duration>,
    /// When the request was made that last confirmed the keys.
    pub(crate) confirmed_at: Option<SystemTime>,
}
