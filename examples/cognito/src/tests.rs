#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::{body::Body, http::Request};
use clap::Parser;
use tower::ServiceExt;
use tower_cognito::testing::{LocalIssuer, TokenBuilder};

use crate::{app::app, settings::Settings};

fn settings(flags: &str) -> Result<Settings, clap::Error> {
    Settings::try_parse_from(["cognito"].into_iter().chain(flags.split_whitespace()))
}

async fn status(settings: &Settings, method: &str, path: &str, token: &TokenBuilder) -> u16 {
    let verifier = settings.verifier().unwrap();
    let app = app(&verifier, &settings.read_scope, &settings.write_scope).unwrap();
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", token.authorization());
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
    response.unwrap().status().as_u16()
}

#[tokio::test]
async fn scopes_audience_and_issuer_are_what_the_flags_say() {
    let issuer = LocalIssuer::builder().issuer_on_loopback().start().unwrap();
    let flags = format!(
        "--issuer {} --jwks-url {} --clients caller --read-scope read --write-scope write",
        issuer.issuer(),
        issuer.jwks_url()
    );
    let by_flags = settings(&flags).unwrap();
    let token = issuer.token().client_credentials("caller").scopes(["read"]);
    assert_eq!(status(&by_flags, "GET", "/profiles", &token).await, 200);
    assert_eq!(status(&by_flags, "POST", "/profiles", &token).await, 403);
    assert_eq!(status(&by_flags, "GET", "/both", &token).await, 403);

    let other = issuer.token().client_credentials("other").scopes(["read"]);
    assert_eq!(status(&by_flags, "GET", "/profiles", &other).await, 401);
    let any = settings(&flags.replace("--clients caller", "--clients any")).unwrap();
    assert_eq!(status(&any, "GET", "/profiles", &other).await, 200);

    let bound = token.claim("aud", "https://api.example.com");
    assert_eq!(status(&by_flags, "GET", "/profiles", &bound).await, 401);
    let with_audience = settings(&format!("{flags} --audience https://api.example.com")).unwrap();
    assert_eq!(
        status(&with_audience, "GET", "/profiles", &bound).await,
        200
    );
    let unbound = issuer.token().client_credentials("caller").scopes(["read"]);
    assert_eq!(
        status(&with_audience, "GET", "/profiles", &unbound).await,
        200
    );
    let required = format!("{flags} --audience https://api.example.com --require-audience");
    let required = settings(&required).unwrap();
    assert_eq!(status(&required, "GET", "/profiles", &bound).await, 200);
    assert_eq!(status(&required, "GET", "/profiles", &unbound).await, 401);
    assert!(
        settings(&format!("{flags} --require-audience")).is_err(),
        "of which audience?"
    );
}

#[test]
fn what_is_missing_is_named() {
    assert!(
        settings("--pool eu-west-1_AbCdEf123").is_err(),
        "no clients"
    );
    let no_pool = settings("--clients any --issuer https://issuer.example").unwrap();
    let error = no_pool.verifier().unwrap_err().to_string();
    assert!(error.contains("--jwks-url"), "{error}");
    // An empty variable counts as none.
    let empty = settings("--pool eu-west-1_AbCdEf123 --clients any --issuer=").unwrap();
    assert!(empty.verifier().is_ok());
}
