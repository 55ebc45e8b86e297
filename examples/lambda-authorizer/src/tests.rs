#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerSimpleResponse,
    ApiGatewayV2CustomAuthorizerV2Request,
};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use tower_cognito::{
    AllowedClients, Denied, Verifier,
    keys::FetchError,
    testing::{ScriptedFetcher, TestPool, TokenBuilder},
};

use crate::{answer::Failure, authorizer::authorize, event::Event, routes::Routes};

const REST_TOKEN: &str = include_str!("../events/rest-token.json");
const REST_REQUEST: &str = include_str!("../events/rest-request.json");
const HTTP_API: &str = include_str!("../events/http-api.json");

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";

struct Function {
    pool: TestPool,
    verifier: Verifier,
}

impl Function {
    fn new() -> Self {
        let pool = TestPool::new();
        let verifier = pool.verifier();
        Self { pool, verifier }
    }

    fn token(&self, scopes: &[&str]) -> TokenBuilder {
        let token = self.pool.token().client_credentials("caller");
        token.scopes(scopes)
    }

    async fn call(&self, event: Value) -> Result<Value, Failure> {
        let event: Event = serde_json::from_value(event).unwrap();
        let answer = authorize(&self.verifier, &Routes::new().unwrap(), &event).await;
        answer.map(|answer| serde_json::to_value(answer).unwrap())
    }

    async fn ask(&self, event: &str, token: &TokenBuilder) -> Result<Value, Failure> {
        self.call(with_token(event, &token.build())).await
    }
}

fn with_token(event: &str, token: &str) -> Value {
    serde_json::from_str(
        &event
            .replace("TOKEN\"", &format!("{token}\""))
            .replace(&format!("\"type\": \"{token}\""), "\"type\": \"TOKEN\""),
    )
    .unwrap()
}

/// What the policy says about a request, as IAM evaluates it: `*` matches any text.
fn permits(answer: &Value, method: &str, path: &str) -> bool {
    let statement = &answer["policyDocument"]["Statement"][0];
    let wanted = format!("{STAGE}/{method}{path}");
    let matches = |pattern: &str| {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        if pattern.contains('*') {
            wanted.starts_with(start) && wanted.ends_with(end)
        } else {
            wanted == pattern
        }
    };
    let resources = statement["Resource"].as_array().unwrap();
    statement["Effect"] == "Allow" && resources.iter().any(|it| matches(it.as_str().unwrap()))
}

/// `allowed`, `denied` (403), `unauthorized` (401) or `failed` (500), for `GET /profiles/7`.
fn outcome(answer: &Result<Value, Failure>) -> &'static str {
    match answer {
        Ok(answer) if answer["isAuthorized"] == true || permits_7(answer) => "allowed",
        Ok(_) => "denied",
        Err(Failure::Unauthorized) => "unauthorized",
        Err(Failure::Unavailable) => "failed",
    }
}

fn permits_7(answer: &Value) -> bool {
    answer.get("policyDocument").is_some() && permits(answer, "GET", "/profiles/7")
}

#[test]
fn the_events_are_those_of_the_published_types() {
    let _: ApiGatewayCustomAuthorizerRequest = serde_json::from_str(REST_TOKEN).unwrap();
    let request: ApiGatewayCustomAuthorizerRequestTypeRequest =
        serde_json::from_str(REST_REQUEST).unwrap();
    assert_eq!(request.path.as_deref(), Some("/profiles/7"));
    let request: ApiGatewayV2CustomAuthorizerV2Request = serde_json::from_str(HTTP_API).unwrap();
    assert_eq!(request.route_key.as_deref(), Some("GET /profiles/{id}"));
}

