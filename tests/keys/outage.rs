//! The endpoint cannot be reached, or rejects: who is served for how long, and how often it is
//! asked.

use std::time::Duration;

use http::StatusCode;
use tower_cognito::{
    clock::Clock,
    keys::{ConnectError, FetchError, JwksResponse, KeyState},
    testing::Key,
};

use crate::rig::{HOUR, MINUTE, Rig, SECOND, assert_unavailable, settle};

fn throttled(seconds: u64) -> FetchError {
    FetchError::Status {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

/// The times between the attempts that one request in each tenth of a second causes.
async fn gaps_between_attempts(rig: &Rig, token: &str, count: usize) -> Vec<Duration> {
    let clock = rig.pool.clock();
    let mut gaps = Vec::new();
    let (mut calls, mut last) = (rig.fetcher.calls(), clock.monotonic());
    for _ in 0..1_000_000 {
        let _ = rig.verifier.try_verify(token);
        // A fetch may be on its way: let it start, and fail.
        settle().await;
        if rig.fetcher.calls() > calls {
            assert_eq!(rig.fetcher.calls(), calls + 1);
            calls += 1;
            gaps.push(clock.monotonic() - last);
            last = clock.monotonic();
            if gaps.len() == count {
                return gaps;
            }
        }
        clock.advance(SECOND / 10);
    }
    panic!("there were only {} attempts", gaps.len());
}

/// Each delay is between half of the step and the whole; the gap is seen at most a tenth of a
/// second later.
#[track_caller]
fn assert_gaps(gaps: &[Duration], steps: &[u64]) {
    assert_eq!(gaps.len(), steps.len());
    for (gap, step) in gaps.iter().zip(steps) {
        let step = Duration::from_secs(*step);
        assert!(
            (step / 2..=step + SECOND / 10).contains(gap),
            "{gap:?} for {step:?} in {gaps:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn known_kids_are_served_for_24_hours_and_then_everything_is_rejected() {
    let rig = Rig::warm().await;
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    let (known, unknown) = (rig.token(), rig.token_by(Key::Unpublished));
    // The first hour is quiet: the keys are fresh.
    rig.advance(HOUR);
    for minute in 60..24 * 60 {
        let verdict = rig.verifier.try_verify(&known).expect("without waiting");
        assert!(verdict.is_ok(), "after {minute} minutes");
        settle().await;
        assert_eq!(rig.state(), KeyState::Degraded);
        assert_unavailable(&rig.verify(&unknown).await);
        rig.advance(MINUTE);
    }
    assert_eq!(rig.state(), KeyState::Expired);
    for token in [&known, &rig.token(), &unknown] {
        assert_unavailable(&rig.verify(token).await);
    }

    rig.fetcher.always_respond(rig.keys());
    rig.advance(30 * SECOND);
    assert!(rig.verify(&known).await.is_ok(), "the first success");
    assert_eq!((rig.state(), rig.last_error()), (KeyState::Fresh, None));
}

#[tokio::test(start_paused = true)]
async fn a_degraded_source_recovers_at_the_first_success() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Timeout).respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Degraded);
    rig.advance(SECOND);
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    rig.fetcher.assert_used_up();
}

/// Unavailable keys are never a reason for 401.
#[tokio::test(start_paused = true)]
async fn an_unknown_kid_in_an_outage_starts_the_next_attempt_and_gets_503() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Timeout);
    let unknown = rig.token_by(Key::Unpublished);
    assert_unavailable(&rig.verify(&unknown).await);
    rig.assert_calls(2);
    assert_unavailable(&rig.verify(&unknown).await);
    rig.assert_calls(2);
    rig.advance(SECOND);
    rig.fetcher.respond(rig.keys_of([Key::Unpublished]));
    assert!(rig.verify(&unknown).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn back_off_doubles_from_one_second_to_five_minutes_while_old_keys_serve() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    let token = rig.token();
    let gaps = gaps_between_attempts(&rig, &token, 12).await;
    assert_gaps(&gaps[1..], &[1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(rig.state(), KeyState::Degraded);
}

#[tokio::test(start_paused = true)]
async fn back_off_doubles_to_the_interval_while_nothing_can_be_served() {
    let rig = Rig::new();
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    let gaps = gaps_between_attempts(&rig, &rig.token(), 9).await;
    assert_gaps(&gaps[1..], &[1, 2, 4, 8, 10, 10, 10, 10]);
    assert_eq!(rig.state(), KeyState::Empty);

    let rig = Rig::warm().await;
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    rig.advance(24 * HOUR);
    let gaps = gaps_between_attempts(&rig, &rig.token(), 9).await;
    assert_gaps(&gaps[1..], &[1, 2, 4, 8, 10, 10, 10, 10]);
    assert_eq!(rig.state(), KeyState::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_long_delay_is_cut_short_when_the_keys_expire() {
    let rig = Rig::warm().await;
    // A sixteenth of the time that is left, as it was when the attempt before failed.
    rig.advance(24 * HOUR - 80 * MINUTE);
    rig.fetcher.always_fail(throttled(3600));
    let gaps = gaps_between_attempts(&rig, &rig.token(), 3).await;
    assert_gaps(&gaps[1..], &[300, 282]);
    rig.advance(80 * MINUTE - gaps.iter().sum::<Duration>() - MINUTE);
    let gaps = gaps_between_attempts(&rig, &rig.token(), 4).await;
    assert_gaps(&gaps[1..], &[10, 10, 10]);
    assert_eq!(rig.state(), KeyState::Degraded);

    rig.advance(30 * SECOND);
    assert_eq!(rig.state(), KeyState::Expired);
    rig.fetcher.always_respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_within_bounds() {
    for (asked, serving, down) in [(0, 1, 1), (7, 7, 7), (120, 120, 10), (86_400, 300, 10)] {
        let rig = Rig::warm().await;
        rig.advance(HOUR);
        rig.fetcher.always_fail(throttled(asked));
        let gaps = gaps_between_attempts(&rig, &rig.token(), 2).await;
        assert_gaps(&gaps[1..], &[serving]);
        assert!(
            asked == 0 || gaps[1] >= Duration::from_secs(serving),
            "{gaps:?}"
        );

        let rig = Rig::new();
        rig.fetcher.always_fail(throttled(asked));
        let gaps = gaps_between_attempts(&rig, &rig.token(), 2).await;
        assert_gaps(&gaps[1..], &[down]);
        assert!(
            asked == 0 || gaps[1] >= Duration::from_secs(down),
            "{gaps:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_caller_learns_when_the_next_attempt_may_be() {
    let rig = Rig::new();
    rig.fetcher.fail(throttled(9));
    assert_unavailable(&rig.verify(&rig.token()).await);
    rig.advance(5 * SECOND);
    let retry_after = assert_unavailable(&rig.verify(&rig.token()).await);
    assert_eq!(retry_after, 4 * SECOND);
    let next = rig.verifier.key_status().next_attempt();
    assert_eq!(next, Some(4 * SECOND));
}

/// A failure in a quiet hour must not be paid for when the keys are due much later.
#[tokio::test(start_paused = true)]
async fn a_success_ends_the_run_of_failures() {
    let rig = Rig::warm().await;
    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    rig.advance(HOUR);
    let _ = gaps_between_attempts(&rig, &rig.token(), 6).await;
    rig.advance(5 * MINUTE);
    rig.fetcher.respond(JwksResponse::document(rig.pool.jwks()));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    rig.advance(HOUR);
    let gaps = gaps_between_attempts(&rig, &rig.token(), 3).await;
    assert_gaps(&gaps[1..], &[1, 2]);
}
