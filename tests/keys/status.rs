//! What an operator sees.

use tower_cognito::keys::{ConnectError, FetchError, KeyState};

use crate::rig::{HOUR, Rig, SECOND, settle};

#[tokio::test(start_paused = true)]
async fn an_empty_source_is_not_ready() {
    let rig = Rig::new();
    let status = rig.verifier.key_status();
    assert_eq!(status.state(), KeyState::Empty);
    assert!(!status.is_ready());
    assert_eq!(status.age(), None);
    assert_eq!(status.kids().count(), 0);
    assert_eq!(status.last_error(), None);
    assert_eq!(status.next_attempt(), None);
    assert_eq!(status.jwks_url(), rig.pool.user_pool().jwks_url());

    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    let _ = rig.verify(&rig.token()).await;
    let status = rig.verifier.key_status();
    assert!(!status.is_ready());
    assert_eq!(
        status.last_error(),
        Some(&FetchError::Connect(ConnectError::Refused))
    );
    let next = status.next_attempt().unwrap();
    assert!((SECOND / 2..=SECOND).contains(&next), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_ready_from_the_first_keys_until_they_expire() {
    let rig = Rig::warm().await;
    rig.fetcher.always_fail(FetchError::Timeout);
    for (advance, state, ready) in [
        (SECOND, KeyState::Fresh, true),
        (HOUR, KeyState::Due, true),
        (22 * HOUR, KeyState::Due, true),
        (HOUR, KeyState::Expired, false),
    ] {
        rig.advance(advance);
        let status = rig.verifier.key_status();
        assert_eq!((status.state(), status.is_ready()), (state, ready));
        assert_eq!(status.state().is_ready(), ready);
    }
    rig.fetcher.always_respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    assert!(rig.verifier.key_status().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_degraded_source_is_ready_and_says_why_and_when() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Timeout);
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    let status = rig.verifier.key_status();
    assert_eq!(status.state(), KeyState::Degraded);
    assert!(status.is_ready());
    assert_eq!(status.last_error(), Some(&FetchError::Timeout));
    assert!(status.next_attempt().unwrap() <= SECOND);
    assert_eq!(status.age(), Some(HOUR));
    assert_eq!(
        status.kids().collect::<Vec<_>>(),
        ["test-only-access", "test-only-id"]
    );
}

#[tokio::test(start_paused = true)]
async fn pinned_keys_are_ready_for_ever_and_have_no_age() {
    let rig = Rig::pinned();
    rig.advance(1000 * HOUR);
    let status = rig.verifier.key_status();
    assert_eq!((status.state(), status.age()), (KeyState::Pinned, None));
    assert!(status.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_status_is_a_copy_and_asking_for_it_changes_nothing() {
    let rig = Rig::warm().await;
    rig.advance(2 * HOUR);
    let status = rig.verifier.key_status();
    for _ in 0..100 {
        assert_eq!(rig.verifier.key_status(), status);
    }
    settle().await;
    rig.assert_calls(1);
}
