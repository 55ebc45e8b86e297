//! Neither secret nor token gets into a log. One test, since it takes over the process's
//! subscriber.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use http::Request;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_cognito::client::ClientCredentials;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::server::{Server, answer, granted};

const HUSH: [&str; 5] = [
    "hush-first-secret",
    "hush-next-secret",
    "hush.access.token",
    "hush-body",
    // Base64 of `id:hush-next-secret` holds this wherever it is cut.
    "aWQ6aHVzaC1uZXh0",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[track_caller]
fn assert_silent(text: &str) {
    for hush in HUSH {
        assert!(!text.contains(hush), "{hush} is in {text}");
    }
}

#[tokio::test]
async fn neither_debug_nor_display_nor_tracing_shows_a_secret_or_a_token() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone())
        .init();
    let body = r#"{"error":"invalid_client","error_description":"hush-body hush-first-secret"}"#;
    let server = Server::start(move |number| match number {
        1 => answer(400, body),
        2 => granted("hush.access.token"),
        _ => answer(500, "hush-body"),
    })
    .await;
    let builder = ClientCredentials::builder(server.url("/token"), "id", "hush-first-secret")
        .next_secret("hush-next-secret");
    assert_silent(&format!("{builder:?} {builder:#?}"));
    let caller = builder.build().unwrap();
    let layer = caller.layer("https://profiles.example.com").unwrap();
    let token = caller.token().await.unwrap();
    assert_eq!(token.as_str(), "hush.access.token");

    let callee = service_fn(|request: Request<()>| async move {
        let debug = format!("{request:?}");
        Ok::<_, std::convert::Infallible>(http::Response::new(debug))
    });
    let service = layer.layer(callee);
    let unaddressed = service.clone().oneshot(Request::new(())).await.unwrap();
    assert_silent(unaddressed.body());
    let request = Request::get("https://profiles.example.com/").body(());
    let future = service.clone().call(request.unwrap());
    assert_eq!(format!("{future:?}"), "SendBearerFuture { .. }");
    let seen = future.await.unwrap();
    assert!(seen.body().contains("Sensitive"), "{seen:?}");

    let other = caller.with_scopes(["a"]).unwrap();
    let error = other.token().await.unwrap_err();
    for text in [
        format!("{error} {error:?}"),
        format!("{token:?} {:?}", token.header_value()),
        format!("{caller:?} {caller:#?}"),
        format!("{layer:?} {service:?}"),
    ] {
        assert_silent(&text);
    }

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("access token obtained"), "{log}");
    assert!(log.contains("token request failed"), "{log}");
    assert!(log.contains("another one accepted"), "{log}");
    assert_silent(&log);
}
