//! A guarded axum service on a real user pool, or any other issuer, ready to deploy.
//!
//! `cargo run -p example-cognito -- --pool eu-west-1_AbCdEf123 --clients 1example23456789` serves
//! until Ctrl-C or SIGTERM; then try `curl -i http://127.0.0.1:8080/readyz`. `provision.sh` creates
//! a pool, a client and a domain.

mod app;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Parser;
use tokio::{net::TcpListener, signal};
use tracing_subscriber::EnvFilter;

use self::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let verifier = settings.verifier()?;
    let app = app::app(&verifier, &settings.read_scope, &settings.write_scope)?;
    let listener = TcpListener::bind(settings.listen).await?;

    // Without keys the service still starts: it returns 503 until it can fetch them.
    match verifier.warm_up().await {
        Ok(()) => tracing::info!(keys = verifier.key_status().kids().count(), "keys fetched"),
        Err(error) => tracing::warn!(
            jwks_url = verifier.key_status().jwks_url(),
            %error,
            "key fetch failed; every token gets 503 until a fetch succeeds"
        ),
    }

    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop_requested())
        .await?;
    tracing::info!("stopped");
    Ok(())
}

/// Resolves on Ctrl-C, and on the SIGTERM that a container gets before it is killed.
async fn stop_requested() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated => {}
    }
    tracing::info!("stopping");
}
