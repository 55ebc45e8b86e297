//! The MCP SDK of crates.io against the MCP server at the URL given; see `client.mjs`. It keeps the
//! scopes that it has when it steps up.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::{env, error::Error, sync::Arc, time::Duration};

use reqwest::{Client, Url, header::LOCATION, redirect::Policy};
use rmcp::{
    RoleClient, ServiceError, ServiceExt,
    model::CallToolRequestParams,
    service::RunningService,
    transport::{
        StreamableHttpClientTransport,
        auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState},
        auth::{AuthorizationCallback, WWWAuthenticateParams},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const CALLBACK: &str = "http://127.0.0.1:8765/callback";

type BoxError = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let url = env::args().nth(1).ok_or("usage: rmcp-client URL")?;
    tokio::time::timeout(Duration::from_secs(60), run(&url)).await??;
    println!("crates.io: challenged, signed in, called, rejected, stepped up twice");
    Ok(())
}

async fn run(url: &str) -> Result<(), BoxError> {
    let http = Client::builder().no_proxy().build()?;
    let mut state = OAuthState::new(url, Some(http.clone())).await?;
    let request = AuthorizationRequest::new(CALLBACK)
        .with_initial_scope_selection()
        .with_client_name("interop");
    state.start_authorization(request).await?;
    let authorize = state.get_authorization_url().await?;
    expect(
        "the scopes of the first sign-in",
        &parameter(&authorize, "scope"),
        "notes/use",
    );
    expect("the resource", &parameter(&authorize, "resource"), url);
    state
        .handle_callback_url(&sent_back(&authorize).await?)
        .await?;
    let manager = state.into_authorization_manager().ok_or("not authorized")?;

    let client = AuthClient::new(http, manager);
    let manager = Arc::clone(&client.auth_manager);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let session = ().serve(StreamableHttpClientTransport::with_client(client, config)).await?;
    expect(
        "whoami",
        &call(&session, "whoami", json!({})).await?,
        "user ada",
    );

    for (notebook, demanded, asked) in [
        ("shared", "notes/use notes/read", "notes/read notes/use"),
        (
            "private",
            "notes/use notes/private",
            "notes/private notes/read notes/use",
        ),
    ] {
        let arguments = json!({ "notebook": notebook });
        let rejected = match call(&session, "read_notes", arguments.clone()).await {
            Err(rejected) => rejected,
            Ok(text) => return Err(format!("not rejected: {text}").into()),
        };
        let challenge = rejected.auth_challenge().ok_or("no challenge")?;
        let challenge = WWWAuthenticateParams::parse(challenge, &Url::parse(url)?);
        let scope = challenge.scope.as_deref().unwrap_or_default();
        assert!(challenge.is_insufficient_scope(), "{challenge:?}");
        expect("the scopes of the 403", scope, demanded);

        let granted = step_up(&manager, scope).await?;
        expect("the scopes of the step-up", &granted, asked);
        let text = call(&session, "read_notes", arguments).await?;
        expect("read_notes", &text, &format!("the notes of {notebook}"));
    }
    session.cancel().await?;
    Ok(())
}

async fn call(
    session: &RunningService<RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
) -> Result<String, ServiceError> {
    let mut request = CallToolRequestParams::new(tool);
    if let Value::Object(arguments) = arguments {
        request = request.with_arguments(arguments);
    }
    let result = session.call_tool(request).await?;
    let text = result.content.first().and_then(|content| content.as_text());
    Ok(text.map(|text| text.text.clone()).unwrap_or_default())
}

/// Signs in again, and gives the scopes that the user was asked for.
async fn step_up(manager: &Mutex<AuthorizationManager>, scope: &str) -> Result<String, BoxError> {
    let manager = manager.lock().await;
    let authorize = manager.request_scope_upgrade(scope).await?;
    let callback = AuthorizationCallback::from_redirect_url(&sent_back(&authorize).await?)?;
    manager
        .exchange_code_for_token_with_issuer(
            &callback.code,
            &callback.csrf_token,
            callback.issuer.as_deref(),
        )
        .await?;
    let mut asked: Vec<String> = parameter(&authorize, "scope")
        .split(' ')
        .map(str::to_owned)
        .collect();
    asked.sort();
    Ok(asked.join(" "))
}

/// A browser whose user agrees to everything: where it is sent.
async fn sent_back(authorize: &str) -> Result<String, BoxError> {
    let browser = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()?;
    let reply = browser.get(authorize).send().await?;
    let location = reply.headers().get(LOCATION).ok_or("no redirect")?;
    Ok(location.to_str()?.to_owned())
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).ok();
    let value = url.and_then(|url| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    });
    value.unwrap_or_default()
}

fn expect(what: &str, found: &str, expected: &str) {
    assert_eq!(found, expected, "{what}");
}
