//! Exchanges a token at the server that the environment names. `run.sh` starts one.

use std::{env, error::Error};

use tower_cognito::client::{
    ClientAuthentication, ClientCredentials, TokenError,
    unproven::{SubjectToken, TokenExchange},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
    let credentials = ClientCredentials::builder(
        variable("TOKEN_URL")?,
        variable("CLIENT_ID")?,
        variable("CLIENT_SECRET")?,
    )
    .authentication(ClientAuthentication::Basic)
    .build()?;
    let exchange = |audience| {
        TokenExchange::builder(&credentials)
            .audience(audience)
            .scopes(["profile"])
            .build()
    };
    let subject = SubjectToken::access_token(variable("SUBJECT_TOKEN")?);
    let forged = SubjectToken::access_token("not.a.token");
    for (audience, subject, expected) in [
        ("downstream", &forged, TokenError::InvalidRequest),
        ("elsewhere", &subject, TokenError::InvalidTarget),
    ] {
        let rejected = exchange(audience)?.token(subject).await.map(|_| ());
        if rejected != Err(expected) {
            return Err(format!("the exchange for {audience} gave {rejected:?}").into());
        }
    }
    let token = exchange("downstream")?.token(&subject).await?;
    println!("{}", token.as_str());
    Ok(())
}
