//! The functions of `facade` for a build without the feature `metrics`: nothing is recorded.

use std::time::Duration;

use super::{FetchLabels, KeySetReading, TokenLookup, VerdictLabels};

pub(crate) const fn describe() {}

pub(crate) const fn request_judged(_: VerdictLabels) {}

pub(crate) const fn seen_token_accepted() {}

pub(crate) const fn rejected_inside(_: VerdictLabels) {}

pub(crate) const fn missing_layer() {}

pub(crate) const fn token_looked_up(_: TokenLookup) {}

pub(crate) const fn keys_fetched(_: FetchLabels<'_>) {}

#[cfg(feature = "client")]
pub(crate) const fn token_requested(_: &str, _: &'static str, _: Duration) {}

pub(crate) const fn key_set(_: &str, _: KeySetReading) {}

pub(crate) const fn denylist_loaded(_: &str, _: &'static str, _: Duration) {}

pub(crate) const fn denylist(_: &str, _: usize, _: Option<Duration>) {}
