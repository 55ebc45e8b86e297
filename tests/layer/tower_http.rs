//! The layer among those of tower-http: what holds when one is outside it, and what when it is
//! inside.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    convert::Infallible,
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::fetching::fetching;
use axum::body::{Body, Bytes, HttpBody};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
        CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use http_body_util::BodyExt;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, Claims, RequireScopesLayer, Verifier,
    keys::{ConnectError, FetchError, JwksResponse},
    rejection::ProblemJson,
    testing::{ScriptedFetcher, TestPool},
    verifier::TokenCache,
};
use tower_http::{
    ServiceBuilderExt,
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::CorsLayer,
    decompression::DecompressionLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    timeout::TimeoutLayer,
    trace::{DefaultMakeSpan, TraceLayer},
};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

const SHOP: &str = "https://shop.example";

/// What came back, whatever the type of its body.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    error: Option<AuthError>,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn answer<S, Q, B>(service: S, request: Request<Q>) -> Answer
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: Debug,
    B: HttpBody,
    B::Error: Debug,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        error: parts.extensions.get().cloned(),
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn hello<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    let claims = request.extensions().get::<Claims>().unwrap();
    Ok(Response::new(Body::from(
        format!("hello {}, ", claims.client_id()).repeat(8),
    )))
}

fn get() -> Request<Body> {
    Request::new(Body::empty())
}

fn with_token(pool: &TestPool) -> Request<Body> {
    let token = pool.token().scopes(["profiles/get"]);
    Request::get("/")
        .header(AUTHORIZATION, token.authorization())
        .body(Body::empty())
        .unwrap()
}

fn from_the_shop(mut request: Request<Body>) -> Request<Body> {
    request
        .headers_mut()
        .insert(ORIGIN, HeaderValue::from_static(SHOP));
    request
}

fn preflight() -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .header(ORIGIN, SHOP)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization")
        .body(Body::empty())
        .unwrap()
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(SHOP))
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION])
        .expose_headers([WWW_AUTHENTICATE])
}

#[tokio::test]
async fn with_cors_outside_a_preflight_needs_no_token_and_a_script_can_read_a_rejection() {
    let pool = TestPool::new();
    let service = ServiceBuilder::new()
        .layer(cors())
        .layer(pool.verifier().layer())
        .service_fn(hello);

    let allowed = answer(service.clone(), preflight()).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(allowed.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));

    let rejected = answer(service.clone(), from_the_shop(get())).await;
    assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.header(WWW_AUTHENTICATE), Some("Bearer"));
    assert_eq!(rejected.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));
    assert_eq!(
        rejected.header(ACCESS_CONTROL_EXPOSE_HEADERS),
        Some("www-authenticate")
    );

    let accepted = answer(service, from_the_shop(with_token(&pool))).await;
    assert_eq!(accepted.status, StatusCode::OK);
    assert_eq!(accepted.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));
}

#[tokio::test]
async fn with_cors_inside_a_preflight_needs_a_token_unless_preflights_pass() {
    let pool = TestPool::new();
    let behind = |layer| ServiceBuilder::new().layer(layer).layer(cors());
    let strict = behind(pool.verifier().layer()).service_fn(hello);
    let passing = behind(pool.verifier().layer().pass_cors_preflight()).service_fn(hello);

    let rejected = answer(strict.clone(), preflight()).await;
    assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.header(ACCESS_CONTROL_ALLOW_ORIGIN), None);
    let allowed = answer(passing.clone(), preflight()).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(allowed.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));

    for service in [strict, passing] {
        let rejected = answer(service.clone(), from_the_shop(get())).await;
        assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            rejected.header(ACCESS_CONTROL_ALLOW_ORIGIN),
            None,
            "a script cannot read it"
        );
        let accepted = answer(service, from_the_shop(with_token(&pool))).await;
        assert_eq!(accepted.status, StatusCode::OK);
        assert_eq!(accepted.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));
    }
}

