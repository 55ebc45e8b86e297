//! Keys that come and keys that go.

use tower_cognito::{AuthError, keys::JwksResponse, testing::Key};

use crate::rig::{HOUR, MINUTE, Rig, settle};

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_stops_working_after_the_next_refresh() {
    let rig = Rig::warm().await;
    let (seen, not_seen) = (rig.token(), rig.token());
    assert!(rig.verify(&seen).await.is_ok());

    rig.fetcher.always_respond(rig.keys_of([Key::Id]));
    assert!(rig.verify(&seen).await.is_ok(), "no fetch has noticed yet");
    rig.advance(HOUR);
    assert!(rig.verify(&seen).await.is_ok(), "this request looks");
    settle().await;
    rig.assert_calls(2);
    for token in [seen, not_seen] {
        assert_eq!(rig.verify(&token).await.unwrap_err(), AuthError::UnknownKey);
    }
    let kept = rig.token_by(Key::Id);
    assert!(rig.verify(&kept).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_replaced_under_its_name_stops_working_after_the_next_refresh() {
    let rig = Rig::warm().await;
    let seen = rig.token();
    assert!(rig.verify(&seen).await.is_ok());
    // The other key stays, so that nothing but the replacement is a change.
    let replaced = rig
        .pool
        .jwks_of([Key::Unpublished, Key::Id])
        .replace("test-only-unpublished", "test-only-access");
    rig.fetcher.respond(JwksResponse::document(replaced));
    rig.advance(HOUR);
    assert!(rig.verify(&seen).await.is_ok(), "this request looks");
    settle().await;
    for token in [seen, rig.token()] {
        assert_eq!(
            rig.verify(&token).await.unwrap_err(),
            AuthError::InvalidSignature
        );
    }
    let new = rig
        .pool
        .token()
        .signed_with(Key::Unpublished)
        .kid("test-only-access")
        .build();
    assert!(rig.verify(&new).await.is_ok());
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_published_key_works_at_once_after_a_quiet_period() {
    let rig = Rig::warm().await;
    rig.advance(10 * MINUTE);
    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Id, Key::Unpublished]));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_and_published_again_works_again() {
    let rig = Rig::warm().await;
    let token = rig.token();
    assert!(rig.verify(&token).await.is_ok());
    for (keys, accepted) in [(Key::Id, false), (Key::Access, true)] {
        rig.advance(HOUR);
        rig.fetcher.always_respond(rig.keys_of([keys]));
        let _ = rig.verify(&rig.token()).await;
        settle().await;
        assert_eq!(rig.verify(&token).await.is_ok(), accepted);
    }
    assert_eq!(rig.fetcher.unexpected_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_brings_the_same_keys_disturbs_nothing() {
    let rig = Rig::warm().await;
    let token = rig.token();
    assert!(rig.verify(&token).await.is_ok());
    for hour in 1..=48 {
        rig.advance(HOUR);
        rig.fetcher.respond(rig.keys());
        assert!(rig.verifier.try_verify(&token).unwrap().is_ok(), "{hour}");
        settle().await;
        assert!(rig.verifier.try_verify(&token).unwrap().is_ok(), "{hour}");
    }
    rig.assert_calls(49);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_joins_a_refresh_that_is_due() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    let reply = rig
        .fetcher
        .hold(rig.keys_of([Key::Access, Key::Unpublished]));
    assert!(rig.verifier.try_verify(&rig.token()).unwrap().is_ok());
    let joined = rig.begin(&rig.token_by(Key::Unpublished)).await;
    assert!(!joined.is_finished());
    reply.release();
    assert!(crate::rig::bounded(joined).await.unwrap().is_ok());
    rig.assert_calls(2);
}
