//! How many allocations a request costs: the figure of speed that is the same on every machine.
//!
//! A bound that fails here is a cost that was added to every request. Lower it when the count
//! falls.

#![allow(clippy::unwrap_used, reason = "tests")]

mod hostile;
mod token_cache;

use std::{
    convert::Infallible,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use allocation_counter::{AllocationInfo, measure};
use axum::{Router, body::Body, routing::get};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower::{Layer, Service, layer::layer_fn};
use tower_cognito::{testing::TestPool, verifier::TokenCache};

/// The least that a layer which hands something to the handler can do.
#[derive(Clone)]
struct InsertArc<S>(S, Arc<String>);

impl<S: Service<Request<B>>, B> Service<Request<B>> for InsertArc<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.1));
        self.0.call(request)
    }
}

fn insert_arc<S>() -> impl Layer<S, Service = InsertArc<S>> + Clone {
    let claims = Arc::new("claims".to_owned());
    layer_fn(move |inner| InsertArc(inner, Arc::clone(&claims)))
}

/// A service that allocates nothing itself.
#[derive(Clone)]
struct Empty;

impl Service<Request<()>> for Empty {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(())))
    }
}

fn request<B: Default>(credentials: &HeaderValue) -> Request<B> {
    let mut request = Request::new(B::default());
    request
        .headers_mut()
        .insert(AUTHORIZATION, credentials.clone());
    request
}

/// What one request costs, after one that warms everything up.
#[track_caller]
fn counted<S, B, R>(service: &mut S, credentials: &HeaderValue, expected: StatusCode) -> u64
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    B: Default,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut count = 0;
    for _ in 0..2 {
        let request = request(credentials);
        let mut status = None;
        let counted = measure(|| {
            let response = runtime.block_on(service.call(request)).unwrap();
            status = Some(response.status());
        });
        assert_eq!(status, Some(expected));
        count = counted.count_total;
    }
    count
}

#[track_caller]
fn verified(verifier: &tower_cognito::Verifier, token: &str, accepted: bool) -> AllocationInfo {
    let mut verdict = None;
    let counted = measure(|| verdict = Some(black_box(verifier.try_verify(token))));
    assert_eq!(verdict.flatten().unwrap().is_ok(), accepted);
    counted
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(black_box(Box::new([0u8; 64]))));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 64));
}

#[test]
fn a_token_seen_before_is_verified_without_an_allocation() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let token = pool.token().build();
    assert!(verified(&verifier, &token, true).count_total > 0);
    assert_eq!(verified(&verifier, &token, true).count_total, 0);
}

#[test]
fn around_any_service_a_token_seen_before_costs_what_inserting_an_arc_costs() {
    let pool = TestPool::new();
    let credentials = pool.token().authorization();
    let mut inserting = insert_arc().layer(Empty);
    let mut guarded = pool.verifier().layer().layer(Empty);
    let least = counted(&mut inserting, &credentials, StatusCode::OK);
    assert!(least > 0);
    assert_eq!(counted(&mut guarded, &credentials, StatusCode::OK), least);
}

#[test]
fn in_an_axum_router_a_token_seen_before_costs_what_inserting_an_arc_costs() {
    let pool = TestPool::new();
    let credentials = pool.token().authorization();
    let router = || Router::new().route("/", get(|| async { "hello" }));
    let mut inserting: Router = router().route_layer(insert_arc());
    let mut guarded: Router = router().route_layer(pool.verifier().layer());
    let count = |router: &mut Router| counted::<_, Body, _>(router, &credentials, StatusCode::OK);
    assert_eq!(count(&mut guarded), count(&mut inserting));
}

/// A recorder that allocates nothing itself: what is counted with it is ours and the facade's.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn counting_a_token_seen_before_costs_no_allocation() {
    let pool = TestPool::new();
    let credentials = pool.token().authorization();
    let mut guarded = pool.verifier().layer().layer(Empty);
    let alone = counted(&mut guarded, &credentials, StatusCode::OK);
    let recorder = Counting::default();
    let recorded = metrics::with_local_recorder(&recorder, || {
        counted(&mut guarded, &credentials, StatusCode::OK)
    });
    assert_eq!(recorded, alone);
    // Two requests, each looked up and judged.
    assert_eq!(recorder.0.into_inner(), 4);
}

/// Inside a subscriber that does not want the event, in a span that does not ask for the caller's
/// name.
#[test]
fn tracing_costs_a_token_seen_before_no_allocation() {
    let pool = TestPool::new();
    let credentials = pool.token().authorization();
    let mut guarded = pool.verifier().layer().layer(Empty);
    let alone = counted(&mut guarded, &credentials, StatusCode::OK);
    let subscriber = tracing_subscriber::fmt().finish();
    let within_a_span = tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request").entered();
        assert!(!span.is_disabled());
        counted(&mut guarded, &credentials, StatusCode::OK)
    });
    assert_eq!(within_a_span, alone);
}

#[test]
fn a_first_sight_allocates_the_texts_and_the_claims() {
    let pool = TestPool::new();
    let verifier = pool
        .verifier_builder()
        .token_cache(TokenCache::disabled())
        .build()
        .unwrap();
    let token = pool.token().build();
    verified(&verifier, &token, true);
    assert_eq!(verified(&verifier, &token, true).count_total, 2);
}

#[test]
fn a_rejection_without_a_signature_allocates_the_texts_at_most() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    verified(&verifier, &pool.token().build(), true);
    for (name, token, most) in [
        ("garbage", "x".repeat(1000), 0),
        ("too large", "x".repeat(100_000), 0),
        ("expired", pool.token().expired().build(), 1),
        ("another issuer", pool.token().other_issuer().build(), 1),
        ("another algorithm", pool.token().unsigned().build(), 1),
        ("unknown kid", pool.token().unknown_key().build(), 1),
        ("tampered", pool.token().tampered().build(), 1),
    ] {
        verified(&verifier, &token, false);
        let count = verified(&verifier, &token, false).count_total;
        assert!(count <= most, "{name}: {count} allocations");
    }
}
