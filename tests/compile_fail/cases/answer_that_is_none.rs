//! A type that answers nothing is given as the form of answers.
use axum::{Router, routing::get};
use tower_cognito::Verifier;

#[derive(Clone)]
struct JsonError;

fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(JsonError))
}

fn main() {}
