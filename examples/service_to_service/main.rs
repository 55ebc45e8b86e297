//! One service calls another, with tokens of its own, for a working day.
//!
//! `cargo run --example service_to_service` starts a local issuer, a service B that is guarded by scope, and a service A
//! that calls B. Eight hours pass in some seconds, on a clock that this example moves. Meanwhile tokens end every hour, and
//! the client's secret is rotated. No call fails, and it prints how many token requests were made: one per lifetime, and one
//! with a secret that had been deleted.
//!
//! Then come three mishaps that must not cost a call: a runtime that stands still, a secret that is rotated in its file, and a
//! fleet that starts at once and shares its tokens.
//!
//! `--check` compares what happened with what must have happened.

mod mishaps;

use std::{collections::HashSet, error::Error, process::ExitCode, time::Duration};

use axum::{Router, body::Body, extract::State, routing::get};
use http::{Request, Response, StatusCode};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, task::JoinSet};
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, Verifier,
    client::ClientCredentials,
    testing::{Endpoint, LocalIssuer, ManualClock},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const CLIENT_ID: &str = "service-a";
const OLD_SECRET: &str = "old-secret-for-this-machine-only";
const NEW_SECRET: &str = "new-secret-for-this-machine-only";

const DAY_IN_MINUTES: usize = 8 * 60;
const STEP: Duration = Duration::from_secs(30);
const STEPS_A_MINUTE: usize = 2;
const CALLS_A_STEP: usize = 5;

/// B, the callee: guarded by a scope.
fn service_b(verifier: &Verifier) -> Result<Router, ConfigError> {
    Ok(Router::new()
        .route(
            "/profiles",
            get(async |claims: Claims| format!("hello {}", claims.client_id()))
                .layer(RequireScopesLayer::all_of(["profiles/get"])?),
        )
        .route_layer(verifier.layer()))
}

/// How A reaches B: any client of `http` requests, in a layer that puts the token on.
type ToB = BoxCloneSyncService<Request<Body>, Response<Body>, Box<dyn Error + Send + Sync>>;

fn client_of_b(credentials: &ClientCredentials, origin_of_b: &str) -> Result<ToB, ConfigError> {
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let with_token = credentials.layer(origin_of_b)?.layer(http_client);
    Ok(BoxCloneSyncService::new(
        with_token
            .map_response(|response| response.map(Body::new))
            .map_err(Into::into),
    ))
}

/// A, the caller: for itself, and not on behalf of a user.
fn service_a(to_b: ToB, origin_of_b: String) -> Router {
    async fn ask_b(State((to_b, origin_of_b)): State<(ToB, String)>) -> Response<Body> {
        let request = Request::get(format!("{origin_of_b}/profiles")).body(Body::empty());
        let answer = match request {
            Ok(request) => to_b.oneshot(request).await,
            Err(error) => Err(error.into()),
        };
        answer.unwrap_or_else(|error| {
            eprintln!("B cannot be called: {error}");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }
    Router::new()
        .route("/", get(ask_b))
        .with_state((to_b, origin_of_b))
}

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(flag) => return Err(format!("unknown flag {flag}; known is --check").into()),
    };
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder()
        .client(CLIENT_ID, OLD_SECRET, ["profiles/get"])
        .clock(clock.clone())
        .start()?;

    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::only([CLIENT_ID])?)
        .clock(clock.clone())
        .build()?;
    let b = serve(service_b(&verifier)?).await?;

    let credentials = ClientCredentials::builder(issuer.token_url(), CLIENT_ID, OLD_SECRET)
        // Deployed ahead of the rotation.
        .with_next_secret(NEW_SECRET)
        .scopes(["profiles/get"])
        .clock(clock.clone())
        // Longer than a step of the clock, so that no request is given up because time was made to jump.
        .timeout(2 * STEP)
        .build()?;
    let a = serve(service_a(client_of_b(&credentials, &b)?, b)).await?;

    let mut day = Day::default();
    for step in 0..DAY_IN_MINUTES * STEPS_A_MINUTE {
        match step {
            360 => issuer.add_secret(CLIENT_ID, NEW_SECRET),
            480 => {
                issuer.remove_secret(CLIENT_ID, OLD_SECRET);
            }
            _ => {}
        }
        day.count(calls(&a).await?);
        day.tokens
            .insert(credentials.token().await?.as_str().to_owned());
        clock.advance(STEP);
    }
    day.token_requests = issuer.requests(Endpoint::Token);
    day.report();
    let went_well = mishaps::run().await? && day.is_as_expected();
    Ok(ExitCode::from(u8::from(check && !went_well)))
}

/// Calls A a few times at once, and says how many of the answers are B's.
async fn calls(a: &str) -> Outcome<usize> {
    let mut calls = JoinSet::new();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    for _ in 0..CALLS_A_STEP {
        let request = Request::get(format!("{a}/")).body(Body::empty())?;
        calls.spawn(client.request(request));
    }
    let mut answered = 0;
    while let Some(response) = calls.join_next().await {
        let response = response??;
        let is_ok = response.status() == StatusCode::OK;
        let body = axum::body::to_bytes(Body::new(response.into_body()), 1024).await?;
        answered += usize::from(is_ok && body == "hello service-a");
    }
    Ok(answered)
}

#[derive(Default)]
struct Day {
    calls: usize,
    answered: usize,
    tokens: HashSet<String>,
    token_requests: usize,
}

impl Day {
    fn count(&mut self, answered: usize) {
        self.calls += CALLS_A_STEP;
        self.answered += answered;
    }

    fn report(&self) {
        println!("hours that passed:       8");
        println!("calls from A to B:       {}", self.calls);
        println!("… that failed:           {}", self.calls - self.answered);
        println!("tokens that were used:   {}", self.tokens.len());
        println!("token requests:          {}", self.token_requests);
    }

    /// Tokens live for an hour and are renewed after 45 to 52 minutes, since this clock moves by half minutes. One request
    /// more is the one with the secret that had been deleted, and another one may be under way when the day ends.
    fn is_as_expected(&self) -> bool {
        let tokens = DAY_IN_MINUTES.div_ceil(52)..=DAY_IN_MINUTES.div_ceil(45);
        self.calls == self.answered
            && tokens.contains(&self.tokens.len())
            && matches!(self.token_requests - self.tokens.len(), 1 | 2)
    }
}

/// Serves on a free port of the loopback interface, until the process ends.
async fn serve(app: Router) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(origin)
}
