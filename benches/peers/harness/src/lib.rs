//! What every peer's binary does with its guarded service: check that it guards, then answer timing
//! requests or serve.
//!
//! `PEER TOKENS.json check` · `PEER TOKENS.json measure` (one count per line in, nanoseconds of
//! processor time per request out) · `PEER TOKENS.json serve PORT SECONDS` (loopback only, ends by
//! itself)

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, poll_fn},
    io::{BufRead, Read, Write},
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use cpu_time::ThreadTime;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tower_service::Service;

/// Requests made before the clock starts: a server has just parsed the one it serves.
const BATCH: usize = 32;

/// What `peer-tokens` writes.
#[derive(Clone, Deserialize, Serialize)]
pub struct Fixture {
    pub issuer: String,
    pub client_id: String,
    pub jwks: String,
    pub good: Vec<String>,
    pub expired: String,
    pub tampered: String,
}

impl Fixture {
    /// Serves the JWK Set on loopback for peers that insist on fetching it.
    pub fn serve_jwks(&self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let jwks = self.jwks.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{jwks}",
                    jwks.len()
                );
            }
        });
        url
    }
}

/// Whether the service should reject anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Guarded,
    Open,
}

/// `B` is the request body of the version of axum that the peer is for.
pub fn run<B, F, Fut, S, R>(guard: Guard, build: F)
where
    F: FnOnce(Fixture) -> Fut,
    Fut: Future<Output = S>,
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Default + Send + 'static,
    R: http_body::Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let fixture: Fixture = serde_json::from_slice(&std::fs::read(arguments[0]).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut service = runtime.block_on(build(fixture.clone()));
    runtime.block_on(check(&mut service, &fixture, guard));
    match arguments[1..] {
        ["check"] => println!("ok"),
        ["measure"] => {
            for line in std::io::stdin().lock().lines() {
                let count = line.unwrap().parse().unwrap();
                println!("{:.1}", measure(&runtime, &mut service, &fixture, count));
            }
        }
        ["serve", port, seconds] => runtime.block_on(async {
            let seconds = Duration::from_secs(seconds.parse().unwrap());
            let _ = tokio::time::timeout(seconds, serve(service, port.parse().unwrap())).await;
        }),
        _ => panic!("usage: TOKENS check | measure | serve PORT SECONDS"),
    }
}

/// Lets the good tokens in and, if it guards, keeps out a tampered, an expired and a missing one.
async fn check<S, B, R>(service: &mut S, fixture: &Fixture, guard: Guard)
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    B: Default,
{
    // Some peers have their keys only a moment after they are built.
    for _ in 0..50 {
        if status(service, Some(&fixture.good[0])).await == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for token in &fixture.good {
        assert_eq!(status(service, Some(token)).await, StatusCode::OK, "good");
    }
    for (name, token) in [
        ("tampered", Some(fixture.tampered.as_str())),
        ("expired", Some(fixture.expired.as_str())),
        ("missing", None),
    ] {
        let status = status(service, token).await;
        let rejected = status.is_client_error();
        assert_eq!(rejected, guard == Guard::Guarded, "{name}: {status}");
    }
}

async fn status<S, B, R>(service: &mut S, token: Option<&str>) -> StatusCode
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    B: Default,
{
    let mut request = Request::get("/");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let Ok(response) = service.call(request.body(B::default()).unwrap()).await;
    response.status()
}

fn measure<S, B, R>(
    runtime: &tokio::runtime::Runtime,
    service: &mut S,
    fixture: &Fixture,
    count: usize,
) -> f64
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    B: Default,
{
    let mut elapsed = Duration::ZERO;
    let batches = count.div_ceil(BATCH);
    for batch in 0..batches {
        let requests: Vec<Request<B>> = (0..BATCH)
            .map(|index| {
                let token = &fixture.good[(batch * BATCH + index) % fixture.good.len()];
                Request::get("/")
                    .header(AUTHORIZATION, format!("Bearer {token}"))
                    .body(B::default())
                    .unwrap()
            })
            .collect();
        let begun = ThreadTime::now();
        for request in requests {
            let Ok(response) = runtime.block_on(service.call(request));
            assert_eq!(response.status(), StatusCode::OK);
        }
        elapsed += begun.elapsed();
    }
    elapsed.as_nanos() as f64 / (batches * BATCH) as f64
}

async fn serve<S, B, R>(service: S, port: u16)
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Default + Send + 'static,
    R: http_body::Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    println!("listening");
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = service.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                // A GET has no body.
                service.clone().call(request.map(|_| B::default()))
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
