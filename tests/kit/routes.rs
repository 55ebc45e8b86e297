//! The route matrix finds each planted fault, and nothing in a service that is as listed.

use axum::{
    Json, Router,
    routing::{delete, get, post},
};
use http::{Method, StatusCode};
use serde_json::json;
use tower_cognito::{
    Claims, Denied, RequireClaimsLayer, RequireScopesLayer, ScopePolicy, Verifier,
    testing::{RouteFinding, RouteMatrix, TestPool},
};

fn guard<const N: usize>(scopes: [&str; N]) -> RequireScopesLayer {
    RequireScopesLayer::all_of(scopes).unwrap()
}

/// A service of some size, whose routes and guards are as `listed` says.
fn service(verifier: &Verifier) -> Router {
    let either = ScopePolicy::all_of(["orders/get", "orders/all"]).unwrap();
    let either = either.or(ScopePolicy::any_of(["admin"]).unwrap());
    Router::new()
        .route(
            "/profiles",
            get(async || "all").route_layer(guard(["profiles/get"])),
        )
        .route(
            "/profiles/{id}",
            get(async || StatusCode::NOT_FOUND).route_layer(guard(["profiles/get"])),
        )
        .route(
            "/profiles",
            post(async |Json(_): Json<u32>| "made").route_layer(guard(["profiles/post"])),
        )
        .route(
            "/orders",
            get(async || "all").route_layer(RequireScopesLayer::new(either)),
        )
        .route(
            "/me",
            get(async |claims: Claims| claims.client_id().to_owned()),
        )
        .nest(
            "/admin",
            Router::new().route(
                "/{*rest}",
                delete(async || ()).route_layer(guard(["admin"])),
            ),
        )
        .route_layer(verifier.layer())
        .route("/healthz", get(async || "well"))
}

fn listed(pool: &TestPool) -> RouteMatrix {
    let either = ScopePolicy::all_of(["orders/get", "orders/all"]).unwrap();
    let either = either.or(ScopePolicy::any_of(["admin"]).unwrap());
    RouteMatrix::new(pool)
        .all_of(Method::GET, "/profiles", ["profiles/get"])
        .all_of(Method::GET, "/profiles/{id}", ["profiles/get"])
        .responds(StatusCode::NOT_FOUND)
        .all_of(Method::POST, "/profiles", ["profiles/post"])
        .policy(Method::GET, "/orders", either)
        .any_token(Method::GET, "/me")
        .all_of(Method::DELETE, "/admin/{*rest}", ["admin"])
        .public(Method::GET, "/healthz")
}

async fn findings(matrix: RouteMatrix, service: Router) -> Vec<(String, RouteFinding)> {
    let mut findings: Vec<_> = matrix.run(service).await.findings().collect();
    findings.dedup();
    findings
}

#[tokio::test]
async fn a_service_that_is_as_listed_has_no_finding() {
    let pool = TestPool::new();
    let service = service(&pool.verifier());
    let report = listed(&pool).paths_of(&service).run(service).await;
    report.assert_as_listed();
    let calls = report.to_string();
    assert_eq!(calls, "7 routes listed, 30 calls, 0 not as listed\n");
}

#[tokio::test]
async fn the_table_says_what_is_required_beyond_the_list() {
    let pool = TestPool::new();
    let forbidden = RequireClaimsLayer::new(|_: &Claims| Err(Denied::forbidden()));
    let router = Router::new()
        .route("/scope", get(async || "").route_layer(guard(["a", "b"])))
        .route("/rule", get(async || "").route_layer(forbidden))
        .route_layer(pool.verifier().layer());
    let matrix = RouteMatrix::new(&pool)
        .all_of(Method::GET, "/scope", ["a"])
        .any_token(Method::GET, "/rule");
    let table = matrix.run(router).await.to_string();
    assert!(
        table.contains("more is required than listed: a and b\n"),
        "{table}"
    );
    assert!(
        table.contains("more is required than listed: forbidden\n"),
        "{table}"
    );
}

