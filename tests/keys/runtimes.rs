//! Runtimes that are not there, shut down, or driven only now and then.

use std::{sync::mpsc, thread, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tower_cognito::{
    AuthError,
    keys::{FetchError, KeyState},
    testing::Key,
};

use crate::rig::{HOUR, Rig, SECOND, assert_unavailable};

/// How long a step may take on a machine that is busy. Only a failure takes as long.
const AT_MOST: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs this on a separate thread, and fails instead of hanging.
#[track_caller]
fn must_return<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(AT_MOST).expect("it returns")
}

#[test]
fn without_a_runtime_nothing_is_fetched_and_nothing_panics() {
    let rig = Rig::new();
    let verdict = rig.verifier.try_verify(&rig.token());
    assert_unavailable(&verdict.expect("there is nothing to wait for"));
    rig.assert_calls(0);

    let seeded = Rig::seeded();
    assert!(seeded.verifier.try_verify(&seeded.token()).unwrap().is_ok());
    seeded.assert_calls(0);
}

/// A task that is spawned on such a runtime ends while it is being spawned.
#[test]
fn a_runtime_that_is_shut_down_is_neither_a_failure_of_the_endpoint_nor_a_deadlock() {
    let rig = Rig::new();
    rig.fetcher.always_respond(rig.keys());
    must_return(move || {
        let gone = runtime();
        let handle = gone.handle().clone();
        drop(gone);
        {
            let _guard = handle.enter();
            assert!(rig.verifier.try_verify(&rig.token()).is_none());
        }
        rig.assert_calls(0);
        assert_eq!(rig.last_error(), Some(FetchError::Aborted));
        assert_eq!(rig.verifier.key_status().unfinished_attempts(), 1);

        assert!(runtime().block_on(rig.verify(&rig.token())).is_ok());
        assert_eq!(rig.verifier.key_status().unfinished_attempts(), 0);
        rig.advance(HOUR);
        {
            let _guard = handle.enter();
            let known = rig.verifier.try_verify(&rig.token());
            assert!(known.expect("it is in memory").is_ok());
        }
        assert_eq!(rig.state(), KeyState::Due);
    });
}

#[test]
fn a_runtime_that_is_dropped_in_the_middle_of_a_fetch_frees_the_slot() {
    let rig = Rig::new();
    rig.fetcher.hang().respond(rig.keys());
    let first = runtime();
    first.block_on(async {
        drop(rig.begin(&rig.token()).await);
        rig.fetcher.wait_for_calls(1).await;
    });
    assert_eq!(rig.last_error(), None);
    drop(first);
    assert_eq!(rig.last_error(), Some(FetchError::Aborted));
    // No failure is recorded, so the next request fetches immediately.
    assert!(runtime().block_on(rig.verify(&rig.token())).is_ok());
}

/// A synchronous program that calls `block_on` for each token: what a served request leaves behind
/// runs only in the next call that waits.
#[test]
fn refreshes_that_never_got_to_run_do_not_all_fetch_when_they_do() {
    let rig = Rig::seeded();
    rig.fetcher.always_respond(rig.keys());
    let runtime = runtime();
    for _ in 0..100 {
        let _context = runtime.enter();
        // `None` once the refreshes that did not run are overdue: `verify` would wait for the next
        // one.
        let verdict = rig.verifier.try_verify(&rig.token());
        assert!(verdict.is_none_or(|verdict| verdict.is_ok()));
        rig.advance(10 * 60 * SECOND);
    }
    rig.assert_calls(0);
    assert_eq!(rig.verifier.key_status().unfinished_attempts(), 99);
    rig.advance(10 * HOUR);
    assert_eq!(rig.state(), KeyState::Expired);
    let token = rig.token();
    assert!(runtime.block_on(rig.verify(&token)).is_ok());
    runtime.block_on(crate::rig::settle());
    rig.assert_calls(1);
    assert_eq!(rig.state(), KeyState::Fresh);
}

#[test]
fn a_runtime_without_a_timer_is_a_failed_fetch() {
    let rig = Rig::new();
    rig.fetcher.always_respond(rig.keys());
    let timeless = Builder::new_current_thread().build().unwrap();
    timeless.block_on(async {
        assert!(rig.verifier.try_verify(&rig.token()).is_none());
        crate::rig::settle().await;
    });
    assert_eq!(rig.last_error(), Some(FetchError::Aborted));
    let verdict = rig.verifier.try_verify(&rig.token()).expect("backing off");
    assert!(matches!(verdict, Err(AuthError::KeysUnavailable { .. })));
}

