//! Authentication for a service that is in use, in three steps and without a refusal that nobody expected.
//!
//! 1. A layer with `report_only()` lets every request through and leaves a `ReportOnlyVerdict`; a middleware outside counts the reasons.
//! 2. The counts say who still calls without a good token. Those callers are mended, while nothing else has changed.
//! 3. When no refusal is counted any more, `report_only()` is deleted. The same middleware counts refusals from then on.
//!
//! `cargo run --example report_only_rollout` plays the three steps and prints the counts; `-- --check` asserts them.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{
    collections::BTreeMap,
    error::Error,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use http::header::AUTHORIZATION;
use tower::ServiceExt;
use tower_cognito::{
    AuthError, BearerAuthLayer, Claims, ConfigError, RequireScopesLayer,
    bearer_auth::ReportOnlyVerdict,
    testing::{TestPool, TokenBuilder},
};

/// How often each reason occurred. In a service this is a counter with a label.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Reasons {
    fn count(&self, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(reason).or_default() += 1;
    }

    /// What was counted since this was called last.
    fn take(&self) -> Vec<(&'static str, usize)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts).into_iter().collect()
    }
}

/// Outside of the layer. A report-only layer leaves a `ReportOnlyVerdict` with every response, an enforcing one an `AuthError` with each
/// refusal.
async fn count_reasons(State(reasons): State<Reasons>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let extensions = response.extensions();
    let found = extensions
        .get::<ReportOnlyVerdict>()
        .and_then(ReportOnlyVerdict::refused);
    let refused = found.or_else(|| extensions.get::<AuthError>());
    reasons.count(refused.map_or("accepted", AuthError::reason));
    response
}

/// The service is the same in all steps; only the layer differs.
fn app(layer: BearerAuthLayer, reasons: &Reasons) -> Result<Router, ConfigError> {
    // `Option`, since there are no claims without a good token while the layer only reports.
    let orders = get(async |claims: Option<Claims>| match claims {
        Some(claims) => format!("orders of {}", claims.client_id()),
        None => "orders of an unknown caller".to_owned(),
    });
    Ok(Router::new()
        // A guard beneath a report-only layer only reports, too.
        .route(
            "/orders",
            orders.route_layer(RequireScopesLayer::all_of(["orders/get"])?),
        )
        .route_layer(layer)
        .layer(from_fn_with_state(reasons.clone(), count_reasons)))
}

/// One request of each caller; how many of them were answered with 200.
async fn traffic(app: &Router, callers: &[Option<TokenBuilder>]) -> Result<usize, Box<dyn Error>> {
    let mut served = 0;
    for caller in callers {
        let mut request = Request::get("/orders");
        if let Some(token) = caller {
            request = request.header(AUTHORIZATION, token.authorization());
        }
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        served += usize::from(response.status().is_success());
    }
    Ok(served)
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let pool = TestPool::new();
    let layer = pool.verifier().layer();
    let reasons = Reasons::default();
    let good = || Some(pool.token().scopes(["orders/get"]));
    let callers = [
        good(),
        None,
        Some(pool.token()),
        Some(pool.token().expired()),
    ];

    let reporting = app(layer.clone().report_only(), &reasons)?;
    let first = (traffic(&reporting, &callers).await?, reasons.take());
    println!("1. report only, {} of 4 served: {:?}", first.0, first.1);

    let mended = [good(), good(), good(), good()];
    let second = (traffic(&reporting, &mended).await?, reasons.take());
    println!(
        "2. callers mended, {} of 4 served: {:?}",
        second.0, second.1
    );

    let enforcing = app(layer, &reasons)?;
    let third = (traffic(&enforcing, &mended).await?, reasons.take());
    println!("3. enforcing, {} of 4 served: {:?}", third.0, third.1);
    let strangers = (traffic(&enforcing, &callers).await?, reasons.take());
    println!(
        "   and as it was at first, {} of 4: {:?}",
        strangers.0, strangers.1
    );

    let reasons_at_first = vec![
        ("accepted", 1),
        ("expired", 1),
        ("insufficient_scope", 1),
        ("missing_token", 1),
    ];
    let as_expected = first == (4, reasons_at_first.clone())
        && second == (4, vec![("accepted", 4)])
        && third == (4, vec![("accepted", 4)])
        && strangers == (1, reasons_at_first);
    let checking = std::env::args().any(|argument| argument == "--check");
    Ok(ExitCode::from(u8::from(checking && !as_expected)))
}
