//! One service calls another with client-credentials tokens that it obtains and renews itself.
//!
//! `cargo run --example service_to_service` starts both services and a local issuer, serves until
//! Ctrl-C, and prints a `curl` line to try: it calls A, which calls B.

use std::error::Error;

use axum::{Router, body::Body, extract::State, http::StatusCode, routing::get};
use http::{Request, Response};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceExt, util::BoxCloneSyncService};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, Verifier, client::ClientCredentials,
    testing::LocalIssuer,
};

/// The callee: its routes require a scope.
pub(crate) fn service_b(verifier: &Verifier) -> Result<Router, ConfigError> {
    let hello = get(async |claims: Claims| format!("hello {}\n", claims.client_id()));
    Ok(Router::new()
        .route(
            "/profiles",
            hello.route_layer(RequireScopesLayer::all_of(["profiles/get"])?),
        )
        .route_layer(verifier.layer()))
}

/// How A reaches B: an HTTP client inside the layer that adds the token.
type ToB = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

pub(crate) fn to_b(credentials: &ClientCredentials, origin_of_b: &str) -> Result<ToB, ConfigError> {
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let with_token = credentials.layer(origin_of_b)?.layer(http_client);
    Ok(BoxCloneSyncService::new(
        with_token
            .map_response(|response| response.map(Body::new))
            .map_err(Into::into),
    ))
}

/// The caller: it acts for itself, not on behalf of a user.
pub(crate) fn service_a(to_b: ToB, origin_of_b: &str) -> Router {
    let url = format!("{origin_of_b}/profiles");
    Router::new().route("/", get(ask_b)).with_state((to_b, url))
}

async fn ask_b(State((to_b, url)): State<(ToB, String)>) -> Result<Response<Body>, StatusCode> {
    let request = Request::get(url).body(Body::empty());
    let request = request.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    to_b.oneshot(request).await.map_err(|error| {
        eprintln!("could not call B: {error}");
        StatusCode::BAD_GATEWAY
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client("service-a", "secret", ["profiles/get"])
        .start()?;
    let clients = AllowedClients::only(["service-a"])?;
    let verifier = Verifier::builder(issuer.user_pool(), clients).build()?;
    let b = TcpListener::bind("127.0.0.1:0").await?;
    let origin_of_b = format!("http://{}", b.local_addr()?);
    tokio::spawn(axum::serve(b, service_b(&verifier)?).into_future());

    let credentials = ClientCredentials::builder(issuer.token_url(), "service-a", "secret")
        .scopes(["profiles/get"])
        .build()?;
    let a = TcpListener::bind("127.0.0.1:0").await?;
    println!("curl -i http://{}", a.local_addr()?);
    let service_a = service_a(to_b(&credentials, &origin_of_b)?, &origin_of_b);
    Ok(axum::serve(a, service_a).await?)
}
