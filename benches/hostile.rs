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

use self::support::Issuer;

/// The default of `max_token_bytes`.
const TOKEN_BYTES: usize = 16 * 1024;

/// What payloads are made of. All but the last few are members or parts of a list.
const PARTS: &[&str] = &[
    r#""a":1"#,
    r#""":"""#,
    r#""\u0061":"\n""#,
    r#""aa":[]"#,
    r#""bbb":{}"#,
    r#""x":[[[[]]]]"#,
    r#""x":{"":{"":{}}}"#,
    r#""x":[1,"",[],{},true,null]"#,
    r#""x":"\\\\\\\\\\\\""#,
    r#""x":"\ud83d\ude00\ud83d\ude00""#,
    r#""x":"äöüäöü€€😀""#,
    r#""x":0.123456789123456789e-30"#,
    r#""x":        1"#,
    r#""cognito:username":"u""#,
    r#""cognito:groupz":[""]"#,
    r#""client_ie":"c""#,
    r#""\u0069ss":"i""#,
    r#""x":{"iss":"i"}"#,
    r#""y":true"#,
    r#""zzzzzzzz":false"#,
    r#""x":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
];

const ELEMENTS: &[&str] = &[
    r#""""#,
    "1",
    "[]",
    "{}",
    "true",
    "null",
    r#""\n""#,
    r#""\u0061b""#,
    "[0]",
    r#"{"":0}"#,
    "-1.5e3",
    r#""abcdefgh""#,
    " ",
    r#"{"a":[1,2]}"#,
    r#""ä""#,
    r#""iss":"#,
];

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

    let mut best: Vec<(f64, String, String)> = Vec::new();
    println!("{:<44} {:>10} {:>8}", "known to be awkward", "µs", "/ RSA");
    for (name, payload) in known(&issuer) {
        let cost = judge.cost(&payload);
        println!("{name:<44} {:>10.2} {:>8.3}", cost * judge.rsa * 1e6, cost);
        best.push((cost, name, payload));
    }

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut tried = 0;
    while Instant::now() < until {
        best.sort_by(|one, other| other.0.total_cmp(&one.0));
        best.truncate(12);
        let payload = if random.below(3) == 0 {
            mixture(&issuer, &mut random)
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
        let start: String = payload.chars().skip(90).take(90).collect();
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
    fn cost(&self, payload: &str) -> f64 {
        let token = token(payload);
        let once = || {
            let verdict = self.verifier.try_verify(black_box(&token));
            assert!(verdict.is_some_and(|verdict| verdict.is_err()));
        };
        least(once) / self.rsa
    }
}

fn token(payload: &str) -> String {
    let header = r#"{"kid":"nobody","alg":"RS256"}"#;
    let signature = "A".repeat(342);
    let room = (TOKEN_BYTES - 44 - signature.len()) / 4 * 3 - 3;
    let mut payload = payload.as_bytes();
    payload = &payload[..payload.len().min(room)];
    format!(
        "{}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}

/// Payloads whose claims are accepted, except for the filling.
fn known(issuer: &Issuer) -> Vec<(String, String)> {
    let room = 11_600;
    let list = |name: &str, element: &str| {
        let elements = vec![element; room / (element.len() + 1)].join(",");
        format!("\"{name}\":[{elements}]")
    };
    let mut fillers = vec![
        ("nothing".to_owned(), r#""x":0"#.to_owned()),
        (
            "one long string".to_owned(),
            format!("\"x\":\"{}\"", "a".repeat(room)),
        ),
        (
            "one long string, not ASCII".to_owned(),
            format!("\"x\":\"{}\"", "ä".repeat(room / 2)),
        ),
        (
            "one long string of escapes".to_owned(),
            format!("\"x\":\"{}\"", r"\u0041".repeat(room / 6)),
        ),
        (
            "scope of escapes".to_owned(),
            format!("\"scope\":\"{}\"", r"\u0041".repeat(room / 6)),
        ),
        (
            "white space".to_owned(),
            format!("\"x\":{}0", " ".repeat(room)),
        ),
        ("digits".to_owned(), format!("\"x\":{}", "9".repeat(room))),
        (
            "digits of a date".to_owned(),
            format!("\"nbf\":{}", "9".repeat(room)),
        ),
        (
            "fraction of a date".to_owned(),
            format!("\"nbf\":1.{}", "0123456789".repeat(room / 10)),
        ),
        (
            "deep lists".to_owned(),
            format!("\"x\":{}{}", "[".repeat(room / 2), "]".repeat(room / 2)),
        ),
        (
            "deep objects".to_owned(),
            format!(
                "\"x\":{}1{}",
                "{\"\":".repeat(room / 6),
                "}".repeat(room / 6)
            ),
        ),
        ("members".to_owned(), vec![r#""a":1"#; room / 6].join(",")),
        (
            "members with escaped names".to_owned(),
            vec![r#""\u0061":1"#; room / 11].join(","),
        ),
        (
            "where an issuer might be".to_owned(),
            vec![r#""x":{"iss":"i"}"#; room / 16].join(","),
        ),
    ];
    for name in ["aud", "cognito:groups", "scope", "x"] {
        for element in ELEMENTS {
            if *element != " " && !element.ends_with(':') {
                fillers.push((format!("{name} of {element}"), list(name, element)));
            }
        }
    }
    fillers
        .into_iter()
        .map(|(name, filler)| (name, with_claims(issuer, &filler)))
        .collect()
}

fn with_claims(issuer: &Issuer, filler: &str) -> String {
    let claims = issuer.claims_json("hostile", 3600);
    let (rest, _) = claims.rsplit_once('}').unwrap();
    format!("{rest},{filler}}}")
}

fn mixture(issuer: &Issuer, random: &mut Random) -> String {
    let mut filler = String::new();
    let in_a_list = random.below(2) == 0;
    if in_a_list {
        filler.push_str(["\"x\":[", "\"aud\":[", "\"cognito:groups\":["][random.below(3)]);
    }
    // A few kinds each, so that some mixtures are regular.
    let from = if in_a_list { ELEMENTS } else { PARTS };
    let kinds: Vec<&str> = (0..1 + random.below(6))
        .map(|_| from[random.below(from.len())])
        .collect();
    while filler.len() < 11_500 {
        filler.push_str(kinds[random.below(kinds.len())]);
        filler.push(',');
    }
    filler.pop();
    if in_a_list {
        filler.push(']');
    }
    with_claims(issuer, &filler)
}

/// A piece moved, doubled or taken away, or other parts written over it.
fn mutated(payload: &str, random: &mut Random) -> String {
    let pieces: Vec<&str> = payload.split_inclusive(',').collect();
    let mut pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
    for _ in 0..1 + random.below(8) {
        if pieces.is_empty() {
            break;
        }
        let at = random.below(pieces.len());
        let length = (1 + random.below(64)).min(pieces.len() - at);
        match random.below(4) {
            0 if pieces.len() > 100 => drop(pieces.drain(at..at + length)),
            1 => {
                let copy = pieces[at..at + length].to_vec();
                let to = random.below(pieces.len());
                pieces.splice(to..to, copy);
            }
            2 => {
                let parts = (0..length).map(|_| format!("{},", PARTS[random.below(PARTS.len())]));
                pieces.splice(at..at + length, parts.collect::<Vec<_>>());
            }
            _ => {
                let parts =
                    (0..length).map(|_| format!("{},", ELEMENTS[random.below(ELEMENTS.len())]));
                pieces.splice(at..at + length, parts.collect::<Vec<_>>());
            }
        }
    }
    pieces.concat()
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

/// xorshift64*: the same search every time, as far as time permits.
struct Random(u64);

impl Random {
    #[allow(clippy::cast_possible_truncation)]
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}
