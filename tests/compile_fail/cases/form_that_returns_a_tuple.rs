//! A form returns a response, not what axum can make one of.
use axum::{Router, routing::get};
use tower_cognito::{Verifier, rejection::Rejection};

fn app(verifier: &Verifier) -> Router {
    let form = |rejection: Rejection<'_>| (rejection.error().status(), rejection.error().reason());
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(form))
}

fn main() {}
