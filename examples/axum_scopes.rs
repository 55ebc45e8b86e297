//! Scopes by route: all of them, any of them, an "or" of "and"s. And what a handler can take as an argument.
//!
//! `cargo run --example axum_scopes` calls each route in every way that matters, prints the answers, and keeps serving. With
//! `-- --check` it asserts the answers and ends.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{error::Error, process::ExitCode};

use axum::{Router, body::Body, routing::get};
use http::{Request, header::AUTHORIZATION};
use serde::Deserialize;
use tower::ServiceExt;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, CustomClaims, Principal, RequireScopesLayer, ScopePolicy,
    Verifier, testing::LocalIssuer,
};

const SECRET: &str = "a-secret-for-this-machine-only";

fn app(verifier: &Verifier) -> Result<Router, ConfigError> {
    let all = ScopePolicy::all_of(["orders/get", "orders/export"])?;
    let any = ScopePolicy::any_of(["orders/get", "orders/post"])?;
    let refund_or_admin = ScopePolicy::all_of(["orders/get", "orders/refund"])?
        .or(ScopePolicy::all_of(["admin/orders"])?);

    let guarded = Router::new()
        .route("/all", get(name).route_layer(RequireScopesLayer::new(all)))
        .route("/any", get(name).route_layer(RequireScopesLayer::new(any)))
        .route(
            "/or",
            get(name).route_layer(RequireScopesLayer::new(refund_or_admin)),
        )
        // No guard: any good token will do.
        .route("/principal", get(principal))
        .route("/tenant", get(tenant))
        .route_layer(verifier.layer());
    // A token is not needed here, but one that is sent must be good.
    let open = Router::new()
        .route("/greeting", get(greeting))
        .route_layer(verifier.layer().optional());
    Ok(guarded.merge(open))
}

async fn name(claims: Claims) -> String {
    claims.client_id().to_owned()
}

async fn greeting(claims: Option<Claims>) -> String {
    claims.map_or_else(
        || "hello stranger".to_owned(),
        |claims| format!("hello {}", claims.client_id()),
    )
}

/// A user's token may carry the same scopes as a service's.
async fn principal(claims: Claims) -> String {
    match claims.principal() {
        Principal::Client(client_id) => format!("the service {client_id}"),
        Principal::User { subject, .. } => format!("the user {}", subject.unwrap_or("unnamed")),
        _ => "somebody else".to_owned(),
    }
}

/// What a pre token generation trigger added.
#[derive(Deserialize)]
struct Tenant {
    tenant_id: String,
}

async fn tenant(CustomClaims(tenant): CustomClaims<Tenant>) -> String {
    tenant.tenant_id
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client("caller", SECRET, ["orders/get", "orders/export"])
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["caller"])?).build()?;
    let app = app(&verifier)?;

    let scopes = |scopes: &[&str]| Some(issuer.token().client_credentials("caller").scopes(scopes));
    let rows = [
        (
            "/all",
            scopes(&["orders/get", "orders/export"]),
            "200 caller",
        ),
        ("/all", scopes(&["orders/get"]), "403 "),
        ("/any", scopes(&["orders/post"]), "200 caller"),
        ("/any", scopes(&["orders/export"]), "403 "),
        (
            "/or",
            scopes(&["orders/get", "orders/refund"]),
            "200 caller",
        ),
        ("/or", scopes(&["admin/orders"]), "200 caller"),
        ("/or", scopes(&["orders/refund"]), "403 "),
        ("/principal", scopes(&[]), "200 the service caller"),
        (
            "/principal",
            Some(issuer.token().user("u-1")),
            "200 the user u-1",
        ),
        (
            "/tenant",
            Some(issuer.token().claim("tenant_id", "t-1")),
            "200 t-1",
        ),
        ("/tenant", scopes(&[]), "403 "),
        ("/greeting", scopes(&[]), "200 hello caller"),
        ("/greeting", None, "200 hello stranger"),
        ("/greeting", Some(issuer.token().expired()), "401 "),
        ("/all", None, "401 "),
    ];
    let mut as_expected = true;
    for (path, token, expected) in rows {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.authorization());
        }
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1024).await?;
        let answer = format!("{status} {}", String::from_utf8_lossy(&body));
        println!("{path:<12}{answer:<26}expected {expected}");
        as_expected &= answer == expected;
    }
    if std::env::args().any(|argument| argument == "--check") {
        return Ok(ExitCode::from(u8::from(!as_expected)));
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let (url, token_url) = (listener.local_addr()?, issuer.token_url());
    println!(
        "\nTOKEN=$(curl -s -u caller:{SECRET} -d grant_type=client_credentials {token_url} \\"
    );
    println!("  | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')");
    println!("curl -i -H \"Authorization: Bearer $TOKEN\" http://{url}/all");
    axum::serve(listener, app).await?;
    Ok(ExitCode::SUCCESS)
}
