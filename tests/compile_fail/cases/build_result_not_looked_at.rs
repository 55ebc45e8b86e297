//! `build` checks the settings, so there is a `Result` to look at.
use axum::{Router, routing::get};
use tower_cognito::{AllowedClients, ConfigError, UserPool, Verifier};

fn app() -> Result<Router, ConfigError> {
    let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build();
    Ok(Router::new().route("/", get(|| async {})).route_layer(verifier.layer()))
}

fn main() {}
