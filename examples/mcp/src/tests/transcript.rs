//! The requests and responses on the page "An MCP server behind Cognito" are those of a client.

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, Url, redirect::Policy};
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use tower_cognito::{AllowedClients, ResourceMetadata, Verifier, testing::LocalIssuer};

use crate::{Router, SCOPES, app};

const PAGE: &str = include_str!("../../../../docs/guide/mcp.md");

const RESOURCE: &str = "https://example.com/mcp";
const CALLBACK: &str = "http://127.0.0.1:8765/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What a client sent and got, one thing a line.
struct Transcript {
    issuer: LocalIssuer,
    app: Router,
    http: Client,
    steps: Vec<String>,
    /// Random values, which the page does not show.
    hidden: Vec<String>,
}

impl Transcript {
    fn new() -> Self {
        let issuer = LocalIssuer::builder()
            .issuer_on_loopback()
            .sign_in_as("ada");
        let issuer = issuer.open_registration(SCOPES).start().unwrap();
        let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any());
        let resource = ResourceMetadata::new(RESOURCE, &verifier.build().unwrap()).unwrap();
        let http = Client::builder().no_proxy().redirect(Policy::none());
        Self {
            app: app(&resource.require_audience()).unwrap(),
            issuer,
            http: http.build().unwrap(),
            steps: Vec::new(),
            hidden: Vec::new(),
        }
    }

    fn step(&mut self, lines: &[String]) {
        let mut step = lines.join("\n") + "\n";
        for hidden in &self.hidden {
            step = step.replace(hidden, "…");
        }
        let issuer = self.issuer.issuer();
        let origin = Url::parse(issuer).unwrap().origin().ascii_serialization();
        let pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123";
        step = step.replace(issuer, pool);
        self.steps
            .push(step.replace(&origin, "https://login.example.com"));
    }

    /// A request to the MCP server.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Value {
        let mut request = Request::builder().method(method.clone()).uri(path);
        let mut lines = vec![format!("> {method} https://example.com{path}")];
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
            lines.push("> Authorization: Bearer …".to_owned());
        }
        if !body.is_null() {
            lines.push(format!("> {body}"));
        }
        let request = request
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(Body::from(body.to_string()));
        let response = self.app.clone().oneshot(request.unwrap()).await.unwrap();
        lines.push(format!("< {}", response.status()));
        if let Some(challenge) = response.headers().get("www-authenticate") {
            let challenge = challenge.to_str().unwrap().replace(", ", ",\n<   ");
            lines.push(format!("< WWW-Authenticate: {challenge}"));
        }
        let body = to_bytes(response.into_body(), 65536).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        lines.extend(members(&body));
        self.step(&lines);
        body
    }

    /// A request to the pool. Of the response, these members.
    async fn ask(&mut self, method: Method, url: &str, sent: Sent<'_>, shown: &[&str]) -> Value {
        let mut lines = vec![format!("> {method} {url}").replace("/.well", "\n>   /.well")];
        let request = self.http.request(method, url);
        let request = match sent {
            Sent::Nothing => request,
            Sent::Json(body) => {
                lines.push(format!("> {body}"));
                request.body(body.to_string())
            }
            Sent::Form(form) => {
                lines.extend(
                    form.iter()
                        .map(|(name, value)| format!(">   {name}={value}")),
                );
                let mut query = Url::parse("http://form.invalid").unwrap();
                query.query_pairs_mut().extend_pairs(form);
                request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(query.query().unwrap().to_owned())
            }
        };
        let response = request.send().await.unwrap();
        lines.push(format!("< {}", response.status()));
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let shown = shown
            .iter()
            .map(|name| ((*name).to_owned(), body[*name].clone()));
        lines.extend(members(&Value::Object(Map::from_iter(shown))));
        for secret in ["client_id", "access_token"] {
            self.hidden.extend(body[secret].as_str().map(str::to_owned));
        }
        self.step(&lines);
        body
    }

    /// Sends the user to the pool, and exchanges the code that comes back.
    async fn sign_in(&mut self, metadata: &Value, client_id: &str, scope: &str) -> String {
        let mut url = Url::parse(metadata["authorization_endpoint"].as_str().unwrap()).unwrap();
        let query = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", scope),
            ("resource", RESOURCE),
            ("state", "af0ifjsldkj"),
        ];
        let mut lines = vec![format!("> GET {url}")];
        lines.extend(query.map(|(name, value)| format!(">   {name}={value}")));
        url.query_pairs_mut().extend_pairs(query);
        let response = self.http.get(url).send().await.unwrap();
        lines.push(format!("< {}", response.status()));
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let location = Url::parse(&location).unwrap();
        lines.push(format!("< Location: {CALLBACK}"));
        let sent_back: Vec<(String, String)> = location.query_pairs().into_owned().collect();
        lines.extend(
            sent_back
                .iter()
                .map(|(name, value)| format!("<   {name}={value}")),
        );
        let code = sent_back
            .into_iter()
            .find(|(name, _)| name == "code")
            .unwrap()
            .1;
        self.hidden.push(code.clone());
        self.step(&lines);

        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("code", &*code),
            ("code_verifier", VERIFIER),
            ("resource", RESOURCE),
        ];
        let endpoint = metadata["token_endpoint"].as_str().unwrap();
        let shown = ["token_type", "access_token"];
        let granted = self
            .ask(Method::POST, endpoint, Sent::Form(&form), &shown)
            .await;
        let token = granted["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{granted}")).to_owned()
    }
}

