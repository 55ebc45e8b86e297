//! A service whose signatures and TLS come from the FIPS module of aws-lc.
//!
//! Two lines of `Cargo.toml` turn it on; the crate has no feature for it. The build needs Go, CMake
//! and a C compiler. The program checks at its start that it has the module, because a dependency
//! that moves to another version of rustls would turn it off without a word.

use std::error::Error;

use axum::{Router, routing::get};
use tower_cognito::{AllowedClients, Claims, Verifier, testing::LocalIssuer};

/// An error unless both run in the module.
fn require_fips() -> Result<(), &'static str> {
    aws_lc_rs::try_fips_mode().map_err(|_| "signatures are not verified by the FIPS module")?;
    let tls = rustls::crypto::aws_lc_rs::default_provider();
    tls.fips()
        .then_some(())
        .ok_or("TLS is not restricted to what FIPS allows")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    require_fips()?;
    let issuer = LocalIssuer::start()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    if std::env::args().nth(1).as_deref() == Some("--check") {
        let (good, forged) = (issuer.token(), issuer.token().tampered());
        verifier.verify(&good.build()).await?;
        assert!(verifier.verify(&forged.build()).await.is_err());
        println!("verified by the FIPS module");
        return Ok(());
    }
    let hello = async |claims: Claims| format!("hello {}\n", claims.client_id());
    let app = Router::new()
        .route("/", get(hello))
        .route_layer(verifier.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
