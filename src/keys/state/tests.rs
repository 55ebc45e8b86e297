use super::*;
use crate::{
    keys::{fetch::JwksResponse, quiet::QuietUntil},
    testing::{Key, TestPool},
};

const SETTINGS: RefreshSettings = RefreshSettings {
    refresh_after: Duration::from_secs(3600),
    expire_after: Duration::from_secs(86_400),
    unknown_kid_interval: Duration::from_secs(10),
    fetch_timeout: Duration::from_secs(5),
};

fn at(seconds: u64) -> Moment {
    Moment::after_start(Duration::from_secs(seconds))
}

fn empty() -> RefreshState {
    RefreshState::new(SETTINGS, None, at(0))
}

fn fetched(keys: &[Key]) -> AttemptResult {
    let document = TestPool::new().jwks_of(keys.iter().copied());
    let response = JwksResponse::document(document);
    AttemptResult::Fetched(Fetched::read(response, None).unwrap())
}

/// A first lookup, and the attempt that it started.
fn look_up(state: &mut RefreshState, kid: &str, now: &Moment) -> (WaitRecord, AttemptOrder) {
    let (progress, effects) = state.lookup(kid, None, true, now);
    let Ok(KeyProgress::Wait { record, .. }) = progress else {
        panic!("{progress:?}")
    };
    (record, effects.start.expect("an attempt"))
}

fn end(
    state: &mut RefreshState,
    order: AttemptOrder,
    result: AttemptResult,
    now: &Moment,
) -> Effects {
    let end = AttemptEnd {
        order,
        started_at: Some(order.claimed_at),
        result,
    };
    state.attempt_ended(end, 1.0, now)
}

/// The runtime of an attempt ends before the attempt gets to run.
fn drop_unstarted(state: &mut RefreshState, order: AttemptOrder, now: &Moment) {
    let end = AttemptEnd {
        order,
        started_at: None,
        result: AttemptResult::Dropped,
    };
    state.attempt_ended(end, 1.0, now);
}

#[test]
fn there_is_one_slot_and_its_holder_is_waited_for() {
    let mut state = empty();
    let (first, order) = look_up(&mut state, "a", &at(0));
    assert!(state.attempt_started(order.number, &at(0)).is_some());
    let (progress, effects) = state.lookup("b", None, true, &at(9));
    assert!(effects.start.is_none());
    let Ok(KeyProgress::Wait { record, .. }) = progress else {
        panic!("{progress:?}")
    };
    assert_eq!(record.attempt, first.attempt);
}

#[test]
fn an_attempt_that_never_ends_loses_the_slot_and_is_not_used_over_a_newer_one() {
    let mut state = empty();
    let (_, stuck) = look_up(&mut state, "a", &at(0));
    state.attempt_started(stuck.number, &at(1)).unwrap();
    let (progress, effects) = state.lookup("a", None, true, &at(10));
    assert!(
        progress.is_ok() && effects.start.is_none(),
        "its time began at 1"
    );
    let (_, newer) = look_up(&mut state, "a", &at(11));
    assert_eq!(state.status("", &at(11)).unfinished_attempts(), 1);
    assert!(state.attempt_started(stuck.number, &at(11)).is_none());
    state.attempt_started(newer.number, &at(11)).unwrap();
    let effects = end(&mut state, newer, fetched(&[Key::Id]), &at(12));
    assert!(effects.publish.is_some());
    let effects = end(&mut state, stuck, fetched(&[Key::Access]), &at(13));
    assert!(effects.publish.is_none());
    assert!(
        state
            .lookup("test-only-access", None, false, &at(13))
            .0
            .is_err()
    );
}

#[test]
fn a_late_success_does_not_clear_a_newer_failure() {
    let mut state = empty();
    let (_, stuck) = look_up(&mut state, "a", &at(0));
    state.attempt_started(stuck.number, &at(0)).unwrap();
    let (_, newer) = look_up(&mut state, "a", &at(10));
    state.attempt_started(newer.number, &at(10)).unwrap();
    end(
        &mut state,
        newer,
        AttemptResult::Failed(FetchError::Timeout),
        &at(11),
    );
    end(&mut state, stuck, fetched(&[Key::Access]), &at(11));
    assert!(
        state
            .lookup("test-only-access", None, true, &at(11))
            .0
            .is_ok()
    );
    let (unknown, effects) = state.lookup("a", None, true, &at(11));
    assert!(matches!(unknown, Err(AuthError::KeysUnavailable { .. })));
    assert!(effects.start.is_none(), "it backs off");
}

/// What an attempt shows is an answer to the requests that came before it went out, and to no
/// others.
#[test]
fn a_look_answers_the_requests_that_came_before_it() {
    let mut state = empty();
    let (before, order) = look_up(&mut state, "a", &at(0));
    let (progress, _) = state.lookup("b", None, true, &at(0));
    let Ok(KeyProgress::Wait {
        record: also_before,
        ..
    }) = progress
    else {
        panic!("{progress:?}")
    };
    state.attempt_started(order.number, &at(1)).unwrap();
    let (progress, _) = state.lookup("c", None, true, &at(2));
    let Ok(KeyProgress::Wait { record: after, .. }) = progress else {
        panic!("{progress:?}")
    };
    end(&mut state, order, fetched(&[Key::Access]), &at(3));
    for (kid, record) in [("a", before), ("b", also_before)] {
        let verdict = state.lookup(kid, Some(record), true, &at(3)).0;
        assert!(matches!(verdict, Err(AuthError::UnknownKey)), "{verdict:?}");
    }
    let (progress, effects) = state.lookup("c", Some(after), true, &at(3));
    assert!(
        matches!(progress, Ok(KeyProgress::Wait { .. })),
        "{progress:?}"
    );
    assert!(effects.start.is_some(), "its own fetch");
}

