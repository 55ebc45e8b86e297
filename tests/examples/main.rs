//! The examples, called the way their readers call them. Packages in `examples/` have their own
//! tests.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../../examples/axum_scopes.rs"]
#[allow(dead_code, reason = "`main`")]
mod axum_scopes;
#[path = "../../examples/health.rs"]
#[allow(dead_code, reason = "`main`")]
mod health;
#[path = "../../examples/multi_pool.rs"]
#[allow(dead_code, reason = "`main`")]
mod multi_pool;
#[path = "../../examples/queue_consumer.rs"]
#[allow(dead_code, reason = "`main`")]
mod queue_consumer;
#[path = "../../examples/quickstart.rs"]
#[allow(dead_code, reason = "`main`")]
mod quickstart;
#[path = "../../examples/report_only_rollout.rs"]
#[allow(dead_code, reason = "`main`")]
mod report_only_rollout;
#[path = "../../examples/service_to_service.rs"]
#[allow(dead_code, reason = "`main`")]
mod service_to_service;

mod callers;
mod outages;
mod pools;
mod rollout;
mod scopes;

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{Request, header::AUTHORIZATION};
use tower::ServiceExt;
use tower_cognito::testing::TokenBuilder;

/// The status and the body of a GET request.
async fn get(app: &Router, path: &str, token: Option<TokenBuilder>) -> (u16, String) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.authorization());
    }
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Serves on a free port until the test ends.
async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    origin
}
