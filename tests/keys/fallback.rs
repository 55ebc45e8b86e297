//! A second key URL, which is asked when the first fails.

use tower_cognito::{
    AllowedClients, AuthError, Verifier,
    keys::{ConnectError, FetchError, JwksResponse, KeyState},
    testing::{Key, ScriptedFetcher, TestPool},
};

use crate::rig::{
    HOUR, MINUTE, Rig, SECOND, assert_unavailable, assert_unconfirmed, bounded, settle,
};

const DOWN: FetchError = FetchError::Connect(ConnectError::Refused);
const FALLBACK: &str = "https://replica.example.com/jwks.json";

fn with_fallback() -> Rig {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let user_pool = pool.user_pool().with_fallback_jwks_url(FALLBACK).unwrap();
    let verifier = Verifier::builder(user_pool, AllowedClients::any())
        .fetcher(fetcher.clone())
        .clock(pool.clock())
        .build()
        .unwrap();
    Rig {
        pool,
        fetcher,
        verifier,
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_url_is_used_only_when_the_first_fails() {
    let rig = with_fallback();
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.assert_calls(1);

    for failure in [DOWN, FetchError::TooLarge] {
        let rig = with_fallback();
        rig.fetcher.fail(failure.clone()).respond(rig.keys());
        assert!(rig.verify(&rig.token()).await.is_ok());
        assert_eq!(
            rig.fetcher.urls(),
            [rig.pool.user_pool().jwks_url(), FALLBACK]
        );
        let status = rig.verifier.key_status();
        assert_eq!(status.state(), KeyState::Fresh);
        assert_eq!(status.last_error(), Some(&failure), "an operator sees it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_url_that_hangs_leaves_half_of_the_time_to_the_second() {
    let rig = with_fallback();
    rig.fetcher.hang().respond_after(2 * SECOND, rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());

    let rig = with_fallback();
    rig.fetcher.hang().hang();
    assert_unavailable(&rig.verify(&rig.token()).await);
    settle().await;
    rig.assert_calls(2);
    assert_eq!(rig.last_error(), Some(FetchError::Timeout));
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_error_is_that_of_the_first() {
    let rig = with_fallback();
    rig.fetcher.fail(DOWN).fail(FetchError::TooLarge);
    assert_unavailable(&rig.verify(&rig.token()).await);
    assert_eq!(rig.last_error(), Some(DOWN));
}

#[tokio::test(start_paused = true)]
async fn the_second_url_adds_keys_and_withdraws_none() {
    for (keys, accepted) in [
        (vec![Key::Access, Key::Id, Key::Unpublished], true),
        // A replica that is behind, or ahead: it lacks a key that is in use.
        (vec![Key::Access, Key::Unpublished], false),
    ] {
        let rig = with_fallback();
        rig.fetcher.respond(rig.keys());
        assert!(rig.verify(&rig.token()).await.is_ok());
        rig.advance(MINUTE);
        rig.fetcher.fail(DOWN).respond(rig.keys_of(keys));
        let verdict = rig.verify(&rig.token_by(Key::Unpublished)).await;
        if accepted {
            assert!(verdict.is_ok());
        } else {
            assert_unavailable(&verdict);
        }
        assert!(rig.verify(&rig.token_by(Key::Id)).await.is_ok(), "in use");
    }
}

#[tokio::test(start_paused = true)]
async fn once_the_keys_have_expired_the_second_url_replaces_them() {
    let rig = with_fallback();
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.advance(25 * HOUR);
    rig.fetcher
        .fail(DOWN)
        .respond(rig.keys_of([Key::Unpublished]));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
}

/// A replica that is behind lacks keys that are in use.
#[tokio::test(start_paused = true)]
async fn a_key_that_the_second_url_replaced_may_be_in_use() {
    for by_second in [true, false] {
        let rig = with_fallback();
        rig.fetcher.respond(rig.keys());
        assert!(rig.verify(&rig.token()).await.is_ok());
        rig.advance(25 * HOUR);
        let replaced = || {
            if by_second {
                rig.fetcher.fail(DOWN);
            }
            rig.fetcher.respond(rig.keys_of([Key::Unpublished]));
        };
        replaced();
        assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
        rig.advance(MINUTE);
        replaced();
        let verdict = rig.verify(&rig.token()).await;
        if by_second {
            assert_unconfirmed(&verdict);
        } else {
            assert_eq!(verdict.unwrap_err(), AuthError::UnknownKey);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_the_second_url_does_not_list_is_503_and_401_once_the_first_is_back() {
    let rig = with_fallback();
    rig.fetcher.fail(DOWN).respond(rig.keys());
    let unknown = rig.token_by(Key::Unpublished);
    assert_unconfirmed(&rig.verify(&unknown).await);
    rig.assert_calls(2);
    rig.fetcher.respond(rig.keys());
    rig.advance(MINUTE);
    assert_eq!(
        rig.verify(&unknown).await.unwrap_err(),
        AuthError::UnknownKey
    );
}

#[tokio::test(start_paused = true)]
async fn an_etag_is_sent_to_the_url_that_it_came_from_alone() {
    let rig = with_fallback();
    rig.fetcher.respond(rig.keys().with_etag("\"first\""));
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.advance(HOUR);
    rig.fetcher
        .fail(DOWN)
        .respond(rig.keys().with_etag("\"second\""));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    rig.advance(HOUR);
    rig.fetcher.respond(JwksResponse::document(rig.pool.jwks()));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(
        rig.fetcher.etags(),
        [None, Some("\"first\"".to_owned()), None, None]
    );
    let _ = bounded(rig.verifier.warm_up()).await;
}