/// A synchronous program with one `block_on` per token: nothing that a request leaves behind gets
/// to run.
#[test]
fn with_one_block_on_per_token_a_request_waits_for_a_refresh_before_the_keys_are_twice_as_old() {
    let rig = Rig::new();
    rig.fetcher.always_respond(rig.keys());
    let runtime = runtime();
    runtime.block_on(rig.warm_up());
    rig.fetcher.always_respond(rig.keys_of([Key::Id]));
    let (withdrawn, kept) = (rig.token(), rig.token_by(Key::Id));
    let mut served_minutes = 0;
    let mut unfinished = 0;
    while runtime.block_on(rig.verifier.verify(&withdrawn)).is_ok() {
        assert!(runtime.block_on(rig.verifier.verify(&kept)).is_ok());
        unfinished = rig
            .verifier
            .key_status()
            .unfinished_attempts()
            .max(unfinished);
        rig.advance(60 * SECOND);
        served_minutes += 1;
        assert!(served_minutes < 120, "{served_minutes}");
    }
    assert!(
        served_minutes >= 80,
        "it does not wait earlier: {served_minutes}"
    );
    assert!(unfinished > 10, "visible in the status: {unfinished}");
    assert_eq!(rig.verifier.key_status().unfinished_attempts(), 0);
    assert!(runtime.block_on(rig.verifier.verify(&kept)).is_ok());
}

/// A runtime per token, as behind a C interface: each refresh is dropped with its runtime.
#[test]
fn with_a_runtime_per_token_keys_are_refreshed_and_no_request_gets_503() {
    let rig = Rig::new();
    rig.fetcher.always_respond(rig.keys());
    runtime().block_on(rig.warm_up());
    let token = rig.pool.token().expires_in(7 * 24 * HOUR).build();
    let mut oldest = Duration::ZERO;
    for _ in 0..12 * 360 {
        rig.advance(10 * SECOND);
        let verdict = runtime().block_on(rig.verifier.verify(&token));
        assert!(verdict.is_ok(), "{verdict:?}");
        oldest = oldest.max(rig.verifier.key_status().age().unwrap());
    }
    assert!(oldest < 2 * HOUR, "{oldest:?}");
    assert!(oldest > HOUR, "the refreshes were dropped: {oldest:?}");
}

/// Others wait for a fetch when its runtime ends.
#[tokio::test(start_paused = true)]
async fn those_who_wait_for_a_fetch_whose_runtime_ended_start_another() {
    let rig = Rig::new();
    rig.fetcher.hang().respond(rig.keys());
    let first = runtime();
    let first_request = first.spawn({
        let (verifier, token) = (rig.verifier.clone(), rig.token());
        async move { verifier.verify(&token).await }
    });
    thread::scope(|scope| {
        scope.spawn(|| first.block_on(rig.fetcher.wait_for_calls(1)));
    });
    let waiting = rig.begin(&rig.token()).await;
    assert!(!waiting.is_finished());
    drop(first_request);
    first.shutdown_background();
    assert!(crate::rig::bounded(waiting).await.unwrap().is_ok());
    rig.assert_calls(2);
}

#[test]
fn outside_of_a_runtime_a_fetch_in_flight_is_an_error_and_not_a_panic() {
    let rig = Rig::new();
    rig.fetcher.hang().respond(rig.keys());
    let runtime = runtime();
    let token = rig.token();
    runtime.block_on(async {
        drop(rig.begin(&token).await);
        rig.fetcher.wait_for_calls(1).await;
    });
    let verdict = poll_to_end(rig.verifier.verify(&token));
    assert_unavailable(&verdict);
    let warmed_up = poll_to_end(rig.verifier.warm_up());
    assert_eq!(warmed_up, Err(FetchError::NoRuntime));
    drop(runtime);
    // Within one it is verified.
    assert!(self::runtime().block_on(rig.verify(&token)).is_ok());
}

/// Polled first where a wait is possible, and then where it is not.
#[test]
fn a_wait_that_is_moved_out_of_its_runtime_ends() {
    let rig = Rig::new();
    rig.fetcher.always_respond(rig.keys());
    let token = rig.token();
    let mut verifying = Box::pin(rig.verifier.verify(&token));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let runtime = runtime();
    {
        let _guard = runtime.enter();
        assert!(verifying.as_mut().poll(&mut context).is_pending());
    }
    runtime.block_on(crate::rig::settle());
    let verdict = verifying.as_mut().poll(&mut context);
    assert!(matches!(verdict, std::task::Poll::Ready(Ok(_))));
}

/// Drives a future that needs nothing from a runtime, and fails if it waits.
fn poll_to_end<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it waits"),
    }
}
