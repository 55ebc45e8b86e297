#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use http::header::WWW_AUTHENTICATE;
use lambda_http::{Body, Request};
use serde_json::Value;
use tower::ServiceExt;
use tower_cognito::testing::TestPool;

use super::app;

/// The request that the runtime makes of an event of the gateway (payload format 2.0).
fn event(authorization: Option<String>) -> Request {
    let mut event: Value = serde_json::from_str(include_str!("event.json")).unwrap();
    if let Some(value) = authorization {
        event["headers"]["authorization"] = Value::from(value);
    }
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[tokio::test]
async fn an_event_of_the_gateway_is_judged_like_any_request() {
    let pool = TestPool::new();
    let service = app(&pool.verifier()).unwrap();
    let caller = pool.token().client_credentials("caller");
    let good = format!("Bearer {}", caller.clone().scopes(["profiles/get"]).build());
    let other = format!("Bearer {}", caller.build());
    // The gateway joins fields of the same name.
    let two = format!("{good},{good}");
    for (authorization, expected) in [
        (Some(good), "200 10 profiles for caller\n"),
        (None, "401 Bearer"),
        (Some(other), "403 Bearer scope"),
        (Some(two), "400 Bearer error"),
    ] {
        let response = service.clone().oneshot(event(authorization)).await.unwrap();
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let text = match (challenge, response.body()) {
            (Some(challenge), _) => challenge.to_str().unwrap().split('=').next().unwrap(),
            (None, Body::Text(text)) => text,
            (None, _) => "",
        };
        assert_eq!(format!("{} {text}", response.status().as_u16()), expected);
    }
}
