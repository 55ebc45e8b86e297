//! Which structure holds verified tokens best: lookups of quick_cache and of moka, from one
//! interleaved run.
//!
//! Both are used as the token cache uses its own: bounded by weight, the token's last 32 bytes
//! hashed under a random seed, the whole token compared, an `Arc` returned. What is timed is the
//! processor time of the threads.
//!
//! `cargo bench -p benches --bench cache` prints the table; `-- --quick` runs every case once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(missing_docs)]

use std::{
    hash::{Hash, Hasher},
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use cpu_time::ThreadTime;

const TOKENS: usize = 256;
const TOKEN_BYTES: usize = 1100;
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A token by its whole text, hashed by its end.
#[derive(Clone, PartialEq, Eq)]
struct Token(Arc<[u8]>);

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0[TOKEN_BYTES - 32..]);
    }
}

type Seed = foldhash::fast::RandomState;
type Moka = moka::sync::Cache<Token, Arc<str>, Seed>;
type Quick = quick_cache::sync::Cache<Token, Arc<str>, Weight, Seed>;

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<Token, Arc<str>> for Weight {
    fn weight(&self, token: &Token, claims: &Arc<str>) -> u64 {
        (token.0.len() + claims.len()) as u64
    }
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (rounds, repeat) = if quick { (1, 1) } else { (40, 20_000) };

    let tokens: Vec<Token> = (0..TOKENS)
        .map(|index| {
            Token(
                (0..TOKEN_BYTES)
                    .map(|at| (at * 31 + index * 7 * (at % 251)) as u8)
                    .collect(),
            )
        })
        .collect();
    let claims: Arc<str> = Arc::from("x".repeat(700));
    let moka: Moka = moka::sync::Cache::builder()
        .max_capacity(MAX_BYTES)
        .weigher(|token: &Token, claims: &Arc<str>| (token.0.len() + claims.len()) as u32)
        .build_with_hasher(Seed::default());
    let options = quick_cache::OptionsBuilder::new()
        .weight_capacity(MAX_BYTES)
        .estimated_items_capacity(4000)
        .build()
        .unwrap();
    let quick_cache: Quick = quick_cache::sync::Cache::with_options(
        options,
        Weight,
        Seed::default(),
        Default::default(),
    );
    for token in &tokens {
        moka.insert(token.clone(), Arc::clone(&claims));
        quick_cache.insert(token.clone(), Arc::clone(&claims));
    }
    moka.run_pending_tasks();

    let in_moka = |token: &Token| moka.get(token).is_some();
    let in_quick_cache = |token: &Token| quick_cache.get(token).is_some();
    println!(
        "{:<10} {:>16} {:>16} {:>8}",
        "threads", "quick_cache ns", "moka ns", "ratio"
    );
    for threads in [1, 2] {
        let mut times: Vec<(f64, f64)> = Vec::new();
        for _ in 0..rounds {
            let of_quick_cache = lookup_time(threads, repeat, &tokens, &in_quick_cache);
            let of_moka = lookup_time(threads, repeat, &tokens, &in_moka);
            times.push((of_quick_cache, of_moka));
        }
        println!(
            "{threads:<10} {:>16.1} {:>16.1} {:>8.3}",
            median(times.iter().map(|(quick_cache, _)| *quick_cache)),
            median(times.iter().map(|(_, moka)| *moka)),
            median(times.iter().map(|(quick_cache, moka)| quick_cache / moka)),
        );
    }
}

/// Nanoseconds of processor time per lookup, the mean over the threads.
fn lookup_time(
    threads: usize,
    repeat: usize,
    tokens: &[Token],
    lookup: &(dyn Fn(&Token) -> bool + Sync),
) -> f64 {
    let start = std::sync::Barrier::new(threads);
    let run = |offset: usize| {
        start.wait();
        let begun = ThreadTime::now();
        for index in 0..repeat {
            assert!(lookup(black_box(&tokens[(index + offset) % TOKENS])));
        }
        begun.elapsed()
    };
    let total: Duration = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let run = &run;
                    move || run(thread * TOKENS / 2)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    total.as_nanos() as f64 / (threads * repeat) as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
