//! The functions of `facade` for a build without the feature `metrics`: nothing is recorded.

use super::{FetchLabels, KeySetReading, TokenLookup, VerdictLabels};

pub(crate) const fn describe() {}

pub(crate) const fn request_judged(_: VerdictLabels) {}

pub(crate) const fn guard_refused(_: VerdictLabels) {}

pub(crate) const fn token_looked_up(_: TokenLookup) {}

pub(crate) const fn keys_fetched(_: FetchLabels<'_>) {}

pub(crate) const fn key_set(_: &str, _: KeySetReading) {}
