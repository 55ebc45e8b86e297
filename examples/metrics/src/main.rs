//! Prometheus metrics on `/metrics`, and a span that names the caller.
//!
//! `cargo run -p example-metrics` serves until Ctrl-C and prints a `curl` line to try: a request,
//! then the metrics.

#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::{Request, State},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Claims, RequireScopesLayer, Verifier, testing::LocalIssuer};
use tower_http::trace::TraceLayer;
use tracing::{Span, field::Empty, info_span};
use tracing_subscriber::EnvFilter;

type BoxError = Box<dyn std::error::Error>;

/// Before the verifier is built: building it registers the descriptions of the metrics.
fn install_recorder() -> Result<PrometheusHandle, BoxError> {
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    let handle = PrometheusBuilder::new()
        // Without buckets the exporter makes a summary, which cannot be added up.
        .set_buckets_for_metric(durations, &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])?
        .install_recorder()?;
    Ok(handle)
}

async fn scrape(State((verifier, handle)): State<(Verifier, PrometheusHandle)>) -> String {
    // Sets the gauges to their values at this moment.
    verifier.record_key_metrics();
    handle.run_upkeep();
    handle.render()
}

/// Declares the field that the layer fills in once the signature has been verified.
fn span(request: &Request) -> Span {
    info_span!("request", method = %request.method(), path = request.uri().path(), client_id = Empty)
}

fn app(verifier: &Verifier, handle: PrometheusHandle) -> Result<Router, BoxError> {
    let hello = get(async |claims: Claims| format!("hello {}\n", claims.client_id()));
    let guard = RequireScopesLayer::all_of(["profiles/get"])?;
    Ok(Router::new()
        .route("/profiles", hello.route_layer(guard))
        .route_layer(verifier.layer())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        // The scraper has no token. Serve this where only the scraper can reach it.
        .route("/metrics", get(scrape))
        .with_state((verifier.clone(), handle)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .init();
    let handle = install_recorder()?;
    let issuer = LocalIssuer::start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["test-client"])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("curl -i {url}/profiles; curl -i {url}/metrics");
    Ok(axum::serve(listener, app(&verifier, handle)?).await?)
}
