//! A caller whose client secret is in AWS Secrets Manager. It is fetched before the first token request, and again when Cognito
//! refuses the client, so a rotated secret needs no restart. `src/source.rs` is the part to paste.
//!
//! ```text
//! TOKEN_URL=https://my-app.auth.eu-west-1.amazoncognito.com/oauth2/token CLIENT_ID=1example23456789 \
//!     cargo run -- my-secret
//! ```
//!
//! `check.sh` runs it against an emulator of Secrets Manager and a local issuer.

mod source;

use std::{error::Error, time::Duration};

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use source::SecretsManager;
use tower_cognito::{
    client::{ClientCredentials, SecretSource, TokenError},
    testing::{Endpoint, LocalIssuer, ManualClock},
};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let secrets = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let secret_id = std::env::args()
        .nth(1)
        .ok_or("name the secret, or --check")?;
    if secret_id == "--check" {
        return check(&secrets).await;
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

/// A rotation, at the store that the environment names.
async fn check(secrets: &Client) -> Result<(), BoxError> {
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder()
        .client("caller", "the-old-secret", ["profiles/get"])
        .clock(clock.clone())
        .start()?;
    let source = SecretsManager::new(secrets.clone(), "client-secret");
    let caller = ClientCredentials::builder(
        issuer.token_url(),
        "caller",
        SecretSource::fetched_by(source),
    )
    .clock(clock.clone())
    .build()?;

    // There is no secret yet, so there is no request.
    let missing = caller.token().await.map(|_| ());
    assert!(
        matches!(missing, Err(TokenError::SecretUnavailable(_))),
        "{missing:?}"
    );
    assert_eq!(issuer.requests(Endpoint::Token), 0);

    let create = secrets.create_secret().name("client-secret");
    create.secret_string("the-old-secret").send().await?;
    clock.advance(Duration::from_secs(60));
    caller.token().await?;

    // The pool gets the new secret, then the store, and the old one goes.
    issuer.add_secret("caller", "the-new-secret");
    let put = secrets.put_secret_value().secret_id("client-secret");
    put.secret_string("the-new-secret").send().await?;
    issuer.remove_secret("caller", "the-old-secret");
    clock.advance(Duration::from_secs(60 * 60));
    caller.token().await?;
    assert_eq!(
        issuer.requests(Endpoint::Token),
        3,
        "the old secret once more, then the new one"
    );
    println!("the secret was fetched, rotated and fetched again");
    Ok(())
}
