//! The type of a closure's argument has to be written.
use axum::{Router, body::Body, routing::get};
use tower_cognito::Verifier;

fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(|rejection| rejection.into_response(Body::empty())))
}

fn main() {}
