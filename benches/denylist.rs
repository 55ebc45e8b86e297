//! What a denylist of a million entries costs in memory and per look-up.
//!
//! `cargo bench -p benches --bench denylist` prints both; `-- --quick` takes 10 000 entries.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::type_complexity,
    clippy::unwrap_used,
    missing_docs
)]

use std::{collections::HashSet, convert::Infallible, hint::black_box, time::Duration};

use cpu_time::ThreadTime;
use tower_cognito::{
    Claims,
    clock::{Clock, SystemClock},
    denylist::{DeniedCallers, Denylist, Loaded},
    testing::TestPool,
};

/// Callers that are asked about in turn, none of them on the list.
const CALLERS: usize = 512;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (entries, rounds, repeat) = if quick {
        (10_000, 3, 1)
    } else {
        (1_000_000, 41, 100)
    };
    memory(entries);
    look_up(entries, rounds, repeat);
}

fn memory(entries: usize) {
    let growth = |build: &dyn Fn() -> Box<dyn std::any::Any>| {
        let before = resident();
        let built = build();
        let growth = resident().saturating_sub(before);
        drop(built);
        growth / entries
    };
    let ours = growth(&|| Box::new(list(entries)));
    let boxes = growth(&|| {
        let ids: HashSet<Box<str>> = (0..entries).map(|id| uuid(id).into()).collect();
        Box::new(ids)
    });
    println!(
        "bytes per entry (a UUID of 36 bytes) of {entries}: {ours}, in a HashSet<Box<str>> {boxes}"
    );
}

fn look_up(entries: usize, rounds: usize, repeat: usize) {
    let pool = TestPool::new();
    let callers: Vec<Claims> = (0..CALLERS)
        .map(|id| pool.claims(&pool.token().claim("jti", uuid(entries + id))))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let begun = ThreadTime::now();
    let million = list(entries);
    let building = begun.elapsed();
    let empty = DeniedCallers::new();
    let denylist = runtime.block_on(async {
        let list = million.clone();
        let load = move |_| {
            let list = list.clone();
            async move { Ok::<Loaded, Infallible>(list.into()) }
        };
        let denylist = Denylist::builder(Duration::from_secs(3600), load)
            .spawn()
            .unwrap();
        denylist.warm_up().await.unwrap();
        denylist
    });
    let clock = SystemClock::new();

    let asks: [(&str, &dyn Fn(&Claims)); 4] = [
        ("two clocks", &|_| {
            black_box((clock.now(), clock.monotonic()));
        }),
        ("empty list", &|claims| assert!(empty.check(claims).is_ok())),
        ("full list", &|claims| {
            assert!(million.check(claims).is_ok())
        }),
        ("full list and its age", &|claims| {
            assert!(denylist.check(claims).is_ok());
        }),
    ];
    let mut times = asks.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, ask), times) in asks.iter().zip(&mut times) {
            let begun = ThreadTime::now();
            for _ in 0..repeat {
                for claims in &callers {
                    ask(black_box(claims));
                }
            }
            times.push(begun.elapsed().as_nanos() as f64 / (repeat * CALLERS) as f64);
        }
    }
    println!("building a list of {entries}: {building:?}");
    for ((name, _), times) in asks.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("{name:<24} {:>7.1} ns", times[times.len() / 2]);
    }
}

fn list(entries: usize) -> DeniedCallers {
    DeniedCallers::new().revoke_tokens((0..entries).map(uuid))
}

/// In the form of a `jti`, and spread as one.
fn uuid(id: usize) -> String {
    let spread = (id as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let digits = format!("{spread:032x}");
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
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
