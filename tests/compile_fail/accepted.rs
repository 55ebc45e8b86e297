//! The accepted twin of each case: the same code, with the mistake corrected.

#![allow(
    dead_code,
    clippy::needless_pass_by_value,
    reason = "compiled, and never called"
)]

use std::{
    convert::Infallible,
    error::Error,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::get,
};
use http::Request;
use tower::{Layer, Service, service_fn};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, Denied, RequireClaimsLayer, RequireScopesLayer,
    ScopePolicy, UserPool, Verifier,
    clock::SystemClock,
    rejection::{ProblemJson, Rejection, RejectionResponse},
    testing::{ScriptedFetcher, TestPool},
};

fn answer_from_the_error_alone(verifier: &Verifier) -> Router {
    let rejected = |rejection: Rejection<'_>| {
        let body = Body::from(rejection.error().reason());
        rejection.into_response(body)
    };
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(rejected))
}

fn answer_of_another_body(verifier: &Verifier) -> Router {
    let rejected = |_: Rejection<'_>| Response::new(Body::from("no"));
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(rejected))
}

fn answer_that_is_none(verifier: &Verifier) -> Router {
    #[derive(Clone)]
    struct JsonError;

    impl RejectionResponse<Body> for JsonError {
        fn response(&self, rejection: Rejection<'_>) -> Response {
            rejection.into_response(Body::from("{}"))
        }
    }

    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(JsonError))
}

fn body_without_default(verifier: &Verifier) {
    #[derive(Default)]
    struct Frames;

    fn serve(_: impl Service<Request<()>>) {}

    let frames = |_: Request<()>| async { Ok::<_, Infallible>(http::Response::new(Frames)) };
    serve(verifier.layer().layer(service_fn(frames)));
}

fn build_result_not_looked_at() -> Result<Router, ConfigError> {
    let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
    Ok(Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer()))
}

fn check_that_answers_yes_or_no(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).check(|claims| {
        claims
            .has_scope("profiles/get")
            .then_some(())
            .ok_or(Denied::forbidden())
    });
}

fn claims_from_json(pool: &TestPool) -> Claims {
    pool.claims(&pool.token())
}

fn claims_made_by_hand(pool: &TestPool) -> Claims {
    pool.claims(&pool.token().claim("sub", "admin"))
}

async fn claims_taken_apart(claims: Claims) -> Option<String> {
    claims.subject().map(str::to_owned)
}

fn clients_left_out(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any());
}

fn clients_that_are_not_in_a_list() -> Result<AllowedClients, ConfigError> {
    AllowedClients::only(["1example23456789"])
}

fn clock_that_is_a_time(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).clock(SystemClock::default());
}

fn fetcher_that_is_a_url(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).fetcher(ScriptedFetcher::new());
}

fn form_that_returns_a_tuple(verifier: &Verifier) -> Router {
    let form = |rejection: Rejection<'_>| {
        (rejection.error().status(), rejection.error().reason()).into_response()
    };
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer().rejection(form))
}

fn form_without_an_argument_type(verifier: &Verifier) -> Router {
    Router::new().route("/", get(|| async {})).route_layer(
        verifier
            .layer()
            .rejection(|rejection: Rejection<'_>| rejection.into_response(Body::empty())),
    )
}

fn guard_that_answers_yes_or_no() {
    let _ = RequireClaimsLayer::new(|claims: &Claims| {
        claims
            .groups()
            .any(|group| group == "admins")
            .then_some(())
            .ok_or(Denied::forbidden())
    });
}

fn guard_with_a_form(verifier: &Verifier) -> Result<(), ConfigError> {
    let _ = RequireScopesLayer::all_of(["profiles/get"])?;
    let _ = verifier.layer().rejection(ProblemJson);
    Ok(())
}

fn question_mark_forgotten() -> Result<Router, Box<dyn Error>> {
    let guard = RequireScopesLayer::all_of(["profiles/get"])?;
    Ok(Router::new().route("/", get(|| async {}).route_layer(guard)))
}

fn scope_that_is_not_in_a_list() {
    let _ = ScopePolicy::all_of(["profiles/get"]);
    let _ = RequireScopesLayer::all_of(["profiles/get"]);
}

fn service_that_cannot_be_cloned(verifier: &Verifier, request: Request<()>) {
    #[derive(Clone)]
    struct Once;

    impl Service<Request<()>> for Once {
        type Response = http::Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<http::Response<String>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(http::Response::new(String::new())))
        }
    }

    drop(verifier.layer().layer(Once).call(request));
}

fn verifier_as_a_layer(verifier: &Verifier) -> Router {
    Router::new()
        .route("/", get(|| async {}))
        .route_layer(verifier.layer())
}
