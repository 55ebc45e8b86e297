//! An OpenAPI document whose scopes are those that the routes enforce, and a page to try the API in a browser.
//!
//! `cargo run -p example-openapi` serves until it is stopped: open the URL that it prints, press "Authorize", and enter the client id
//! and the secret. With `-- --check` it calls every operation with and without each scope that the document names, asserts the
//! answers, and ends.
//!
//! `docs/images/openapi.png` is this page in a headless Chromium, after "Authorize" and "Execute", without the curl line, which shows
//! the token.

#![allow(clippy::print_stdout, reason = "an example")]

mod api;
mod check;

use std::{env, error::Error};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    routing::post,
};
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use reqwest::Client;
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Claims, ScopePolicy, Verifier, testing::LocalIssuer};
use utoipa::openapi::HttpMethod;
use utoipa_swagger_ui::SwaggerUi;

use self::api::Api;

type Outcome<T> = Result<T, Box<dyn Error>>;

const CLIENT_ID: &str = "browser";
const SECRET: &str = "a-secret-for-this-machine-only";
/// The issuer's token endpoint, at the API's own origin, so that the page may call it without CORS.
const TOKEN_PATH: &str = "/oauth2/token";

fn app(verifier: &Verifier, issuer: &LocalIssuer) -> Outcome<Router> {
    let get_orders = (HttpMethod::Get, "/orders", "List the orders");
    let post_order = (HttpMethod::Post, "/orders", "Place an order");
    let get_report = (HttpMethod::Get, "/report", "Sum the orders up");
    let read = ScopePolicy::all_of(["orders/get"])?;
    let write = ScopePolicy::all_of(["orders/get", "orders/post"])?;
    let report = read.clone().or(ScopePolicy::all_of(["admin/orders"])?);
    let api = Api::default()
        .operation(get_orders, read, list)
        .operation(post_order, write, create)
        .operation(get_report, report, list);
    let token = post(token).with_state((client()?, issuer.token_url()));
    let page = SwaggerUi::new("/docs").url("/openapi.json", api.document(TOKEN_PATH));
    Ok(api
        .routes
        .route_layer(verifier.layer())
        .route(TOKEN_PATH, token)
        .merge(page))
}

async fn list(claims: Claims) -> String {
    format!("orders of {}", claims.client_id())
}

async fn create(claims: Claims) -> String {
    format!("ordered by {}", claims.client_id())
}

/// Passes the form and the client's credentials on.
async fn token(
    State((client, url)): State<(Client, String)>,
    headers: HeaderMap,
    form: Bytes,
) -> Result<http::Response<Body>, StatusCode> {
    let mut request = client.post(url).body(form);
    for name in [AUTHORIZATION, CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let reply = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(http::Response::from(reply).map(Body::new))
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().build()
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let scopes = ["orders/get", "orders/post", "admin/orders"];
    let issuer = LocalIssuer::builder()
        .client(CLIENT_ID, SECRET, scopes)
        .start()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = axum::serve(listener, app(&verifier, &issuer)?);
    if env::args().any(|argument| argument == "--check") {
        tokio::spawn(serving.into_future());
        return check::check(&url, &issuer).await;
    }
    println!("{url}/docs/ (client id: {CLIENT_ID}, secret: {SECRET})");
    serving.await?;
    Ok(())
}
