//! A guarded API and its caller on one machine, without AWS.
//!
//! `cargo run --example quickstart` starts a local issuer and the API, calls the API once for each
//! kind of response, prints what came back, and serves until Ctrl-C, so that you can try the `curl`
//! lines that it prints.

use std::{error::Error, future::IntoFuture, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, Verifier,
    testing::{Endpoint, LocalIssuer},
};

// The service: this is what you write.

pub(crate) fn app(verifier: &Verifier) -> Result<Router, ConfigError> {
    let read = RequireScopesLayer::all_of(["profiles/get"])?;
    let write = RequireScopesLayer::all_of(["profiles/post"])?;
    Ok(Router::new()
        .route("/profiles", get(list_profiles).route_layer(read))
        .route("/profiles", post(create_profile).route_layer(write))
        .route_layer(verifier.layer())
        .route("/health", get(|| async { "ok\n" })))
}

async fn list_profiles(claims: Claims) -> String {
    format!("hello {}\n", claims.client_id())
}

async fn create_profile(claims: Claims) -> (StatusCode, String) {
    let body = format!("created by {}\n", claims.client_id());
    (StatusCode::CREATED, body)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production the pool is `UserPool::new("eu-west-1_AbCdEf123")?`.
    let issuer = local_issuer().start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only([CLIENT_ID])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api_url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app(&verifier)?).into_future());

    println!("local issuer: {}", issuer.base_url());
    println!("guarded API:  {api_url}\n");
    let caller = Caller::new(&api_url, &issuer);
    let calls = caller.call_everything(tokio::time::sleep).await?;
    for line in table(&calls) {
        println!("{line}");
    }
    println!("\nServing until Ctrl-C. In another terminal:\n");
    for line in lines_to_try(&api_url, &issuer.token_url()) {
        println!("{line}");
    }
    server.await??;
    Ok(())
}

// The rest plays the parts of Cognito and of a caller.

const CLIENT_ID: &str = "caller";
const CLIENT_SECRET: &str = "secret";

pub(crate) fn local_issuer() -> tower_cognito::testing::LocalIssuerBuilder {
    LocalIssuer::builder().client(CLIENT_ID, CLIENT_SECRET, ["profiles/get"])
}

/// Another service.
pub(crate) struct Caller<'a> {
    http: reqwest::Client,
    api_url: &'a str,
    issuer: &'a LocalIssuer,
}

/// What was called, and what came back.
pub(crate) struct Call {
    what: &'static str,
    request: &'static str,
    pub(crate) response: String,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(api_url: &'a str, issuer: &'a LocalIssuer) -> Self {
        let http = reqwest::Client::new();
        Self {
            http,
            api_url,
            issuer,
        }
    }

    /// `wait` lets time pass, as a `Retry-After` asks for.
    pub(crate) async fn call_everything(
        &self,
        wait: impl AsyncFn(Duration),
    ) -> Result<Vec<Call>, Box<dyn Error>> {
        const LIST: &str = "GET /profiles";
        let token = self.token().await?;
        let good = Some(token.as_str());
        let expired = self
            .issuer
            .token()
            .scopes(["profiles/get"])
            .expired()
            .build();
        let tampered = self
            .issuer
            .token()
            .scopes(["profiles/get"])
            .tampered()
            .build();
        let mut calls = vec![
            self.call("a public route", "GET /health", None).await?,
            self.call("no token", LIST, None).await?,
            self.call("a valid token", LIST, good).await?,
            self.call("a missing scope", "POST /profiles", good).await?,
            self.call("an expired token", LIST, Some(&expired)).await?,
            self.call("a tampered token", LIST, Some(&tampered)).await?,
        ];

        // The pool now signs with a new key, which the API cannot fetch. That is not the caller's
        // fault.
        let _new_kid = self.issuer.rotate();
        self.issuer.endpoint(Endpoint::Jwks).close();
        let new = self.token().await?;
        calls.push(self.call("keys unavailable", LIST, Some(&new)).await?);
        calls.push(self.call("… while known keys work", LIST, good).await?);

        // A good caller waits for `Retry-After`, and keeps its token.
        self.issuer.recover();
        wait(Duration::from_secs(1)).await;
        calls.push(
            self.call("… the first again, later", LIST, Some(&new))
                .await?,
        );
        Ok(calls)
    }

    /// Gets a client-credentials token over HTTP, as any OAuth client does.
    async fn token(&self) -> Result<String, Box<dyn Error>> {
        let request = self.http.post(self.issuer.token_url());
        let response = request
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=profiles%2Fget")
            .send()
            .await?
            .error_for_status()?;
        let response: serde_json::Value = serde_json::from_str(&response.text().await?)?;
        let token = response
            .get("access_token")
            .and_then(|token| token.as_str());
        Ok(token.ok_or("the response has no access_token")?.to_owned())
    }

    async fn call(
        &self,
        what: &'static str,
        request: &'static str,
        token: Option<&str>,
    ) -> Result<Call, Box<dyn Error>> {
        let (method, path) = request.split_once(' ').ok_or("no path")?;
        let url = format!("{}{path}", self.api_url);
        let mut builder = self.http.request(method.parse()?, url);
        if let Some(token) = token {
            builder = builder.bearer_auth(token);
        }
        let response = summary(builder.send().await?).await?;
        Ok(Call {
            what,
            request,
            response,
        })
    }
}

/// The status, and the part of the response that the caller acts on.
async fn summary(response: reqwest::Response) -> Result<String, Box<dyn Error>> {
    let status = response.status().as_u16();
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    if let Some(challenge) = header("www-authenticate") {
        let error = challenge.split("error=\"").nth(1);
        let error = error.and_then(|error| error.split('"').next());
        return Ok(format!("{status} {}", error.unwrap_or(&challenge)));
    }
    if let Some(seconds) = header("retry-after") {
        return Ok(format!("{status} Retry-After: {seconds}"));
    }
    Ok(format!("{status} {}", response.text().await?.trim_end()))
}

pub(crate) fn table(calls: &[Call]) -> Vec<String> {
    let row = |what, request, response| format!("{what:<26}{request:<16}{response}");
    let head = row("case", "request", "response");
    let rows = calls
        .iter()
        .map(|call| row(call.what, call.request, &call.response));
    [head].into_iter().chain(rows).collect()
}

pub(crate) fn lines_to_try(api_url: &str, token_url: &str) -> Vec<String> {
    vec![
        format!("TOKEN=$(curl -s -u {CLIENT_ID}:{CLIENT_SECRET} \\"),
        "  -d grant_type=client_credentials \\".to_owned(),
        format!("  {token_url} | grep -o 'eyJ[^\"]*')"),
        "AUTH=\"Authorization: Bearer $TOKEN\"".to_owned(),
        format!("curl -i {api_url}/profiles                      # 401"),
        format!("curl -i -H \"$AUTH\" {api_url}/profiles           # 200"),
        format!("curl -i -H \"$AUTH\" -X POST {api_url}/profiles   # 403"),
    ]
}
