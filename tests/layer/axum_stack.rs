//! Other layers of an axum service: handled errors, normalized paths,
//! directories, extractors as guards.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    error_handling::HandleErrorLayer,
    middleware::from_extractor,
    response::Response,
    routing::{get, post},
};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, RANGE, WWW_AUTHENTICATE},
};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, timeout::TimeoutLayer};
use tower_cognito::{
    AllowedClients, AuthError, BearerAuthLayer, Claims, RequireScopesLayer, Verifier,
    keys::JwksResponse,
    testing::{ScriptedFetcher, TestPool, TokenBuilder},
};
use tower_http::{normalize_path::NormalizePathLayer, services::ServeDir};

const SECOND: Duration = Duration::from_secs(1);

fn request(path: &str, token: Option<&TokenBuilder>) -> Request<Body> {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.authorization());
    }
    request.body(Body::empty()).unwrap()
}

async fn answer<S>(service: &S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    service.clone().oneshot(request).await.unwrap()
}

/// A handler that takes two seconds on `/slow` and none on `/quick`.
fn slow_and_quick() -> Router {
    let slow = async || tokio::time::sleep(2 * SECOND).await;
    Router::new()
        .route("/slow", get(slow))
        .route("/quick", get(async || {}))
}

/// The three places of the layer beside a fallible one: outside both, between them, and inside
/// both.
fn around_a_timeout(layer: BearerAuthLayer) -> [Router; 3] {
    async fn too_late(_: BoxError) -> StatusCode {
        StatusCode::GATEWAY_TIMEOUT
    }
    let handled = || HandleErrorLayer::new(too_late);
    let timeout = || TimeoutLayer::new(SECOND);
    let outside = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(handled())
        .layer(timeout());
    let between = ServiceBuilder::new()
        .layer(handled())
        .layer(layer.clone())
        .layer(timeout());
    let inside = ServiceBuilder::new()
        .layer(handled())
        .layer(timeout())
        .layer(layer);
    [
        slow_and_quick().layer(outside),
        slow_and_quick().layer(between),
        slow_and_quick().layer(inside),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_layer_is_handled_outside_and_a_rejection_is_not_an_error() {
    let pool = TestPool::new();
    let token = pool.token();
    for app in around_a_timeout(pool.verifier().layer()) {
        for (path, token, status) in [
            ("/quick", Some(&token), StatusCode::OK),
            ("/slow", Some(&token), StatusCode::GATEWAY_TIMEOUT),
            ("/slow", None, StatusCode::UNAUTHORIZED),
        ] {
            let response = answer(&app, request(path, token)).await;
            assert_eq!(response.status(), status, "{path}");
            let rejected = status == StatusCode::UNAUTHORIZED;
            assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), rejected);
            assert_eq!(response.extensions().get::<AuthError>().is_some(), rejected);
        }
    }
}

/// Keys come after two seconds, so a time-out of one second matters only if it is outside.
#[tokio::test(start_paused = true)]
async fn the_wait_for_keys_counts_only_in_a_timeout_outside() {
    let expected = [StatusCode::OK, StatusCode::OK, StatusCode::GATEWAY_TIMEOUT];
    for (place, status) in expected.into_iter().enumerate() {
        let pool = TestPool::new();
        let fetcher =
            ScriptedFetcher::new().respond_after(2 * SECOND, JwksResponse::document(pool.jwks()));
        let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(fetcher)
            .clock(pool.clock())
            .build()
            .unwrap();
        let app = around_a_timeout(verifier.layer())
            .into_iter()
            .nth(place)
            .unwrap();
        let response = answer(&app, request("/quick", Some(&pool.token()))).await;
        assert_eq!(response.status(), status, "place {place}");
    }
}

