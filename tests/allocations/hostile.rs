//! What a stranger can make the service allocate: a token whose signature is not verified yet.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_cognito::{Verifier, testing::TestPool};

use crate::verified;

/// A token that names no key of the pool, so that it is rejected before any signature.
fn unsigned(payload: &str) -> String {
    let header = r#"{"alg":"RS256","kid":"nobody"}"#;
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
        "A".repeat(342)
    )
}

/// Valid claims, followed by other members.
fn claims(pool: &TestPool, members: &str) -> String {
    let user_pool = pool.user_pool();
    let issuer = user_pool.issuers().next().unwrap();
    format!(
        r#"{{"iss":"{issuer}","token_use":"access","exp":9999999999,"client_id":"c",{members}}}"#
    )
}

#[track_caller]
fn costs_the_texts_at_most(verifier: &Verifier, payload: &str) {
    let token = unsigned(payload);
    verified(verifier, &token, false);
    let counted = verified(verifier, &token, false);
    let start: String = payload.chars().take(200).collect();
    assert!(counted.count_total <= 1, "{counted:?}: {start}");
    assert!(
        counted.bytes_max <= token.len() as u64,
        "{counted:?}: {start}"
    );
}

#[test]
fn no_payload_costs_more_than_its_texts_before_its_signature() {
    let pool = TestPool::new();
    for (max_token_bytes, room) in [(16 * 1024, 11_400), (1 << 20, 780_000)] {
        let verifier = pool
            .verifier_builder()
            .max_token_bytes(max_token_bytes)
            .build()
            .unwrap();
        let list = |name: &str, element: &str| {
            let elements = vec![element; room / (element.len() + 1)].join(",");
            format!("\"{name}\":[{elements}]")
        };
        let mut members = vec![
            format!("\"x\":\"{}\"", "a".repeat(room)),
            format!("\"x\":\"{}\"", "ä".repeat(room / 2)),
            format!("\"x\":\"{}\"", r"\u0041".repeat(room / 6)),
            format!("\"scope\":\"{}\"", r"\/".repeat(room / 2)),
            format!("\"sub\":\"{}\"", r"\/".repeat(200)),
            format!("\"x\":{}{}", "[".repeat(room / 2), "]".repeat(room / 2)),
            format!("\"nbf\":{}", "9".repeat(room)),
            format!("\"nbf\":1.{}", "9".repeat(room)),
            vec![r#""a":1"#; room / 6].join(","),
            vec![r#""\u0061":1"#; room / 11].join(","),
        ];
        for name in ["aud", "cognito:groups", "scope", "x"] {
            for element in [
                "\"\"", "\"\\n\"", "[0]", "[\"\"]", "{}", "{\"\":0}", "1.1e1", "null",
            ] {
                members.push(list(name, element));
                // Short enough to be read to its end.
                members.push(format!("\"{name}\":[{element},{element}]"));
            }
        }
        for members in members {
            costs_the_texts_at_most(&verifier, &claims(&pool, &members));
        }
    }
}

/// Mixtures of what JSON is made of. Most are malformed somewhere, which is where reading stops.
#[test]
fn no_mixture_costs_more_than_its_texts_before_its_signature() {
    const PARTS: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\"\"",
        ":",
        ",",
        "1",
        "-1.5e3",
        "true",
        "null",
        "\\",
        "\\n",
        "\\u0061",
        "\\ud800",
        " ",
        "ä",
        "\"aud\":",
        "\"iss\":",
        "\"scope\":\"a\"",
        "[\"a\",\"b\"],",
        "\"a\":{\"b\":[]},",
        "\"cognito:groups\":[",
    ];
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for _ in 0..3000 {
        let count = below(300);
        let members: String = (0..count).map(|_| PARTS[below(PARTS.len())]).collect();
        costs_the_texts_at_most(&verifier, &claims(&pool, &members));
    }
}

/// The same token with a valid signature is accepted: length is not rejected.
#[test]
fn a_good_token_may_be_as_long() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let many = (0..800).map(|n| (format!("c{n}"), n));
    let token = many.fold(pool.token(), |token, (name, value)| {
        token.claim(name, value)
    });
    for (token, accepted) in [(token.clone(), true), (token.tampered(), false)] {
        verified(&verifier, &token.build(), accepted);
    }
    let groups = (0..100).map(|n| format!("group-{n}"));
    let token = pool.token().user("user-1").groups(groups);
    verified(&verifier, &token.build(), true);
}
