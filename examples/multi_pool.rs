//! Two user pools behind one layer: which one judges a token is decided by its `iss`, whole and byte for byte.
//!
//! `cargo run --example multi_pool` serves until it is stopped. With `-- --check` it calls itself over loopback, asserts the
//! answers, and ends.

#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, Verifier,
    testing::{Endpoint, LocalIssuer, StartError, TokenBuilder},
};

const SECRET: &str = "a-secret-for-this-machine-only";

/// Each pool has its own keys and its own list of app clients. A client id means nothing outside of its pool.
fn verifier(staff: &LocalIssuer, partners: &LocalIssuer) -> Result<Verifier, ConfigError> {
    Verifier::builder(staff.user_pool(), AllowedClients::only(["back-office"])?)
        .add_pool(
            partners.user_pool(),
            AllowedClients::only(["acme", "globex"])?,
        )
        .build()
}

fn app(verifier: &Verifier) -> Router {
    Router::new()
        .route("/", get(who))
        .route_layer(verifier.layer())
}

/// Where two pools are trusted, the caller is the pool *and* the client.
async fn who(claims: Claims) -> String {
    format!("{} of {}", claims.client_id(), claims.issuer())
}

fn issuer(pool_id: &str, client_id: &str) -> Result<LocalIssuer, StartError> {
    LocalIssuer::builder()
        .pool_id(pool_id)
        .client(client_id, SECRET, ["orders/get"])
        // The fixture keys are the same in every pool.
        .fresh_keys()
        .start()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let staff = issuer("eu-west-1_Staff0001", "back-office")?;
    let partners = issuer("us-east-1_Partner01", "acme")?;
    let verifier = verifier(&staff, &partners)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = axum::serve(listener, app(&verifier));
    if std::env::args().any(|argument| argument == "--check") {
        tokio::spawn(serving.into_future());
        return check(&url, &staff, &partners).await;
    }
    for (issuer, client_id) in [(&staff, "back-office"), (&partners, "acme")] {
        println!("TOKEN=$(curl -s -u {client_id}:{SECRET} -d grant_type=client_credentials \\");
        println!(
            "  {} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
            issuer.token_url()
        );
        println!("curl -i -H \"Authorization: Bearer $TOKEN\" {url}");
    }
    serving.await?;
    Ok(())
}

async fn check(
    url: &str,
    staff: &LocalIssuer,
    partners: &LocalIssuer,
) -> Result<(), Box<dyn Error>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let call = async |token: TokenBuilder| -> Result<(u16, String), reqwest::Error> {
        let response = client.get(url).bearer_auth(token.build()).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    };
    let of = |issuer: &LocalIssuer, client_id| issuer.token().client_credentials(client_id);
    let refused = (401, String::new());

    // Only the keys of the pool that a token names are fetched, when the first token names it.
    let back_office = (200, format!("back-office of {}", staff.issuer()));
    assert_eq!(call(of(staff, "back-office")).await?, back_office);
    assert_eq!(partners.requests(Endpoint::Jwks), 0);
    let acme = (200, format!("acme of {}", partners.issuer()));
    assert_eq!(call(of(partners, "acme")).await?, acme);
    assert_eq!(partners.requests(Endpoint::Jwks), 1);

    // A client of one pool is nobody in the other.
    assert_eq!(call(of(partners, "back-office")).await?, refused);
    assert_eq!(call(of(staff, "acme")).await?, refused);
    // One pool cannot sign for the other.
    let forged = of(partners, "back-office").claim("iss", staff.issuer());
    assert_eq!(call(forged).await?, refused);
    // Nor is an issuer accepted that is only almost right.
    let with_slash = format!("{}/", staff.issuer());
    let almost = of(staff, "back-office").claim("iss", with_slash);
    assert_eq!(call(almost).await?, refused);
    let third = issuer("eu-west-1_Third0001", "back-office")?;
    assert_eq!(call(of(&third, "back-office")).await?, refused);
    println!("ok");
    Ok(())
}
