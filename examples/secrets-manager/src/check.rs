//! `--check`: a rotation, at the store that the environment names.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use tower_cognito::{
    client::{ClientCredentials, SecretSource, TokenError},
    testing::{Endpoint, LocalIssuer, ManualClock},
};

use crate::{BoxError, source::SecretsManager};

pub(crate) async fn check(secrets: &Client) -> Result<(), BoxError> {
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
