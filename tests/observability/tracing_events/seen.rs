//! A subscriber that keeps what it sees, and a way to send a request inside of a span.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use tower::{Service, ServiceExt};
use tower_cognito::testing::TokenBuilder;
use tracing::{
    Event, Instrument, Level, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

pub type Fields = BTreeMap<&'static str, String>;

/// What was seen on this thread.
#[derive(Clone, Default)]
pub struct Seen {
    /// Of this crate only.
    events: Arc<Mutex<Vec<(Level, Fields)>>>,
    /// What was recorded in spans after they were made.
    recorded: Arc<Mutex<Vec<Fields>>>,
}

impl Seen {
    pub fn listen() -> (Self, DefaultGuard) {
        crate::callsites::keep_enabled();
        let seen = Self::default();
        let guard = tracing_subscriber::registry()
            .with(seen.clone())
            .set_default();
        (seen, guard)
    }

    pub fn take_events(&self) -> Vec<(Level, Fields)> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    pub fn take_recorded(&self) -> Vec<Fields> {
        std::mem::take(&mut self.recorded.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("tower_cognito") {
            let mut fields = Visited::default();
            event.record(&mut fields);
            let level = *event.metadata().level();
            self.events.lock().unwrap().push((level, fields.0));
        }
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        let mut fields = Visited::default();
        values.record(&mut fields);
        self.recorded.lock().unwrap().push(fields.0);
    }
}

#[derive(Default)]
struct Visited(Fields);

impl Visit for Visited {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

pub async fn handler(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::new()))
}

/// Status of the answer to a request that is handled inside of this span.
pub async fn send<S>(service: S, token: Option<&TokenBuilder>, span: tracing::Span) -> u16
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    let mut request = Request::new(());
    if let Some(token) = token {
        request
            .headers_mut()
            .insert("authorization", token.authorization());
    }
    let response = service.oneshot(request).instrument(span).await;
    response.unwrap().status().as_u16()
}
