//! `examples/cognito/get-token.sh` in Rust: prints a client-credentials token, which is its
//! purpose.
//!
//! `cargo run -p example-cognito --bin get-token -- [SCOPE…]`, with `TOKEN_URL`, `CLIENT_ID` and
//! `CLIENT_SECRET_FILE` as `provision.sh` prints them. A service does not print its token: it hands
//! `credentials.layer(…)` or `token.header_value()` to its HTTP client.

use std::{env, error::Error, fs};

use tower_cognito::client::ClientCredentials;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let setting =
        |name| env::var(name).map_err(|_| format!("{name} is not set; provision.sh prints it"));
    let secret = fs::read_to_string(setting("CLIENT_SECRET_FILE")?)?;
    let credentials = ClientCredentials::builder(
        &setting("TOKEN_URL")?,
        &setting("CLIENT_ID")?,
        secret.trim(),
    )
    .scopes(env::args().skip(1))
    .build()?;
    println!("{}", credentials.token().await?.as_str());
    Ok(())
}
