//! Liveness and readiness probes that report the state of the keys.
//!
//! `cargo run --example health` serves until Ctrl-C and prints a `curl` line to try.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Claims, Verifier, keys::KeyStatus, testing::LocalIssuer};

pub(crate) fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route_layer(verifier.layer())
        // Probes carry no token.
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(verifier.clone())
}

async fn hello(claims: Claims) -> String {
    format!("hello {}\n", claims.client_id())
}

/// The process runs. A restart does not bring missing keys back, so this does not look at them.
async fn healthz() -> StatusCode {
    StatusCode::OK
}

/// Whether requests can be served, for one pool at least. The body is for the operator.
async fn readyz(State(verifier): State<Verifier>) -> (StatusCode, Json<Value>) {
    let body = verifier.key_statuses().iter().map(describe).collect();
    let code = if verifier.is_ready() {
        StatusCode::OK
    } else {
        // No requests arrive before the probe succeeds, so the probe itself starts the fetch.
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = LocalIssuer::start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["test-client"])?).build()?;
    verifier.warm_up().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("curl -i http://{}/readyz; echo", listener.local_addr()?);
    Ok(axum::serve(listener, app(&verifier)).await?)
}