#[tokio::test]
async fn each_kind_of_event_is_judged() {
    let function = Function::new();
    let good = function.token(&["profiles/get"]);
    for (event, bad) in [
        (REST_TOKEN, "unauthorized"),
        (REST_REQUEST, "unauthorized"),
        (HTTP_API, "denied"),
    ] {
        for (token, expected) in [
            (good.clone(), "allowed"),
            (function.token(&["profiles/post"]), "denied"),
            (function.token(&[]), "denied"),
            (good.clone().expired(), bad),
            (good.clone().tampered(), bad),
            (good.clone().other_issuer(), bad),
        ] {
            let answer = function.ask(event, &token).await;
            assert_eq!(outcome(&answer), expected, "{event} {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_answers_are_those_of_the_published_types() {
    let function = Function::new();
    let token = function.token(&["profiles/get", "profiles/post"]);
    let context = json!({
        "clientId": "caller",
        "subject": "caller",
        "scope": "profiles/get profiles/post",
    });

    let answer = function.ask(REST_TOKEN, &token).await.unwrap();
    let policy: ApiGatewayCustomAuthorizerResponse =
        serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(policy.principal_id.as_deref(), Some("caller"));
    assert_eq!(
        policy.policy_document.version.as_deref(),
        Some("2012-10-17")
    );
    assert_eq!(policy.context, context);
    let statement = &policy.policy_document.statement[0];
    assert_eq!(statement.action, ["execute-api:Invoke"]);

    let answer = function.ask(HTTP_API, &token).await.unwrap();
    let simple: ApiGatewayV2CustomAuthorizerSimpleResponse =
        serde_json::from_value(answer).unwrap();
    assert!(simple.is_authorized);
    assert_eq!(simple.context, context);
}

#[tokio::test]
async fn a_cached_policy_permits_what_the_token_may_call_and_nothing_else() {
    let function = Function::new();
    for event in [REST_TOKEN, REST_REQUEST] {
        let reader = function
            .ask(event, &function.token(&["profiles/get"]))
            .await;
        let reader = reader.unwrap();
        assert!(permits(&reader, "GET", "/profiles"));
        assert!(permits(&reader, "GET", "/profiles/7"));
        assert!(!permits(&reader, "POST", "/profiles"));
        assert!(!permits(&reader, "DELETE", "/profiles/7"));
        assert!(!permits(&reader, "GET", "/"));

        // Asked about a route that it may not call, for the same token.
        let writer = function.token(&["profiles/post"]);
        let writer = function.ask(event, &writer).await.unwrap();
        assert!(permits(&writer, "POST", "/profiles"));
        assert!(!permits(&writer, "GET", "/profiles/7"));
    }
}

#[tokio::test]
async fn the_path_of_the_caller_does_not_widen_the_policy() {
    let function = Function::new();
    let token = function.token(&["profiles/get"]);
    let honest = function.ask(REST_TOKEN, &token).await.unwrap();
    for path in ["GET/../../*", "GET/profiles/*/../..", "*", ""] {
        let mut event = with_token(REST_TOKEN, &token.build());
        event["methodArn"] = json!(format!("{STAGE}/{path}"));
        assert_eq!(function.call(event).await.unwrap(), honest, "{path}");
    }
    // Other partitions keep their name.
    let mut event = with_token(REST_TOKEN, &token.build());
    event["methodArn"] = json!("arn:aws-us-gov:execute-api:us-gov-west-1:1:api/prod/GET/profiles");
    let answer = function.call(event).await.unwrap();
    let resources = &answer["policyDocument"]["Statement"][0]["Resource"];
    let resource = "arn:aws-us-gov:execute-api:us-gov-west-1:1:api/prod/GET/profiles";
    assert_eq!(resources[0], resource);
}

#[tokio::test]
async fn two_tokens_and_none_are_unauthorized() {
    let function = Function::new();
    let (good, none) = (
        function.token(&["profiles/get"]).authorization(),
        function.token(&[]).authorization(),
    );
    let (good, none) = (good.to_str().unwrap(), none.to_str().unwrap());
    let request = |headers: Value| {
        let mut event: Value = serde_json::from_str(REST_REQUEST).unwrap();
        event["multiValueHeaders"] = headers;
        event
    };
    for (headers, expected) in [
        (json!({ "Authorization": [good] }), "allowed"),
        (json!({ "AUTHORIZATION": [good] }), "allowed"),
        (json!({ "Authorization": [none, good] }), "unauthorized"),
        (
            json!({ "Authorization": [none], "authorization": [good] }),
            "unauthorized",
        ),
        (json!({ "Authorization": [] }), "unauthorized"),
        (json!({}), "unauthorized"),
        (Value::Null, "unauthorized"),
    ] {
        let answer = function.call(request(headers.clone())).await;
        assert_eq!(outcome(&answer), expected, "{headers}");
    }
    // An HTTP API joins the fields of a name.
    let mut event: Value = serde_json::from_str(HTTP_API).unwrap();
    for (value, expected) in [
        (good.to_owned(), "allowed"),
        (format!("{none},{good}"), "denied"),
    ] {
        event["headers"]["authorization"] = json!(value);
        assert_eq!(outcome(&function.call(event.clone()).await), expected);
    }
    event["headers"] = json!({});
    assert_eq!(outcome(&function.call(event).await), "denied");
}

#[tokio::test]
async fn a_route_that_is_not_listed_is_denied() {
    let function = Function::new();
    let mut event = with_token(HTTP_API, &function.token(&["profiles/get"]).build());
    for (route_key, expected) in [
        ("GET /profiles/{id}", "allowed"),
        ("GET /profiles/{other}", "denied"),
        ("DELETE /profiles/{id}", "denied"),
        ("$default", "denied"),
    ] {
        event["routeKey"] = json!(route_key);
        assert_eq!(
            outcome(&function.call(event.clone()).await),
            expected,
            "{route_key}"
        );
    }
}

/// A policy that denies would be cached, and deny after the outage.
#[tokio::test]
async fn an_outage_is_a_failure_and_not_a_decision() {
    let mut function = Function::new();
    let good = function.token(&["profiles/get"]);
    function.verifier = Verifier::builder(function.pool.user_pool(), AllowedClients::any())
        .fetcher(ScriptedFetcher::new().always_fail(FetchError::Timeout))
        .clock(function.pool.clock())
        .build()
        .unwrap();
    for event in [REST_TOKEN, REST_REQUEST, HTTP_API] {
        assert_eq!(function.ask(event, &good).await, Err(Failure::Unavailable));
    }
}

#[tokio::test]
async fn a_denied_client_is_denied() {
    let mut function = Function::new();
    let good = function.token(&["profiles/get"]);
    let builder = function.pool.verifier_builder();
    function.verifier = builder.check(|_| Err(Denied::forbidden())).build().unwrap();
    for event in [REST_TOKEN, REST_REQUEST, HTTP_API] {
        assert_eq!(outcome(&function.ask(event, &good).await), "denied");
    }
}

#[test]
fn api_gateway_recognises_the_message() {
    let message = |failure| Diagnostic::from(failure).error_message;
    assert_eq!(message(Failure::Unauthorized), "Unauthorized");
    assert_ne!(message(Failure::Unavailable), "Unauthorized");
}
