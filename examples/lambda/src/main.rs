//! An AWS Lambda function behind an API Gateway HTTP API, with the layer around its handler.
//!
//! In Lambda (`AWS_LAMBDA_RUNTIME_API` is set) it serves events, for tokens of the pool that `USER_POOL_ID` names. Elsewhere
//! `cargo run -p example-lambda` gives the same service an event of the gateway (payload format 2.0, `event.json`) with tokens of a
//! pool in memory, and prints the answers; `-- --check` asserts them.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{convert::Infallible, process::ExitCode};

use http::header::WWW_AUTHENTICATE;
use lambda_http::{Body, Error, Request, RequestExt, Response};
use serde_json::Value;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, UserPool, Verifier, testing::TestPool,
};

const EVENT: &str = include_str!("event.json");

async fn handler(request: Request) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Claims>().map(Claims::client_id);
    let query = request.query_string_parameters();
    let answer = format!(
        "{} profiles for {}",
        query.first("limit").unwrap_or("all"),
        caller.unwrap_or("nobody")
    );
    Ok(Response::new(Body::from(answer)))
}

/// Made once per execution environment, not once per event: it holds the keys.
fn service(
    verifier: &Verifier,
) -> Result<
    impl Service<Request, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + use<>,
    ConfigError,
> {
    Ok(ServiceBuilder::new()
        .layer(verifier.layer())
        .layer(RequireScopesLayer::all_of(["profiles/get"])?)
        .service(tower::service_fn(handler)))
}

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return play().await;
    }
    let pool = UserPool::new(&std::env::var("USER_POOL_ID")?)?;
    let verifier = Verifier::builder(pool, AllowedClients::any()).build()?;
    // Before the first event, so that its caller need not wait. Without keys it starts all the same: later events fetch them.
    if let Err(error) = verifier.warm_up().await {
        println!("no keys yet: {error}");
    }
    lambda_http::run(service(&verifier)?).await?;
    Ok(ExitCode::SUCCESS)
}

async fn play() -> Result<ExitCode, Error> {
    let pool = TestPool::new();
    let service = service(&pool.verifier())?;
    let caller = pool.token().client_credentials("caller");
    let good = format!("Bearer {}", caller.clone().scopes(["profiles/get"]).build());
    let other = format!("Bearer {}", caller.build());
    let rows = [
        (
            "a good token",
            Some(good.clone()),
            "200 10 profiles for caller",
        ),
        ("no token", None, "401 Bearer"),
        ("a token without the scope", Some(other), "403 Bearer scope"),
        // The gateway joins fields of the same name.
        (
            "two tokens",
            Some(format!("{good},{good}")),
            "400 Bearer error",
        ),
    ];
    let mut as_expected = true;
    for (what, authorization, expected) in rows {
        let response = service.clone().oneshot(event(authorization)?).await?;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let said = match (challenge, response.body()) {
            (Some(challenge), _) => challenge.to_str()?.split('=').next().unwrap_or_default(),
            (None, Body::Text(text)) => text,
            (None, _) => "",
        };
        let answer = format!("{} {said}", response.status().as_u16());
        println!("{what}: {answer} (expected {expected})");
        as_expected &= answer == expected;
    }
    let checking = std::env::args().any(|argument| argument == "--check");
    Ok(ExitCode::from(u8::from(checking && !as_expected)))
}

/// The request that the runtime makes of the gateway's event.
fn event(authorization: Option<String>) -> Result<Request, Error> {
    let mut event: Value = serde_json::from_str(EVENT)?;
    if let (Some(value), Some(headers)) = (authorization, event.get_mut("headers")) {
        headers["authorization"] = Value::from(value);
    }
    Ok(lambda_http::request::from_str(&event.to_string())?)
}
