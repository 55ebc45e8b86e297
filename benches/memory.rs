//! How much memory the token cache takes: 100 000 distinct good tokens pass through one of 8 MiB.
//!
//! `cargo bench -p benches --bench memory` prints the table; `-- --quick` passes 10 000, which
//! still is three times what fits in.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::sync::mpsc;

use tower_cognito::{Verifier, verifier::TokenCache};

use self::support::Issuer;

const BOUND: usize = 8 * 1024 * 1024;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let steps = if quick { 10 } else { 100 };
    let per_step = 1000;
    let issuer = Issuer::new();
    // Without a cache first, so that what the process takes for anything else is already there.
    let uncached = issuer.verifier(TokenCache::disabled());
    pass(&issuer, &uncached, 0..per_step);
    drop(uncached);
    let verifier = issuer.verifier(TokenCache::with_max_bytes(BOUND));
    let before = resident();
    println!("{:>8} {:>14} {:>10}", "tokens", "growth, bytes", "of bound");
    let mut largest = 0;
    for step in 1..=steps {
        pass(&issuer, &verifier, step * per_step..(step + 1) * per_step);
        let growth = resident().saturating_sub(before);
        largest = growth.max(largest);
        if step % (steps / 10) == 0 {
            println!(
                "{:>8} {growth:>14} {:>10.2}",
                step * per_step,
                of_bound(growth)
            );
        }
    }
    println!("largest growth: {:.2} of the bound", of_bound(largest));
    assert!(largest > BOUND / 4, "the tokens went through no cache");
    assert!(largest <= 2 * BOUND, "it may be at most twice the bound");
}

/// Signing takes a hundred times as long as verifying, so two threads sign.
fn pass(issuer: &Issuer, verifier: &Verifier, ids: std::ops::Range<usize>) {
    let (sender, tokens) = mpsc::sync_channel::<String>(16);
    std::thread::scope(|scope| {
        for odd in 0..2 {
            let (sender, ids) = (sender.clone(), ids.clone());
            scope.spawn(move || {
                for id in ids.filter(|id| id % 2 == odd) {
                    let token = issuer.token("access", &id.to_string(), 3600);
                    sender.send(token).unwrap();
                }
            });
        }
        drop(sender);
        for token in tokens {
            verifier.try_verify(&token).unwrap().unwrap();
        }
    });
}

/// What the process has in memory (Linux only, as is the procfs).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("this needs Linux's procfs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes: usize = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|number| number.parse().ok())
        .expect("VmRSS is a number of kB");
    kibibytes * 1024
}

#[allow(clippy::cast_precision_loss)]
fn of_bound(bytes: usize) -> f64 {
    bytes as f64 / BOUND as f64
}
