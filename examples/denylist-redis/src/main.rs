//! A service with a denylist in Redis.
//!
//! `COGNITO_USER_POOL_ID=eu-west-1_AbCdEf123 COGNITO_CLIENT_IDS=1example23456789 REDIS_URL=redis://127.0.0.1 cargo run -p example-denylist-redis`

use std::{env, error::Error, time::Duration};

use axum::{Router, routing::get};
use example_denylist_redis::{denylist, follow};
use tower_cognito::{Claims, verifier::VerifierBuilder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let redis = redis::Client::open(env::var("REDIS_URL")?)?;
    let denylist = denylist(&redis, Duration::from_secs(60)).spawn()?;
    let verifier = VerifierBuilder::from_env()?
        .check(denylist.to_check())
        .build()?;
    if let Err(error) = denylist.warm_up().await {
        // The service still starts: requests get 503 until the first load.
        eprintln!("no denylist yet: {error}");
    }
    tokio::spawn(async move {
        loop {
            let _ = follow(&redis, &denylist).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });

    let app = Router::new()
        .route(
            "/",
            get(async |claims: Claims| claims.client_id().to_owned()),
        )
        .route_layer(verifier.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).await?)
}
