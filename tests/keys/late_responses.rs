//! Responses that arrive after their fetch was abandoned.
//!
//! A fetch holds its place for twice the fetch timeout by the verifier's clock, in case the timer
//! that should end it is stopped. In these tests it is: only the verifier's clock moves.

use std::time::Duration;

use tower_cognito::{
    AuthError,
    keys::{FetchError, JwksResponse, KeyState},
    testing::Key,
};

use crate::rig::{Forger, HOUR, Rig, SECOND, assert_unavailable, bounded, settle};

const GIVEN_UP: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_late_response_to_an_older_fetch_does_not_overwrite_a_newer_one() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    let late = rig.fetcher.hold(rig.keys());
    let token = rig.token();
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());
    settle().await;
    rig.advance(GIVEN_UP);
    rig.fetcher.always_respond(rig.keys_of([Key::Id]));
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());
    settle().await;
    rig.assert_calls(3);
    assert_eq!(rig.verify(&token).await.unwrap_err(), AuthError::UnknownKey);

    late.release();
    settle().await;
    assert_eq!(rig.verify(&token).await.unwrap_err(), AuthError::UnknownKey);
    assert!(rig.verify(&rig.token_by(Key::Id)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_of_an_older_fetch_does_not_spoil_a_newer_success() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    let late = rig.fetcher.hold(JwksResponse::document("<html>"));
    assert!(rig.verifier.try_verify(&rig.token()).unwrap().is_ok());
    settle().await;
    rig.advance(GIVEN_UP);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verifier.try_verify(&rig.token()).unwrap().is_ok());
    settle().await;
    late.release();
    settle().await;
    assert_eq!((rig.state(), rig.last_error()), (KeyState::Fresh, None));
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_of_an_older_fetch_does_not_make_a_newer_one_back_off() {
    let rig = Rig::new();
    let late = rig.fetcher.hold(JwksResponse::document("<html>"));
    let first = rig.begin(&rig.token()).await;
    rig.advance(GIVEN_UP);
    let newer = rig.fetcher.hold(rig.keys());
    let second = rig.begin(&rig.token()).await;
    rig.assert_calls(2);
    late.release();
    settle().await;
    assert_eq!(rig.last_error(), None, "the newer one is still in flight");
    newer.release();
    assert!(bounded(second).await.unwrap().is_ok());
    let _ = bounded(first).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modified_is_what_the_request_asked_about() {
    let rig = Rig::new();
    rig.fetcher.respond(rig.keys().with_etag("\"a\""));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    let token = rig.token();

    // Two requests about "a" are on their way. The first brings other keys, the second says that
    // "a" is current.
    rig.advance(HOUR);
    let other = rig.fetcher.hold(rig.keys_of([Key::Id]).with_etag("\"b\""));
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());
    settle().await;
    rig.advance(GIVEN_UP);
    let not_modified = rig.fetcher.hold(JwksResponse::not_modified());
    assert!(rig.verifier.try_verify(&token).unwrap().is_ok());
    settle().await;
    assert_eq!(
        rig.fetcher.etags(),
        [None, Some("\"a\"".to_owned()), Some("\"a\"".to_owned())]
    );
    other.release();
    settle().await;
    let by_other = rig.verifier.try_verify(&rig.token_by(Key::Id));
    assert!(by_other.unwrap().is_ok());
    not_modified.release();
    settle().await;
    assert!(
        rig.verify(&token).await.is_ok(),
        "the newest that the endpoint said is that \"a\" is current"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_fetch_proves_nothing_about_a_kid() {
    // So short that two looks are given up before the budget has refilled.
    let rig = Rig::configured(|builder| builder.fetch_timeout(SECOND));
    rig.warm_up().await;
    let forger = Forger::new(&rig);
    for number in 0..2 {
        rig.fetcher.hang();
        drop(rig.begin(&forger.token(&format!("kid-{number}"))).await);
        rig.advance(2 * SECOND);
    }
    rig.assert_calls(3);
    let verdict = rig.verifier.try_verify(&rig.token_by(Key::Unpublished));
    assert_unavailable(&verdict.expect("the budget is spent"));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_outlives_its_timer_does_not_keep_others_from_fetching() {
    let rig = Rig::new();
    rig.fetcher.hang().respond(rig.keys());
    let stuck = rig.begin(&rig.token()).await;
    rig.advance(GIVEN_UP);
    assert!(rig.verify(&rig.token()).await.is_ok());
    let _ = bounded(stuck).await.unwrap();
    assert_ne!(rig.last_error(), Some(FetchError::Timeout));
}
