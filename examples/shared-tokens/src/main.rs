//! A fleet of processes that shares its tokens through Redis: one token request per lifetime for
//! all of them.
//!
//! ```text
//! cargo run -p example-shared-tokens -- --check
//! ```
//!
//! starts a `redis-server` (which must be installed) and a local issuer on loopback, lets 100
//! callers on 100 runtimes request a token at the same time, and stops Redis to see that each of
//! them then asks for itself. `src/redis_store.rs` is the store to paste.

mod check;
mod redis_store;

use std::{error::Error, process::ExitCode};

use redis_store::RedisStore;
use tower_cognito::client::{ClientCredentials, ClientCredentialsBuilder, SecretSource};

type BoxError = Box<dyn Error + Send + Sync>;

/// What each process of the fleet does at its start.
fn fleet_client(
    builder: ClientCredentialsBuilder,
    redis_url: &str,
    sealing_key: &[u8; 32],
) -> Result<ClientCredentials, BoxError> {
    Ok(builder
        .scopes(["profiles/get"])
        .share_tokens(RedisStore::new(redis_url)?, sealing_key)
        .build()?)
}

fn main() -> Result<ExitCode, BoxError> {
    if std::env::args().nth(1).as_deref() == Some("--check") {
        return check::run();
    }
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let key = variable("TOKEN_SEALING_KEY")?;
    let key = key.as_bytes().try_into();
    let builder = ClientCredentials::builder(
        variable("TOKEN_URL")?,
        variable("CLIENT_ID")?,
        SecretSource::from_env("CLIENT_SECRET"),
    );
    let client = fleet_client(
        builder,
        &variable("REDIS_URL")?,
        key.map_err(|_| "TOKEN_SEALING_KEY must have 32 bytes")?,
    )?;
    let runtime = tokio::runtime::Runtime::new()?;
    let token = runtime.block_on(client.token())?;
    println!("a token of the fleet, until {:?}", token.expires_at());
    Ok(ExitCode::SUCCESS)
}
