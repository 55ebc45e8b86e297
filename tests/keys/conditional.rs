//! What the endpoint's header fields may change: `Cache-Control: max-age`, `ETag` and 304 (RFC
//! 9111, RFC 9110).

use std::time::Duration;

use tower_cognito::keys::{FetchError, JwksResponse, KeyState};

use crate::rig::{HOUR, MINUTE, Rig, SECOND, bounded, settle};

#[tokio::test(start_paused = true)]
async fn max_age_can_only_shorten_the_time_to_the_next_refresh_and_not_below_five_minutes() {
    for (max_age, fresh_until, due_from) in [
        (Duration::ZERO, 5 * MINUTE, 5 * MINUTE),
        (MINUTE, 5 * MINUTE, 5 * MINUTE),
        (10 * MINUTE, 10 * MINUTE, 10 * MINUTE),
        // An hour, of which up to a tenth is taken off at random.
        (2 * HOUR, 54 * MINUTE, HOUR),
        (Duration::MAX, 54 * MINUTE, HOUR),
    ] {
        let rig = Rig::new();
        rig.fetcher.respond(rig.keys().with_max_age(max_age));
        assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
        rig.advance(fresh_until - SECOND);
        assert_eq!(rig.state(), KeyState::Fresh, "{max_age:?}");
        rig.advance(due_from - fresh_until + SECOND);
        assert_eq!(rig.state(), KeyState::Due, "{max_age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_start_together_do_not_refresh_together() {
    let mut refreshed_after = Vec::new();
    for _ in 0..20 {
        let rig = Rig::warm().await;
        rig.advance(53 * MINUTE);
        while rig.state() == KeyState::Fresh {
            rig.advance(SECOND);
        }
        refreshed_after.push(rig.verifier.key_status().age().unwrap());
    }
    refreshed_after.sort();
    refreshed_after.dedup();
    assert!(refreshed_after.len() > 5, "{refreshed_after:?}");
    assert!(
        refreshed_after
            .iter()
            .all(|age| (54 * MINUTE..=HOUR).contains(age))
    );
}

#[tokio::test(start_paused = true)]
async fn the_etag_is_sent_back_and_not_modified_is_a_successful_refresh() {
    let rig = Rig::new();
    rig.fetcher.respond(rig.keys().with_etag("\"1\""));
    let seen = rig.token();
    assert!(rig.verify(&seen).await.is_ok());
    for hour in 1..=3 {
        rig.advance(HOUR);
        rig.fetcher.respond(JwksResponse::not_modified());
        assert!(rig.verify(&seen).await.is_ok());
        settle().await;
        let status = rig.verifier.key_status();
        assert_eq!(status.state(), KeyState::Fresh, "hour {hour}");
        assert_eq!(status.age(), Some(Duration::ZERO));
        assert_eq!(status.kids().count(), 2);
        assert!(rig.verifier.try_verify(&seen).unwrap().is_ok());
    }
    // A new name for the same keys replaces the old one; none is remembered for a set that came
    // without.
    rig.advance(HOUR);
    rig.fetcher
        .respond(JwksResponse::not_modified().with_etag("\"2\""));
    assert!(rig.verify(&seen).await.is_ok());
    settle().await;
    rig.advance(HOUR);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&seen).await.is_ok());
    settle().await;
    rig.advance(HOUR);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&seen).await.is_ok());
    settle().await;
    let sent = rig.fetcher.etags();
    let sent = sent.iter().map(Option::as_deref).collect::<Vec<_>>();
    let (one, two) = (Some("\"1\""), Some("\"2\""));
    assert_eq!(sent, [None, one, one, one, one, two, None]);
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_not_modified_is_an_error() {
    let rig = Rig::new();
    rig.fetcher.respond(JwksResponse::not_modified());
    assert_eq!(
        bounded(rig.verifier.warm_up()).await,
        Err(FetchError::UnexpectedNotModified)
    );
    rig.advance(SECOND);
    rig.warm_up().await;
    rig.advance(HOUR);
    rig.fetcher.respond(JwksResponse::not_modified());
    assert_eq!(
        bounded(rig.verifier.warm_up()).await,
        Err(FetchError::UnexpectedNotModified),
        "the set that we have came without a name"
    );
    assert_eq!(rig.state(), KeyState::Degraded);
}

#[tokio::test(start_paused = true)]
async fn max_age_of_not_modified_counts_as_well() {
    let rig = Rig::new();
    rig.fetcher.respond(rig.keys().with_etag("\"1\""));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    rig.advance(HOUR);
    rig.fetcher
        .respond(JwksResponse::not_modified().with_max_age(10 * MINUTE));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    rig.advance(10 * MINUTE);
    assert_eq!(rig.state(), KeyState::Due);
}
