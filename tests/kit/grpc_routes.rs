//! A guard by path in front of a gRPC service, seen through the route matrix.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tower::{Layer, Service, service_fn};
use tower_cognito::{
    ScopePolicy,
    guard::RequireScopesByPathLayer,
    rejection::Grpc,
    testing::{RouteFinding, RouteMatrix, TestPool},
};

const METHODS: [&str; 3] = [
    "/orders.Orders/Get",
    "/orders.Orders/Cancel",
    "/orders.Orders/Ping",
];

fn policy(scope: &str) -> ScopePolicy {
    ScopePolicy::all_of([scope]).unwrap()
}

/// Has three methods, as a tonic service: trailers only for what it does not know.
async fn orders(request: Request<Bytes>) -> Result<Response<Bytes>, Infallible> {
    let mut response = Response::new(Bytes::new());
    if !METHODS.contains(&request.uri().path()) {
        response
            .headers_mut()
            .insert("grpc-status", "12".parse().unwrap());
    }
    Ok(response)
}

fn service(
    pool: &TestPool,
    guard: &RequireScopesByPathLayer,
) -> impl Service<Request<Bytes>, Response = Response<Bytes>, Error = Infallible> + Clone + use<> {
    let layer = pool.verifier().layer().rejection(Grpc::new());
    layer.layer(guard.layer(service_fn(orders)))
}

fn listed(pool: &TestPool) -> RouteMatrix {
    RouteMatrix::new(pool)
        .grpc()
        .all_of(Method::POST, "/orders.Orders/Get", ["orders/get"])
        .all_of(Method::POST, "/orders.Orders/Cancel", ["orders/cancel"])
        .any_token(Method::POST, "/orders.Orders/Ping")
        .paths(METHODS)
}

#[tokio::test]
async fn each_method_demands_its_own_scopes_and_what_is_not_listed_is_rejected() {
    let pool = TestPool::new();
    let guard = RequireScopesByPathLayer::new()
        .require("/orders.Orders/Get", policy("orders/get"))
        .require("/orders.Orders/Cancel", policy("orders/cancel"))
        .any_token("/orders.Orders/Ping");
    let mut paths: Vec<_> = guard.paths().collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/orders.Orders/Cancel",
            "/orders.Orders/Get",
            "/orders.Orders/Ping"
        ]
    );
    let report = listed(&pool)
        .run_with(service(&pool, &guard), Bytes::from)
        .await;
    report.assert_as_listed();
}

#[tokio::test]
async fn faults_of_a_guard_by_path_are_found() {
    let pool = TestPool::new();
    let row = |path: &str, finding| (format!("POST {path}"), finding);

    // A method that the guard forgot is closed.
    let guard = RequireScopesByPathLayer::new()
        .require("/orders.Orders/Get", policy("orders/get"))
        .any_token("/orders.Orders/Ping");
    let report = listed(&pool)
        .run_with(service(&pool, &guard), Bytes::from)
        .await;
    let found: Vec<_> = report.findings().collect();
    assert_eq!(
        found,
        [row("/orders.Orders/Cancel", RouteFinding::TooStrict)]
    );

    // One that demands too little, and one that the service no longer has.
    let guard = guard
        .any_token("/orders.Orders/Cancel")
        .require("/orders.Orders/Gone", policy("orders/get"));
    let matrix = listed(&pool).all_of(Method::POST, "/orders.Orders/Gone", ["orders/get"]);
    let report = matrix.run_with(service(&pool, &guard), Bytes::from).await;
    let found: Vec<_> = report.findings().collect();
    assert_eq!(
        found,
        [
            row("/orders.Orders/Cancel", RouteFinding::ScopeNotRequired),
            row("/orders.Orders/Gone", RouteFinding::NoSuchRoute),
        ]
    );
}

/// A gRPC server rejects what is not gRPC, and a plain service may reject what is.
#[tokio::test]
async fn calls_are_grpc_for_a_grpc_service_only() {
    let pool = TestPool::new();
    for (is_grpc, content_type, te, body) in [
        (true, Some("application/grpc"), Some("trailers"), 5),
        (false, None, None, 0),
    ] {
        let demanding = service_fn(move |request: Request<Bytes>| async move {
            let field = |name| {
                request
                    .headers()
                    .get(name)
                    .map(|value| value.to_str().unwrap())
            };
            let is_as_expected = field("content-type") == content_type
                && field("te") == te
                && request.body().len() == body;
            let mut response = Response::new(Bytes::new());
            if request.uri().path() != "/orders.Orders/Ping" || request.method() != Method::POST {
                *response.status_mut() = StatusCode::NOT_FOUND;
            } else if !is_as_expected {
                *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            }
            Ok::<_, Infallible>(response)
        });
        let matrix = RouteMatrix::new(&pool);
        let matrix = if is_grpc { matrix.grpc() } else { matrix };
        let report = matrix
            .public(Method::POST, "/orders.Orders/Ping")
            .responds(StatusCode::OK)
            .run_with(demanding, Bytes::from)
            .await;
        report.assert_as_listed();
    }
}

/// A proxy in front, or a layer that does not write gRPC.
#[tokio::test]
async fn a_grpc_call_that_ends_with_an_http_status_is_judged_by_it() {
    let pool = TestPool::new();
    let guard = RequireScopesByPathLayer::new()
        .require("/orders.Orders/Get", policy("orders/get"))
        .require("/orders.Orders/Cancel", policy("orders/cancel"))
        .any_token("/orders.Orders/Ping");
    let plain = pool.verifier().layer();
    let service = plain.layer(guard.layer(service_fn(orders)));
    let report = listed(&pool).run_with(service, Bytes::from).await;
    report.assert_as_listed();

    let broken = service_fn(async |_: Request<Bytes>| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Ok::<_, Infallible>(response)
    });
    let report = RouteMatrix::new(&pool)
        .grpc()
        .public(Method::POST, "/orders.Orders/Ping")
        .run_with(broken, Bytes::from)
        .await;
    let found: Vec<_> = report.findings().collect();
    let ping = "POST /orders.Orders/Ping".to_owned();
    assert_eq!(found, [(ping, RouteFinding::UnexpectedStatus)]);
}