#[tokio::test]
async fn each_planted_fault_is_found() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let layer = || verifier.layer();
    let list = |scopes: [&str; 2]| RouteMatrix::new(&pool).all_of(Method::GET, "/a", scopes);
    let a = |finding| vec![("GET /a".to_owned(), finding)];
    let hello = || get(async || "hello");
    let guarded = || hello().route_layer(guard(["a", "b"]));

    let router = Router::new().route("/a", guarded()).route_layer(layer());
    assert_eq!(findings(list(["a", "b"]), router.clone()).await, []);
    assert_eq!(
        findings(list(["a", "c"]), router.clone()).await,
        [("GET /a".to_owned(), RouteFinding::TooStrict),]
    );
    let matrix = RouteMatrix::new(&pool).public(Method::GET, "/a");
    assert_eq!(
        findings(matrix, router.clone()).await,
        a(RouteFinding::NotPublic)
    );
    let matrix = list(["a", "b"]).any_token(Method::POST, "/a");
    assert_eq!(
        findings(matrix, router.clone()).await,
        [("POST /a".to_owned(), RouteFinding::NoSuchRoute)]
    );
    let matrix = list(["a", "b"]).any_token(Method::GET, "/gone");
    assert_eq!(
        findings(matrix, router).await,
        [("GET /gone".to_owned(), RouteFinding::NoSuchRoute)]
    );

    // The layer is added before the route, so it does not wrap it.
    let router = Router::new().route("/b", guarded()).route_layer(layer());
    let router = router.route("/a", hello());
    let found = findings(list(["a", "b"]), router).await;
    assert_eq!(
        found,
        [
            ("GET /a".to_owned(), RouteFinding::Unguarded),
            ("GET /a".to_owned(), RouteFinding::ScopeNotRequired),
        ]
    );
    // The guard was forgotten.
    let router = Router::new().route("/a", hello()).route_layer(layer());
    assert_eq!(
        findings(list(["a", "b"]), router).await,
        a(RouteFinding::ScopeNotRequired)
    );
    // The layer was forgotten.
    let router = Router::new().route("/a", guarded());
    assert_eq!(
        findings(list(["a", "b"]), router).await,
        a(RouteFinding::MissingLayer)
    );
    // One of two scopes is not required.
    let router = Router::new().route("/a", hello().route_layer(guard(["a"])));
    let router = router.route_layer(layer());
    assert_eq!(
        findings(list(["a", "b"]), router).await,
        a(RouteFinding::ScopeNotRequired)
    );
    // The handler does not get that far.
    let broken = get(async || StatusCode::INTERNAL_SERVER_ERROR).route_layer(guard(["a", "b"]));
    let router = Router::new().route("/a", broken).route_layer(layer());
    assert_eq!(
        findings(list(["a", "b"]), router).await,
        a(RouteFinding::UnexpectedStatus)
    );
}

#[tokio::test]
async fn a_forgotten_method_and_a_forgotten_path_are_found_wherever_the_layer_is() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let routes = || {
        Router::new()
            .route("/a", get(async || "hello").route_layer(guard(["a"])))
            .route("/a", delete(async || "gone"))
            .route("/forgotten", get(async || "hello"))
    };
    let list = || RouteMatrix::new(&pool).all_of(Method::GET, "/a", ["a"]);
    let guarded = routes().route_layer(verifier.layer());
    let not_listed = [
        ("DELETE /a".to_owned(), RouteFinding::NotListed),
        ("GET /forgotten".to_owned(), RouteFinding::NotListed),
        ("HEAD /forgotten".to_owned(), RouteFinding::NotListed),
    ];
    assert_eq!(
        findings(list().paths_of(&guarded), guarded).await,
        not_listed
    );
    let everywhere = routes().layer(verifier.layer());
    assert_eq!(
        findings(list().paths_of(&everywhere), everywhere).await,
        not_listed
    );

    let open = Router::new()
        .route("/a", get(async || "hello").route_layer(guard(["a"])))
        .route_layer(verifier.layer())
        .route("/a", delete(async || "gone"));
    let report = list().run(open).await;
    let found: Vec<_> = report.findings().collect();
    assert_eq!(found, [("DELETE /a".to_owned(), RouteFinding::Unguarded)]);
    assert_eq!(
        report.to_string(),
        "1 routes listed, 5 calls, 1 not as listed\n\
         route      token     expected    got\n\
         DELETE /a  no token  404 or 405  200  NOT GUARDED, and not on the list\n"
    );
}

