use std::time::Duration;

use http::StatusCode;
use tower_cognito::{
    AllowedClients, ScopePolicy, Verifier,
    keys::{ConnectError, FetchError, JwksResponse},
    testing::{LocalIssuer, ManualClock, ScriptedFetcher, TestPool},
};

use crate::{
    get, health,
    queue_consumer::{Consumer, Fate, Message},
};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn readiness_follows_the_keys_and_liveness_does_not() {
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder().clock(clock.clone()).start().unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    let app = health::app(&verifier);
    let status = async |path: &str| {
        let token = issuer.token().expires_in(7 * 24 * HOUR);
        get(&app, path, Some(token)).await.0
    };

    // The endpoint is down as the process starts: alive, and not ready.
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    assert_eq!(status("/healthz").await, 200);
    assert_eq!(status("/readyz").await, 503);
    assert!(verifier.warm_up().await.is_err());
    assert_eq!(status("/hello").await, 503);

    // It recovers without a restart.
    issuer.recover();
    clock.advance(Duration::from_secs(1));
    verifier.warm_up().await.unwrap();
    assert_eq!(status("/readyz").await, 200);
    assert_eq!(status("/hello").await, 200);

    // After an outage of two hours it is still ready, and the body says what is wrong.
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    clock.advance(2 * HOUR);
    assert!(verifier.warm_up().await.is_err());
    let (code, body) = get(&app, "/readyz", None).await;
    assert_eq!(code, 200);
    assert!(body.contains("degraded") && body.contains("502"), "{body}");
    assert_eq!(status("/hello").await, 200);

    // After a day the keys are too old to be trusted.
    clock.advance(24 * HOUR);
    let (code, body) = get(&app, "/readyz", None).await;
    assert_eq!(code, 503);
    assert!(body.contains("expired"), "{body}");
    assert_eq!(status("/healthz").await, 200);

    // The probe's own attempt may still fail; back-off is at most half a minute.
    issuer.recover();
    clock.advance(Duration::from_secs(30));
    if status("/hello").await == 503 {
        clock.advance(Duration::from_secs(30));
    }
    assert_eq!(status("/hello").await, 200);
    assert_eq!(status("/readyz").await, 200);
}

#[tokio::test]
async fn a_message_is_requeued_only_while_keys_are_unavailable() {
    let pool = TestPool::new();
    // The first fetch fails, the second succeeds.
    let keys = ScriptedFetcher::new()
        .fail(FetchError::Connect(ConnectError::Refused))
        .respond(JwksResponse::document(pool.jwks()));
    let consumer = Consumer {
        verifier: Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(keys)
            .clock(pool.clock())
            .build()
            .unwrap(),
        required: ScopePolicy::all_of(["orders/post"]).unwrap(),
    };
    let good = pool
        .token()
        .client_credentials("shop")
        .scopes(["orders/post"]);
    let message = |token: String| Message {
        order: "books".to_owned(),
        token,
    };
    let books = message(good.build());
    let Fate::Requeued { after } = consumer.consume(&books).await else {
        panic!("the keys are unavailable");
    };
    pool.clock().advance(after);
    let dead = |reason| Fate::DeadLetter { reason };
    for (token, expected) in [
        (good.clone().expired().build(), dead("expired")),
        (good.clone().tampered().build(), dead("invalid_signature")),
        (
            pool.token().scopes(["orders/get"]).build(),
            dead("insufficient_scope"),
        ),
    ] {
        assert_eq!(consumer.consume(&message(token)).await, expected);
    }
    let caller = "shop".to_owned();
    assert_eq!(consumer.consume(&books).await, Fate::Done { caller });
}
