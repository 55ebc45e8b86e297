//! The token source over a scripted request_token and a clock that only the test moves.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderValue, StatusCode};
use metrics_util::debugging::DebuggingRecorder;
use tokio::{
    runtime::{self, Handle, Runtime},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    AccessToken, ClientCredentials, ClientSecrets, FetchSecrets, InProcessStore, SecretSource,
    SecretUnavailable, TokenError,
    request_token::{AppClient, BoxedTokenRequest, RequestToken, TokenRequest},
    scopes::Scopes,
    secret::ClientSecret,
    secrets::{NamedSource, Secrets},
    shared_tokens::SharedTokens,
    source::{Settings, TokenSource},
    token_response::TokenResponse,
    unproven::{SubjectToken, TokenExchange},
};
use crate::testing::ManualClock;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const THROTTLED: TokenError = TokenError::Throttled {
    retry_after: Some(Duration::from_secs(20)),
};

/// A token endpoint that follows a script. Its tokens are numbered by request.
#[derive(Clone)]
struct Script(Arc<Endpoint>);

struct Endpoint {
    steps: Mutex<VecDeque<Step>>,
    /// `secret scopes` of each request.
    requests: watch::Sender<Vec<String>>,
    /// A request takes one permit.
    gate: Semaphore,
}

enum Step {
    Lives(Duration),
    Repeats(&'static str),
    Fails(TokenError),
    Panics,
    Hangs,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(Arc::new(Endpoint {
            steps: Mutex::new(steps.into_iter().collect()),
            requests: watch::Sender::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    /// Holds every request back until [`release`](Self::release).
    fn gated(self) -> Self {
        self.0.gate.forget_permits(Semaphore::MAX_PERMITS);
        self
    }

    fn release(&self) {
        self.0.gate.add_permits(1);
    }

    fn requests(&self) -> usize {
        self.0.requests.borrow().len()
    }

    fn log(&self) -> Vec<String> {
        self.0.requests.borrow().clone()
    }

    async fn asked(&self, times: usize) {
        let mut requests = self.0.requests.subscribe();
        requests.wait_for(|log| log.len() >= times).await.unwrap();
    }

    fn caller(&self, clock: &ManualClock) -> ClientCredentials {
        self.caller_with(clock, None)
    }

    fn caller_with(&self, clock: &ManualClock, next: Option<&str>) -> ClientCredentials {
        self.caller_of(clock, "one".into(), next.map(Into::into), None)
    }

    fn caller_of(
        &self,
        clock: &ManualClock,
        secret: SecretSource,
        next: Option<SecretSource>,
        shared: Option<SharedTokens>,
    ) -> ClientCredentials {
        self.caller_that_jitters(clock, secret, next, shared, || 0.0)
    }

    fn caller_that_jitters(
        &self,
        clock: &ManualClock,
        secret: SecretSource,
        next: Option<SecretSource>,
        shared: Option<SharedTokens>,
        jitter: fn() -> f64,
    ) -> ClientCredentials {
        let named = |source| NamedSource {
            setting: "test",
            source,
        };
        let secrets = Secrets::new(named(secret), next.map(named)).unwrap();
        let settings = Settings {
            capacity: 256,
            dropped_when_unused_for: 25 * HOUR,
            client_id: "caller".into(),
            clock: Arc::new(clock.clone()),
            timeout: Duration::from_secs(10),
            jitter,
        };
        let client = AppClient::new(Box::new(self.clone()), secrets, shared);
        let source = TokenSource::new(Arc::new(client), settings);
        ClientCredentials::new(Arc::new(source), Scopes::default())
    }
}

impl RequestToken for Script {
    fn request_token<'a>(
        &'a self,
        secret: &'a ClientSecret,
        request: &'a TokenRequest,
    ) -> BoxedTokenRequest<'a> {
        Box::pin(async move {
            let mut number = 0;
            self.0.requests.send_modify(|log| {
                log.push(format!("{} {}", secret.expose(), request.scopes().as_str()));
                number = log.len();
            });
            let step = self.0.steps.lock().unwrap().pop_front();
            self.0.gate.acquire().await.unwrap().forget();
            let reply = |value: String, lifetime| TokenResponse {
                header_value: HeaderValue::try_from(format!("Bearer {value}")).unwrap(),
                lifetime,
                age: Duration::ZERO,
            };
            match step.expect("the script has no step for this request") {
                Step::Lives(lifetime) => Ok(reply(number.to_string(), lifetime)),
                Step::Repeats(value) => Ok(reply(value.to_owned(), HOUR)),
                Step::Fails(error) => Err(error),
                Step::Panics => panic!("as the script says"),
                Step::Hangs => std::future::pending().await,
            }
        })
    }
}

#[track_caller]
fn assert_token(outcome: &Result<AccessToken, TokenError>, expected: &str) {
    assert_eq!(outcome.as_ref().map(AccessToken::as_str), Ok(expected));
}

/// Lets every task run that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_concurrent_first_calls_make_one_request() {
    let script = Script::new([Step::Lives(HOUR)]).gated();
    let caller = script.caller(&ManualClock::new());
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let caller = caller.clone();
        calls.spawn(async move { caller.token().await });
    }
    script.asked(1).await;
    settle().await;
    script.release();
    let outcomes = calls.join_all().await;
    assert_eq!(outcomes.len(), 1_000);
    for outcome in outcomes {
        assert_token(&outcome, "1");
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn a_thousand_concurrent_first_calls_share_one_failure() {
    let script = Script::new([Step::Fails(TokenError::InvalidClient)]).gated();
    let caller = script.caller(&ManualClock::new());
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let caller = caller.clone();
        calls.spawn(async move { caller.token().await.unwrap_err() });
    }
    script.asked(1).await;
    settle().await;
    script.release();
    for error in calls.join_all().await {
        assert_eq!(error, TokenError::InvalidClient);
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn each_set_of_scopes_has_its_token_in_whatever_order_it_is_named() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR), Step::Lives(HOUR)]);
    let all = script.caller(&ManualClock::new());
    let both = all.with_scopes(["b", "a"]).unwrap();
    let again = all.with_scopes(["a", "b", "a"]).unwrap();
    let one = all.with_scopes(["a"]).unwrap();
    assert_token(&all.token().await, "1");
    assert_token(&both.token().await, "2");
    assert_token(&again.token().await, "2");
    assert_token(&one.token().await, "3");
    assert_eq!(script.log(), ["one ", "one a b", "one a"]);
}

