//! A server on loopback that answers as a test says and remembers what it was sent.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Uri},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tower_cognito::client::{ClientCredentials, TokenError};

pub struct Server {
    base_url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
pub struct Seen {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        assert!(self.headers.get_all(name).iter().count() < 2, "{name}");
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Server {
    /// `answer` is given the number of the request, from 1.
    pub async fn start(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let app = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(Seen {
                        uri: parts.uri,
                        headers: parts.headers,
                        body: String::from_utf8(Bytes::into(body)).unwrap(),
                    });
                    log.len()
                };
                answer(number)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            base_url,
            seen,
            task,
        }
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

pub fn answer_with(status: u16, header: (&str, &str)) -> Response {
    Response::builder()
        .status(status)
        .header(header.0, header.1)
        .body(Body::empty())
        .unwrap()
}

pub fn granted(token: &str) -> Response {
    answer(
        200,
        format!(r#"{{"access_token":"{token}","expires_in":3600,"token_type":"Bearer"}}"#),
    )
}

/// The token at hand, as text.
pub async fn token(caller: &ClientCredentials) -> Result<String, TokenError> {
    Ok(caller.token().await?.as_str().to_owned())
}

/// Waits until a background renewal has brought another token. The test's own timeout bounds it.
pub async fn replaced(caller: &ClientCredentials, old: &str) -> String {
    loop {
        let current = token(caller).await.unwrap();
        if current != old {
            return current;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until `condition` holds. The test's own timeout bounds it.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}
