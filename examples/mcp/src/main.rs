//! An MCP server behind Cognito: tokens that are bound to it, a scope for each tool, discovery.
//!
//! `cargo run -p example-mcp` serves until Ctrl-C. A local issuer signs every client in as one
//! user. The page "An MCP server behind Cognito" of the guide says what differs on AWS.

#[cfg(test)]
mod tests;

use std::{error::Error, sync::Arc};

use axum::{Router, http::request::Parts};
use rmcp::{
    ErrorData, ServerHandler,
    handler::server::{common::Extension, wrapper::Parameters},
    model::{ServerCapabilities, ServerConfig},
    schemars, tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, Principal, ResourceMetadata, ScopePolicy, Verifier,
    late_rejection::{LateRejection, LateRejectionLayer},
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
    #[tool(description = "Who calls, and through which agent")]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let claims = LateRejection::authorize(&parts.extensions, |_| Ok(())).map_err(rejected)?;
        let caller = match claims.principal() {
            Principal::User { username, .. } => format!("user {username}"),
            _ => format!("service {}", claims.client_id()),
        };
        let actor = claims.actor().map_err(rejected)?;
        let agent = actor.as_ref().and_then(|actor| actor.subject());
        Ok(agent.map_or(caller.clone(), |agent| format!("{caller} through {agent}")))
    }

    #[tool(description = "Write a note")]
    async fn write_note(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        require(&parts, &self.write).map(|claims| format!("written by {}", claims.client_id()))
    }

    #[tool(description = "Read a notebook")]
    async fn read_notes(
        &self,
        Parameters(Notebook { notebook }): Parameters<Notebook>,
        Extension(parts): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let is_shared = notebook == "shared";
        require(&parts, if is_shared { &self.read } else { &self.private })?;
        Ok(format!("the notes of {notebook}"))
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// Without the scopes, the response is a 403 that names them.
fn require<'p>(parts: &'p Parts, policy: &ScopePolicy) -> Result<&'p Claims, ErrorData> {
    LateRejection::authorize(&parts.extensions, |claims| claims.require(policy)).map_err(rejected)
}

fn rejected(error: impl Error) -> ErrorData {
    ErrorData::invalid_request(error.to_string(), None)
}

fn app(resource: &ResourceMetadata) -> Result<Router, ConfigError> {
    let scope = |scope| Ok(resource.enforce(ScopePolicy::all_of([scope])?));
    let notes = Notes {
        read: scope("notes/read")?,
        write: scope("notes/write")?,
        private: scope("notes/private")?,
    };
    // Each request has its own token, and its response waits for the tool, so it can be a 403.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let sessions = Arc::new(NeverSessionManager::default());
    let tools = StreamableHttpService::new(move || Ok(notes.clone()), sessions, config);
    Ok(Router::new()
        .route_service("/mcp", tools)
        .route_layer(LateRejectionLayer)
        .route_layer(resource.layer().require(scope("notes/use")?))
        .layer(resource.well_known_layer()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder().issuer_on_loopback();
    let issuer = issuer.sign_in_as("ada").open_registration(SCOPES).start()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    // Clients register themselves, so audience and scopes alone decide what they may do.
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    let resource = ResourceMetadata::new(&url, &verifier)?.require_audience();
    println!("{url}");
    Ok(axum::serve(listener, app(&resource)?).await?)
}