#[tokio::test]
async fn a_path_that_is_normalized_outside_has_the_guard_of_the_route_that_it_becomes() {
    let pool = TestPool::new();
    let guard = RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    let app = Router::new()
        .route("/profiles", get(async || {}).route_layer(guard))
        .route_layer(pool.verifier().layer());
    let normalized = NormalizePathLayer::trim_trailing_slash().layer(app.clone());
    let (good, without_scope) = (pool.token().scopes(["profiles/get"]), pool.token());
    for (token, status) in [
        (Some(&good), StatusCode::OK),
        (Some(&without_scope), StatusCode::FORBIDDEN),
        (None, StatusCode::UNAUTHORIZED),
    ] {
        let response = answer(&normalized, request("/profiles/", token)).await;
        assert_eq!(response.status(), status);
        let response = answer(&app, request("/profiles/", token)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "not normalized");
    }
}

/// Around `ServeDir` itself, a rejection has a body of tower-http's own type.
#[tokio::test]
async fn a_directory_can_be_guarded() {
    let pool = TestPool::new();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    let service = ServiceBuilder::new()
        .layer(pool.verifier().layer())
        .service(ServeDir::new(directory));
    let guarded_in_the_router = Router::new()
        .nest_service("/docs", ServeDir::new(directory))
        .route_layer(pool.verifier().layer());
    for app in [
        Router::new().nest_service("/docs", service),
        guarded_in_the_router,
    ] {
        for (path, rejected, served) in [
            ("/docs/DESIGN.md", StatusCode::UNAUTHORIZED, StatusCode::OK),
            (
                "/docs/NONE.md",
                StatusCode::UNAUTHORIZED,
                StatusCode::NOT_FOUND,
            ),
        ] {
            let response = answer(&app, request(path, None)).await;
            assert_eq!(response.status(), rejected, "{path}");
            let response = answer(&app, request(path, Some(&pool.token()))).await;
            assert_eq!(response.status(), served, "{path}");
        }
        for (token, status) in [
            (Some(&pool.token()), StatusCode::PARTIAL_CONTENT),
            (None, StatusCode::UNAUTHORIZED),
        ] {
            let mut part = request("/docs/DESIGN.md", token);
            part.headers_mut()
                .insert(RANGE, "bytes=0-3".parse().unwrap());
            assert_eq!(answer(&app, part).await.status(), status);
        }
    }
}

/// `from_extractor::<Claims>()` demands a token of some routes under a layer that is optional for
/// all.
#[tokio::test]
async fn an_extractor_can_be_the_guard() {
    let pool = TestPool::new();
    let members = Router::new()
        .route("/members", get(async || {}))
        .route_layer(from_extractor::<Claims>());
    let app = members
        .route("/public", get(async || {}))
        .route_layer(pool.verifier().layer().optional());
    for (path, token, status) in [
        ("/members", Some(&pool.token()), StatusCode::OK),
        ("/members", None, StatusCode::UNAUTHORIZED),
        ("/public", None, StatusCode::OK),
        (
            "/public",
            Some(&pool.token().expired()),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let response = answer(&app, request(path, token)).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

/// A body without bytes that counts how often it is read.
fn counted(reads: &Arc<AtomicUsize>) -> Body {
    let reads = Arc::clone(reads);
    Body::from_stream(tokio_stream::iter(iter::from_fn(move || {
        reads.fetch_add(1, Ordering::Relaxed);
        None::<Result<Bytes, Infallible>>
    })))
}

/// So a caller that sent `Expect: 100-continue` is rejected before it uploads anything.
#[tokio::test]
async fn the_body_of_a_rejected_request_is_not_read() {
    let pool = TestPool::new();
    let app = Router::new()
        .route("/", post(async |_: Bytes| {}))
        .route_layer(pool.verifier().layer());
    for (token, status, reads) in [
        (Some(pool.token()), StatusCode::OK, 1),
        (Some(pool.token().tampered()), StatusCode::UNAUTHORIZED, 0),
        (None, StatusCode::UNAUTHORIZED, 0),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let mut upload = Request::post("/");
        if let Some(token) = token {
            upload = upload.header(AUTHORIZATION, token.authorization());
        }
        let upload = upload.body(counted(&count)).unwrap();
        assert_eq!(answer(&app, upload).await.status(), status);
        assert_eq!(count.load(Ordering::Relaxed), reads, "{status}");
    }
}
