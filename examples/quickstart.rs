//! The main job, end to end, on one machine and without AWS.
//!
//! `cargo run --example quickstart` starts a local issuer and an API that is guarded by scope, gets a token the way a
//! service does, calls the API in every way that has an answer of its own, prints what happened, and keeps serving.
//!
//! `--check` compares each answer with what it must be and exits. `--api-port` and `--issuer-port` fix the ports.

use std::{collections::VecDeque, error::Error, process::ExitCode, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use reqwest::{Client, Method, Response, StatusCode, header::WWW_AUTHENTICATE};
use tokio::net::TcpListener;
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, Verifier,
    testing::{Endpoint, LocalIssuer},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const CLIENT_ID: &str = "quickstart-caller";
const CLIENT_SECRET: &str = "quickstart-secret-for-this-machine-only";

/// What a service writes. Everything else in this file plays the others' parts.
fn api(verifier: &Verifier) -> Result<Router, ConfigError> {
    Ok(Router::new()
        .route(
            "/profiles",
            get(list_profiles).route_layer(RequireScopesLayer::all_of(["profiles/get"])?),
        )
        .route(
            "/profiles",
            post(create_profile).route_layer(RequireScopesLayer::all_of(["profiles/post"])?),
        )
        .route_layer(verifier.layer())
        .route("/health", get(|| async { "ok" })))
}

async fn list_profiles(claims: Claims) -> String {
    format!("hello {}", claims.client_id())
}

async fn create_profile(claims: Claims) -> (StatusCode, String) {
    (
        StatusCode::CREATED,
        format!("made by {}", claims.client_id()),
    )
}

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let flags = Flags::parse()?;
    let issuer = LocalIssuer::builder()
        .port(flags.issuer_port)
        .client(CLIENT_ID, CLIENT_SECRET, ["profiles/get"])
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only([CLIENT_ID])?).build()?;
    let listener = TcpListener::bind(("127.0.0.1", flags.api_port)).await?;
    let api_url = format!("http://{}", listener.local_addr()?);
    let server = axum::serve(listener, api(&verifier)?);
    let serving = tokio::spawn(async move { server.await });

    println!("A local issuer, in Cognito's place:  {}", issuer.base_url());
    println!("An API that is guarded by scope:     {api_url}\n");
    let mut caller = Caller::new(api_url.clone());
    caller.call_everything(&issuer).await?;
    let all_as_expected = caller.report();

    if flags.check {
        return Ok(ExitCode::from(u8::from(!all_as_expected)));
    }
    println!("\nStill serving; Ctrl-C stops. In another terminal:\n");
    println!("TOKEN=$(curl -s -u {CLIENT_ID}:{CLIENT_SECRET} -d grant_type=client_credentials \\");
    println!(
        "  --data-urlencode scope=profiles/get {} \\",
        issuer.token_url()
    );
    println!("  | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')");
    println!("curl -i {api_url}/profiles                                               # 401");
    println!("curl -i -H \"Authorization: Bearer $TOKEN\" {api_url}/profiles             # 200");
    println!("curl -i -H \"Authorization: Bearer $TOKEN\" -X POST {api_url}/profiles     # 403");
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

/// Another service, and what it was answered.
struct Caller {
    http: Client,
    api_url: String,
    as_expected: Vec<bool>,
}

impl Caller {
    fn new(api_url: String) -> Self {
        Self {
            http: Client::new(),
            api_url,
            as_expected: Vec::new(),
        }
    }

