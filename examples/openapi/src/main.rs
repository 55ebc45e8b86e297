//! An OpenAPI document whose scopes are those that the routes enforce, and a page to try the API in
//! a browser.
//!
//! `cargo run -p example-openapi` serves until Ctrl-C: open the URL that it prints, press
//! "Authorize", and enter the client id and the secret. `docs/images/openapi.png` shows the page
//! after "Authorize" and "Execute".

mod api;
#[cfg(test)]
mod tests;
mod token_proxy;

use std::error::Error;

use axum::{Router, routing::post};
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Claims, ScopePolicy, Verifier, testing::LocalIssuer};
use utoipa::openapi::HttpMethod;
use utoipa_swagger_ui::SwaggerUi;

use self::api::Api;

/// The issuer's token endpoint, at the API's own origin, so that the page can call it without CORS.
const TOKEN_PATH: &str = "/oauth2/token";

fn app(verifier: &Verifier, token_url: String) -> Result<Router, Box<dyn Error>> {
    let get_orders = (HttpMethod::Get, "/orders", "List the orders");
    let post_order = (HttpMethod::Post, "/orders", "Place an order");
    let get_report = (HttpMethod::Get, "/report", "Sum the orders");
    let read = ScopePolicy::all_of(["orders/get"])?;
    let write = ScopePolicy::all_of(["orders/get", "orders/post"])?;
    let report = read.clone().or(ScopePolicy::all_of(["admin/orders"])?);
    let api = Api::default()
        .operation(get_orders, read, list)
        .operation(post_order, write, create)
        .operation(get_report, report, list);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let page = SwaggerUi::new("/docs").url("/openapi.json", api.document(TOKEN_PATH));
    Ok(api
        .routes
        .route_layer(verifier.layer())
        .route(
            TOKEN_PATH,
            post(token_proxy::token).with_state((http, token_url)),
        )
        .merge(page))
}

async fn list(claims: Claims) -> String {
    format!("orders of {}\n", claims.client_id())
}

async fn create(claims: Claims) -> String {
    format!("ordered by {}\n", claims.client_id())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client(
            "browser",
            "secret",
            ["orders/get", "orders/post", "admin/orders"],
        )
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["browser"])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "http://{}/docs/ (client id: browser, secret: secret)",
        listener.local_addr()?
    );
    Ok(axum::serve(listener, app(&verifier, issuer.token_url())?).await?)
}
