//! The closure answers with a `String`, and the router's bodies are axum's.
use axum::{Router, routing::get};
use http::Response;
use tower_cognito::{Verifier, rejection::Rejection};

fn app(verifier: &Verifier) -> Router {
    let rejected = |_: Rejection<'_>| Response::new(String::from("no"));
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(rejected))
}

fn main() {}