#[tokio::test]
async fn a_newcomer_is_held_though_popular_sets_of_scopes_fill_the_cache() {
    let script = Script::new((0..1_000).map(|_| Step::Lives(HOUR)));
    let all = script.caller(&ManualClock::new());
    let of = |number: usize| all.with_scopes([number.to_string()]).unwrap();
    for number in 1..=256 {
        for _ in 0..5 {
            assert!(of(number).token().await.is_ok());
        }
    }
    assert!(of(257).token().await.is_ok());
    // The cache puts itself in order while it is read.
    for number in (247..=256).cycle().take(1_000) {
        assert!(of(number).token().await.is_ok());
    }
    assert!(of(257).token().await.is_ok());
    assert_eq!(script.requests(), 257);
}

#[tokio::test]
async fn a_token_is_renewed_once_from_three_quarters_on_while_the_old_one_is_served() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]).gated();
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    script.release();
    assert_token(&caller.token().await, "1");

    clock.advance(HOUR * 3 / 4 - SECOND);
    assert_token(&caller.token().await, "1");
    settle().await;
    assert_eq!(script.requests(), 1);

    clock.advance(SECOND);
    for _ in 0..50 {
        assert_token(&caller.token().await, "1");
    }
    script.asked(2).await;
    settle().await;
    // The renewal: not one task per call.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
    script.release();
    settle().await;
    assert_token(&caller.token().await, "2");
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_wall_clock_set_back_does_not_lengthen_a_tokens_life() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_token(&caller.token().await, "1");
    clock.advance(HOUR);
    clock.jump_wall_back(HOUR * 2);
    assert_token(&caller.token().await, "2");
}

