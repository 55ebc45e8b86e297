#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{Request, header::AUTHORIZATION},
};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_cognito::{
    AllowedClients, Verifier,
    testing::{LocalIssuer, ManualClock, TokenBuilder},
};

use super::{app, install_recorder};

#[tokio::test]
async fn a_scrape_shows_every_request_and_the_state_of_the_keys() {
    let handle = install_recorder().unwrap();
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder().clock(clock.clone()).start().unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    let app = app(&verifier, handle).unwrap();
    let get = async |path: &str, authorization: Option<String>| {
        let mut request = Request::get(path);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };

    let good = || {
        issuer
            .token()
            .client_credentials("caller")
            .scopes(["profiles/get"])
    };
    let again = format!("Bearer {}", good().build());
    let of = |token: TokenBuilder| format!("Bearer {}", token.build());
    for (authorization, expected) in [
        (again.clone(), 200),
        (again, 200),
        (of(good().scopes(["profiles/post"])), 403),
        (of(good().expired()), 401),
        (of(good().unknown_key()), 401),
    ] {
        assert_eq!(get("/profiles", Some(authorization)).await.0, expected);
    }
    clock.advance(Duration::from_secs(90));

    // A fetch is counted just after its waiters continue, so the first scrape can be too early.
    let both_fetches = async {
        loop {
            let (_, scraped) = get("/metrics", None).await;
            let fetches = |line: &&str| line.starts_with("tower_cognito_key_fetches_total{");
            if scraped.lines().filter(fetches).count() == 2 {
                return scraped;
            }
            tokio::task::yield_now().await;
        }
    };
    let scraped = timeout(Duration::from_secs(10), both_fetches)
        .await
        .unwrap();
    let keys = format!("jwks_url=\"{}\"", issuer.jwks_url());
    for line in [
        "# TYPE tower_cognito_requests_total counter",
        r#"tower_cognito_requests_total{reason="accepted",verified="true",enforcement="enforced"} 3"#,
        r#"tower_cognito_requests_total{reason="expired",verified="false",enforcement="enforced"} 1"#,
        r#"tower_cognito_requests_total{reason="unknown_key",verified="false",enforcement="enforced"} 1"#,
        "# TYPE tower_cognito_inner_rejections_total counter",
        r#"tower_cognito_inner_rejections_total{reason="insufficient_scope",verified="true",enforcement="enforced"} 1"#,
        r#"tower_cognito_token_cache_lookups_total{outcome="hit"} 1"#,
        r#"tower_cognito_token_cache_lookups_total{outcome="miss"} 4"#,
        &format!(
            r#"tower_cognito_key_fetches_total{{{keys},reason="no_keys",outcome="changed"}} 1"#
        ),
        &format!(
            r#"tower_cognito_key_fetches_total{{{keys},reason="unknown_kid",outcome="unchanged"}} 1"#
        ),
        "# TYPE tower_cognito_key_fetch_duration_seconds histogram",
        &format!(r#"tower_cognito_key_fetch_duration_seconds_count{{{keys},outcome="changed"}} 1"#),
        "# TYPE tower_cognito_key_set_state gauge",
        &format!(r#"tower_cognito_key_set_state{{{keys},state="fresh"}} 1"#),
        &format!(r#"tower_cognito_key_set_state{{{keys},state="degraded"}} 0"#),
        &format!("tower_cognito_key_set_age_seconds{{{keys}}} 90"),
        &format!("tower_cognito_key_set_last_success_timestamp_seconds{{{keys}}} 1735689600"),
    ] {
        assert!(
            scraped.lines().any(|scraped| scraped == line),
            "{line} is not in\n{scraped}"
        );
    }
}

/// The page for operators shows this program's code, which compiles here.
#[test]
fn the_snippets_of_the_page_are_this_program() {
    let page = include_str!("../../../docs/guide/observability.md");
    let program = include_str!("main.rs");
    let trimmed = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let snippets: Vec<&str> = page
        .split("```rust,ignore\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    for snippet in &snippets {
        assert!(
            trimmed(program).contains(trimmed(snippet).trim()),
            "{snippet}"
        );
    }
    assert!(!snippets.is_empty());
}
