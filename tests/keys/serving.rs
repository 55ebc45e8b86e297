//! A key that is in memory serves without waiting, whatever the endpoint does.

use tower_cognito::keys::{ConnectError, FetchError, KeyState};

use crate::rig::{HOUR, MINUTE, Rig, SECOND, settle};

/// Serves without waiting: `try_verify` says `None` where `verify` would wait.
#[track_caller]
fn assert_served_at_once(rig: &Rig) {
    for _ in 0..3 {
        // A new token each time, so that it is the key that is found and not the token.
        let verdict = rig.verifier.try_verify(&rig.token());
        assert!(verdict.expect("without waiting").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_kid_never_waits_while_the_keys_are_fresh() {
    let rig = Rig::warm().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    assert_served_at_once(&rig);

    rig.fetcher.hang();
    let unknown = rig.begin(&rig.pool.token().unknown_key().build()).await;
    rig.assert_calls(2);
    assert_served_at_once(&rig);
    assert!(!unknown.is_finished(), "the fetch is still in flight");
}

#[tokio::test(start_paused = true)]
async fn a_known_kid_never_waits_while_the_keys_are_due_and_starts_one_refresh() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    assert_eq!(rig.state(), KeyState::Due);
    rig.fetcher.hang();
    assert_served_at_once(&rig);
    settle().await;
    assert_served_at_once(&rig);
    rig.assert_calls(2);
    assert_eq!(rig.state(), KeyState::Due);
}

/// A refresh in flight keeps a hit from looking at the keys, but not beyond their expiry.
#[tokio::test(start_paused = true)]
async fn a_token_that_was_seen_waits_once_the_keys_expire_during_a_refresh() {
    let rig = Rig::warm().await;
    let seen = rig.token();
    assert!(rig.verify(&seen).await.is_ok());
    rig.advance(24 * HOUR - 5 * SECOND);
    let held = rig.fetcher.hold(rig.keys());
    for _ in 0..2 {
        assert!(rig.verifier.try_verify(&seen).unwrap().is_ok());
        settle().await;
        rig.advance(2 * SECOND);
    }
    // Not asked for their state before, which would be a look at the keys.
    rig.advance(SECOND);
    assert!(rig.verifier.try_verify(&seen).is_none());
    assert_eq!(rig.state(), KeyState::Expired);
    held.release();
    assert!(rig.verify(&seen).await.is_ok());
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_known_kid_never_waits_while_the_keys_are_degraded() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher
        .fail(FetchError::Connect(ConnectError::Refused))
        .hang();
    assert_served_at_once(&rig);
    settle().await;
    assert_eq!(rig.state(), KeyState::Degraded);
    assert_served_at_once(&rig);
    settle().await;
    rig.assert_calls(2);

    rig.advance(SECOND);
    assert_served_at_once(&rig);
    settle().await;
    rig.assert_calls(3);
    assert_served_at_once(&rig);
    assert_eq!(rig.state(), KeyState::Degraded, "the third call hangs");
}

#[tokio::test(start_paused = true)]
async fn a_pinned_kid_never_waits_and_nothing_is_ever_fetched() {
    let rig = Rig::pinned();
    for _ in 0..3 {
        assert_eq!(rig.state(), KeyState::Pinned);
        assert_served_at_once(&rig);
        let unknown = rig.pool.token().unknown_key().build();
        let verdict = rig.verifier.try_verify(&unknown).expect("at once");
        assert_eq!(
            verdict.unwrap_err(),
            tower_cognito::AuthError::UnknownKey,
            "nothing could ever tell more"
        );
        rig.advance(30 * HOUR);
    }
    settle().await;
    rig.assert_calls(0);
}

#[tokio::test(start_paused = true)]
async fn a_seeded_kid_serves_from_the_start_and_is_refreshed_at_the_first_request() {
    let rig = Rig::seeded();
    assert_eq!(rig.state(), KeyState::Due);
    rig.assert_calls(0);

    let reply = rig.fetcher.hold(rig.keys());
    assert_served_at_once(&rig);
    settle().await;
    rig.assert_calls(1);
    assert_served_at_once(&rig);
    reply.release();
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    assert_served_at_once(&rig);
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn a_seed_that_is_never_confirmed_expires() {
    let rig = Rig::seeded();
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    rig.advance(24 * HOUR - SECOND);
    assert_served_at_once(&rig);
    settle().await;
    rig.advance(SECOND);
    assert_eq!(rig.state(), KeyState::Expired);
    crate::rig::assert_unavailable(&rig.verify(&rig.token()).await);
}

#[tokio::test(start_paused = true)]
async fn without_keys_or_with_expired_ones_an_answer_takes_a_fetch() {
    let rig = Rig::new();
    rig.fetcher.respond(rig.keys());
    let token = rig.token();
    assert!(rig.verifier.try_verify(&token).is_none());
    settle().await;
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());

    rig.advance(24 * HOUR);
    assert_eq!(rig.state(), KeyState::Expired);
    rig.fetcher.respond(rig.keys());
    assert!(
        rig.verifier.try_verify(&token).is_none(),
        "also for a token that was seen before"
    );
    settle().await;
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_process_does_not_fetch() {
    let rig = Rig::warm().await;
    rig.advance(12 * HOUR);
    tokio::time::advance(12 * 60 * MINUTE).await;
    settle().await;
    let _ = rig.verifier.key_status();
    settle().await;
    rig.assert_calls(1);
}