#[tokio::test]
async fn a_suspended_machine_does_not_lengthen_a_tokens_life() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_token(&caller.token().await, "1");
    clock.jump_wall_forward(HOUR);
    assert_token(&caller.token().await, "2");
}

#[tokio::test]
async fn an_outage_across_a_renewal_is_not_seen_before_the_tokens_end() {
    let unreachable = || Step::Fails(TokenError::Connect(crate::client::ConnectError::Refused));
    let script = Script::new([
        Step::Lives(HOUR),
        unreachable(),
        unreachable(),
        unreachable(),
        Step::Lives(HOUR),
    ]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_token(&caller.token().await, "1");

    clock.advance(HOUR * 3 / 4);
    assert_token(&caller.token().await, "1");
    script.asked(2).await;
    settle().await;

    // Backing off, half a second after the first failure and one after the second.
    clock.advance(SECOND / 2 - Duration::from_millis(1));
    assert_token(&caller.token().await, "1");
    settle().await;
    assert_eq!(script.requests(), 2);
    clock.advance(Duration::from_millis(1));
    assert_token(&caller.token().await, "1");
    script.asked(3).await;
    settle().await;
    clock.advance(SECOND - Duration::from_millis(1));
    assert_token(&caller.token().await, "1");
    settle().await;
    assert_eq!(script.requests(), 3);

    // The end: those who ask wait for the next attempt, and share its failure.
    clock.advance(HOUR / 4);
    assert_eq!(
        caller.token().await.unwrap_err(),
        TokenError::Connect(crate::client::ConnectError::Refused)
    );
    assert_eq!(script.requests(), 4);
    assert_eq!(
        caller.token().await.unwrap_err(),
        TokenError::Connect(crate::client::ConnectError::Refused)
    );
    assert_eq!(script.requests(), 4);

    clock.advance(2 * SECOND);
    assert_token(&caller.token().await, "5");
}

#[tokio::test]
async fn a_throttled_first_request_is_not_repeated_before_retry_after() {
    let script = Script::new([Step::Fails(THROTTLED), Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    for _ in 0..100 {
        assert_eq!(caller.token().await.unwrap_err(), THROTTLED);
    }
    clock.advance(20 * SECOND);
    assert_eq!(caller.token().await.unwrap_err(), THROTTLED);
    assert_eq!(script.requests(), 1);
    clock.advance(SECOND / 2);
    assert_token(&caller.token().await, "2");
}

#[tokio::test]
async fn a_success_ends_the_back_off() {
    let server = || {
        Step::Fails(TokenError::Server {
            status: StatusCode::BAD_GATEWAY,
            retry_after: None,
        })
    };
    let script = Script::new([server(), server(), Step::Lives(SECOND), server()]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    for wait in [SECOND / 2, SECOND] {
        assert!(caller.token().await.is_err());
        clock.advance(wait);
    }
    assert_token(&caller.token().await, "3");
    clock.advance(SECOND);
    assert!(caller.token().await.is_err());
    // Half a second again, not two.
    clock.advance(SECOND / 2);
    script.0.steps.lock().unwrap().push_back(Step::Lives(HOUR));
    assert_token(&caller.token().await, "5");
}

#[tokio::test]
async fn a_token_without_lifetime_goes_to_those_who_wait_and_is_not_held() {
    let script = Script::new([Step::Lives(Duration::ZERO), Step::Lives(Duration::ZERO)]).gated();
    let caller = script.caller(&ManualClock::new());
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let caller = caller.clone();
        calls.spawn(async move { caller.token().await });
    }
    script.asked(1).await;
    settle().await;
    script.release();
    for outcome in calls.join_all().await {
        assert_token(&outcome, "1");
    }
    assert_eq!(script.requests(), 1);
    script.release();
    assert_token(&caller.token().await, "2");
}

#[tokio::test]
async fn a_lifetime_counts_from_the_request_and_not_from_the_response() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]).gated();
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let first = tokio::spawn({
        let caller = caller.clone();
        async move { caller.token().await }
    });
    script.asked(1).await;
    clock.advance(5 * SECOND);
    script.release();
    let first = first.await.unwrap();
    assert_token(&first, "1");
    assert_eq!(first.unwrap().expires_at(), ManualClock::start() + HOUR);
    clock.advance(HOUR - 15 * SECOND);
    script.release();
    assert_token(&caller.token().await, "2");
}