    async fn call_everything(&mut self, issuer: &LocalIssuer) -> Outcome<()> {
        let get = Method::GET;
        let get_only = self.token(issuer).await?;
        self.call("a public route", &get, "/health", None, "200 ok")
            .await?;
        self.call("no token", &get, "/profiles", None, "401 Bearer")
            .await?;
        self.call(
            "a good token",
            &get,
            "/profiles",
            Some(&get_only),
            "200 hello quickstart-caller",
        )
        .await?;
        self.call(
            "a token without the route's scope",
            &Method::POST,
            "/profiles",
            Some(&get_only),
            "403 Bearer scope=\"profiles/post\", error=\"insufficient_scope\", \
             error_description=\"the access token lacks a required scope\"",
        )
        .await?;
        let expired = issuer.token().scopes(["profiles/get"]).expired().build();
        self.call(
            "an expired token",
            &get,
            "/profiles",
            Some(&expired),
            "401 Bearer error=\"invalid_token\", error_description=\"the access token expired\"",
        )
        .await?;
        let tampered = issuer.token().scopes(["profiles/get"]).tampered().build();
        self.call(
            "a tampered token",
            &get,
            "/profiles",
            Some(&tampered),
            "401 Bearer error=\"invalid_token\", error_description=\"the access token is not valid\"",
        )
        .await?;

        // The pool signs with a new key from now on, and the API cannot fetch it. That is not the caller's fault.
        let _new_kid = issuer.rotate();
        issuer.endpoint(Endpoint::Jwks).close();
        let of_new_key = self.token(issuer).await?;
        self.call(
            "keys that cannot be fetched",
            &get,
            "/profiles",
            Some(&of_new_key),
            "503 Retry-After: 1",
        )
        .await?;
        self.call(
            "… while known keys serve",
            &get,
            "/profiles",
            Some(&get_only),
            "200 hello quickstart-caller",
        )
        .await?;

        // A good caller does as it was told, and keeps its token.
        issuer.recover();
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.call(
            "… after Retry-After, the same token",
            &get,
            "/profiles",
            Some(&of_new_key),
            "200 hello quickstart-caller",
        )
        .await?;
        Ok(())
    }

    /// A client-credentials token, over HTTP, as any OAuth client gets one.
    async fn token(&self, issuer: &LocalIssuer) -> Outcome<String> {
        let reply = self
            .http
            .post(issuer.token_url())
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=profiles%2Fget")
            .send()
            .await?
            .error_for_status()?;
        let reply: serde_json::Value = serde_json::from_str(&reply.text().await?)?;
        let token = reply.get("access_token").and_then(|token| token.as_str());
        Ok(token.ok_or("the reply has no access_token")?.to_owned())
    }

    async fn call(
        &mut self,
        what: &str,
        method: &Method,
        path: &str,
        token: Option<&str>,
        expected: &str,
    ) -> Outcome<()> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.api_url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = summary(request.send().await?).await?;
        let as_expected = answer == expected;
        println!(
            "{:<36}{:<5}{path:<11}{answer}",
            format!("{what}:"),
            method.as_str()
        );
        if !as_expected {
            println!("{:<36}expected    {expected}", "");
        }
        self.as_expected.push(as_expected);
        Ok(())
    }

    fn report(&self) -> bool {
        let wrong = self
            .as_expected
            .iter()
            .filter(|as_expected| !**as_expected)
            .count();
        println!(
            "\n{} answers, {wrong} of them unexpected",
            self.as_expected.len()
        );
        wrong == 0
    }
}

/// The status, and what else decides how a caller goes on.
async fn summary(response: Response) -> Outcome<String> {
    let status = response.status().as_u16();
    let header = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    if let Some(challenge) = header(WWW_AUTHENTICATE.as_str()) {
        return Ok(format!("{status} {challenge}"));
    }
    if let Some(seconds) = header("retry-after") {
        return Ok(format!("{status} Retry-After: {seconds}"));
    }
    Ok(format!("{status} {}", response.text().await?))
}

/// The command line. Port 0 is any free one.
#[derive(Default)]
struct Flags {
    check: bool,
    api_port: u16,
    issuer_port: u16,
}

impl Flags {
    fn parse() -> Outcome<Self> {
        let mut flags = Self::default();
        let mut arguments: VecDeque<String> = std::env::args().skip(1).collect();
        while let Some(flag) = arguments.pop_front() {
            let mut port = || {
                arguments
                    .pop_front()
                    .ok_or_else(|| format!("{flag} needs a port"))
            };
            match flag.as_str() {
                "--check" => flags.check = true,
                "--api-port" => flags.api_port = port()?.parse()?,
                "--issuer-port" => flags.issuer_port = port()?.parse()?,
                _ => {
                    return Err(format!(
                        "unknown flag {flag}; known are --check, --api-port, --issuer-port"
                    )
                    .into());
                }
            }
        }
        Ok(flags)
    }
}
