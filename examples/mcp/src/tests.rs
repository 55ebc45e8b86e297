//! What an MCP client meets: discovery, tokens for this server alone, a scope for each tool and
//! argument.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Request, StatusCode},
};
use reqwest::Client;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_cognito::testing::TokenBuilder;

use super::*;

mod transcript;

const URL: &str = "https://mcp.example.com/mcp";

struct Server {
    issuer: LocalIssuer,
    app: Router,
}

impl Server {
    fn start() -> Self {
        let issuer = LocalIssuer::builder()
            .issuer_on_loopback()
            .with_token_exchange()
            .client("assistant", "the-secret-of-the-assistant", SCOPES)
            .client("reporting", "the-secret-of-reporting", SCOPES)
            .start()
            .unwrap();
        let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
            .build()
            .unwrap();
        let resource = ResourceMetadata::new(URL, &verifier)
            .unwrap()
            .require_audience();
        let app = app(&resource).unwrap();
        Self { issuer, app }
    }

    /// A user's token that is bound to this server.
    fn bound(&self, scopes: &[&str]) -> TokenBuilder {
        let token = self.issuer.token().user("ada").client_id("desktop");
        token.scopes(scopes).claim("aud", URL)
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 65536).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (parts.status, parts.headers, body)
    }

    async fn call(
        &self,
        authorization: &HeaderValue,
        tool: &str,
        arguments: Value,
    ) -> (StatusCode, HeaderMap, Value) {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": tool, "arguments": arguments },
        });
        let request = Request::post("/mcp")
            // The SDK accepts loopback hosts only, until it is given the server's name.
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", authorization)
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    /// What the tool says to a caller whom it serves.
    async fn said(&self, authorization: &HeaderValue, tool: &str, arguments: Value) -> String {
        let (status, _, body) = self.call(authorization, tool, arguments).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A token of the token endpoint.
    async fn token(&self, client: &str, secret: &str, form: &[(&str, &str)]) -> String {
        let form = form
            .iter()
            .map(|(name, value)| {
                format!("{name}={}", value.replace(':', "%3A").replace('/', "%2F"))
            })
            .collect::<Vec<_>>();
        let http = Client::builder().no_proxy().build().unwrap();
        let response = http
            .post(self.issuer.token_url())
            .basic_auth(client, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"))
            .send()
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let token = body["access_token"].as_str().expect("a token");
        token.to_owned()
    }
}

fn bearer(token: &str) -> HeaderValue {
    format!("Bearer {token}").parse().unwrap()
}

fn challenge(headers: &HeaderMap) -> &str {
    headers["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn a_client_discovers_the_issuer_and_every_scope() {
    let server = Server::start();
    let (status, headers, _) = server
        .call(&HeaderValue::from_static(""), "whoami", json!({}))
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        challenge(&headers),
        "Bearer scope=\"notes/use\", resource_metadata=\
         \"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\""
    );
    let document = Request::get("/.well-known/oauth-protected-resource/mcp");
    let (status, _, document) = server.send(document.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(document["resource"], URL);
    assert_eq!(
        document["authorization_servers"],
        json!([server.issuer.issuer()])
    );
    let mut scopes = SCOPES;
    scopes.sort_unstable();
    assert_eq!(document["scopes_supported"], json!(scopes));
}

#[tokio::test]
async fn a_token_must_be_bound_to_this_server() {
    let server = Server::start();
    let token = || server.issuer.token().user("ada").scopes(SCOPES);
    for (token, expected) in [
        (token().claim("aud", URL), StatusCode::OK),
        (token(), StatusCode::UNAUTHORIZED),
        (
            token().claim("aud", "https://other.example.com/mcp"),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let (status, _, _) = server
            .call(&token.authorization(), "whoami", json!({}))
            .await;
        assert_eq!(status, expected);
    }
}

/// Each tool: with its scope, and with those of all the others.
#[tokio::test]
async fn each_tool_needs_its_scope_and_the_403_names_it() {
    let server = Server::start();
    for (tool, arguments, scope) in [
        ("write_note", json!({}), "notes/write"),
        ("read_notes", json!({ "notebook": "shared" }), "notes/read"),
        (
            "read_notes",
            json!({ "notebook": "private" }),
            "notes/private",
        ),
    ] {
        let permitted = server.bound(&["notes/use", scope]).authorization();
        server.said(&permitted, tool, arguments.clone()).await;

        let others: Vec<_> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        let forbidden = server.bound(&others).authorization();
        let (status, headers, body) = server.call(&forbidden, tool, arguments.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{tool} {arguments}");
        let expected = format!(
            "Bearer scope=\"notes/use {scope}\", error=\"insufficient_scope\", error_description="
        );
        assert!(challenge(&headers).starts_with(&expected), "{headers:?}");
        assert!(challenge(&headers).contains("/.well-known/oauth-protected-resource/mcp"));
        assert_eq!(body, Value::Null, "no JSON-RPC error beside it");
    }
}

#[tokio::test]
async fn whoami_tells_users_services_and_agents_apart() {
    let server = Server::start();
    let whoami =
        async |authorization: &HeaderValue| server.said(authorization, "whoami", json!({})).await;
    let user = server.bound(&["notes/use"]);
    assert_eq!(whoami(&user.authorization()).await, "user ada");

    // The agent exchanges the user's token for one that is bound to this server, and says who it
    // is.
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
    let agent = ("assistant", "the-secret-of-the-assistant");
    let own = server
        .token(agent.0, agent.1, &[("grant_type", "client_credentials")])
        .await;
    let signed_in = server
        .issuer
        .token()
        .user("ada")
        .scopes(["notes/use"])
        .build();
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", &signed_in),
        ("subject_token_type", ACCESS_TOKEN),
        ("actor_token", &own),
        ("actor_token_type", ACCESS_TOKEN),
        ("resource", URL),
    ];
    let delegated = server.token(agent.0, agent.1, &exchange).await;
    let said = whoami(&bearer(&delegated)).await;
    assert_eq!(said, "user ada through assistant");

    // A service's token is bound to nothing, until it exchanges it.
    let service = ("reporting", "the-secret-of-reporting");
    let own = server
        .token(
            service.0,
            service.1,
            &[("grant_type", "client_credentials")],
        )
        .await;
    let (status, _, _) = server.call(&bearer(&own), "whoami", json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", &own),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", URL),
    ];
    let bound = server.token(service.0, service.1, &exchange).await;
    assert_eq!(whoami(&bearer(&bound)).await, "service reporting");
}