#[tokio::test]
async fn an_invalidated_token_is_replaced_before_the_next_call_returns() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]);
    let caller = script.caller(&ManualClock::new());
    let token = caller.token().await.unwrap();
    caller.invalidate(&token);
    assert_token(&caller.token().await, "2");
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_stale_callers_word_does_not_touch_a_newer_token() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let old = caller.token().await.unwrap();
    clock.advance(HOUR);
    assert_token(&caller.token().await, "2");
    caller.invalidate(&old);
    clock.advance(SECOND);
    assert_token(&caller.token().await, "2");
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_hundred_callers_who_were_rejected_force_one_renewal() {
    let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]).gated();
    let caller = script.caller(&ManualClock::new());
    script.release();
    let rejected = caller.token().await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (caller, rejected) = (caller.clone(), rejected.clone());
        calls.spawn(async move {
            caller.invalidate(&rejected);
            caller.token().await
        });
    }
    script.asked(2).await;
    settle().await;
    script.release();
    for outcome in calls.join_all().await {
        assert_token(&outcome, "2");
    }
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_callee_that_rejects_everything_costs_one_request_a_minute() {
    let script = Script::new((0..4).map(|_| Step::Lives(HOUR)));
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    for _ in 0..120 {
        caller.invalidate(&caller.token().await.unwrap());
        clock.advance(SECOND);
    }
    // The first one, its replacement at once, and theirs a minute later each.
    assert_eq!(script.requests(), 3);
}

#[tokio::test]
async fn an_unchanged_token_is_not_requested_again_at_once() {
    let script = Script::new([Step::Repeats("same"), Step::Repeats("same")]);
    let caller = script.caller(&ManualClock::new());
    for _ in 0..5 {
        let token = caller.token().await.unwrap();
        assert_eq!(token.as_str(), "same");
        caller.invalidate(&token);
    }
    assert_eq!(script.requests(), 2);
}

