//! The scripted JWKS endpoint does what the script says, and notices what it does not say.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, Verifier,
    keys::{ConnectError, FetchError, JwksResponse, KeyState},
    testing::{Key, ScriptedFetcher, TestPool},
};

fn verifier(pool: &TestPool, fetcher: &ScriptedFetcher) -> Verifier {
    Verifier::builder(pool.user_pool(), AllowedClients::any())
        .fetcher(fetcher.clone())
        .clock(pool.clock())
        .build()
        .unwrap()
}

/// More than any wait of the verifier. The clock is paused, so no test waits that long.
async fn bounded<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), future).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn steps_come_in_turn_and_then_the_permanent_response() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new()
        .fail(FetchError::Timeout)
        .respond(JwksResponse::document(pool.jwks()).with_etag("\"1\""))
        .always_respond(JwksResponse::not_modified());
    let verifier = verifier(&pool, &fetcher);

    assert_eq!(bounded(verifier.warm_up()).await, Err(FetchError::Timeout));
    pool.clock().advance(Duration::from_secs(1));
    assert_eq!(bounded(verifier.warm_up()).await, Ok(()));
    pool.clock().advance(Duration::from_secs(60 * 60));
    assert_eq!(bounded(verifier.warm_up()).await, Ok(()));

    assert_eq!(fetcher.calls(), 3);
    assert_eq!(fetcher.etags(), [None, None, Some("\"1\"".to_owned())]);
    assert_eq!(fetcher.urls(), [pool.user_pool().jwks_url(); 3]);
    fetcher.assert_used_up();

    fetcher.always_fail(FetchError::Connect(ConnectError::Refused));
    pool.clock().advance(Duration::from_secs(60 * 60));
    assert_eq!(
        bounded(verifier.warm_up()).await,
        Err(FetchError::Connect(ConnectError::Refused))
    );
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "0 steps were not taken, and 1 calls were not expected")]
async fn a_call_that_is_not_expected_fails_and_is_noticed() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let verifier = verifier(&pool, &fetcher);
    assert_eq!(fetcher.unexpected_calls(), 0);
    fetcher.assert_used_up();
    assert_eq!(bounded(verifier.warm_up()).await, Err(FetchError::Aborted));
    assert_eq!((fetcher.calls(), fetcher.unexpected_calls()), (1, 1));
    fetcher.assert_used_up();
}

#[test]
#[should_panic(expected = "1 steps were not taken, and 0 calls were not expected")]
fn a_step_that_is_not_taken_is_noticed() {
    ScriptedFetcher::new().hang().assert_used_up();
}

#[tokio::test(start_paused = true)]
async fn a_fetch_can_hang_and_panic() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().hang().panic();
    let verifier = verifier(&pool, &fetcher);
    assert_eq!(bounded(verifier.warm_up()).await, Err(FetchError::Timeout));
    pool.clock().advance(Duration::from_secs(60));
    assert_eq!(bounded(verifier.warm_up()).await, Err(FetchError::Aborted));
    fetcher.assert_used_up();
}

/// The verifier gives a fetch 5 seconds.
#[tokio::test(start_paused = true)]
async fn a_response_can_be_late() {
    let pool = TestPool::new();
    let document = JwksResponse::document(pool.jwks());
    for (delay, outcome) in [(4, Ok(())), (6, Err(FetchError::Timeout))] {
        let fetcher =
            ScriptedFetcher::new().respond_after(Duration::from_secs(delay), document.clone());
        let verifier = verifier(&pool, &fetcher);
        assert_eq!(bounded(verifier.warm_up()).await, outcome, "{delay} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_response_comes_when_it_is_released_or_dropped() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let first = fetcher.hold(JwksResponse::document(pool.jwks()));
    let verifier = verifier(&pool, &fetcher);
    let token = pool.token().build();

    let waiting = tokio::spawn({
        let (verifier, token) = (verifier.clone(), token.clone());
        async move { verifier.verify(&token).await }
    });
    bounded(fetcher.wait_for_calls(1)).await;
    assert_eq!(verifier.key_status().state(), KeyState::Empty);
    assert!(!waiting.is_finished());
    first.release();
    assert!(bounded(waiting).await.unwrap().is_ok());

    pool.clock().advance(Duration::from_secs(60 * 60));
    let second = fetcher.hold(JwksResponse::document(pool.jwks_of([Key::Unpublished])));
    assert!(verifier.verify(&token).await.is_ok(), "the old keys serve");
    bounded(fetcher.wait_for_calls(2)).await;
    drop(second);
    bounded(verifier.warm_up()).await.unwrap();
    let rotated = pool.token().unknown_key().build();
    assert!(verifier.verify(&rotated).await.is_ok());
    fetcher.assert_used_up();
}
