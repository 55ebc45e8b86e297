//! The status that a good token gets, whatever other requests do: 401 only if the issuer
//! is known not to have its key. A wrong 401 makes a caller throw the token away and buy another.

use std::time::Duration;

use http::StatusCode;
use tower_cognito::{
    AuthError,
    keys::{ConnectError, FetchError, FetchJwks, JwksRequest, JwksResponse, KeyState},
    testing::Key,
};

use crate::rig::{
    Forger, HOUR, MINUTE, Rig, SECOND, assert_unavailable, assert_unconfirmed, bounded, settle,
};

const INTERVAL: Duration = Duration::from_secs(10);
const DOWN: FetchError = FetchError::Connect(ConnectError::Refused);

/// A rig whose endpoint keeps publishing the two first keys.
async fn steady() -> Rig {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    rig.advance(MINUTE);
    rig
}

fn publish_the_new_key(rig: &Rig) {
    let keys = rig.keys_of([Key::Access, Key::Id, Key::Unpublished]);
    rig.fetcher.always_respond(keys);
}

/// Seconds until a good token of the new key is accepted, with one request a second, and the
/// statuses until then.
async fn accepted_after(rig: &Rig) -> (u64, Vec<StatusCode>) {
    let good = rig.token_by(Key::Unpublished);
    let mut statuses = Vec::new();
    for second in 0..4000 {
        match rig.verify(&good).await {
            Ok(_) => return (second, statuses),
            Err(error) => statuses.push(error.status()),
        }
        rig.advance(SECOND);
    }
    panic!("it is never accepted");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_names_the_next_kid_delays_it_by_the_interval_at_most() {
    for strangers in [vec![], vec![0, 10, 20, 40, 80, 160], vec![0; 20]] {
        let rig = steady().await;
        let forged = Forger::new(&rig).token("test-only-unpublished");
        for wait in &strangers {
            rig.advance(Duration::from_secs(*wait));
            assert!(rig.verify(&forged).await.is_err());
        }
        publish_the_new_key(&rig);
        let (seconds, _) = accepted_after(&rig).await;
        let limit = if strangers.is_empty() { 0 } else { 10 };
        assert!(seconds <= limit, "{seconds} s after {strangers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_late_is_accepted_within_the_interval_of_its_publication() {
    for late in [1, 3, 155] {
        let rig = steady().await;
        let good = rig.token_by(Key::Unpublished);
        for _ in 0..late {
            assert_eq!(rig.verify(&good).await.unwrap_err(), AuthError::UnknownKey);
            rig.advance(SECOND);
        }
        publish_the_new_key(&rig);
        let (seconds, _) = accepted_after(&rig).await;
        assert!(seconds <= 10, "{seconds} s, published {late} s late");
    }
}

/// Nothing but the interval bounds how long it takes, also if it is short.
#[tokio::test(start_paused = true)]
async fn a_key_that_signs_just_before_it_is_published_costs_the_interval_and_no_more() {
    let rig = Rig::configured(|builder| builder.unknown_kid_interval(SECOND));
    rig.warm_up().await;
    rig.fetcher.always_respond(rig.keys());
    rig.advance(MINUTE);
    let good = rig.token_by(Key::Unpublished);
    let published_after = Duration::from_millis(300);
    let mut rejected = Duration::ZERO;
    while rig.verify(&good).await.is_err() {
        rig.advance(SECOND / 10);
        rejected += SECOND / 10;
        if rejected == published_after {
            publish_the_new_key(&rig);
        }
    }
    assert!(rejected <= SECOND, "{rejected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_was_missing_is_503_while_the_endpoint_is_known_to_be_down() {
    for is_down in [false, true] {
        let rig = steady().await;
        let good = rig.token_by(Key::Unpublished);
        assert_eq!(rig.verify(&good).await.unwrap_err(), AuthError::UnknownKey);
        if is_down {
            rig.fetcher.always_fail(DOWN);
        }
        rig.advance(SECOND);
        let other = Forger::new(&rig).token("other");
        assert!(rig.verify(&other).await.is_err());
        let verdict = rig.verify(&good).await;
        if is_down {
            assert_unavailable(&verdict);
        } else {
            assert_eq!(verdict.unwrap_err(), AuthError::UnknownKey);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_flood_a_new_key_is_503_with_the_time_of_the_next_fetch_and_then_accepted() {
    let rig = steady().await;
    let forger = Forger::new(&rig);
    let good = rig.token_by(Key::Unpublished);
    for number in 0..4 {
        assert!(
            rig.verify(&forger.token(&format!("kid-{number}")))
                .await
                .is_err()
        );
    }
    publish_the_new_key(&rig);
    let calls = rig.fetcher.calls();
    rig.advance(SECOND);
    let retry_after = assert_unconfirmed(&rig.verify(&good).await);
    assert_eq!(rig.fetcher.calls(), calls, "the issuer was not asked");
    assert_eq!(retry_after, INTERVAL - SECOND);
    rig.advance(retry_after);
    assert!(rig.verify(&good).await.is_ok());

    // A key that is withdrawn is 401 in the same flood.
    let rig = steady().await;
    rig.fetcher.always_respond(rig.keys_of([Key::Id]));
    for number in 0..4 {
        assert!(
            rig.verify(&forger.token(&format!("kid-{number}")))
                .await
                .is_err()
        );
    }
    assert_eq!(
        rig.verify(&rig.token()).await.unwrap_err(),
        AuthError::UnknownKey
    );
}

/// A fetch that had started before the request came proves nothing about its `kid`.
#[tokio::test(start_paused = true)]
async fn a_request_that_joins_an_older_fetch_gets_a_look_of_its_own() {
    let rig = steady().await;
    let older = rig.fetcher.hold(rig.keys());
    let stranger = rig.begin(&Forger::new(&rig).token("other")).await;
    let joined = rig.begin(&rig.token_by(Key::Unpublished)).await;
    rig.assert_calls(2);
    publish_the_new_key(&rig);
    older.release();
    assert!(bounded(joined).await.unwrap().is_ok());
    assert_eq!(
        bounded(stranger).await.unwrap().unwrap_err(),
        AuthError::UnknownKey,
        "the fetch was its own"
    );
    rig.assert_calls(3);

    // The same without a budget for another look: 503, and nothing is remembered of the older one.
    let rig = steady().await;
    let forger = Forger::new(&rig);
    assert!(rig.verify(&forger.token("first")).await.is_err());
    let older = rig.fetcher.hold(rig.keys());
    let stranger = rig.begin(&forger.token("second")).await;
    let joined = rig.begin(&rig.token_by(Key::Unpublished)).await;
    publish_the_new_key(&rig);
    older.release();
    assert!(bounded(stranger).await.unwrap().is_err());
    let retry_after = assert_unconfirmed(&bounded(joined).await.unwrap());
    rig.advance(retry_after);
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
}

/// Up for eight seconds of eighteen: a request that needs keys meets one of the spells soon.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_up_in_short_spells_is_met_within_a_minute() {
    let rig = Rig::warm().await;
    let good = rig.token_by(Key::Unpublished);
    let new = rig.keys_of([Key::Access, Key::Unpublished]);
    rig.fetcher.always_fail(DOWN);
    rig.advance(2 * HOUR);
    // A long outage first, so that the back-off is as long as it gets.
    for _ in 0..600 {
        assert!(rig.verify(&rig.token()).await.is_ok());
        assert_unavailable(&rig.verify(&good).await);
        rig.advance(SECOND);
    }
    let mut waited = 0;
    loop {
        if waited % 18 < 10 {
            rig.fetcher.always_fail(DOWN);
        } else {
            rig.fetcher.always_respond(new.clone());
        }
        if rig.verify(&good).await.is_ok() {
            break;
        }
        rig.advance(SECOND);
        waited += 1;
        assert!(waited < 600, "ten minutes, and up for four of them");
    }
    assert_eq!(rig.state(), KeyState::Fresh);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_needs_keys_can_cause_an_attempt_in_each_interval() {
    let rig = Rig::warm().await;
    rig.fetcher.always_fail(DOWN);
    rig.advance(2 * HOUR);
    let good = rig.token_by(Key::Unpublished);
    let mut gaps = Vec::new();
    let (mut calls, mut gap) = (rig.fetcher.calls(), 0);
    for _ in 0..600 {
        assert_unavailable(&rig.verify(&good).await);
        if rig.fetcher.calls() > calls {
            calls = rig.fetcher.calls();
            gaps.push(gap);
            gap = 0;
        }
        rig.advance(SECOND);
        gap += 1;
    }
    assert!(gaps.len() >= 60, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 11), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_only_strangers_noticed_delays_a_new_key_by_the_interval_at_most() {
    for hostile in [false, true] {
        let rig = Rig::warm().await;
        let forger = Forger::new(&rig);
        rig.fetcher.always_fail(DOWN);
        for second in 0..15 * 60 {
            if hostile {
                assert!(
                    rig.verify(&forger.token(&format!("kid-{second}")))
                        .await
                        .is_err()
                );
            }
            rig.advance(SECOND);
        }
        assert_eq!(rig.state(), KeyState::Fresh);
        publish_the_new_key(&rig);
        let (seconds, statuses) = accepted_after(&rig).await;
        assert!(seconds <= if hostile { 10 } else { 0 }, "{seconds} s");
        assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_only_strangers_noticed_delays_a_refresh_by_the_interval_at_most() {
    let rig = Rig::warm().await;
    let forger = Forger::new(&rig);
    rig.fetcher.always_fail(DOWN);
    rig.advance(45 * MINUTE);
    for second in 0..15 * 60 {
        assert!(
            rig.verify(&forger.token(&format!("kid-{second}")))
                .await
                .is_err()
        );
        if rig.state() != KeyState::Fresh {
            break;
        }
        rig.advance(SECOND);
    }
    rig.fetcher.always_respond(rig.keys());
    let mut seconds = 0;
    while rig.state() != KeyState::Fresh {
        assert!(rig.verify(&rig.token()).await.is_ok());
        settle().await;
        rig.advance(SECOND);
        seconds += 1;
        assert!(seconds <= 11, "{seconds} s");
    }
}

/// An endpoint that rejects conditional requests, as some proxies do with 400, 412 or 431.
struct NoConditions(Rig);

impl FetchJwks for NoConditions {
    async fn fetch(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        if request.etag.is_some() {
            return Err(FetchError::Status {
                status: StatusCode::PRECONDITION_FAILED,
                retry_after: None,
            });
        }
        Ok(self.0.keys().with_etag("W/\"weak\""))
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_rejects_conditional_requests_gets_an_unconditional_one_next() {
    let endpoint = NoConditions(Rig::new());
    let rig = Rig::configured(|builder| builder.fetcher(endpoint));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    let token = rig.token();
    for _ in 0..3 * 24 * 60 {
        rig.advance(MINUTE);
        assert!(rig.verify(&token).await.is_ok());
        settle().await;
        let age = rig.verifier.key_status().age().unwrap();
        assert!(age < 2 * HOUR, "{age:?}");
    }
}

/// A cache that answers every conditional request with 304, whatever the endpoint publishes.
#[tokio::test(start_paused = true)]
async fn a_stale_304_hides_neither_a_new_key_nor_for_ever_a_withdrawn_one() {
    let rig = Rig::new();
    rig.fetcher.respond(rig.keys().with_etag("\"stale\""));
    assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
    rig.advance(HOUR);
    rig.fetcher.respond(JwksResponse::not_modified());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    let new = rig.keys_of([Key::Access, Key::Unpublished]);
    rig.fetcher.respond(new.with_etag("\"stale\""));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
    assert_eq!(
        rig.fetcher.etags(),
        [None, Some("\"stale\"".to_owned()), None],
        "a look for an unknown kid has no condition"
    );

    // A document that is older than `expire_after` is fetched again rather than confirmed.
    let mut conditional = 0;
    for _ in 0..24 {
        rig.advance(HOUR);
        rig.fetcher.always_respond(JwksResponse::not_modified());
        if rig.verifier.key_status().age() == Some(24 * HOUR) {
            break;
        }
        rig.verify(&rig.token()).await.unwrap();
        settle().await;
        conditional += usize::from(rig.fetcher.etags().last().unwrap().is_some());
    }
    assert_eq!(conditional, 23);
    assert_eq!(rig.fetcher.etags().last(), Some(&None));
    rig.fetcher.always_respond(rig.keys_of([Key::Id]));
    rig.advance(2 * INTERVAL);
    rig.verify(&rig.token()).await.unwrap();
    settle().await;
    let withdrawn = rig.verify(&rig.token()).await;
    assert_eq!(withdrawn.unwrap_err(), AuthError::UnknownKey);
}

#[tokio::test(start_paused = true)]
async fn back_off_passes_while_the_machine_sleeps() {
    for asleep in [Duration::ZERO, 48 * HOUR] {
        let rig = Rig::new();
        rig.fetcher.always_fail(DOWN);
        let token = rig.pool.token().expires_in(30 * 24 * HOUR).build();
        for _ in 0..1200 {
            assert_unavailable(&rig.verify(&token).await);
            rig.advance(SECOND);
        }
        while rig.verifier.key_status().next_attempt() < Some(SECOND) {
            assert_unavailable(&rig.verify(&token).await);
            rig.advance(SECOND / 10);
        }
        rig.fetcher.always_respond(rig.keys());
        // The monotonic clock stops in the meantime.
        rig.pool.clock().jump_wall_forward(asleep);
        assert_eq!(rig.verify(&token).await.is_ok(), !asleep.is_zero());
    }
}

/// The keys are due, and the refresh backs off, when the machine goes to sleep.
#[tokio::test(start_paused = true)]
async fn a_scheduled_refresh_starts_at_once_after_sleep() {
    let rig = Rig::warm().await;
    rig.fetcher.always_fail(DOWN);
    rig.advance(HOUR);
    for _ in 0..1200 {
        assert!(rig.verify(&rig.token()).await.is_ok());
        settle().await;
        rig.advance(SECOND);
    }
    rig.fetcher.always_respond(rig.keys());
    rig.pool.clock().jump_wall_forward(2 * HOUR);
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
}

/// A service that starts again in an outage, with nothing in memory.
#[tokio::test(start_paused = true)]
async fn a_restart_in_an_outage_is_503_for_every_token_and_never_401() {
    let rig = Rig::new();
    rig.fetcher.always_fail(DOWN);
    let forger = Forger::new(&rig);
    for number in 0..120 {
        assert_unavailable(&rig.verify(&rig.token()).await);
        assert_unavailable(&rig.verify(&forger.token(&format!("kid-{number}"))).await);
        rig.advance(SECOND);
    }
    rig.fetcher.always_respond(rig.keys());
    rig.advance(INTERVAL);
    assert!(rig.verify(&rig.token()).await.is_ok());
}

/// What a flood of ten thousand kids a minute costs the endpoint.
#[tokio::test(start_paused = true)]
async fn ten_thousand_kids_in_a_minute_cause_seven_fetches() {
    let rig = steady().await;
    let (forger, calls) = (Forger::new(&rig), rig.fetcher.calls());
    let good = rig.token();
    for number in 0..10_000 {
        assert!(
            rig.verify(&forger.token(&format!("kid-{number}")))
                .await
                .is_err()
        );
        assert!(rig.verifier.try_verify(&good).unwrap().is_ok());
        rig.advance(MINUTE / 10_000);
    }
    // Two at once, and one in each interval that is over.
    assert_eq!(rig.fetcher.calls() - calls, 2 + 5);
}
