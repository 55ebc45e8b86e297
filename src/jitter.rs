//! Chance, for spreading a fleet in time.

use std::hash::{BuildHasher, RandomState};

/// A random share in `0.0..1.0`, from the seed that std draws for each hasher: enough to spread a fleet.
#[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
pub(crate) fn jitter() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}
