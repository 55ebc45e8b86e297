//! A caller whose client secret is in AWS Secrets Manager. It is fetched before the first token
//! request, and again when Cognito rejects the client, so a rotated secret needs no restart.
//! `src/source.rs` is the part to paste.
//!
//! ```text
//! TOKEN_URL=https://my-app.auth.eu-west-1.amazoncognito.com/oauth2/token CLIENT_ID=1example23456789 \
//!     cargo run -- my-secret
//! ```
//!
//! `check.sh` runs it against an emulator of Secrets Manager and a local issuer.

mod check;
mod source;

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use source::SecretsManager;
use tower_cognito::client::{ClientCredentials, SecretSource};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let secrets = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let secret_id = std::env::args()
        .nth(1)
        .ok_or("name the secret, or --check")?;
    if secret_id == "--check" {
        return check::check(&secrets).await;
    }
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let credentials = ClientCredentials::builder(
        variable("TOKEN_URL")?,
        variable("CLIENT_ID")?,
        SecretSource::fetched_by(SecretsManager::new(secrets, secret_id)),
    )
    .build()?;
    let token = credentials.token().await?;
    println!("a token until {:?}", token.expires_at());
    Ok(())
}
