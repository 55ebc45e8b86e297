//! An AWS Lambda function behind an API Gateway HTTP API, with the layers around its handler.
//!
//! It reads the pool from `COGNITO_USER_POOL_ID` and the callers' app clients from
//! `COGNITO_CLIENT_IDS`.
//! `cargo lambda` runs the function on this machine:
//!
//! ```sh
//! cargo run -p local-issuer -- --client caller --scope profiles/get     # paste its exports into the next two shells
//!
//! cargo lambda watch -p example-lambda
//!
//! TOKEN=$(curl -su caller:$COGNITO_CLIENT_SECRET -d grant_type=client_credentials $COGNITO_TOKEN_URL | grep -o 'eyJ[^"]*')
//! curl -i http://127.0.0.1:9000/profiles -H "Authorization: Bearer $TOKEN"
//! ```

#[cfg(test)]
mod tests;

use std::convert::Infallible;

use lambda_http::{Body, Error, Request, RequestExt, Response};
use tower::{Service, ServiceBuilder};
use tower_cognito::{Claims, ConfigError, RequireScopesLayer, Verifier};

async fn handler(request: Request) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Claims>().map(Claims::client_id);
    let query = request.query_string_parameters();
    let answer = format!(
        "{} profiles for {}\n",
        query.first("limit").unwrap_or("all"),
        caller.unwrap_or("stranger")
    );
    Ok(Response::new(Body::from(answer)))
}

/// Built once per execution environment, not once per event: the verifier holds the keys.
fn app(
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
async fn main() -> Result<(), Error> {
    let verifier = Verifier::from_env()?;
    // Fetched before the first event, so that its caller does not wait. If that fails, later events
    // fetch them.
    if let Err(error) = verifier.warm_up().await {
        eprintln!("could not fetch the keys yet: {error}");
    }
    lambda_http::run(app(&verifier)?).await
}
