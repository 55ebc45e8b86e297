//! How old the keys are, when clocks disagree: the larger of what both say, so that a doubt is
//! settled by a refresh.

use std::time::{Duration, SystemTime};

use tower_cognito::{
    keys::{ConnectError, FetchError, KeyState},
    testing::ManualClock,
};

use crate::rig::{HOUR, Rig, SECOND, assert_unavailable, settle};

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_forward_refreshes() {
    let rig = Rig::warm().await;
    rig.pool.clock().jump_wall_forward(HOUR);
    assert_eq!(rig.state(), KeyState::Due);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_back_does_not_keep_keys_young() {
    let rig = Rig::warm().await;
    rig.pool.clock().jump_wall_back(HOUR);
    assert_eq!(rig.state(), KeyState::Fresh);
    rig.advance(HOUR);
    assert_eq!(rig.state(), KeyState::Due, "by the monotonic clock");
    rig.fetcher.respond(rig.keys());
    let token = rig.token();
    assert!(rig.verify(&token).await.is_ok());
    settle().await;
    assert_eq!(rig.state(), KeyState::Fresh);
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_process_refreshes_when_it_wakes_up() {
    // The monotonic clock stopped in the meantime.
    let rig = Rig::warm().await;
    rig.pool.clock().jump_wall_forward(3 * HOUR);
    let reply = rig.fetcher.hold(rig.keys());
    let verdict = rig.verifier.try_verify(&rig.token());
    assert!(verdict.expect("without waiting").is_ok());
    settle().await;
    rig.assert_calls(2);
    reply.release();

    let rig = Rig::warm().await;
    rig.pool.clock().jump_wall_forward(25 * HOUR);
    assert_eq!(rig.state(), KeyState::Expired);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok(), "after one fetch");
    rig.assert_calls(2);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_frozen_in_the_middle_of_a_fetch_goes_on() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher.hang().respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    rig.assert_calls(2);
    // Both clocks moved, and no timer has fired yet: what was in flight is not waited for.
    rig.advance(30 * HOUR);
    assert!(rig.verify(&rig.token()).await.is_ok());
    rig.assert_calls(3);
}

#[tokio::test(start_paused = true)]
async fn keys_age_from_the_moment_of_the_request() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let request = rig.begin(&rig.token()).await;
    rig.advance(4 * SECOND);
    reply.release();
    assert!(request.await.unwrap().is_ok());
    assert_eq!(rig.verifier.key_status().age(), Some(4 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn no_clock_makes_it_panic() {
    let ends = [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40),
        ManualClock::start(),
    ];
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    let mut verdicts = 0;
    for from in ends {
        for to in ends {
            for seconds in [0, u64::MAX / 64] {
                rig.pool.clock().set(from);
                let _ = rig.verify(&rig.token()).await;
                rig.pool.clock().set(to);
                rig.advance(Duration::from_secs(seconds));
                rig.pool.clock().set(to);
                let _ = rig.verify(&rig.token()).await;
                let _ = rig.verifier.key_status();
                verdicts += 2;
            }
        }
    }
    assert_eq!(verdicts, 64);

    rig.fetcher
        .always_fail(FetchError::Connect(ConnectError::Refused));
    rig.pool.clock().set(ManualClock::start() + 10_000 * HOUR);
    assert_unavailable(&rig.verify(&rig.token()).await);
}
