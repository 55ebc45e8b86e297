//! The closure takes the error, and not the rejection, which has the challenge.
use axum::{Router, body::Body, routing::get};
use http::Response;
use tower_cognito::{AuthError, Verifier};

fn app(verifier: &Verifier) -> Router {
    let rejected = |error: &AuthError| Response::new(Body::from(error.reason()));
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(rejected))
}

fn main() {}
