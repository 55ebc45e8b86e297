//! A guarded axum service on a real user pool, ready to deploy.
//!
//! ```text
//! cargo run --release -p example-cognito -- --pool eu-west-1_AbCdEf123 --clients 1example23456789
//! ```
//!
//! `cognito/provision.sh` makes a pool, a client and a domain to try it with; `--help` tells the settings.

use std::{env, error::Error, io, net::SocketAddr, process::ExitCode, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde::Serialize;
use serde_json::json;
use tokio::{net::TcpListener, signal};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, Principal, RequireScopesLayer, UserPool, Verifier,
    keys::KeyStatus,
};
use tracing_subscriber::EnvFilter;

const HELP: &str = "\
Serves a guarded API on an Amazon Cognito user pool.

  GET  /healthz    200 while the process runs
  GET  /readyz     200 while tokens can be verified, else 503; the state of the keys as JSON
  GET  /whoami     any good access token; who is calling, as JSON
  GET  /profiles   scope profiles/get
  POST /profiles   scope profiles/post
  GET  /both       scopes profiles/get and profiles/post

Settings: a flag, or the variable in the environment that stands beside it.

  --pool ID            COGNITO_USER_POOL_ID     as eu-west-1_AbCdEf123
  --clients ID,ID,…    COGNITO_CLIENT_IDS       the app clients that may call; `any` for all of the pool
  --replica REGION     COGNITO_REPLICA_REGION   also accept tokens of the pool's replica there
  --issuer URL         COGNITO_ISSUER           exactly this issuer; without --pool, --jwks-url is needed too
  --jwks-url URL       COGNITO_JWKS_URL         where the keys are; https, or http on this machine
  --listen ADDRESS     LISTEN                   default 127.0.0.1:8080; port 0 takes a free one

Logs go to standard error, RUST_LOG filters them (RUST_LOG=tower_cognito=debug tells the reason of each refusal).
One line on standard output says when and where it listens. It stops on SIGINT and SIGTERM, after the requests in progress.";

/// What the flags and the environment say, not yet checked.
#[derive(Default)]
struct Settings {
    pool: Option<String>,
    clients: Option<String>,
    replica: Option<String>,
    issuer: Option<String>,
    jwks_url: Option<String>,
    listen: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::read(env::args().skip(1), |name| env::var(name).ok())?;
    let verifier = settings.verifier()?;
    let listener = TcpListener::bind(settings.address()?).await?;

    // A service that cannot reach the endpoint yet starts all the same: it answers 503 and recovers by itself.
    match verifier.warm_up().await {
        Ok(()) => tracing::info!(keys = verifier.key_status().kids().count(), "keys fetched"),
        Err(error) => tracing::warn!(
            jwks_url = verifier.key_status().jwks_url(),
            %error,
            "no keys yet; every token gets 503 until they can be fetched"
        ),
    }

    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(&verifier)?)
        .with_graceful_shutdown(stop_requested())
        .await?;
    tracing::info!("stopped");
    Ok(())
}

fn router(verifier: &Verifier) -> Result<Router, ConfigError> {
    let both = RequireScopesLayer::all_of(["profiles/get", "profiles/post"])?;
    Ok(Router::new()
        .route("/whoami", get(whoami))
        .route(
            "/profiles",
            get(list_profiles).route_layer(RequireScopesLayer::all_of(["profiles/get"])?),
        )
        .route(
            "/profiles",
            post(create_profile).route_layer(RequireScopesLayer::all_of(["profiles/post"])?),
        )
        .route("/both", get(list_profiles).layer(both))
        // For the routes above. Those below, and paths that do not exist, are asked no token.
        .route_layer(verifier.layer())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(verifier.clone()))
}

async fn whoami(claims: Claims) -> Json<serde_json::Value> {
    let principal = match claims.principal() {
        Principal::Client(_) => "client",
        _ => "user",
    };
    Json(json!({
        "client_id": claims.client_id(),
        "principal": principal,
        "subject": claims.subject(),
        "scopes": claims.scopes().collect::<Vec<_>>(),
    }))
}

async fn list_profiles(claims: Claims) -> Json<serde_json::Value> {
    Json(json!({ "for": claims.client_id(), "profiles": ["ada", "grace"] }))
}

