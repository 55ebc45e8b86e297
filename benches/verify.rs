//! What verification costs, as ratios from one interleaved run.
//!
//! What is timed is the processor time of the thread, so that whatever else the machine does is not
//! in it.
//!
//! `cargo bench -p benches --bench verify` prints the table; `-- --quick` runs every case once, to
//! see that it still works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod support;

use std::{hint::black_box, time::Duration};

use axum::{Router, body::Body, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cpu_time::ThreadTime;
use http::{Request, Response, StatusCode};
use tower::Service;
use tower_cognito::{AllowedClients, ScopePolicy, Verifier, verifier::TokenCache};

use self::support::{InsertArc, Issuer, guarded, request, takes_arc};

const TOKENS: usize = 256;
const BATCH: usize = 32;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (rounds, repeat) = if quick { (1, 1) } else { (60, 2000) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();

    let issuer = Issuer::new();
    let tokens: Vec<String> = (0..TOKENS)
        .map(|index| issuer.token("access", &index.to_string(), 3600))
        .collect();
    let expired = issuer.token("access", "expired", -3600);
    let unknown_kid = issuer.token("unknown", "unknown", 3600);

    let mut table = Table::default();
    for _ in 0..rounds {
        rsa_alone(&mut table, &issuer, &tokens);
        first_sight(&mut table, &issuer, &tokens);
        seen(&mut table, &issuer, &tokens, repeat);
        rejected(
            &mut table,
            &issuer,
            &tokens[0],
            [&expired, &unknown_kid],
            repeat,
        );
        routers(&mut table, &issuer, &tokens, repeat, &runtime);
        two_threads(&mut table, &issuer, &tokens, repeat * 4);
        beside_tokens(&mut table, &issuer, &tokens[0], repeat);
    }
    table.print();
}

fn rsa_alone(table: &mut Table, issuer: &Issuer, tokens: &[String]) {
    let parsed: Vec<(&str, Vec<u8>)> = tokens
        .iter()
        .map(|token| {
            let (input, signature) = token.rsplit_once('.').unwrap();
            (input, URL_SAFE_NO_PAD.decode(signature).unwrap())
        })
        .collect();
    table.time("aws-lc-rs RSA verify alone", parsed.len(), || {
        for (input, signature) in &parsed {
            issuer
                .public
                .verify_sig(black_box(input.as_bytes()), signature)
                .unwrap();
        }
    });
}

fn first_sight(table: &mut Table, issuer: &Issuer, tokens: &[String]) {
    for (name, cache) in [
        ("first sight", TokenCache::default()),
        ("first sight, no cache", TokenCache::disabled()),
    ] {
        let verifier = issuer.verifier(cache);
        table.time(name, tokens.len(), || {
            for token in tokens {
                black_box(verifier.try_verify(token).unwrap().unwrap());
            }
        });
    }
}

fn seen(table: &mut Table, issuer: &Issuer, tokens: &[String], repeat: usize) {
    let verifier = issuer.verifier(TokenCache::default());
    for token in tokens {
        verifier.try_verify(token).unwrap().unwrap();
    }
    table.time("seen before", repeat, || {
        for index in 0..repeat {
            black_box(
                verifier
                    .try_verify(&tokens[index % TOKENS])
                    .unwrap()
                    .unwrap(),
            );
        }
    });
}

fn rejected(
    table: &mut Table,
    issuer: &Issuer,
    good: &str,
    [expired, unknown_kid]: [&str; 2],
    repeat: usize,
) {
    let verifier = issuer.verifier(TokenCache::default());
    // A service has seen good tokens, and so knows their header.
    verifier.try_verify(good).unwrap().unwrap();
    let garbage = "x".repeat(expired.len());
    for (name, token) in [
        ("rejected: garbage", garbage.as_str()),
        ("rejected: expired", expired),
        ("rejected: unknown kid", unknown_kid),
    ] {
        table.time(name, repeat, || {
            for _ in 0..repeat {
                black_box(verifier.try_verify(token).unwrap().unwrap_err());
            }
        });
    }
}

/// What a guard adds to a request, and what a fetch of keys costs after the network.
fn beside_tokens(table: &mut Table, issuer: &Issuer, token: &str, repeat: usize) {
    let claims = issuer
        .verifier(TokenCache::disabled())
        .try_verify(token)
        .unwrap()
        .unwrap();
    let policy = ScopePolicy::all_of(["orders/get", "profiles/get"]).unwrap();
    table.time("scope check, two of three", repeat, || {
        for _ in 0..repeat {
            assert!(black_box(&policy).is_met_by(black_box(&claims).scopes()));
        }
    });
    long_lists(table, issuer, repeat.div_ceil(20));
    let repeat = repeat.div_ceil(20);
    table.time("verifier with a key set of one key", repeat, || {
        for _ in 0..repeat {
            black_box(issuer.verifier(TokenCache::disabled()));
        }
    });
}

/// Long lists in the configuration and in a token.
fn long_lists(table: &mut Table, issuer: &Issuer, repeat: usize) {
    let clients = (0..10_000).map(|number| format!("{number:026}"));
    let clients = AllowedClients::only(clients).unwrap();
    let rejected = issuer.verifier_for(clients);
    let accepted = issuer.verifier(TokenCache::disabled());
    // Both are rejected: one because its client is none of 10 000, the other for its key.
    let unknown_kid = issuer.token("unknown", "unknown", 3600);
    for (name, verifier) in [
        ("client of 10 000", &rejected),
        ("client of any", &accepted),
    ] {
        table.time(name, repeat, || {
            for _ in 0..repeat {
                black_box(verifier.try_verify(&unknown_kid).unwrap().unwrap_err());
            }
        });
    }
    let policy = ScopePolicy::any_of((0..200).map(|number| format!("wanted/{number}"))).unwrap();
    let scopes: Vec<String> = (0..1500).map(|number| format!("o/{number}")).collect();
    table.time("200 alternatives, 1 500 scopes", repeat, || {
        for _ in 0..repeat {
            let scopes = scopes.iter().map(String::as_str);
            assert!(!black_box(&policy).is_met_by(black_box(scopes)));
        }
    });
}

fn two_threads(table: &mut Table, issuer: &Issuer, tokens: &[String], repeat: usize) {
    let verifier = issuer.verifier(TokenCache::default());
    for token in tokens {
        verifier.try_verify(token).unwrap().unwrap();
    }
    let lookups = |verifier: &Verifier, offset: usize| {
        for index in 0..repeat {
            black_box(
                verifier
                    .try_verify(&tokens[(index + offset) % TOKENS])
                    .unwrap()
                    .unwrap(),
            );
        }
    };
    table.time("seen, one thread", repeat, || lookups(&verifier, 0));
    let start = std::sync::Barrier::new(2);
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (start, verifier) = (&start, verifier.clone());
                scope.spawn(move || {
                    start.wait();
                    let begun = ThreadTime::now();
                    lookups(&verifier, thread * TOKENS / 2);
                    begun.elapsed()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    table.record(
        "seen, each of two threads",
        times.iter().sum::<Duration>() / 2,
        repeat,
    );
}

fn routers(
    table: &mut Table,
    issuer: &Issuer,
    tokens: &[String],
    repeat: usize,
    runtime: &tokio::runtime::Runtime,
) {
    let router = || Router::new().route("/", get(|| async { "hello" }));
    let plain: Router = router();
    let inserting: Router = router().route_layer(InsertArc::new());
    let seen = guarded(&issuer.verifier(TokenCache::default()));
    let uncached = guarded(&issuer.verifier(TokenCache::disabled()));
    for (name, mut app) in [
        ("axum: no auth", plain),
        ("axum: inserts an Arc", inserting),
        ("axum: handler takes the Arc", takes_arc()),
        ("axum: seen before", seen),
        ("axum: first sight", uncached),
    ] {
        let mut call = |request: Request<Body>| {
            let response: Response<Body> = runtime.block_on(app.call(request)).unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        };
        let mut elapsed = Duration::ZERO;
        let batches = repeat.div_ceil(BATCH);
        for batch in 0..=batches {
            // A few requests at a time, made before the clock starts: a server has just parsed the
            // one it serves, and its header is still in the processor's cache.
            let requests: Vec<_> = (0..BATCH).map(|index| request(&tokens[index])).collect();
            let begun = ThreadTime::now();
            requests.into_iter().for_each(&mut call);
            // The first batch fills the token cache.
            if batch > 0 {
                elapsed += begun.elapsed();
            }
        }
        table.record(name, elapsed, batches * BATCH);
    }
}

/// Times by case, one entry a round.
#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, Vec<f64>)>,
}

impl Table {
    fn time(&mut self, name: &'static str, count: usize, work: impl FnOnce()) {
        let begun = ThreadTime::now();
        work();
        self.record(name, begun.elapsed(), count);
    }

    fn record(&mut self, name: &'static str, elapsed: Duration, count: usize) {
        #[allow(clippy::cast_precision_loss)]
        let nanos = elapsed.as_nanos() as f64 / count as f64;
        match self.rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(nanos),
            None => self.rows.push((name, vec![nanos])),
        }
    }

    /// The median over the rounds of the ratio of two cases in the same round.
    fn ratio(&self, of: &str, to: &str) -> f64 {
        let times = |name| {
            &self
                .rows
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap()
                .1
        };
        median(
            times(of)
                .iter()
                .zip(times(to))
                .map(|(of, to)| of / to)
                .collect(),
        )
    }

    fn print(&self) {
        println!("{:<30} {:>12}", "case", "median ns");
        for (name, times) in &self.rows {
            println!("{name:<30} {:>12.1}", median(times.clone()));
        }
        println!("\n{:<62} {:>8}", "ratio", "median");
        for (of, to) in [
            ("first sight", "aws-lc-rs RSA verify alone"),
            ("first sight, no cache", "aws-lc-rs RSA verify alone"),
            ("seen before", "first sight"),
            ("rejected: garbage", "first sight"),
            ("rejected: expired", "first sight"),
            ("rejected: unknown kid", "first sight"),
            ("axum: seen before", "axum: handler takes the Arc"),
            ("axum: seen before", "axum: inserts an Arc"),
            ("axum: seen before", "axum: no auth"),
            ("axum: first sight", "axum: no auth"),
            ("seen, each of two threads", "seen, one thread"),
            ("scope check, two of three", "first sight"),
            ("client of 10 000", "aws-lc-rs RSA verify alone"),
            ("client of any", "aws-lc-rs RSA verify alone"),
            (
                "200 alternatives, 1 500 scopes",
                "aws-lc-rs RSA verify alone",
            ),
            ("verifier with a key set of one key", "first sight"),
        ] {
            println!("{:<62} {:>8.4}", format!("{of} / {to}"), self.ratio(of, to));
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
