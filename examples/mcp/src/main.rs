//! An MCP server behind Cognito: tokens that are bound to it, a scope for each tool, and clients that find their way by discovery.
//!
//! `cargo run -p example-mcp` serves until Ctrl-C. Point any MCP client at the URL that it prints. A local issuer signs everyone in
//! as the same user. The guide's page "An MCP server behind Cognito" says what differs on AWS.

#[cfg(test)]
mod tests;

use std::{
    error::Error,
    sync::{Arc, OnceLock},
};

use axum::{Router, extract::Request, http::request::Parts, middleware, response::IntoResponse};
use rmcp::{
    ErrorData, ServerHandler, handler::server::common::Extension, handler::server::wrapper::Parameters,
    model::ServerCapabilities, model::ServerConfig, schemars, tool, tool_handler, tool_router,
    transport::streamable_http_server::session::never::NeverSessionManager,
    transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService},
};
use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, Principal, ResourceMetadata, ScopePolicy, Verifier,
    testing::LocalIssuer,
};

const SCOPES: [&str; 4] = ["notes/use", "notes/read", "notes/write", "notes/private"];

#[derive(Clone)]
struct Notes {
    read: ScopePolicy,
    write: ScopePolicy,
    private: ScopePolicy,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Notebook {
    /// `shared` or `private`.
    notebook: String,
}

#[tool_router]
impl Notes {
    #[tool(description = "Who is calling, and through whom")]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let claims = allow(&parts, |_| Ok(()))?;
        let caller = match claims.principal() {
            Principal::User { username, .. } => format!("user {}", username.unwrap_or("unknown")),
            _ => format!("service {}", claims.client_id()),
        };
        let actor = claims.actor().map_err(|_| ErrorData::internal_error("unreadable `act`", None))?;
        let agent = actor.as_ref().and_then(|actor| actor.subject());
        Ok(agent.map_or(caller.clone(), |agent| format!("{caller} through agent {agent}")))
    }

    #[tool(description = "Write a note")]
    async fn write_note(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        allow(&parts, |claims| claims.require(&self.write)).map(|_| "written".to_owned())
    }

    #[tool(description = "Read the notes of a notebook")]
    async fn read_notes(
        &self,
        Parameters(Notebook { notebook }): Parameters<Notebook>,
        Extension(parts): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let policy = if notebook == "shared" { &self.read } else { &self.private };
        allow(&parts, |claims| claims.require(policy)).map(|_| format!("notes of {notebook}"))
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// Why a tool refuses, for the middleware: the tool itself could only respond with a JSON-RPC error under status 200.
#[derive(Clone, Default)]
struct Refusal(Arc<OnceLock<AuthError>>);

fn allow(parts: &Parts, rule: impl Fn(&Claims) -> Result<(), AuthError>) -> Result<Claims, ErrorData> {
    let claims = parts.extensions.get::<Claims>().ok_or(AuthError::MissingLayer);
    claims.and_then(|claims| rule(claims).map(|()| claims.clone())).map_err(|error| {
        let message = error.to_string();
        if let Some(Refusal(slot)) = parts.extensions.get() {
            // A batch has one response: the first refusal decides.
            let _ = slot.set(error);
        }
        ErrorData::invalid_request(message, None)
    })
}

/// The layer outside makes a 403 of the error, which names the scopes and the metadata.
async fn refuse(mut request: Request, next: middleware::Next) -> axum::response::Response {
    let refusal = Refusal::default();
    request.extensions_mut().insert(refusal.clone());
    let response = next.run(request).await;
    refusal.0.get().map_or(response, |error| error.clone().into_response())
}

fn app(resource: &ResourceMetadata) -> Result<Router, ConfigError> {
    let scope = |scope| Ok(resource.enforce(ScopePolicy::all_of([scope])?));
    let notes = Notes { read: scope("notes/read")?, write: scope("notes/write")?, private: scope("notes/private")? };
    // Each request is judged by its own token, and its response waits for the tool, so that it can still be a 403.
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let mcp = StreamableHttpService::new(move || Ok(notes.clone()), Arc::new(NeverSessionManager::default()), config);
    Ok(Router::new()
        .route_service("/mcp", mcp)
        .route_layer(middleware::from_fn(refuse))
        .route_layer(resource.layer().require(scope("notes/use")?))
        .layer(resource.well_known_layer()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder().issuer_on_loopback().sign_in_as("ada").open_registration(SCOPES).with_oauth_metadata().start()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    // Clients register themselves, so what they may do is up to audience and scopes.
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    let resource = ResourceMetadata::new(&url, &verifier)?.require_audience().resource_name("Notes")?;
    println!("{url}");
    axum::serve(listener, app(&resource)?).await?;
    Ok(())
}
