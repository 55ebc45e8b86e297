//! Runtimes that are not there, shut down, or driven only now and then.

use std::{sync::mpsc, thread, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tower_cognito::{
    AuthError,
    keys::{FetchError, KeyState},
};

use crate::rig::{HOUR, Rig, SECOND, assert_unavailable};

/// How long a step may take on a machine that is busy. Only a failure takes as long.
const AT_MOST: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs this on a thread of its own, and fails instead of hanging.
#[track_caller]
fn must_return<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(AT_MOST).expect("it returns")
}

#[test]
fn without_a_runtime_nothing_is_fetched_and_nothing_panics() {
    let rig = Rig::new();
    let verdict = rig.verifier.verify_cached(&rig.token());
    assert_unavailable(&verdict.expect("there is nothing to wait for"));
    rig.assert_calls(0);

    let seeded = Rig::seeded();
    assert!(
        seeded
            .verifier
            .verify_cached(&seeded.token())
            .unwrap()
            .is_ok()
    );
    seeded.assert_calls(0);
}

/// A task that is spawned on such a runtime ends while it is being spawned.
#[test]
fn a_runtime_that_is_shut_down_is_neither_a_failure_of_the_endpoint_nor_a_deadlock() {
    let rig = Rig::new();
    rig.fetcher.always(rig.keys());
    must_return(move || {
        let gone = runtime();
        let handle = gone.handle().clone();
        drop(gone);
        {
            let _guard = handle.enter();
            assert!(rig.verifier.verify_cached(&rig.token()).is_none());
        }
        rig.assert_calls(0);
        assert_eq!(rig.last_error(), Some(FetchError::Aborted));
        assert_eq!(rig.verifier.key_status().unfinished_attempts(), 1);

        assert!(runtime().block_on(rig.verify(&rig.token())).is_ok());
        assert_eq!(rig.verifier.key_status().unfinished_attempts(), 0);
        rig.advance(HOUR);
        {
            let _guard = handle.enter();
            let known = rig.verifier.verify_cached(&rig.token());
            assert!(known.expect("it is in memory").is_ok());
        }
        assert_eq!(rig.state(), KeyState::Due);
    });
}

#[test]
fn a_runtime_that_is_dropped_in_the_middle_of_a_fetch_frees_the_slot() {
    let rig = Rig::new();
    rig.fetcher.hang().reply(rig.keys());
    let first = runtime();
    first.block_on(async {
        drop(rig.begin(&rig.token()).await);
        rig.fetcher.wait_for_calls(1).await;
    });
    assert_eq!(rig.last_error(), None);
    drop(first);
    assert_eq!(rig.last_error(), Some(FetchError::Aborted));
    // Nothing is known against the endpoint, so the next request asks it at once.
    assert!(runtime().block_on(rig.verify(&rig.token())).is_ok());
}

/// A synchronous program that calls `block_on` for each token: what a served request leaves behind runs only in the next
/// call that waits.
#[test]
fn refreshes_that_never_got_to_run_do_not_all_fetch_when_they_do() {
    let rig = Rig::seeded();
    rig.fetcher.always(rig.keys());
    let runtime = runtime();
    for _ in 0..100 {
        let _context = runtime.enter();
        // `None` once the refreshes that did not run are overdue: `verify` would wait for the next one.
        let verdict = rig.verifier.verify_cached(&rig.token());
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
    rig.fetcher.always(rig.keys());
    let timeless = Builder::new_current_thread().build().unwrap();
    timeless.block_on(async {
        assert!(rig.verifier.verify_cached(&rig.token()).is_none());
        crate::rig::settle().await;
    });
    assert_eq!(rig.last_error(), Some(FetchError::Aborted));
    let verdict = rig
        .verifier
        .verify_cached(&rig.token())
        .expect("backing off");
    assert!(matches!(verdict, Err(AuthError::KeysUnavailable { .. })));
}