#[tokio::test]
async fn compression_outside_packs_the_body_and_leaves_the_challenge() {
    let pool = TestPool::new();
    let plain = ServiceBuilder::new()
        .layer(pool.verifier().layer().rejection(ProblemJson))
        .service_fn(hello);
    let compressed = ServiceBuilder::new()
        .layer(CompressionLayer::new())
        .service(plain.clone());
    let gzip = |mut request: Request<Body>| {
        request
            .headers_mut()
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        request
    };
    for (request, status) in [
        (get as fn() -> Request<Body>, StatusCode::UNAUTHORIZED),
        (|| with_token(&TestPool::new()), StatusCode::OK),
    ] {
        let expected = answer(plain.clone(), request()).await;
        assert_eq!(expected.status, status);

        let packed = answer(compressed.clone(), gzip(request())).await;
        assert_eq!(packed.header(CONTENT_ENCODING), Some("gzip"), "{status}");
        assert_ne!(packed.body, expected.body, "{status}");
        let unpacked = ServiceBuilder::new()
            .layer(DecompressionLayer::new())
            .service(compressed.clone());
        let unpacked = answer(unpacked, request()).await;
        assert_eq!(unpacked.body, expected.body, "{status}");
        for answer in [packed, unpacked] {
            assert_eq!(answer.status, status);
            for name in [WWW_AUTHENTICATE, CONTENT_TYPE] {
                assert_eq!(answer.header(&name), expected.header(&name), "{name}");
            }
            assert_eq!(answer.error, expected.error);
        }
    }
}

/// The waiting request is dropped, and the fetch that it began is not.
#[tokio::test(start_paused = true)]
async fn a_timeout_outside_answers_while_keys_are_fetched_and_a_later_request_finds_them() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let held = fetcher.hold(JwksResponse::document(pool.jwks()));
    let verifier = fetching(&pool, &fetcher);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(1),
        ))
        .layer(verifier.layer())
        .service_fn(hello);

    let late = answer(service.clone(), with_token(&pool)).await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!((late.error, fetcher.calls()), (None, 1));

    held.release();
    let served = answer(service, with_token(&pool)).await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(fetcher.calls(), 1, "the first fetch brought the keys");
    fetcher.assert_used_up();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_does_not_count_the_wait_for_keys() {
    let pool = TestPool::new();
    for (handler_takes, status) in [(0, StatusCode::OK), (2, StatusCode::GATEWAY_TIMEOUT)] {
        let fetcher = ScriptedFetcher::new()
            .respond_after(Duration::from_secs(2), JwksResponse::document(pool.jwks()));
        let service = ServiceBuilder::new()
            .layer(fetching(&pool, &fetcher).layer())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                Duration::from_secs(1),
            ))
            .service_fn(move |request: Request<Body>| async move {
                tokio::time::sleep(Duration::from_secs(handler_takes)).await;
                hello(request).await
            });
        let answered = answer(service, with_token(&pool)).await;
        assert_eq!(answered.status, status);
        assert_eq!(answered.header(WWW_AUTHENTICATE), None);
        fetcher.assert_used_up();
    }
}

#[tokio::test]
async fn a_request_id_is_on_rejections_only_if_it_is_propagated_outside() {
    let pool = TestPool::new();
    let outside = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(pool.verifier().layer())
        .service_fn(hello);
    let inside = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(pool.verifier().layer())
        .layer(PropagateRequestIdLayer::x_request_id())
        .service_fn(hello);

    let rejected = answer(outside.clone(), get()).await;
    assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
    assert!(rejected.header("x-request-id").is_some());
    let accepted = answer(outside, with_token(&pool)).await;
    assert_eq!(accepted.status, StatusCode::OK);
    assert!(accepted.header("x-request-id").is_some());

    let rejected = answer(inside.clone(), get()).await;
    assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.header("x-request-id"), None);
    let accepted = answer(inside, with_token(&pool)).await;
    assert!(accepted.header("x-request-id").is_some());
}

