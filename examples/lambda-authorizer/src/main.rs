//! A Lambda authorizer for Amazon API Gateway.
//!
//! | API | event | answer |
//! | --- | --- | --- |
//! | REST | `TOKEN`, `REQUEST` | a policy |
//! | HTTP | payload format 2.0 | a simple response |
//!
//! It reads the pool from `COGNITO_USER_POOL_ID` and the callers' app clients from
//! `COGNITO_CLIENT_IDS`. The README has what a caller gets, and how to set the cache of results.
//! `just lambda` runs it in cargo-lambda's emulator.

mod answer;
mod authorizer;
mod event;
mod routes;
#[cfg(test)]
mod tests;

use authorizer::authorize;
use event::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use routes::Routes;
use tower_cognito::Verifier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let verifier = Verifier::from_env()?;
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