/// There, only a token with the scopes that the routes need sees which methods there are.
#[tokio::test]
async fn a_guard_around_a_whole_service_hides_no_method_and_makes_none_up() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let wrapped = |router: Router| router.layer(guard(["a", "b"])).layer(verifier.layer());
    let list = || RouteMatrix::new(&pool).all_of(Method::GET, "/a", ["a", "b"]);
    let router = || Router::new().route("/a", get(async || "hello"));
    assert_eq!(findings(list(), wrapped(router())).await, []);
    let with_delete = router().route("/a", delete(async || "gone"));
    assert_eq!(
        findings(list(), wrapped(with_delete)).await,
        [("DELETE /a".to_owned(), RouteFinding::NotListed)]
    );
}

#[tokio::test]
async fn the_list_comes_from_an_openapi_document() {
    let pool = TestPool::new();
    let document = |orders: serde_json::Value| {
        json!({
            "openapi": "3.1.0",
            "security": [{"cognito": []}],
            "paths": {
                "/profiles": {
                    "summary": "not an operation",
                    "get": {"security": [{"cognito": ["profiles/get"]}]},
                    "post": {"security": [{"cognito": ["profiles/post"]}]},
                },
                "/profiles/{id}": {"get": {"security": [{"cognito": ["profiles/get"]}]}},
                "/orders": {"get": {"security": orders}},
                "/me": {"get": {}},
                "/admin/{rest}": {"delete": {"security": [{"cognito": ["admin"]}]}},
                "/healthz": {"get": {"security": []}},
            },
        })
    };
    let service = service(&pool.verifier());
    let right = json!([{"cognito": ["orders/get", "orders/all"]}, {"cognito": ["admin"]}]);
    let matrix = RouteMatrix::new(&pool).openapi(&document(right));
    let found = findings(matrix.paths_of(&service), service.clone()).await;
    // No document tells that this handler finds nothing.
    let missing = ("GET /profiles/{id}".to_owned(), RouteFinding::NoSuchRoute);
    assert_eq!(found, std::slice::from_ref(&missing));

    let wrong = json!([{"cognito": ["orders/get"]}]);
    let matrix = RouteMatrix::new(&pool).openapi(&document(wrong));
    let orders = ("GET /orders".to_owned(), RouteFinding::TooStrict);
    assert_eq!(findings(matrix, service).await, [orders, missing]);
}

#[tokio::test]
async fn tokens_and_parameters_are_shaped_as_the_service_needs_them() {
    let pool = TestPool::new();
    let check = |claims: &Claims| {
        let ours = claims.client_id() == "ours";
        if ours {
            Ok(())
        } else {
            Err(tower_cognito::Denied::forbidden())
        }
    };
    let verifier = pool.verifier_builder().check(check).build().unwrap();
    let find = get(
        async |axum::extract::Path(id): axum::extract::Path<String>| match &*id {
            "p-7" => StatusCode::OK,
            _ => StatusCode::NOT_FOUND,
        },
    );
    let service = Router::new()
        .route("/profiles/{id}", find.route_layer(guard(["profiles/get"])))
        .route_layer(verifier.layer());
    let list = || RouteMatrix::new(&pool).all_of(Method::GET, "/profiles/{id}", ["profiles/get"]);
    let shaped = || list().tokens(|token| token.client_credentials("ours"));
    let row = |finding| [("GET /profiles/{id}".to_owned(), finding)];
    assert_eq!(
        findings(shaped().parameter("id", "p-7"), service.clone()).await,
        []
    );
    assert_eq!(
        findings(shaped(), service.clone()).await,
        row(RouteFinding::NoSuchRoute)
    );
    // Nothing accepts these tokens, so whether there are other methods cannot be seen either.
    let found = findings(list(), service).await;
    assert_eq!(found[..1], row(RouteFinding::TooStrict));
}

#[tokio::test]
#[should_panic(expected = "no route is listed")]
async fn an_empty_list_shows_nothing() {
    let pool = TestPool::new();
    RouteMatrix::new(&pool)
        .run(service(&pool.verifier()))
        .await
        .assert_as_listed();
}

#[test]
#[should_panic(expected = "no path was found in the router's Debug output")]
fn a_router_whose_paths_cannot_be_read_is_an_error() {
    let _ = RouteMatrix::new(&TestPool::new()).paths_of(&Router::<()>::new());
}