#[tokio::test]
async fn a_rejected_token_stays_in_use_until_another_is_available() {
    let script = Script::new([
        Step::Lives(HOUR),
        Step::Fails(TokenError::Timeout),
        Step::Lives(HOUR),
    ]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    caller.invalidate(&caller.token().await.unwrap());
    assert_token(&caller.token().await, "1");
    assert_token(&caller.token().await, "1");
    assert_eq!(script.requests(), 2);
    // From then on no call waits for it.
    clock.advance(SECOND);
    assert_token(&caller.token().await, "1");
    script.asked(3).await;
    settle().await;
    assert_token(&caller.token().await, "3");
}

#[tokio::test]
async fn the_second_secret_is_tried_once_and_remembered() {
    let script = Script::new([
        Step::Fails(TokenError::InvalidClient),
        Step::Lives(SECOND),
        Step::Lives(SECOND),
    ]);
    let clock = ManualClock::new();
    let caller = script.caller_with(&clock, Some("two"));
    assert_token(&caller.token().await, "2");
    clock.advance(SECOND);
    assert_token(&caller.token().await, "3");
    assert_eq!(script.log(), ["one ", "two ", "two "]);
}

#[tokio::test]
async fn the_second_secret_is_for_a_rejected_client_only() {
    for (error, requests) in [
        (TokenError::InvalidClient, 2),
        (TokenError::InvalidScope, 1),
        (THROTTLED, 1),
        (TokenError::Connect(crate::client::ConnectError::Refused), 1),
    ] {
        let script = Script::new([Step::Fails(error.clone()), Step::Fails(error.clone())]);
        let caller = script.caller_with(&ManualClock::new(), Some("two"));
        assert_eq!(caller.token().await.unwrap_err(), error);
        assert_eq!(script.requests(), requests, "{error}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_cancels_no_token_request() {
    let script = Script::new([Step::Lives(HOUR)]).gated();
    let caller = script.caller(&ManualClock::new());
    let first = tokio::spawn({
        let caller = caller.clone();
        async move { caller.token().await }
    });
    script.asked(1).await;
    let second = tokio::spawn({
        let caller = caller.clone();
        async move { caller.token().await }
    });
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    script.release();
    assert_token(&second.await.unwrap(), "1");
    assert_token(&caller.token().await, "1");
    assert_eq!(script.requests(), 1);
}

#[tokio::test]
async fn a_panic_is_a_failed_request_and_frees_the_place() {
    let script = Script::new([Step::Panics, Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_eq!(caller.token().await.unwrap_err(), TokenError::Aborted);
    assert_eq!(caller.token().await.unwrap_err(), TokenError::Aborted);
    assert_eq!(script.requests(), 1);
    clock.advance(SECOND);
    assert_token(&caller.token().await, "2");
}

struct Vault;

impl FetchSecrets for Vault {
    async fn fetch_secrets(&self) -> Result<ClientSecrets, SecretUnavailable> {
        Ok(ClientSecrets::new("hush"))
    }
}

#[tokio::test]
async fn debug_names_the_type_and_the_settings_that_are_not_secret() {
    let clock = ManualClock::new();
    let caller = Script::new([Step::Lives(HOUR)]).caller(&clock);
    let token = caller.token().await.unwrap();
    let exchange = TokenExchange::builder(&caller);
    let subject = SubjectToken::id_token("hush");
    for (shown, expected) in [
        (
            format!("{caller:?}"),
            r#"ClientCredentials { client_id: "caller", scopes: "", .. }"#,
        ),
        (
            format!("{exchange:?}"),
            "TokenExchangeBuilder { credentials: ClientCredentials { client_id:",
        ),
        (
            format!("{:?}", exchange.build().unwrap()),
            r#"TokenExchange { client_id: "caller", target: "#,
        ),
        (format!("{subject:?}"), "SubjectToken { kind: IdToken, .. }"),
        (format!("{token:?}"), "AccessToken { expires_at: "),
        (
            format!("{:?}", ClientSecrets::new("hush").with_next("hush")),
            "ClientSecrets { has_next: true, .. }",
        ),
        (
            format!("{:?}", SecretSource::from("hush")),
            "SecretSource(given)",
        ),
        (
            format!("{:?}", SecretSource::from_env("SECRET")),
            r#"SecretSource(from_env "SECRET")"#,
        ),
        (
            format!("{:?}", SecretSource::from_file("/run/secret")),
            r#"SecretSource(from_file "/run/secret")"#,
        ),
        (
            format!("{:?}", SecretSource::fetched_by(Vault)),
            "SecretSource(fetched)",
        ),
        (
            format!(
                "{:?}",
                ClientCredentials::builder("https://id.example/token", "caller", "hush")
            ),
            r#"ClientCredentialsBuilder { issuer: TokenEndpoint, client_id: "caller", "#,
        ),
        (
            format!("{:?}", InProcessStore::new()),
            "InProcessStore { .. }",
        ),
    ] {
        assert!(shown.starts_with(expected), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_given_up() {
    let script = Script::new([Step::Hangs, Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_eq!(caller.token().await.unwrap_err(), TokenError::Timeout);
    clock.advance(SECOND);
    assert_token(&caller.token().await, "2");
}

/// The renewals of many processes do not coincide.
#[tokio::test]
async fn a_token_is_renewed_after_a_part_of_its_lifetime_that_varies() {
    let rows: [(fn() -> f64, u64); 3] = [(|| 0.0, 2700), (|| 0.5, 2880), (|| 1.0, 3060)];
    for (jitter, seconds) in rows {
        let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]);
        let clock = ManualClock::new();
        let caller = script.caller_that_jitters(&clock, "one".into(), None, None, jitter);
        assert_token(&caller.token().await, "1");
        clock.advance(Duration::from_secs(seconds - 1));
        assert_token(&caller.token().await, "1");
        settle().await;
        assert_eq!(script.requests(), 1, "{seconds}");
        clock.advance(SECOND);
        assert_token(&caller.token().await, "1");
        settle().await;
        assert_eq!(script.requests(), 2, "{seconds}");
    }
}

fn runtime() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A runtime whose timers do not take time.
fn paused_runtime() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Starts a call on a runtime that is not driven from then on.
fn stalled(script: &Script, caller: &ClientCredentials) -> Runtime {
    let runtime = runtime();
    let before = script.requests();
    let caller = caller.clone();
    runtime.spawn(async move { caller.token().await });
    runtime.block_on(script.asked(before + 1));
    runtime
}

#[test]
fn a_blocked_runtime_delays_callers_on_another_no_longer_than_the_timeout() {
    let script = Script::new([Step::Hangs, Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let still = stalled(&script, &caller);
    let web = paused_runtime();
    let outcome = web.block_on(async { timeout(11 * SECOND, caller.token()).await });
    assert_eq!(outcome.unwrap().unwrap_err(), TokenError::Timeout);
    // Backing off, as after any other failure.
    assert_eq!(
        web.block_on(caller.token()).unwrap_err(),
        TokenError::Timeout
    );
    assert_eq!(script.requests(), 1);
    clock.advance(SECOND / 2);
    assert_token(&web.block_on(caller.token()), "2");
    drop(still);
    assert_token(&web.block_on(caller.token()), "2");
}

/// The outcomes of token requests that the metrics count.
fn counted_outcomes(recorder: &DebuggingRecorder) -> Vec<String> {
    let samples = recorder.snapshotter().snapshot().into_vec();
    let mut outcomes: Vec<_> = samples
        .iter()
        .map(|(key, ..)| key.key())
        .filter(|key| key.name() == "tower_cognito_client_token_requests_total")
        .flat_map(::metrics::Key::labels)
        .filter(|label| label.key() == "outcome")
        .map(|label| label.value().to_owned())
        .collect();
    outcomes.sort();
    outcomes
}

#[test]
fn a_request_that_is_overdue_by_the_clock_is_taken_over_without_waiting() {
    for (passed, taken_over) in [(10 * SECOND + SECOND / 2, true), (9 * SECOND, false)] {
        let script = Script::new([Step::Hangs, Step::Lives(HOUR)]);
        let clock = ManualClock::new();
        let caller = script.caller(&clock);
        let _still = stalled(&script, &caller);
        clock.advance(passed);
        let recorder = DebuggingRecorder::new();
        let outcome =
            ::metrics::with_local_recorder(&recorder, || paused_runtime().block_on(caller.token()));
        assert_eq!(outcome.is_ok(), taken_over, "{passed:?}");
        let obtained = taken_over.then_some("obtained");
        let expected: Vec<_> = obtained.into_iter().chain(["timeout"]).collect();
        assert_eq!(counted_outcomes(&recorder), expected, "{passed:?}");
        assert_eq!(script.requests(), 1 + usize::from(taken_over));
    }
}

#[test]
fn a_background_renewal_that_hangs_does_not_outlive_the_token() {
    let script = Script::new([Step::Lives(HOUR), Step::Hangs, Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let web = paused_runtime();
    assert_token(&web.block_on(caller.token()), "1");
    clock.advance(HOUR * 3 / 4);
    let _job = stalled(&script, &caller);
    assert_token(&web.block_on(caller.token()), "1");
    assert_eq!(script.requests(), 2);
    clock.advance(HOUR / 4);
    assert_token(&web.block_on(caller.token()), "3");
}

#[test]
fn callers_who_wait_for_a_lost_request_get_the_outcome_of_the_next() {
    let script = Script::new([Step::Hangs, Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let still = stalled(&script, &caller);
    let web = runtime();
    web.block_on(async {
        let waiting = tokio::spawn({
            let caller = caller.clone();
            async move { caller.token().await }
        });
        settle().await;
        still.shutdown_background();
        assert_token(&waiting.await.unwrap(), "2");
    });
    assert_eq!(script.requests(), 2);
}

#[test]
fn a_late_token_is_used_unless_there_is_a_newer_one() {
    for newer_first in [false, true] {
        let script = Script::new([Step::Lives(HOUR), Step::Lives(HOUR)]).gated();
        let clock = ManualClock::new();
        let caller = script.caller(&clock);
        let still = stalled(&script, &caller);
        clock.advance(11 * SECOND);
        let web = stalled(&script, &caller);
        let drive = |runtime: &Runtime| runtime.block_on(settle());
        script.release();
        if newer_first {
            script.release();
            drive(&web);
            drive(&still);
            assert_token(&block_on(caller.token()), "2");
        } else {
            drive(&still);
            assert_token(&block_on(caller.token()), "1");
            script.release();
            drive(&web);
            assert_token(&block_on(caller.token()), "2");
        }
        assert_eq!(script.requests(), 2);
    }
}

#[test]
fn a_late_failure_changes_nothing() {
    let script = Script::new([Step::Fails(TokenError::InvalidClient), Step::Lives(HOUR)]).gated();
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    let still = stalled(&script, &caller);
    clock.advance(11 * SECOND);
    let web = stalled(&script, &caller);
    script.release();
    still.block_on(settle());
    script.release();
    web.block_on(settle());
    assert_token(&block_on(caller.token()), "2");
}

#[test]
fn a_runtime_that_is_shut_down_frees_the_place() {
    let script = Script::new([
        Step::Hangs,
        Step::Lives(HOUR),
        Step::Hangs,
        Step::Lives(HOUR),
    ]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    // With a caller who waits.
    let gone = runtime();
    gone.spawn({
        let caller = caller.clone();
        async move { caller.token().await }
    });
    gone.block_on(script.asked(1));
    drop(gone);
    assert_token(&runtime().block_on(caller.token()), "2");

    // In the background.
    clock.advance(HOUR * 3 / 4);
    let gone = runtime();
    gone.block_on(async {
        assert_token(&caller.token().await, "2");
        script.asked(3).await;
    });
    drop(gone);
    runtime().block_on(async {
        assert_token(&caller.token().await, "2");
        script.asked(4).await;
        settle().await;
        assert_token(&caller.token().await, "4");
    });
}

#[test]
fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
    let script = Script::new([Step::Lives(HOUR)]);
    let clock = ManualClock::new();
    let caller = script.caller(&clock);
    assert_eq!(block_on(caller.token()).unwrap_err(), TokenError::NoRuntime);
    let runtime = runtime();
    assert_token(&runtime.block_on(caller.token()), "1");
    // A token at hand is served without one, even when it is due.
    clock.advance(HOUR * 3 / 4);
    assert_token(&block_on(caller.token()), "1");
    assert_eq!(script.requests(), 1);
}

/// Polls once; nothing here has to be waited for.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("it waits"),
    }
}
