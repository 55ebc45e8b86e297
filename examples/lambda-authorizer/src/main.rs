//! A Lambda authorizer for Amazon API Gateway.
//!
//! | API | event | answer |
//! | --- | --- | --- |
//! | REST | `TOKEN`, `REQUEST` | a policy |
//! | HTTP | payload format 2.0 | a simple response |
//!
//! It reads the pool from `USER_POOL_ID`, the caller's app client from `CLIENT_ID`, and `JWKS_URL`
//! where the keys are not at the pool's URL. The README has what a caller gets, and how to set the
//! cache of results. `just lambda` runs it in cargo-lambda's emulator.

mod answer;
mod authorizer;
mod event;
mod routes;
#[cfg(test)]
mod tests;

use std::env;

use authorizer::authorize;
use event::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use routes::Routes;
use tower_cognito::{AllowedClients, UserPool, Verifier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut pool = UserPool::new(&env::var("USER_POOL_ID")?)?;
    if let Ok(jwks_url) = env::var("JWKS_URL") {
        pool = pool.with_jwks_url(&jwks_url)?;
    }
    let clients = AllowedClients::only([env::var("CLIENT_ID")?])?;
    let verifier = Verifier::builder(pool, clients).build()?;
    let routes = Routes::new()?;
    // In the init phase, before the first event. If it fails, that event fetches the keys.
    if let Err(error) = verifier.warm_up().await {
        eprintln!("could not fetch the keys yet: {error}");
    }
    let (verifier, routes) = (&verifier, &routes);
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
        authorize(verifier, routes, &event.payload).await
    }))
    .await
}
