//! What the costliest token costs that is rejected before its signature: a search for it.
//!
//! Every token names a key that does not exist, so none gets as far as an RSA verification; each is
//! 16 KiB long, the most that is accepted by default. The search starts from payloads that are
//! known to be awkward, and goes on with random mixtures of their parts, of which the costliest are
//! mutated. The cost is processor time over that of one RSA verification, both from this run.
//!
//! `cargo bench -p benches --bench hostile` searches for 60 seconds; `-- --quick` for one;
//! `-- SECONDS` as long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cpu_time::ThreadTime;
use tower_cognito::{Verifier, verifier::TokenCache};

use self::support::{
    Issuer,
    hostile_tokens::{Random, known, mixture, mutated},
};

/// The default of `max_token_bytes`.
const TOKEN_BYTES: usize = 16 * 1024;

fn main() {
    let argument = std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench");
    let seconds = match argument.as_deref() {
        Some("--quick" | "--test") => 1,
        Some(seconds) => seconds.parse().expect("SECONDS is a number"),
        None => 60,
    };
    let issuer = Issuer::new();
    let judge = Judge {
        verifier: issuer.verifier(TokenCache::disabled()),
        rsa: rsa_alone(&issuer),
    };
    println!("one RSA verification: {:.1} µs", judge.rsa * 1e6);

    let claims = issuer.claims_json("hostile", 3600);
    let mut best: Vec<(f64, String, Vec<u8>)> = Vec::new();
    println!("{:<44} {:>10} {:>8}", "known to be awkward", "µs", "/ RSA");
    for (name, payload) in known(&claims, 11_600) {
        let payload = payload.into_bytes();
        let cost = judge.cost(&payload);
        println!("{name:<44} {:>10.2} {:>8.3}", cost * judge.rsa * 1e6, cost);
        best.push((cost, name, payload));
    }

    let mut random = Random::new(1);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut tried = 0;
    while Instant::now() < until {
        best.sort_by(|one, other| other.0.total_cmp(&one.0));
        best.truncate(12);
        let payload = if random.below(3) == 0 {
            mixture(&claims, 11_500, &mut random).into_bytes()
        } else {
            let parent = random.below(best.len());
            mutated(&best[parent].2, &mut random)
        };
        tried += 1;
        best.push((judge.cost(&payload), "found".to_owned(), payload));
    }
    // Measured again, because the search prefers whatever was disturbed while it was timed.
    for (cost, _, payload) in &mut best {
        *cost = (0..20)
            .map(|_| judge.cost(payload))
            .fold(f64::MAX, f64::min);
    }
    best.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("\n{tried} payloads tried; the costliest, measured again:");
    for (cost, name, payload) in best.iter().take(5) {
        let start = String::from_utf8_lossy(payload);
        let start: String = start.chars().skip(90).take(90).collect();
        println!("{:>6.3} RSA  {name}: {start}…", cost);
    }
}

struct Judge {
    verifier: Verifier,
    /// Seconds.
    rsa: f64,
}

impl Judge {
    /// In RSA verifications.
    fn cost(&self, payload: &[u8]) -> f64 {
        let token = token(payload);
        let once = || {
            let verdict = self.verifier.try_verify(black_box(&token));
            assert!(verdict.is_some_and(|verdict| verdict.is_err()));
        };
        least(once) / self.rsa
    }
}

fn token(payload: &[u8]) -> String {
    let header = r#"{"kid":"nobody","alg":"RS256"}"#;
    let signature = "A".repeat(342);
    let room = (TOKEN_BYTES - 44 - signature.len()) / 4 * 3 - 3;
    let payload = &payload[..payload.len().min(room)];
    format!(
        "{}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}

/// The least time of a few tries: whatever else the machine does only adds to it.
fn least(once: impl Fn()) -> f64 {
    (0..5)
        .map(|_| {
            let begun = ThreadTime::now();
            for _ in 0..20 {
                once();
            }
            begun.elapsed().as_secs_f64() / 20.0
        })
        .fold(f64::MAX, f64::min)
}

fn rsa_alone(issuer: &Issuer) -> f64 {
    let token = issuer.token("access", "rsa", 3600);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let once = || {
        let input = black_box(input.as_bytes());
        issuer.public.verify_sig(input, &signature).unwrap();
    };
    (0..20).map(|_| least(once)).fold(f64::MAX, f64::min)
}
