//! The gauges of a key set: which state, how old, and when they are set.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use metrics::{
    Counter, Gauge, Histogram, Key as MetricKey, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tower_cognito::{
    Verifier,
    keys::{ConnectError, FetchError},
    testing::{Key, ManualClock},
};

use crate::{
    recorded::{Recorded, Sample},
    rig::{HOUR, Rig, SECOND, bounded, settle},
};

const STATE: &str = "tower_cognito_key_set_state";
const AGE: &str = "tower_cognito_key_set_age_seconds";
const SUCCESS: &str = "tower_cognito_key_set_last_success_timestamp_seconds";

/// The state whose gauge is 1, or none if the gauges were not set. One at most.
fn state(samples: &[Sample]) -> Option<String> {
    let set: Vec<_> = samples
        .iter()
        .filter(|sample| sample.name == STATE && sample.values == [1.0])
        .map(|sample| sample.label("state").unwrap().to_owned())
        .collect();
    assert!(set.len() < 2, "{set:?}");
    set.into_iter().next()
}

fn gauge(samples: &[Sample], name: &str) -> Option<f64> {
    let found = samples.iter().find(|sample| sample.name == name);
    found.map(|sample| sample.values[0])
}

fn start() -> f64 {
    let since_epoch = ManualClock::start().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.unwrap().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn a_new_verifier_reports_its_state_and_nothing_unknown() {
    for (name, age) in [("empty", None), ("pinned", None), ("due", Some(0.0))] {
        let recorded = Recorded::new();
        let _guard = recorded.listen();
        let _rig = match name {
            "pinned" => Rig::pinned(),
            "due" => Rig::seeded(),
            _ => Rig::new(),
        };
        let samples = recorded.take();
        assert_eq!(state(&samples).as_deref(), Some(name));
        assert_eq!(gauge(&samples, AGE), age, "{name}");
        assert_eq!(gauge(&samples, SUCCESS), None, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_gauges_are_set_when_a_fetch_ends() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let rig = Rig::new();
    rig.advance(HOUR);
    let reply = rig.fetcher.hold(rig.keys());
    let waiting = rig.begin(&rig.token()).await;
    recorded.take();
    rig.advance(2 * SECOND);
    reply.release();
    assert!(bounded(waiting).await.unwrap().is_ok());
    let samples = recorded.take();
    assert_eq!(state(&samples).as_deref(), Some("fresh"));
    assert_eq!(
        gauge(&samples, AGE),
        Some(2.0),
        "counted from where the fetch was started"
    );
    assert_eq!(gauge(&samples, SUCCESS), Some(start() + 3600.0));

    // A failure changes the state and not the time of the last success.
    rig.advance(2 * HOUR);
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    let samples = recorded.take();
    assert_eq!(state(&samples).as_deref(), Some("degraded"));
    assert_eq!(gauge(&samples, AGE), Some(7202.0));
    assert_eq!(gauge(&samples, SUCCESS), Some(start() + 3600.0));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_leaves_the_state_as_it_was_sets_them_too() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    rig.advance(60 * SECOND);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_err());
    let samples = recorded.take();
    assert_eq!(state(&samples).as_deref(), Some("fresh"));
    assert_eq!(gauge(&samples, AGE), Some(0.0));
    assert_eq!(gauge(&samples, SUCCESS), Some(start() + 60.0));
}

#[tokio::test(start_paused = true)]
async fn the_gauges_are_set_when_a_request_finds_the_state_changed() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let token = rig.token();
    assert!(rig.verify(&token).await.is_ok());
    assert_eq!(state(&recorded.take()), None, "nothing changed");

    rig.advance(HOUR);
    rig.fetcher.hang();
    assert!(rig.verify(&token).await.is_ok());
    let samples = recorded.take();
    assert_eq!(state(&samples).as_deref(), Some("due"));
    assert_eq!(gauge(&samples, AGE), Some(3600.0));
    assert!(rig.verify(&token).await.is_ok());
    assert_eq!(state(&recorded.take()), None, "reported already");
}

#[tokio::test(start_paused = true)]
async fn the_gauges_are_set_on_request_and_reading_the_status_sets_none() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    for (advance, expected, age) in [
        (SECOND, "fresh", 1.0),
        (HOUR, "due", 3601.0),
        (24 * HOUR, "expired", 90_001.0),
    ] {
        rig.advance(advance);
        assert_eq!(state(&recorded.take()), None, "no request looked");
        assert_eq!(rig.verifier.key_status().state().label(), expected);
        assert_eq!(state(&recorded.take()), None, "a getter");
        rig.verifier.record_key_metrics();
        let samples = recorded.take();
        assert_eq!(state(&samples).as_deref(), Some(expected));
        assert_eq!(gauge(&samples, AGE), Some(age));
        assert_eq!(gauge(&samples, SUCCESS), Some(start()));
    }
}

#[tokio::test(start_paused = true)]
async fn pools_are_distinguished_by_their_jwks_url() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let other = tower_cognito::testing::TestPool::with_id("eu-west-1_TestOnly2").unwrap();
    let clients = tower_cognito::AllowedClients::any();
    let rig = Rig::configured(|builder| builder.add_pool(other.user_pool(), clients));
    // Without what was recorded when the sources were made.
    recorded.take();
    rig.verifier.record_key_metrics();
    let mut urls: Vec<_> = rig
        .verifier
        .key_statuses()
        .iter()
        .map(|status| status.jwks_url().to_owned())
        .collect();
    urls.sort();
    let samples = recorded.take();
    let mut labels: Vec<_> = samples
        .iter()
        .filter(|sample| sample.name == STATE && sample.values == [1.0])
        .map(|sample| sample.label("jwks_url").unwrap().to_owned())
        .collect();
    labels.sort();
    assert_eq!(labels, urls);
    assert_eq!(urls.len(), 2);
}

/// A recorder that looks at the verifier, which must not be locked by then.
#[derive(Default)]
struct Asking {
    verifier: OnceLock<Verifier>,
    depth: AtomicUsize,
    asked: AtomicUsize,
}

impl Asking {
    fn ask(&self) {
        // Asking is itself recorded.
        if self.depth.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(verifier) = self.verifier.get()
        {
            verifier.record_key_metrics();
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Recorder for Asking {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &MetricKey, _: &Metadata<'_>) -> Counter {
        self.ask();
        Counter::noop()
    }

    fn register_gauge(&self, _: &MetricKey, _: &Metadata<'_>) -> Gauge {
        self.ask();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &MetricKey, _: &Metadata<'_>) -> Histogram {
        self.ask();
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorder_may_ask_for_the_key_status() {
    let recorder = Asking::default();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    assert!(recorder.verifier.set(rig.verifier.clone()).is_ok());
    rig.warm_up().await;
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(rig.state().label(), "degraded");
    assert!(recorder.asked.load(Ordering::Relaxed) > 20);
}
