//! Forward authentication for nginx, Traefik, Caddy and Envoy.
//!
//! `COGNITO_USER_POOL_ID=eu-west-1_AbCdEf123 COGNITO_CLIENT_IDS=1example23456789 cargo run -p example-forward-auth -- routes.toml fields`
//!
//! The second argument says where the proxy puts the question: `fields` for nginx, Traefik and
//! Caddy, `request-line` for Envoy. Only the proxy may reach it.

use std::{env, error::Error, fs};

use axum::Router;
use example_forward_auth::{Asked, forward_auth, policy::RoutePolicy};
use tower_cognito::Verifier;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let policy = RoutePolicy::parse(&fs::read_to_string(
        arguments
            .next()
            .ok_or("the first argument is the policy file")?,
    )?)?;
    let asked = match arguments.next().as_deref() {
        Some("fields") => Asked::InFields,
        Some("request-line") => Asked::InRequestLine,
        _ => return Err("the second argument is `fields` or `request-line`".into()),
    };
    let verifier = Verifier::from_env()?;
    let app = Router::new().fallback_service(forward_auth(&verifier, policy, asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9180").await?;
    Ok(axum::serve(listener, app).await?)
}
