//! A verifier makes layers; it is not one.
use axum::{Router, routing::get};
use tower_cognito::Verifier;

fn app(verifier: Verifier) -> Router {
    Router::new().route("/", get(|| async {})).route_layer(verifier)
}

fn main() {}