#[test]
fn only_unknown_kids_spend_the_budget_and_only_when_they_go_out() {
    let mut state = empty();
    let (_, order) = look_up(&mut state, "a", &at(0));
    state.attempt_started(order.number, &at(0)).unwrap();
    end(&mut state, order, fetched(&[Key::Access]), &at(0));
    for _ in 0..5 {
        let (_, order) = look_up(&mut state, "a", &at(100));
        drop_unstarted(&mut state, order, &at(100));
    }
    for kid in ["b", "c"] {
        let (_, order) = look_up(&mut state, kid, &at(100));
        state.attempt_started(order.number, &at(100)).unwrap();
        end(&mut state, order, fetched(&[Key::Access]), &at(100));
    }
    let verdict = state.lookup("d", None, true, &at(100)).0;
    assert!(
        matches!(verdict, Err(AuthError::KeyUnconfirmed { .. })),
        "{verdict:?}"
    );
}

/// The runtime of each attempt ends before the attempt does. Nothing backs off then, so only the
/// number of waits ends this.
#[test]
fn a_request_waits_for_three_attempts_at_most() {
    let mut state = empty();
    let mut waited = None;
    for _ in 0..3 {
        let (progress, effects) = state.lookup("a", waited, true, &at(0));
        let Ok(KeyProgress::Wait { record, .. }) = progress else {
            panic!("{progress:?}")
        };
        drop_unstarted(&mut state, effects.start.expect("an attempt"), &at(0));
        waited = Some(record);
    }
    let (progress, effects) = state.lookup("a", waited, true, &at(0));
    assert!(
        matches!(progress, Err(AuthError::KeysUnavailable { .. })),
        "{progress:?}"
    );
    assert!(effects.start.is_none());
    let (warm_up, effects) = state.warm_up(waited, true, &at(0));
    assert!(warm_up.is_err() && effects.start.is_none());
    // Another request has its own count.
    let (_, order) = look_up(&mut state, "a", &at(0));
    state.attempt_started(order.number, &at(0)).unwrap();
}

/// Its time is over, whatever is in flight.
#[test]
fn a_request_that_gave_up_does_not_wait_again() {
    let mut state = empty();
    let (record, order) = look_up(&mut state, "a", &at(0));
    state.attempt_started(order.number, &at(0)).unwrap();
    let (progress, _) = state.lookup("a", Some(record), true, &at(5));
    assert!(
        matches!(progress, Ok(KeyProgress::Wait { .. })),
        "{progress:?}"
    );
    let gave_up = WaitRecord {
        gave_up: true,
        ..record
    };
    let (progress, effects) = state.lookup("a", Some(gave_up), true, &at(5));
    assert!(
        matches!(progress, Err(AuthError::KeysUnavailable { .. })),
        "{progress:?}"
    );
    assert!(effects.start.is_none());
}

#[test]
fn a_change_of_state_is_reported_once() {
    let mut state = empty();
    let (_, order) = look_up(&mut state, "a", &at(0));
    let change = end(&mut state, order, fetched(&[Key::Access]), &at(1)).change;
    assert_eq!(
        change,
        Some(StateChange {
            from: KeyState::Empty,
            to: KeyState::Fresh
        })
    );
    assert!(
        state
            .lookup("test-only-access", None, true, &at(2))
            .1
            .change
            .is_none()
    );
}

/// Keys that were fetched at 0, are due at 3240 and are refreshed then, by an attempt that does not
/// get to run.
fn with_a_refresh_that_does_not_run() -> RefreshState {
    let mut state = empty();
    let (_, order) = look_up(&mut state, "a", &at(0));
    state.attempt_started(order.number, &at(0)).unwrap();
    end(&mut state, order, fetched(&[Key::Access]), &at(0));
    let (progress, effects) = state.lookup("test-only-access", None, true, &at(3240));
    assert!(matches!(progress, Ok(KeyProgress::Found(_))));
    assert!(effects.start.is_some());
    state
}

#[test]
fn while_an_attempt_has_the_slot_a_request_need_not_ask_until_it_loses_it() {
    let state = with_a_refresh_that_does_not_run();
    for now in [3240, 3243, 3249] {
        let quiet = state.quiet_until(&at(now));
        assert_eq!(quiet, QuietUntil::Moment(at(3250)), "at {now}");
    }
    assert_eq!(state.quiet_until(&at(3250)), QuietUntil::Moment(at(3250)));
}

#[test]
fn one_refresh_that_did_not_run_is_waited_for_when_half_of_its_time_is_over() {
    for (now, waits) in [(5399, false), (5400, true)] {
        let mut state = with_a_refresh_that_does_not_run();
        let (progress, effects) = state.lookup("test-only-access", None, true, &at(now));
        assert_eq!(
            matches!(progress, Ok(KeyProgress::Wait { .. })),
            waits,
            "{now}: {progress:?}"
        );
        assert!(effects.start.is_some(), "another refresh");
    }
}
