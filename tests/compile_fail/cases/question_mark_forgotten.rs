//! Scopes are checked when the layer is made, so that there is a `Result` to look at.
use axum::{Router, routing::get};
use tower_cognito::RequireScopesLayer;

fn app() -> Router {
    Router::new().route("/", get(|| async {}).route_layer(RequireScopesLayer::all_of(["profiles/get"])))
}

fn main() {}
