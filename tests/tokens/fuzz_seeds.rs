//! The seeds of the fuzz targets, on stable Rust: every fixture through every body that can read
//! it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{fs, path::Path};

use crate::fuzz_bodies::TARGETS;
use crate::seeds::seeds;

#[test]
fn no_seed_breaks_a_promise() {
    let seeds = seeds();
    for (target, body) in TARGETS {
        for seed in &seeds[target] {
            body(seed);
        }
    }
    let counts = seeds.values().map(Vec::len).collect::<Vec<_>>();
    assert!(counts.iter().all(|count| *count >= 14), "{counts:?}");
}

/// What libFuzzer found: `fuzz/regressions/TARGET/*` once failed, `fuzz/found/TARGET/*` reach code
/// that no seed reaches.
#[test]
fn nothing_that_was_found_breaks_a_promise_again() {
    for directory in ["fuzz/regressions", "fuzz/found"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        for (target, body) in TARGETS {
            for entry in fs::read_dir(root.join(target)).into_iter().flatten() {
                body(&fs::read(entry.unwrap().path()).unwrap());
            }
        }
    }
}
