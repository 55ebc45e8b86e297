//! One count and one duration per fetch.

use tower_cognito::{
    keys::{ConnectError, FetchError, JwksResponse},
    testing::Key,
};

use crate::{
    recorded::{Recorded, rows},
    rig::{Forger, HOUR, Rig, SECOND, bounded, settle},
};

const FETCHES: &str = "tower_cognito_key_fetches_total";
const DURATIONS: &str = "tower_cognito_key_fetch_duration_seconds";

/// What was counted, and how long it took.
#[track_caller]
fn counted(recorded: &Recorded, rig: &Rig) -> (Vec<String>, Vec<String>) {
    let samples = recorded.take();
    let status = rig.verifier.key_status();
    for sample in samples
        .iter()
        .filter(|sample| sample.name == FETCHES || sample.name == DURATIONS)
    {
        assert_eq!(sample.label("jwks_url"), Some(status.jwks_url()));
    }
    (
        rows(&samples, FETCHES, &["reason", "outcome"]),
        rows(&samples, DURATIONS, &["outcome"]),
    )
}

fn one(count: &str, duration: &str) -> (Vec<String>, Vec<String>) {
    (vec![count.to_owned()], vec![duration.to_owned()])
}

#[tokio::test(start_paused = true)]
async fn each_fetch_counts_once_by_why_it_was_started_and_how_it_ended() {
    let rig = Rig::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let token = rig.token();

    rig.fetcher.respond(rig.keys().with_etag("\"1\""));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    assert_eq!(
        counted(&recorded, &rig),
        one("warm_up changed 1", "changed 0")
    );

    rig.advance(HOUR);
    let not_modified = rig.fetcher.hold(JwksResponse::not_modified());
    assert!(rig.verify(&token).await.is_ok());
    settle().await;
    assert_eq!(counted(&recorded, &rig), (vec![], vec![]), "not yet");
    rig.advance(2 * SECOND);
    not_modified.release();
    settle().await;
    assert_eq!(
        counted(&recorded, &rig),
        one("scheduled unchanged 1", "unchanged 2")
    );

    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Unpublished]));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
    assert_eq!(
        counted(&recorded, &rig),
        one("unknown_kid changed 1", "changed 0")
    );

    rig.advance(24 * HOUR);
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert!(rig.verify(&token).await.is_err());
    assert_eq!(
        counted(&recorded, &rig),
        one("no_keys connect 1", "connect 0")
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_counts_by_its_kind() {
    let status = |status| FetchError::Status {
        status,
        retry_after: None,
    };
    for (error, outcome) in [
        (FetchError::Aborted, "aborted"),
        (FetchError::Body, "body"),
        (FetchError::Connect(ConnectError::Refused), "connect"),
        (FetchError::NoRuntime, "no_runtime"),
        (FetchError::UnexpectedNotModified, "unexpected_not_modified"),
        (status(http::StatusCode::BAD_GATEWAY), "status"),
        (status(http::StatusCode::NOT_FOUND), "status"),
        (FetchError::Timeout, "timeout"),
        (FetchError::TooLarge, "too_large"),
    ] {
        let rig = Rig::new();
        let recorded = Recorded::new();
        let _guard = recorded.listen();
        rig.fetcher.fail(error);
        assert!(rig.verifier.warm_up().await.is_err());
        assert_eq!(
            counted(&recorded, &rig),
            one(&format!("warm_up {outcome} 1"), &format!("{outcome} 0"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_key_set_and_a_panic_count_as_failures() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let rig = Rig::new();
    rig.fetcher.respond(JwksResponse::document("<html>"));
    assert!(rig.verifier.warm_up().await.is_err());
    assert_eq!(
        counted(&recorded, &rig),
        one("warm_up key_set 1", "key_set 0")
    );
    let rig = Rig::new();
    rig.fetcher.panic();
    assert!(rig.verifier.warm_up().await.is_err());
    assert_eq!(
        counted(&recorded, &rig),
        one("warm_up aborted 1", "aborted 0")
    );
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_counts_after_its_time() {
    let rig = Rig::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    rig.fetcher.hang();
    let clock = rig.pool.clock();
    let warm_up = rig.verifier.warm_up();
    let (outcome, ()) = tokio::join!(warm_up, async {
        settle().await;
        clock.advance(5 * SECOND);
    });
    assert_eq!(outcome, Err(FetchError::Timeout));
    settle().await;
    assert_eq!(
        counted(&recorded, &rig),
        one("warm_up timeout 1", "timeout 5")
    );
}

#[tokio::test(start_paused = true)]
async fn a_response_that_comes_too_late_is_superseded() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    rig.advance(HOUR);
    let late = rig.fetcher.hold(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    rig.advance(10 * SECOND);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(
        counted(&recorded, &rig),
        one("scheduled unchanged 1", "unchanged 0")
    );
    late.release();
    settle().await;
    assert_eq!(
        counted(&recorded, &rig),
        one("scheduled superseded 1", "superseded 10")
    );
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_make_series() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    rig.fetcher.always_respond(rig.keys());
    let forger = Forger::new(&rig);
    for number in 0..500 {
        let token = forger.token(&format!("kid-{number}"));
        assert!(rig.verify(&token).await.is_err());
        rig.advance(SECOND);
    }
    let samples = recorded.take();
    assert_eq!(
        rows(&samples, FETCHES, &["reason", "outcome"]).len(),
        1,
        "of some fifty fetches"
    );
    assert!(samples.len() < 20, "{samples:?}");
}
