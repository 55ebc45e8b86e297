//! A service whose verdicts and keys can be watched: Prometheus metrics on `/metrics`, and a span that names the caller.
//!
//! `cargo run -p example-metrics` sends itself a few requests, prints what a scrape then shows, and serves until it is stopped;
//! with `-- --check` it asserts the lines that it expects, and ends.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Duration;

use axum::{Router, extract::Request, extract::State, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, Claims, RequireScopesLayer, Verifier,
    testing::{LocalIssuer, ManualClock},
};
use tower_http::trace::TraceLayer;
use tracing::{Span, field::Empty, info_span};

type BoxError = Box<dyn std::error::Error>;

/// Before the verifier is built, or nobody tells the recorder what the metrics mean.
fn install_recorder() -> Result<PrometheusHandle, BoxError> {
    let durations = Matcher::Full("tower_cognito_key_fetch_duration_seconds".to_owned());
    let handle = PrometheusBuilder::new()
        // Without buckets the exporter makes a summary, which cannot be added up over processes.
        .set_buckets_for_metric(durations, &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])?
        .install_recorder()?;
    Ok(handle)
}

/// The age of the keys is right at the moment at which somebody asks for it, so a scrape asks first.
async fn scrape(State((verifier, handle)): State<(Verifier, PrometheusHandle)>) -> String {
    verifier.record_key_metrics();
    handle.run_upkeep();
    handle.render()
}

/// Declares the field that the layer fills in once the signature has verified.
fn span(request: &Request) -> Span {
    info_span!("request", method = %request.method(), path = request.uri().path(), client_id = Empty)
}

fn app(verifier: &Verifier, handle: PrometheusHandle) -> Result<Router, BoxError> {
    let hello = get(async |claims: Claims| format!("hello {}\n", claims.client_id()));
    Ok(Router::new()
        .route(
            "/profiles",
            hello.route_layer(RequireScopesLayer::all_of(["profiles/get"])?),
        )
        .route_layer(verifier.layer())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        // The scraper carries no token. Serve this where nobody else can reach it.
        .route("/metrics", get(scrape))
        .with_state((verifier.clone(), handle)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let handle = install_recorder()?;
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder().clock(clock.clone()).start()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, app(&verifier, handle)?).into_future());

    let client = reqwest::Client::builder().no_proxy().build()?;
    send_requests(&client, &url, &issuer).await?;
    clock.advance(Duration::from_secs(90));
    let scraped = timeout(Duration::from_secs(10), scrape_both_fetches(&client, &url)).await??;
    if std::env::args().any(|argument| argument == "--check") {
        check(&scraped, issuer.jwks_url());
        println!("ok");
        return Ok(());
    }
    println!("{scraped}\n{url}/metrics");
    serving.await??;
    Ok(())
}

/// Good, the same again, without the scope, expired, and signed by a key that the issuer does not have.
async fn send_requests(
    client: &reqwest::Client,
    url: &str,
    issuer: &LocalIssuer,
) -> Result<(), BoxError> {
    let good = issuer
        .token()
        .client_credentials("caller")
        .scopes(["profiles/get"]);
    let send = async |token: &str, expected: u16| -> Result<(), BoxError> {
        let request = client.get(format!("{url}/profiles"));
        let response = request.bearer_auth(token).send().await?;
        assert_eq!(response.status(), expected);
        Ok(())
    };
    let again = good.build();
    send(&again, 200).await?;
    send(&again, 200).await?;
    send(&good.clone().scopes(["profiles/post"]).build(), 403).await?;
    send(&good.clone().expired().build(), 401).await?;
    send(&good.clone().unknown_key().build(), 401).await
}

/// A fetch is counted a moment after those who waited for it went on, so the first scrape may be too early for the second one.
async fn scrape_both_fetches(client: &reqwest::Client, url: &str) -> Result<String, BoxError> {
    loop {
        let metrics = client.get(format!("{url}/metrics")).send().await?;
        let scraped = metrics.error_for_status()?.text().await?;
        let fetches = "tower_cognito_key_fetches_total{";
        if scraped
            .lines()
            .filter(|line| line.starts_with(fetches))
            .count()
            == 2
        {
            return Ok(scraped);
        }
    }
}

fn check(scraped: &str, jwks_url: &str) {
    let keys = format!("jwks_url=\"{jwks_url}\"");
    for line in [
        "# TYPE tower_cognito_requests_total counter",
        r#"tower_cognito_requests_total{reason="accepted",verified="true",enforcement="enforced"} 3"#,
        r#"tower_cognito_requests_total{reason="expired",verified="false",enforcement="enforced"} 1"#,
        r#"tower_cognito_requests_total{reason="unknown_key",verified="false",enforcement="enforced"} 1"#,
        "# TYPE tower_cognito_inner_refusals_total counter",
        r#"tower_cognito_inner_refusals_total{reason="insufficient_scope",verified="true",enforcement="enforced"} 1"#,
        r#"tower_cognito_token_cache_lookups_total{outcome="hit"} 1"#,
        r#"tower_cognito_token_cache_lookups_total{outcome="miss"} 4"#,
        &format!(
            r#"tower_cognito_key_fetches_total{{{keys},reason="no_keys",outcome="changed"}} 1"#
        ),
        &format!(
            r#"tower_cognito_key_fetches_total{{{keys},reason="unknown_kid",outcome="unchanged"}} 1"#
        ),
        "# TYPE tower_cognito_key_fetch_duration_seconds histogram",
        &format!(r#"tower_cognito_key_fetch_duration_seconds_count{{{keys},outcome="changed"}} 1"#),
        "# TYPE tower_cognito_key_set_state gauge",
        &format!(r#"tower_cognito_key_set_state{{{keys},state="fresh"}} 1"#),
        &format!(r#"tower_cognito_key_set_state{{{keys},state="degraded"}} 0"#),
        &format!("tower_cognito_key_set_age_seconds{{{keys}}} 90"),
        &format!("tower_cognito_key_set_last_success_timestamp_seconds{{{keys}}} 1735689600"),
    ] {
        assert!(
            scraped.lines().any(|scraped| scraped == line),
            "{line} is not in\n{scraped}"
        );
    }
}