#[tokio::test]
async fn a_panic_is_500_wherever_it_is_caught_and_accepts_no_request() {
    let pool = TestPool::new();
    let panics = service_fn(
        async |_: Request<Body>| -> Result<Response<Body>, Infallible> {
            panic!("the handler's own")
        },
    );
    let layer = pool.verifier().layer();
    let outside = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(layer.clone())
        .service(panics);
    let inside = ServiceBuilder::new()
        .layer(layer)
        .layer(CatchPanicLayer::new())
        .service(panics);
    let of_the_check = pool
        .verifier_builder()
        .token_cache(TokenCache::disabled())
        .check(|claims| {
            assert!(!claims.has_scope("profiles/get"), "the service's own");
            Ok(())
        })
        .build()
        .unwrap();
    let in_the_check = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(of_the_check.layer())
        .service_fn(hello);

    for answers in [
        [
            answer(outside.clone(), with_token(&pool)).await,
            answer(outside, get()).await,
        ],
        [
            answer(inside.clone(), with_token(&pool)).await,
            answer(inside, get()).await,
        ],
        [
            answer(in_the_check.clone(), with_token(&pool)).await,
            answer(in_the_check.clone(), get()).await,
        ],
    ] {
        let [panicked, rejected] = answers;
        assert_eq!(panicked.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(panicked.header(WWW_AUTHENTICATE), None);
        assert_eq!(panicked.error, None);
        assert_eq!(rejected.status, StatusCode::UNAUTHORIZED);
    }
    let mut agreed_to = get();
    agreed_to
        .headers_mut()
        .insert(AUTHORIZATION, pool.token().authorization());
    let accepted = answer(in_the_check, agreed_to).await;
    assert_eq!(accepted.status, StatusCode::OK);
}

/// The statuses that a trace layer saw, with the reason of a rejection, and how often it counted
/// one as a failure.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<String>, usize)>>);

impl Seen {
    fn take(&self) -> (Vec<String>, usize) {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn a_trace_outside_sees_each_final_status_and_only_503_as_a_failure() {
    let pool = TestPool::new();
    let seen = Seen::default();
    let (responses, failures) = (seen.clone(), seen.clone());
    let trace = TraceLayer::new_for_http()
        .on_response(
            move |response: &Response<Body>, _: Duration, _: &tracing::Span| {
                let reason = response.extensions().get().map(AuthError::reason);
                let line = format!("{} {reason:?}", response.status().as_u16());
                responses.0.lock().unwrap().0.push(line);
            },
        )
        .on_failure(
            move |_: tower_http::classify::ServerErrorsFailureClass,
                  _: Duration,
                  _: &tracing::Span| {
                failures.0.lock().unwrap().1 += 1;
            },
        );
    let down = fetching(
        &pool,
        &ScriptedFetcher::new().always_fail(FetchError::Connect(ConnectError::Refused)),
    );
    let outside = |verifier: &Verifier| {
        ServiceBuilder::new()
            .layer(trace.clone())
            .layer(verifier.layer())
            .layer(RequireScopesLayer::all_of(["profiles/get"]).unwrap())
            .service_fn(hello)
    };
    let verifier = pool.verifier();
    let mut without_scope = get();
    without_scope
        .headers_mut()
        .insert(AUTHORIZATION, pool.token().authorization());
    for (verifier, request, line, failures) in [
        (&verifier, with_token(&pool), "200 None", 0),
        (&verifier, get(), "401 Some(\"missing_token\")", 0),
        (
            &verifier,
            without_scope,
            "403 Some(\"insufficient_scope\")",
            0,
        ),
        (
            &down,
            with_token(&pool),
            "503 Some(\"keys_unavailable\")",
            1,
        ),
    ] {
        answer(outside(verifier), request).await;
        assert_eq!(seen.take(), (vec![line.to_owned()], failures));
    }

    let inside = ServiceBuilder::new()
        .layer(verifier.layer())
        .map_response_body(Body::new)
        .layer(trace)
        .service_fn(hello);
    answer(inside.clone(), get()).await;
    assert_eq!(seen.take(), (vec![], 0), "nothing got there");
    answer(inside, with_token(&pool)).await;
    assert_eq!(seen.take(), (vec!["200 None".to_owned()], 0));
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A trace that logs header fields sees the token before this crate can mark it: outside,
/// tower-http's own layer must.
#[tokio::test]
async fn a_trace_with_header_fields_shows_no_token_inside_a_sensitive_headers_layer() {
    let pool = TestPool::new();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(Level::TRACE)
        .finish();
    crate::callsites::keep_enabled();
    let _guard = tracing::subscriber::set_default(subscriber);
    let trace = || {
        let span = DefaultMakeSpan::new()
            .include_headers(true)
            .level(Level::INFO);
        TraceLayer::new_for_http().make_span_with(span)
    };
    let token = pool.token().scopes(["profiles/get"]).build();
    let shown = || {
        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        assert!(text.contains("authorization"), "{text}");
        text.contains(&token)
    };

    let inside = ServiceBuilder::new()
        .layer(pool.verifier().layer())
        .map_response_body(Body::new)
        .layer(trace())
        .service_fn(hello);
    let marked_outside = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(trace())
        .layer(pool.verifier().layer())
        .service_fn(hello);
    let bare_outside = ServiceBuilder::new()
        .layer(trace())
        .layer(pool.verifier().layer())
        .service_fn(hello);
    let request = || {
        let mut request = get();
        request
            .headers_mut()
            .insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        request
    };
    assert_eq!(answer(inside, request()).await.status, StatusCode::OK);
    assert!(!shown(), "inside");
    let marked = answer(marked_outside, request()).await;
    assert_eq!(marked.status, StatusCode::OK, "a marked value is read");
    assert!(!shown(), "marked outside");
    assert_eq!(answer(bare_outside, request()).await.status, StatusCode::OK);
    assert!(shown(), "without either, the log has the token");
}

/// All layers together, in the order that a service would choose.
#[tokio::test]
async fn a_whole_stack_answers_as_its_parts_do() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().fail(FetchError::Connect(ConnectError::Refused));
    let stack = |verifier: &Verifier| {
        ServiceBuilder::new()
            .sensitive_request_headers([AUTHORIZATION].into())
            .set_x_request_id(MakeRequestUuid)
            .trace_for_http()
            .propagate_x_request_id()
            .catch_panic()
            .layer(cors())
            .compression()
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                Duration::from_secs(10),
            ))
            .layer(RequestBodyLimitLayer::new(1024))
            .layer(verifier.layer().rejection(ProblemJson))
            .layer(RequireScopesLayer::all_of(["profiles/get"]).unwrap())
            .service_fn(hello)
    };
    let verifier = pool.verifier();
    let down = fetching(&pool, &fetcher);
    let mut without_scope = get();
    without_scope
        .headers_mut()
        .insert(AUTHORIZATION, pool.token().authorization());
    for (verifier, request, status, challenged) in [
        (&verifier, with_token(&pool), StatusCode::OK, false),
        (&verifier, get(), StatusCode::UNAUTHORIZED, true),
        (&verifier, without_scope, StatusCode::FORBIDDEN, true),
        (
            &down,
            with_token(&pool),
            StatusCode::SERVICE_UNAVAILABLE,
            false,
        ),
    ] {
        let answered = answer(stack(verifier), from_the_shop(request)).await;
        assert_eq!(answered.status, status);
        assert_eq!(answered.headers.contains_key(WWW_AUTHENTICATE), challenged);
        assert_eq!(answered.header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(SHOP));
        assert!(answered.header("x-request-id").is_some());
        assert_eq!(answered.error.is_some(), status != StatusCode::OK);
        assert_eq!(
            answered.header(RETRY_AFTER).is_some(),
            status == StatusCode::SERVICE_UNAVAILABLE
        );
        if status != StatusCode::OK {
            assert_eq!(
                answered.header(CONTENT_TYPE),
                Some("application/problem+json")
            );
        }
    }
}
