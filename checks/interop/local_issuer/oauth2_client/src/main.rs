//! Lets the oauth2 crate get a token from the local issuer that the environment names, and shows
//! that it sees each rejection. `run.sh` starts the issuer.

use std::{env, error::Error, time::Duration};

use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse, BasicTokenType},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = variable("COGNITO_CLIENT_SECRET")?;
    for authentication in [AuthType::BasicAuth, AuthType::RequestBody] {
        let token =
            fetch_token(&["profiles/get", "profiles/post"], &secret, authentication).await?;
        let token = token.map_err(|error| format!("rejected: {error}"))?;
        if *token.token_type() != BasicTokenType::Bearer
            || token.expires_in() != Some(Duration::from_secs(3600))
            || token.access_token().secret().split('.').count() != 3
        {
            return Err("the token is not a bearer token of an hour".into());
        }
    }
    for (scope, secret, expected) in [
        (
            "profiles/get",
            "another secret",
            BasicErrorResponseType::InvalidClient,
        ),
        (
            "profiles/delete",
            secret.as_str(),
            BasicErrorResponseType::InvalidScope,
        ),
    ] {
        match fetch_token(&[scope], secret, AuthType::BasicAuth).await? {
            Err(error) if error == expected => {}
            other => return Err(format!("{expected} expected, found {:?}", other.err()).into()),
        }
    }
    println!("oauth2: 2 tokens obtained, 2 requests rejected as expected");
    Ok(())
}

/// The token, or the error code of the issuer's rejection.
async fn fetch_token(
    scopes: &[&str],
    secret: &str,
    authentication: AuthType,
) -> Result<Result<BasicTokenResponse, BasicErrorResponseType>, Box<dyn Error>> {
    let client = BasicClient::new(ClientId::new(variable("COGNITO_CLIENT_ID")?))
        .set_client_secret(ClientSecret::new(secret.to_owned()))
        .set_token_uri(TokenUrl::new(variable("COGNITO_TOKEN_URL")?)?)
        .set_auth_type(authentication);
    let scopes = scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
    let request = client.exchange_client_credentials().add_scopes(scopes);
    match request.request_async(&send).await {
        Ok(token) => Ok(Ok(token)),
        Err(RequestTokenError::ServerResponse(response)) => Ok(Err(response.error().clone())),
        Err(error) => Err(error.into()),
    }
}

async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    // No proxy of the environment may see loopback traffic.
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()?;
    let response = http.execute(request.try_into()?).await?;
    let mut received = HttpResponse::default();
    *received.status_mut() = response.status();
    *received.headers_mut() = response.headers().clone();
    *received.body_mut() = response.bytes().await?.to_vec();
    Ok(received)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set"))
}
