//! Scopes by route (all of them, any of them, alternatives), and what a handler can take as an
//! argument.
//!
//! `cargo run --example axum_scopes` serves until Ctrl-C and prints a `curl` line to try.

use axum::{Router, routing::get};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, CustomClaims, Principal, RequireScopesLayer, ScopePolicy,
    Verifier, testing::LocalIssuer,
};

pub(crate) fn app(verifier: &Verifier) -> Result<Router, ConfigError> {
    let all = ScopePolicy::all_of(["orders/get", "orders/export"])?;
    let any = ScopePolicy::any_of(["orders/get", "orders/post"])?;
    let refund_or_admin = ScopePolicy::all_of(["orders/get", "orders/refund"])?
        .or(ScopePolicy::all_of(["admin/orders"])?);
    let guard = RequireScopesLayer::new;

    let guarded = Router::new()
        .route("/all", get(name).route_layer(guard(all)))
        .route("/any", get(name).route_layer(guard(any)))
        .route("/or", get(name).route_layer(guard(refund_or_admin)))
        // Without a guard, any valid token is accepted.
        .route("/principal", get(principal))
        .route("/tenant", get(tenant))
        .route_layer(verifier.layer());
    // No token is required here, but a token that is sent must be valid.
    let open = Router::new()
        .route("/greeting", get(greeting))
        .route_layer(verifier.layer().optional());
    Ok(guarded.merge(open))
}

async fn name(claims: Claims) -> String {
    format!("{}\n", claims.client_id())
}

async fn greeting(claims: Option<Claims>) -> String {
    match claims {
        Some(claims) => format!("hello {}\n", claims.client_id()),
        None => "hello stranger\n".to_owned(),
    }
}

/// A user's token can carry the same scopes as a service's.
async fn principal(claims: Claims) -> String {
    match claims.principal() {
        Principal::Client(client_id) => format!("the service {client_id}\n"),
        Principal::User { username, .. } => format!("the user {username}\n"),
        _ => "another kind of caller\n".to_owned(),
    }
}

/// A claim that a pre token generation trigger adds.
#[derive(Deserialize)]
struct Tenant {
    tenant_id: String,
}

async fn tenant(CustomClaims(tenant): CustomClaims<Tenant>) -> String {
    format!("{}\n", tenant.tenant_id)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = LocalIssuer::builder()
        .client("caller", "secret", ["orders/get", "orders/export"])
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["caller"])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "curl -i http://{}/all -H \"Authorization: Bearer $(curl -s -u caller:secret \
         -d grant_type=client_credentials {} | grep -o 'eyJ[^\"]*')\"",
        listener.local_addr()?,
        issuer.token_url()
    );
    Ok(axum::serve(listener, app(&verifier)?).await?)
}
