//! Liveness and readiness on the state of the keys, through an outage of the issuer and its recovery.
//!
//! `cargo run --example health` serves until it is stopped; with `-- --check` it plays the outage itself,
//! asserts what each probe answers, and ends.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use axum::{Json, Router, extract::State, routing::get};
use http::StatusCode;
use serde_json::{Value, json};
use tower_cognito::{
    AllowedClients, Claims, Verifier,
    keys::KeyStatus,
    testing::{LocalIssuer, ManualClock},
};

/// The process runs. Keys are no reason to restart it: they come back without.
async fn healthz() -> StatusCode {
    StatusCode::OK
}

/// Whether requests can be served, for one pool at least. The body is for the person who was paged.
async fn readyz(State(verifier): State<Verifier>) -> (StatusCode, Json<Value>) {
    let body = verifier.key_statuses().iter().map(describe).collect();
    let code = if verifier.is_ready() {
        StatusCode::OK
    } else {
        // While no probe lets requests through, nobody else would ask for keys.
        tokio::spawn(async move { verifier.warm_up().await });
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(body))
}

fn describe(status: &KeyStatus) -> Value {
    json!({
        "state": status.state().label(),
        "age_seconds": status.age().map(|age| age.as_secs()),
        "kids": status.kids().collect::<Vec<_>>(),
        "skipped": status.skipped().len(),
        "last_error": status.last_error().map(ToString::to_string),
        "next_attempt_seconds": status.next_attempt().map(|wait| wait.as_secs_f64()),
    })
}

fn app(verifier: &Verifier) -> Router {
    let hello = get(async |claims: Claims| format!("hello {}\n", claims.client_id()));
    Router::new()
        .route("/hello", hello)
        .route_layer(verifier.layer())
        // Probes carry no token.
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(verifier.clone())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder().clock(clock.clone()).start()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = axum::serve(listener, app(&verifier));
    if std::env::args().any(|argument| argument == "--check") {
        tokio::spawn(serving.into_future());
        return check(&url, &issuer, &clock, &verifier).await;
    }
    println!("{url}/healthz\n{url}/readyz");
    serving.await?;
    Ok(())
}

async fn check(
    url: &str,
    issuer: &LocalIssuer,
    clock: &ManualClock,
    verifier: &Verifier,
) -> Result<(), Box<dyn std::error::Error>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let token = issuer
        .token()
        .expires_in(Duration::from_secs(7 * 86_400))
        .build();
    let probe = async |path: &str| -> Result<(u16, String), reqwest::Error> {
        let request = client.get(format!("{url}{path}")).bearer_auth(&token);
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    };

    // The endpoint is down as the process starts: alive, and not ready.
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    assert_eq!(probe("/healthz").await?.0, 200);
    assert_eq!(probe("/readyz").await?.0, 503);
    assert!(verifier.warm_up().await.is_err());
    assert_eq!(probe("/hello").await?.0, 503);

    // It comes up. Nobody restarts anything.
    issuer.recover();
    clock.advance(Duration::from_secs(1));
    verifier.warm_up().await?;
    assert_eq!(probe("/readyz").await?.0, 200);
    assert_eq!(probe("/hello").await?.0, 200);

    // An outage of an hour: ready, and the body says what is wrong.
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    clock.advance(Duration::from_secs(2 * 3600));
    assert!(verifier.warm_up().await.is_err());
    let (code, body) = probe("/readyz").await?;
    assert_eq!(code, 200);
    assert!(body.contains("degraded") && body.contains("502"), "{body}");
    assert_eq!(probe("/hello").await?.0, 200);

    // An outage of a day: the keys are too old to be trusted.
    clock.advance(Duration::from_secs(24 * 3600));
    let (code, body) = probe("/readyz").await?;
    assert_eq!(code, 503);
    assert!(body.contains("expired"), "{body}");
    assert_eq!(probe("/healthz").await?.0, 200);

    issuer.recover();
    // The probe's own attempt may still fail meanwhile. Back-off is half a minute at the most.
    clock.advance(Duration::from_secs(30));
    if probe("/hello").await?.0 == 503 {
        clock.advance(Duration::from_secs(30));
    }
    assert_eq!(probe("/hello").await?.0, 200, "the request fetched");
    assert_eq!(probe("/readyz").await?.0, 200);
    println!("ok");
    Ok(())
}
