//! What is logged: one event per fetch, one per change of state, and nothing above debug for a
//! rejected request.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{Verifier, keys::FetchError, testing::Key};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

use crate::rig::{Forger, HOUR, Rig, SECOND, settle};

#[derive(Clone, Debug)]
struct Logged {
    level: Level,
    fields: BTreeMap<&'static str, String>,
}

/// Keeps what this crate logs on this thread, while the guard lives.
#[derive(Clone, Default)]
struct Log {
    events: Arc<Mutex<Vec<Logged>>>,
    /// A subscriber that asks how the keys are, as one that feeds a dashboard might.
    asks: Option<Verifier>,
}

impl Log {
    fn capture(asks: Option<&Verifier>) -> (Self, DefaultGuard) {
        crate::callsites::keep_enabled();
        let log = Self {
            asks: asks.cloned(),
            ..Self::default()
        };
        let guard = tracing_subscriber::registry()
            .with(log.clone())
            .set_default();
        (log, guard)
    }

    fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// The events with this message, as the named fields in order, and the level in front.
    fn take_rows(&self, message: &str, names: &[&str]) -> Vec<String> {
        self.take()
            .iter()
            .filter(|logged| logged.fields["message"] == message)
            .map(|logged| {
                let mut row = logged.level.to_string();
                for name in names {
                    row.push(' ');
                    row.push_str(&logged.fields[name]);
                }
                row
            })
            .collect()
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("tower_cognito") {
            return;
        }
        if let Some(verifier) = &self.asks {
            let _ = verifier.key_status();
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.events.lock().unwrap().push(Logged {
            level: *event.metadata().level(),
            fields: fields.0,
        });
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

#[tokio::test(start_paused = true)]
async fn each_fetch_is_one_event_with_its_reason_outcome_duration_and_the_keys_that_changed() {
    let rig = Rig::new();
    let (log, _guard) = Log::capture(None);
    let names = ["reason", "outcome", "duration", "added", "removed"];

    rig.warm_up().await;
    assert_eq!(
        log.take_rows("key set refreshed", &names),
        ["INFO warm_up changed 0ns 2 0"]
    );

    rig.advance(HOUR);
    let reply = rig.fetcher.hold(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    rig.advance(2 * SECOND);
    reply.release();
    settle().await;
    assert_eq!(
        log.take_rows("key set refreshed", &names),
        ["DEBUG scheduled unchanged 2s 0 0"]
    );

    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Unpublished]));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
    assert_eq!(
        log.take_rows("key set refreshed", &names),
        ["INFO unknown_kid changed 0ns 1 1"]
    );

    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Timeout);
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    assert_eq!(
        log.take_rows("key fetch failed", &["reason", "outcome", "duration"]),
        ["WARN scheduled timeout 0ns"]
    );

    rig.advance(23 * HOUR);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    assert_eq!(
        log.take_rows("key set refreshed", &names),
        ["INFO no_keys changed 0ns 1 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn each_change_of_state_is_one_event() {
    let rig = Rig::new();
    let (log, _guard) = Log::capture(None);
    let token = rig.token();
    let changes = |log: &Log| log.take_rows("key state changed", &["from", "to"]);

    rig.warm_up().await;
    assert_eq!(changes(&log), ["INFO empty fresh"]);
    for (advance, reply, expected) in [
        (
            HOUR,
            Err(FetchError::Connect(
                tower_cognito::keys::ConnectError::Refused,
            )),
            ["INFO fresh due", "WARN due degraded"],
        ),
        (
            24 * HOUR,
            Err(FetchError::Connect(
                tower_cognito::keys::ConnectError::Refused,
            )),
            ["WARN degraded expired", ""],
        ),
        (HOUR, Ok(rig.keys()), ["INFO expired fresh", ""]),
    ] {
        rig.advance(advance);
        match reply {
            Ok(reply) => rig.fetcher.always_respond(reply),
            Err(error) => rig.fetcher.always_fail(error),
        };
        for _ in 0..20 {
            let _ = rig.verify(&token).await;
            settle().await;
        }
        let expected = expected.into_iter().filter(|row| !row.is_empty());
        assert_eq!(changes(&log), expected.collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_handed_in_are_not_a_change_of_state() {
    for configured in [Rig::pinned(), Rig::seeded()] {
        let (log, _guard) = Log::capture(None);
        configured.fetcher.hang();
        let _ = configured.verifier.try_verify(&configured.token());
        let _ = configured
            .verifier
            .try_verify(&configured.token_by(Key::Unpublished));
        settle().await;
        assert_eq!(
            log.take_rows("key state changed", &["from", "to"]),
            Vec::<String>::new()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_requests_are_logged_at_debug_and_no_token_is_logged_at_all() {
    let rig = Rig::warm().await;
    rig.fetcher.always_respond(rig.keys());
    let service = ServiceBuilder::new()
        .layer(rig.verifier.layer())
        .service(service_fn(async |_: http::Request<()>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
        }));
    let forger = Forger::new(&rig);
    let mut tokens = vec![
        "no-token".to_owned(),
        rig.pool.token().expired().build(),
        rig.pool.token().tampered().build(),
        rig.pool.token().other_issuer().build(),
    ];
    tokens.extend((0..50).map(|number| forger.token(&format!("kid-{number}"))));
    let (log, _guard) = Log::capture(None);
    for token in &tokens {
        let request = http::Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        let mut service = service.clone();
        let rejected = service.ready().await.unwrap().call(request).await.unwrap();
        assert!(matches!(rejected.status().as_u16(), 401 | 503));
    }
    let logged = log.take();
    assert!(logged.len() >= tokens.len(), "each is logged at debug");
    // The token of another issuer looks like a wrong setting, which is logged once.
    let is_warning = |event: &&Logged| event.level < Level::DEBUG;
    let warnings = logged.iter().filter(is_warning).collect::<Vec<_>>();
    let [warning] = warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!(warning.fields["reason"], "issuer_not_allowed");
    for event in logged {
        let text = format!("{event:?}");
        assert!(!tokens.iter().any(|token| text.contains(token)), "{text}");
        assert!(!text.contains("kid-"), "{text}");
    }
}

/// It must not find the key source locked.
#[tokio::test(start_paused = true)]
async fn a_subscriber_may_ask_for_the_key_status() {
    let rig = Rig::new();
    let (log, _guard) = Log::capture(Some(&rig.verifier));
    rig.warm_up().await;
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Connect(
        tower_cognito::keys::ConnectError::Refused,
    ));
    assert!(rig.verify(&rig.token()).await.is_ok());
    settle().await;
    rig.advance(24 * HOUR);
    rig.fetcher.respond(rig.keys());
    assert!(rig.verify(&rig.token()).await.is_ok());
    assert!(log.take().len() >= 6);
}
