//! Adds authentication to a service in use, without a rejection that no one expected.
//!
//! 1. Deploy the layer with `report_only()`: it accepts every request and records what it would
//!    have done.
//! 2. Count the reasons, and fix the callers that would have been rejected.
//! 3. When nothing but `accepted` is counted, remove `report_only()`. The same middleware then
//!    counts rejections.
//!
//! `cargo run --example report_only_rollout` serves step 1 until Ctrl-C, `-- --enforce` step 3;
//! each prints a line to try.

use std::{
    collections::BTreeMap,
    env,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, AuthError, BearerAuthLayer, Claims, ConfigError, RequireScopesLayer, Verifier,
    bearer_auth::ReportOnlyVerdict, testing::LocalIssuer,
};

/// How often each reason occurred. In a service this is a counter with a label.
pub(crate) type Reasons = Arc<Mutex<BTreeMap<&'static str, usize>>>;

fn counts(reasons: &Reasons) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
    reasons.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wraps the layer. A report-only layer adds a `ReportOnlyVerdict` to every response, an enforcing
/// one an `AuthError` to each rejection.
async fn count_reasons(State(reasons): State<Reasons>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let extensions = response.extensions();
    let reported = extensions.get::<ReportOnlyVerdict>();
    let rejected = reported.and_then(ReportOnlyVerdict::error);
    let error = rejected.or_else(|| extensions.get::<AuthError>());
    let reason = error.map_or("accepted", AuthError::reason);
    *counts(&reasons).entry(reason).or_default() += 1;
    response
}

pub(crate) fn app(layer: BearerAuthLayer, reasons: &Reasons) -> Result<Router, ConfigError> {
    // Optional, because a request without a valid token has no claims while the layer only reports.
    let orders = get(async |claims: Option<Claims>| match claims {
        Some(claims) => format!("orders of {}\n", claims.client_id()),
        None => "orders of an unknown caller\n".to_owned(),
    });
    // Inside a report-only layer, a guard only reports as well.
    let guard = RequireScopesLayer::all_of(["orders/get"])?;
    let shown = get(async |State(reasons): State<Reasons>| Json(counts(&reasons).clone()));
    Ok(Router::new()
        .route("/orders", orders.route_layer(guard))
        .route_layer(layer)
        .layer(from_fn_with_state(reasons.clone(), count_reasons))
        .route("/reasons", shown)
        .with_state(reasons.clone()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = LocalIssuer::start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["test-client"])?).build()?;
    let layer = match env::args().nth(1).as_deref() {
        Some("--enforce") => verifier.layer(),
        _ => verifier.layer().report_only(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("curl -i {url}/orders; curl -i {url}/reasons; echo");
    Ok(axum::serve(listener, app(layer, &Reasons::default())?).await?)
}
