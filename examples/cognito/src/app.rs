use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use tower_cognito::{Claims, ConfigError, Principal, RequireScopesLayer, Verifier};

pub(crate) fn app(
    verifier: &Verifier,
    read_scope: &str,
    write_scope: &str,
) -> Result<Router, ConfigError> {
    let read = RequireScopesLayer::all_of([read_scope])?;
    let write = RequireScopesLayer::all_of([write_scope])?;
    let both = RequireScopesLayer::all_of([read_scope, write_scope])?;
    Ok(Router::new()
        .route("/whoami", get(whoami))
        .route("/profiles", get(list_profiles).route_layer(read))
        .route("/profiles", post(create_profile).route_layer(write))
        .route("/both", get(list_profiles).route_layer(both))
        // Guards the routes above. The routes below, and unknown paths, need no token.
        .route_layer(verifier.layer())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(verifier.clone()))
}

async fn whoami(claims: Claims) -> Json<Value> {
    let principal = match claims.principal() {
        Principal::Client(_) => "client",
        Principal::User { .. } => "user",
        _ => "unknown",
    };
    Json(json!({
        "client_id": claims.client_id(),
        "principal": principal,
        "subject": claims.subject(),
        "scopes": claims.scopes().collect::<Vec<_>>(),
    }))
}

async fn list_profiles(claims: Claims) -> Json<Value> {
    Json(json!({ "for": claims.client_id(), "profiles": ["ada", "grace"] }))
}

async fn create_profile(claims: Claims) -> (StatusCode, Json<Value>) {
    let created = json!({ "by": claims.client_id(), "created": "alan" });
    (StatusCode::CREATED, Json(created))
}

/// A service that is not ready gets no requests, so the probe itself has to start the fetch. That
/// is cheap: failures back off, and only one fetch runs at a time.
async fn readyz(State(verifier): State<Verifier>) -> (StatusCode, Json<Value>) {
    if !verifier.is_ready() {
        // The status below tells whether it succeeded.
        let _ = verifier.warm_up().await;
    }
    let keys = verifier.key_status();
    let status = if verifier.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "keys": keys.state().label(),
        "usable_keys": keys.kids().count(),
        "skipped_keys": keys.skipped().len(),
        "age_seconds": keys.age().as_ref().map(Duration::as_secs),
        "last_error": keys.last_error().map(ToString::to_string),
        "next_attempt_seconds": keys.next_attempt().as_ref().map(Duration::as_secs),
    });
    (status, Json(body))
}
