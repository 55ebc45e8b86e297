//! Two user pools behind one layer. A token's `iss` selects the pool that verifies it, compared as
//! a whole string.
//!
//! `cargo run --example multi_pool` serves until Ctrl-C and prints a `curl` line for each pool.

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, UserPool, Verifier,
    testing::{LocalIssuer, StartError},
};

/// Each pool has its own keys and its own app clients. A client id means nothing outside its pool.
pub(crate) fn verifier(staff: UserPool, partners: UserPool) -> Result<Verifier, ConfigError> {
    Verifier::builder(staff, AllowedClients::only(["back-office"])?)
        .add_pool(partners, AllowedClients::only(["acme", "globex"])?)
        .build()
}

pub(crate) fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/", get(who))
        .route_layer(verifier.layer())
}

/// With two pools, the pool *and* the client identify the caller.
async fn who(claims: Claims) -> String {
    format!("{} of {}\n", claims.client_id(), claims.issuer())
}

pub(crate) fn issuer(pool_id: &str, client_id: &str) -> Result<LocalIssuer, StartError> {
    LocalIssuer::builder()
        .pool_id(pool_id)
        .client(client_id, "secret", ["orders/get"])
        // The fixture keys would be the same in both pools.
        .fresh_keys()
        .start()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let staff = issuer("eu-west-1_Staff0001", "back-office")?;
    let partners = issuer("us-east-1_Partner01", "acme")?;
    let verifier = verifier(staff.user_pool(), partners.user_pool())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    for (client_id, issuer) in [("back-office", &staff), ("acme", &partners)] {
        println!(
            "curl -i http://{} -H \"Authorization: Bearer $(curl -s -u {client_id}:secret \
             -d grant_type=client_credentials {} | grep -o 'eyJ[^\"]*')\"",
            listener.local_addr()?,
            issuer.token_url()
        );
    }
    Ok(axum::serve(listener, app(&verifier)).await?)
}
