//! The first keys: one fetch, however many ask, and even if the first caller disconnects.

use tokio::time::Instant;
use tower_cognito::{
    AuthError,
    keys::{ConnectError, FetchError, KeyState},
    testing::Key,
};

use crate::rig::{
    Forger, HOUR, MINUTE, Rig, SECOND, Verifying, assert_unavailable, assert_unconfirmed, bounded,
    settle,
};

#[tokio::test(start_paused = true)]
async fn five_hundred_first_requests_cause_one_fetch_and_are_all_served() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let token = rig.token();
    let mut requests = Vec::new();
    for _ in 0..500 {
        requests.push(rig.begin(&token).await);
    }
    assert!(requests.iter().all(|request| !request.is_finished()));
    reply.release();
    for request in requests {
        assert!(bounded(request).await.unwrap().is_ok());
    }
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn the_fetch_continues_when_the_request_that_caused_it_is_gone() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let leader = rig.begin(&rig.token()).await;
    let follower = rig.begin(&rig.token()).await;
    leader.abort();
    assert!(bounded(leader).await.unwrap_err().is_cancelled());
    reply.release();
    assert!(bounded(follower).await.unwrap().is_ok());
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_without_waiting_requests_still_brings_the_keys() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let only = rig.begin(&rig.token()).await;
    only.abort();
    reply.release();
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    assert!(rig.verifier.try_verify(&rig.token()).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_a_failed_fetch() {
    let rig = Rig::new();
    rig.fetcher.panic().respond(rig.keys());
    let first = rig.begin(&rig.token()).await;
    let second = rig.begin(&rig.token()).await;
    assert_unavailable(&bounded(first).await.unwrap());
    assert_unavailable(&bounded(second).await.unwrap());
    assert_eq!(rig.last_error(), Some(FetchError::Aborted));

    rig.advance(SECOND);
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.fetcher.assert_used_up();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_while_the_endpoint_is_down_serves_as_soon_as_it_is_up() {
    let rig = Rig::new();
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    let token = rig.token();
    for _ in 0..100 {
        assert_unavailable(&rig.verify(&token).await);
        rig.advance(30 * SECOND);
    }
    rig.fetcher.always_respond(rig.keys());
    assert!(rig.verify(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn while_backing_off_from_the_first_failure_no_request_waits_or_fetches() {
    let rig = Rig::new();
    rig.fetcher.fail(FetchError::Timeout);
    let token = rig.token();
    let retry_after = assert_unavailable(&rig.verify(&token).await);
    assert!(retry_after <= SECOND, "{retry_after:?}");
    for _ in 0..1000 {
        let verdict = rig.verifier.try_verify(&token).expect("at once");
        assert_unavailable(&verdict);
    }
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "tokio's clock is paused")]
async fn a_request_waits_no_longer_than_the_fetch_may_take() {
    let rig = Rig::configured(|builder| builder.fetch_timeout(3 * SECOND));
    rig.fetcher.hang();
    let begun = Instant::now();
    assert_unavailable(&rig.verify(&rig.token()).await);
    let waited = begun.elapsed();
    assert!(
        (3 * SECOND..4 * SECOND).contains(&waited),
        "it waited {waited:?}"
    );
    settle().await;
    assert_eq!(rig.last_error(), Some(FetchError::Timeout));
}

/// As many requests as come wait for the first keys, because nothing tells a stranger from a good
/// caller yet.
#[tokio::test(start_paused = true)]
async fn strangers_who_wait_for_the_first_keys_take_no_place_from_a_good_caller() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    rig.fetcher.always_respond(rig.keys());
    let forger = Forger::new(&rig);
    let mut strangers = Vec::new();
    for number in 0..3000 {
        strangers.push(spawn_verify(&rig, forger.token(&format!("kid-{number}"))));
    }
    settle().await;
    let good = rig.begin(&rig.token()).await;
    assert!(!good.is_finished());
    reply.release();
    assert!(bounded(good).await.unwrap().is_ok());
    for stranger in strangers {
        let error = bounded(stranger).await.unwrap().unwrap_err();
        assert!(
            matches!(
                error,
                AuthError::UnknownKey | AuthError::KeyUnconfirmed { .. }
            ),
            "{error:?}"
        );
    }
    assert!(rig.fetcher.calls() <= 1 + 2, "{}", rig.fetcher.calls());
}

/// Once there are keys, only an unknown `kid` waits, and a stranger can name as many as it likes.
#[tokio::test(start_paused = true)]
async fn a_thousand_and_twenty_four_requests_wait_for_an_unknown_kid_and_further_ones_get_503() {
    let rig = Rig::warm().await;
    let reply = rig
        .fetcher
        .hold(rig.keys_of([Key::Access, Key::Unpublished]));
    let token = rig.token_by(Key::Unpublished);
    let waiting = (0..1024)
        .map(|_| spawn_verify(&rig, token.clone()))
        .collect::<Vec<_>>();
    settle().await;
    let one_too_many = rig.begin(&token).await;
    assert!(one_too_many.is_finished());
    assert_unconfirmed(&one_too_many.await.unwrap());
    assert!(rig.verify(&rig.token()).await.is_ok(), "a known kid");
    reply.release();
    for request in waiting {
        assert!(bounded(request).await.unwrap().is_ok());
    }
    rig.assert_calls(2);

    // The places are free again.
    rig.advance(MINUTE);
    rig.fetcher.respond(rig.keys());
    assert_eq!(
        rig.verify(&Forger::new(&rig).token("invented"))
            .await
            .unwrap_err(),
        AuthError::UnknownKey
    );
}

fn spawn_verify(rig: &Rig, token: String) -> Verifying {
    let verifier = rig.verifier.clone();
    tokio::spawn(async move { verifier.verify(&token).await })
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_rejected_without_a_key_causes_no_fetch() {
    let rig = Rig::new();
    for rejected in [
        rig.pool.token().expired(),
        rig.pool.token().not_yet_valid(),
        rig.pool.token().other_issuer(),
        rig.pool.token().unsigned(),
        rig.pool.token().id_token("user-1"),
        rig.pool.token().header("alg", "HS256"),
        rig.pool.token().header("crit", "exp"),
        rig.pool.token().without_header("kid"),
    ] {
        let verdict = rig.verifier.try_verify(&rejected.build());
        assert!(verdict.expect("without waiting").is_err());
    }
    settle().await;
    rig.assert_calls(0);

    // Their good twin does.
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn warming_up_fetches_unless_the_keys_are_fresh() {
    let rig = Rig::new();
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert_eq!(
        bounded(rig.verifier.warm_up()).await,
        Err(FetchError::Connect(ConnectError::Refused))
    );
    assert_eq!(
        bounded(rig.verifier.warm_up()).await,
        Err(FetchError::Connect(ConnectError::Refused)),
        "still backing off"
    );
    rig.assert_calls(1);
    rig.advance(SECOND);
    rig.warm_up().await;
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    rig.assert_calls(2);
    rig.advance(HOUR);
    rig.warm_up().await;
    rig.assert_calls(3);
}

#[tokio::test(start_paused = true)]
async fn warming_up_and_first_requests_share_a_fetch() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let verifier = rig.verifier.clone();
    let warming = tokio::spawn(async move { verifier.warm_up().await });
    let request = rig.begin(&rig.token()).await;
    reply.release();
    assert_eq!(bounded(warming).await.unwrap(), Ok(()));
    assert!(bounded(request).await.unwrap().is_ok());
    rig.assert_calls(1);
}
