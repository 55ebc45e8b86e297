//! Strangers who send tokens with invented kids.

use std::time::Duration;

use tower_cognito::{
    AuthError,
    keys::{ConnectError, FetchError, KeyState},
    testing::Key,
};

use crate::rig::{
    Forger, HOUR, MINUTE, Rig, SECOND, assert_unavailable, assert_unconfirmed, bounded, settle,
};

#[tokio::test(start_paused = true)]
async fn ten_thousand_random_kids_in_a_second_cause_at_most_two_fetches() {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    rig.advance(10 * MINUTE);
    let (forger, good) = (Forger::new(&rig), rig.token());
    for number in 0..10_000 {
        let verdict = rig.verify(&forger.token(&format!("kid-{number}"))).await;
        if number < 2 {
            assert_eq!(verdict.unwrap_err(), AuthError::UnknownKey);
        } else {
            assert!(assert_unconfirmed(&verdict) <= 10 * SECOND);
        }
        if number % 100 == 0 {
            assert!(rig.verifier.try_verify(&good).unwrap().is_ok());
        }
        rig.advance(SECOND / 10_000);
    }
    assert_eq!(rig.fetcher.calls(), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_at_once_cause_at_most_two_fetches_and_delay_no_known_kid() {
    let rig = Rig::warm().await;
    rig.advance(10 * MINUTE);
    let reply = rig.fetcher.hold(rig.keys());
    rig.fetcher.always_respond(rig.keys());
    let forger = Forger::new(&rig);
    let mut flood = Vec::new();
    for number in 0..10_000 {
        let (verifier, token) = (rig.verifier.clone(), forger.token(&format!("kid-{number}")));
        flood.push(tokio::spawn(async move { verifier.verify(&token).await }));
    }
    settle().await;
    let known = rig.verifier.try_verify(&rig.token());
    assert!(known.expect("without waiting").is_ok());
    reply.release();
    let mut unknown = 0;
    for request in flood {
        match bounded(request).await.unwrap() {
            Err(AuthError::UnknownKey) => unknown += 1,
            // Beyond those who may wait.
            rejected => _ = assert_unconfirmed(&rejected),
        }
    }
    assert_eq!(unknown, 1024);
    assert!(rig.fetcher.calls() <= 1 + 2, "{}", rig.fetcher.calls());
}

#[tokio::test(start_paused = true)]
async fn a_rotation_in_the_middle_of_a_flood_is_seen_within_ten_seconds() {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    rig.advance(10 * MINUTE);
    let forger = Forger::new(&rig);
    let rotated = rig.token_by(Key::Unpublished);
    let mut kids = 0..;
    let mut flood_for_a_while = async |rig: &Rig| {
        for kid in kids.by_ref().take(200) {
            let _ = rig.verify(&forger.token(&format!("kid-{kid}"))).await;
        }
    };
    flood_for_a_while(&rig).await;
    rig.fetcher
        .always_respond(rig.keys_of([Key::Access, Key::Unpublished]));
    let mut seen_after = None;
    for tenths in 0..200 {
        flood_for_a_while(&rig).await;
        let verdict = rig.verify(&rotated).await;
        if verdict.is_ok() {
            seen_after = Some(tenths * SECOND / 10);
            break;
        }
        rig.advance(SECOND / 10);
    }
    let seen_after = seen_after.expect("the rotation is seen");
    assert!(seen_after <= 10 * SECOND, "{seen_after:?}");
    assert!(rig.fetcher.calls() <= 1 + 2 + 1, "{}", rig.fetcher.calls());
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_flood_causes_one_fetch_per_interval() {
    let rig = Rig::configured(|builder| builder.unknown_kid_interval(MINUTE));
    rig.warm_up().await;
    rig.fetcher.always_respond(rig.keys());
    let forger = Forger::new(&rig);
    for number in 0..3600 {
        let _ = rig.verify(&forger.token(&format!("kid-{number}"))).await;
        rig.advance(SECOND);
    }
    // Two at once, and one at the end of each minute but the last, which is not over.
    assert_eq!(rig.fetcher.calls(), 1 + 2 + 59);
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_was_found_missing_is_looked_for_again_once_in_each_interval() {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    let token = Forger::new(&rig).token("gone");
    for (elapsed, calls) in [(0, 2), (9, 2), (10, 3), (19, 3), (20, 4), (29, 4), (30, 5)] {
        let at = rig.pool.clock();
        let since_start = tower_cognito::clock::Clock::monotonic(&at);
        at.advance(Duration::from_secs(elapsed) - since_start);
        let verdict = rig.verify(&token).await;
        assert_eq!(verdict.unwrap_err(), AuthError::UnknownKey);
        assert_eq!(rig.fetcher.calls(), calls, "after {elapsed} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_was_found_missing_works_as_soon_as_any_fetch_has_brought_it() {
    let rig = Rig::warm().await;
    rig.fetcher.respond(rig.keys());
    let rotated = rig.token_by(Key::Unpublished);
    assert_eq!(
        rig.verify(&rotated).await.unwrap_err(),
        AuthError::UnknownKey
    );
    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Unpublished]));
    let other = Forger::new(&rig).token("other");
    assert_eq!(rig.verify(&other).await.unwrap_err(), AuthError::UnknownKey);
    assert!(rig.verify(&rotated).await.is_ok());
    rig.assert_calls(3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_under_a_known_kid_never_fetches() {
    let rig = Rig::warm().await;
    let forged = rig
        .pool
        .token()
        .signed_with(Key::Unpublished)
        .kid("test-only-access")
        .build();
    for _ in 0..10 {
        assert_eq!(
            rig.verify(&forged).await.unwrap_err(),
            AuthError::InvalidSignature
        );
        rig.advance(MINUTE);
    }
    settle().await;
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_use_up_what_the_scheduled_refresh_needs() {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    let forger = Forger::new(&rig);
    rig.advance(HOUR - SECOND * 400);
    for number in 0..3 {
        let _ = rig.verify(&forger.token(&format!("kid-{number}"))).await;
    }
    rig.assert_calls(1 + 2);
    // Those looked at the endpoint, so the keys are fresh from here. The budget is empty as the
    // hour is over.
    rig.advance(HOUR - SECOND);
    for number in 3..6 {
        let _ = rig.verify(&forger.token(&format!("kid-{number}"))).await;
    }
    let before = rig.fetcher.calls();
    rig.advance(HOUR);
    assert_eq!(rig.state(), KeyState::Due);
    assert!(rig.verifier.try_verify(&rig.token()).unwrap().is_ok());
    settle().await;
    assert_eq!(rig.fetcher.calls(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_proves_nothing_about_a_kid() {
    let rig = Rig::warm().await;
    rig.advance(MINUTE);
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    let (unknown, good) = (rig.token_by(Key::Unpublished), rig.token());
    let mut rejected = 0;
    for _ in 0..100 {
        assert_unavailable(&rig.verify(&unknown).await);
        assert!(rig.verifier.try_verify(&good).unwrap().is_ok());
        rejected += 1;
        rig.advance(SECOND / 2);
    }
    assert_eq!(rejected, 100);
    // The same while the endpoint can be reached: 401.
    rig.fetcher.always_respond(rig.keys());
    rig.advance(5 * MINUTE);
    assert_eq!(
        rig.verify(&unknown).await.unwrap_err(),
        AuthError::UnknownKey
    );
}

#[tokio::test(start_paused = true)]
async fn strangers_of_a_pinned_set_learn_nothing_and_cause_nothing() {
    let rig = Rig::pinned();
    let forger = Forger::new(&rig);
    for number in 0..1000 {
        let verdict = rig.verify(&forger.token(&format!("kid-{number}"))).await;
        assert_eq!(verdict.unwrap_err(), AuthError::UnknownKey);
    }
    rig.assert_calls(0);
}
