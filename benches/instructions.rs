//! One case, a given number of times: what `just instructions` runs under callgrind to count
//! instructions.
//!
//! `cargo bench -p benches --bench instructions -- CASE COUNT`

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::{Router, body::Body, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode};
use tower::Service;
use tower_cognito::{Verifier, verifier::TokenCache};

use self::support::{InsertArc, Issuer, guarded, request, takes_arc};

fn main() {
    let arguments: Vec<String> = std::env::args()
        .filter(|argument| argument != "--bench")
        .collect();
    let [_, case, count] = arguments.as_slice() else {
        return println!("usage: CASE COUNT");
    };
    let count: usize = count.parse().expect("COUNT is a number");
    let issuer = Issuer::new();
    let good = issuer.token("access", "good", 3600);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    #[cfg(feature = "metrics")]
    if case.ends_with("-metered") {
        metrics_exporter_prometheus::PrometheusBuilder::new()
            .install_recorder()
            .unwrap();
    }
    let verifier = issuer.verifier(match case.as_str() {
        "first-sight" => TokenCache::disabled(),
        _ => TokenCache::default(),
    });
    let token = match case.as_str() {
        "rsa" | "first-sight" | "seen" | "axum-plain" | "axum-takes-arc" | "axum-arc"
        | "axum-seen" | "axum-counted" | "axum-metered" => good.clone(),
        "expired" => issuer.token("access", "expired", -3600),
        "unknown-kid" => issuer.token("unknown", "unknown", 3600),
        "garbage" => "x".repeat(good.len()),
        "hostile-kid" => {
            // As many escapes as the steps of a header permit.
            let header = format!(r#"{{"kid":"{}","alg":"RS256"}}"#, r"\u0041".repeat(124));
            issuer.hostile_token_with(&header, &hostile_filler(case))
        }
        _ if case.starts_with("hostile-") => issuer.hostile_token(&hostile_filler(case)),
        other => panic!("no such case: {other}"),
    };
    if let Some(app) = router(case, &verifier) {
        let mut app = app;
        let mut requests = (0..=count).map(|_| request(&token)).collect::<Vec<_>>();
        let mut call = |request: Request<Body>| {
            // Nothing in it waits, so no runtime is needed, nor counted.
            let mut response = pin!(app.call(request));
            let mut context = Context::from_waker(Waker::noop());
            matches!(response.as_mut().poll(&mut context), Poll::Ready(Ok(response)) if response.status() == StatusCode::OK)
        };
        // The first call fills the token cache.
        assert!(requests.pop().is_some_and(&mut call));
        measured(count, || requests.pop().is_some_and(&mut call));
    } else if case == "rsa" {
        // So that nothing is done for the first time when it counts.
        issuer
            .public
            .verify_sig(input.as_bytes(), &signature)
            .unwrap();
        measured(count, || {
            issuer
                .public
                .verify_sig(black_box(input.as_bytes()), &signature)
                .is_ok()
        });
    } else {
        let accepted = matches!(case.as_str(), "first-sight" | "seen");
        // A service has seen good tokens, and so knows their header.
        verifier.try_verify(&good).unwrap().unwrap();
        // The first call fills the token cache.
        assert_eq!(verifier.try_verify(&token).unwrap().is_ok(), accepted);
        measured(count, || {
            verifier.try_verify(black_box(&token)).unwrap().is_ok() == accepted
        });
    }
}

fn router(case: &str, verifier: &Verifier) -> Option<Router> {
    let router = Router::new().route("/", get(|| async { "hello" }));
    match case {
        "axum-plain" => Some(router),
        "axum-arc" => Some(router.route_layer(InsertArc::new())),
        "axum-takes-arc" => Some(takes_arc()),
        "axum-seen" | "axum-counted" | "axum-metered" => Some(guarded(verifier)),
        _ => None,
    }
}

/// What fills a token of 16 KiB, of the kinds that the searches (`--bench hostile`, `--bench cost`)
/// found to cost most.
fn hostile_filler(case: &str) -> String {
    // Less where the header is long.
    let room = if case == "hostile-kid" { 9_500 } else { 11_400 };
    let many = |unit: &str| vec![unit; room / (unit.len() + 1)].join(",");
    match case {
        "hostile-members" => many(r#""client_ie":"c""#),
        "hostile-escapes" => many(r#""\u0061":1"#),
        // After a costly header.
        "hostile-kid" => format!("\"aud\":[{}]", many("-1.5e3")),
        "hostile-audience" => format!("\"aud\":[{}]", many(r#""abcdefgh""#)),
        "hostile-depth" => format!("\"x\":{}{}", "[".repeat(room / 2), "]".repeat(room / 2)),
        "hostile-string" => format!("\"x\":\"{}\"", "ä".repeat(room / 2)),
        "hostile-space" => format!("\"x\":{}0", " ".repeat(room)),
        other => panic!("no such case: {other}"),
    }
}

/// Callgrind counts what happens in here, and not the signing of the tokens.
#[inline(never)]
fn measured(count: usize, mut once: impl FnMut() -> bool) {
    for _ in 0..count {
        assert!(once());
    }
}