enum Sent<'a> {
    Nothing,
    Json(Value),
    Form(&'a [(&'static str, &'a str)]),
}

fn members(body: &Value) -> Vec<String> {
    let object = body.as_object().into_iter().flatten();
    object
        .map(|(name, value)| format!("<  \"{name}\": {value}"))
        .collect()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn tool(name: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } })
}

#[tokio::test]
async fn the_page_shows_what_a_client_sends_and_gets() {
    let mut client = Transcript::new();
    client
        .call(Method::POST, "/mcp", None, &tool("whoami"))
        .await;
    let path = "/.well-known/oauth-protected-resource/mcp";
    let document = client.call(Method::GET, path, None, &Value::Null).await;

    let issuer = document["authorization_servers"][0].as_str().unwrap();
    let discovery = format!("{issuer}/.well-known/openid-configuration");
    let shown = [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
    ];
    let metadata = client
        .ask(Method::GET, &discovery, Sent::Nothing, &shown)
        .await;
    let endpoint = metadata["registration_endpoint"].as_str().unwrap();
    let registration = json!({
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    });
    let shown = ["client_id", "redirect_uris", "token_endpoint_auth_method"];
    let registration = Sent::Json(registration);
    let registered = client
        .ask(Method::POST, endpoint, registration, &shown)
        .await;
    let client_id = registered["client_id"].as_str().unwrap();

    let token = client.sign_in(&metadata, client_id, "notes/use").await;
    assert_eq!(claims(&token)["aud"], RESOURCE);
    assert_eq!(claims(&token)["scope"], "notes/use");
    client
        .call(Method::POST, "/mcp", Some(&token), &tool("whoami"))
        .await;
    client
        .call(Method::POST, "/mcp", Some(&token), &tool("write_note"))
        .await;

    let shown = client.steps.len();
    let token = client
        .sign_in(&metadata, client_id, "notes/use notes/write")
        .await;
    client
        .call(Method::POST, "/mcp", Some(&token), &tool("write_note"))
        .await;
    // Only their end is new.
    client.steps.drain(shown..client.steps.len() - 1);
    for step in &client.steps {
        let block = format!("```text\n{step}```\n");
        assert!(
            PAGE.contains(&block),
            "not on the page:\n{block}\nof:\n{}",
            client.steps.join("\n")
        );
    }
}