async fn create_profile(claims: Claims) -> impl IntoResponse {
    let created = json!({ "by": claims.client_id(), "created": "alan" });
    (StatusCode::CREATED, Json(created))
}

/// A service that is not ready gets no requests, and without requests nothing would fetch the keys: so the probe itself
/// asks for them. That is cheap, since failures back off and only one fetch runs at a time.
async fn readyz(State(verifier): State<Verifier>) -> impl IntoResponse {
    if !verifier.is_ready() {
        // The status tells how it went.
        let _ = verifier.warm_up().await;
    }
    let keys = verifier.key_status();
    let status = if verifier.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness::from(&keys)))
}

#[derive(Serialize)]
struct Readiness {
    keys: &'static str,
    usable_keys: usize,
    skipped_keys: usize,
    age_seconds: Option<u64>,
    last_error: Option<String>,
    next_attempt_seconds: Option<u64>,
}

impl From<&KeyStatus> for Readiness {
    fn from(status: &KeyStatus) -> Self {
        Self {
            keys: status.state().label(),
            usable_keys: status.kids().count(),
            skipped_keys: status.skipped().len(),
            age_seconds: status.age().as_ref().map(Duration::as_secs),
            last_error: status.last_error().map(ToString::to_string),
            next_attempt_seconds: status.next_attempt().as_ref().map(Duration::as_secs),
        }
    }
}

/// Resolves on Ctrl-C, and on the SIGTERM that a container gets before it is killed.
async fn stop_requested() {
    let interrupt = async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        _ = terminate => {}
    }
    tracing::info!("stopping");
}

impl Settings {
    /// Flags win over the environment. `--flag value` and `--flag=value` are understood; an empty variable counts as none.
    fn read(
        arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut settings = Self {
            pool: variable("COGNITO_USER_POOL_ID"),
            clients: variable("COGNITO_CLIENT_IDS"),
            replica: variable("COGNITO_REPLICA_REGION"),
            issuer: variable("COGNITO_ISSUER"),
            jwks_url: variable("COGNITO_JWKS_URL"),
            listen: variable("LISTEN"),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let setting = match flag.as_str() {
                "--pool" => &mut settings.pool,
                "--clients" => &mut settings.clients,
                "--replica" => &mut settings.replica,
                "--issuer" => &mut settings.issuer,
                "--jwks-url" => &mut settings.jwks_url,
                "--listen" => &mut settings.listen,
                _ => return Err(format!("{flag:?} is not a flag; --help lists them")),
            };
            let value = inline.or_else(|| arguments.next());
            *setting = Some(value.ok_or_else(|| format!("{flag} needs a value"))?);
        }
        Ok(settings)
    }

    fn verifier(&self) -> Result<Verifier, Box<dyn Error>> {
        Ok(Verifier::builder(self.user_pool()?, self.allowed_clients()?).build()?)
    }

    fn user_pool(&self) -> Result<UserPool, Box<dyn Error>> {
        let mut pool = match (&self.pool, &self.issuer, &self.jwks_url) {
            (Some(pool), ..) => UserPool::new(pool)?,
            (None, Some(issuer), Some(jwks_url)) => UserPool::external(issuer, jwks_url)?,
            _ => return Err("--pool is needed, or both --issuer and --jwks-url".into()),
        };
        if let Some(region) = &self.replica {
            pool = pool.with_replica_region(region)?;
        }
        if let Some(issuer) = &self.issuer {
            pool = pool.with_exact_issuer(issuer)?;
        }
        if let Some(jwks_url) = &self.jwks_url {
            pool = pool.with_jwks_url(jwks_url)?;
        }
        Ok(pool)
    }

    /// Has no default: which clients may call is the decision that Cognito leaves to the service.
    fn allowed_clients(&self) -> Result<AllowedClients, Box<dyn Error>> {
        match self.clients.as_deref() {
            None => {
                Err("--clients is needed: app client ids, or `any` if scopes alone decide".into())
            }
            Some("any") => Ok(AllowedClients::any()),
            Some(ids) => Ok(AllowedClients::only(ids.split(',').map(str::trim))?),
        }
    }

    fn address(&self) -> Result<SocketAddr, String> {
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:8080");
        listen.parse().map_err(|_| {
            format!("{listen:?} is not an address to listen on, as 127.0.0.1:8080 or [::]:8080")
        })
    }
}
