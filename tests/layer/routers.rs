//! The layers in every place where an axum router takes one: which answers stay as they are, and
//! which become rejections.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::{any, get, post},
};
use http::{
    Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, ORIGIN,
        WWW_AUTHENTICATE,
    },
};
use http_body_util::BodyExt;
use tower::{ServiceExt, util::option_layer};
use tower_cognito::{
    AuthError, Claims, RequireScopesLayer,
    testing::{TestPool, TokenBuilder},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

fn guard(scope: &str) -> RequireScopesLayer {
    RequireScopesLayer::all_of([scope]).unwrap()
}

async fn who(claims: Claims) -> String {
    claims.client_id().to_owned()
}

async fn call(app: &Router, method: Method, path: &str, token: Option<&TokenBuilder>) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.authorization());
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// Calls with and without a token and compares both statuses.
#[track_caller]
fn assert_statuses(
    app: &Router,
    token: &TokenBuilder,
    cases: &[(Method, &str, u16, u16)],
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for (method, path, without, with) in cases {
            for (token, status) in [(None, without), (Some(token), with)] {
                let response = call(app, method.clone(), path, token).await;
                let kind = if token.is_some() { "with" } else { "without" };
                assert_eq!(
                    response.status().as_u16(),
                    *status,
                    "{method} {path} {kind} a token, of {caller}"
                );
                assert_eq!(
                    response.headers().contains_key(WWW_AUTHENTICATE),
                    matches!(status, 401 | 403),
                    "{method} {path} {kind} a token, of {caller}"
                );
            }
        }
    }
}

async fn body(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn layer_hides_which_paths_there_are_and_route_layer_tells() {
    let pool = TestPool::new();
    let token = pool.token();
    let router = || {
        Router::new()
            .route("/there", get(who))
            .fallback(async || StatusCode::NOT_FOUND)
    };
    let layer = || pool.verifier().layer();
    assert_statuses(
        &router().layer(layer()),
        &token,
        &[(GET, "/there", 401, 200), (GET, "/nowhere", 401, 404)],
    )
    .await;
    assert_statuses(
        &router().route_layer(layer()),
        &token,
        &[(GET, "/there", 401, 200), (GET, "/nowhere", 404, 404)],
    )
    .await;
}

#[tokio::test]
async fn a_fallback_is_guarded_by_layer_and_public_under_route_layer() {
    let pool = TestPool::new();
    let token = pool.token();
    let layer = || pool.verifier().layer();
    let page = async || "the start page";
    assert_statuses(
        &Router::new()
            .route("/there", get(who))
            .fallback(page)
            .layer(layer()),
        &token,
        &[(GET, "/there", 401, 200), (GET, "/else", 401, 200)],
    )
    .await;
    assert_statuses(
        &Router::new()
            .route("/there", get(who))
            .fallback(page)
            .route_layer(layer()),
        &token,
        &[(GET, "/there", 401, 200), (GET, "/else", 200, 200)],
    )
    .await;
    // A fallback that is added after the layer is not inside it.
    assert_statuses(
        &Router::new()
            .route("/there", get(who))
            .layer(layer())
            .fallback(page),
        &token,
        &[(GET, "/there", 401, 200), (GET, "/else", 200, 200)],
    )
    .await;
}

#[tokio::test]
async fn a_route_that_is_added_after_the_layer_is_public() {
    let pool = TestPool::new();
    for layered in [
        Router::new()
            .route("/there", get(who))
            .layer(pool.verifier().layer()),
        Router::new()
            .route("/there", get(who))
            .route_layer(pool.verifier().layer()),
    ] {
        let app = layered.route("/healthz", get(async || "ok"));
        assert_statuses(
            &app,
            &pool.token(),
            &[(GET, "/there", 401, 200), (GET, "/healthz", 200, 200)],
        )
        .await;
    }
}

/// A guard in a method router's `route_layer` guards the methods that are there; in its `layer`,
/// the answer to the others too.
#[tokio::test]
async fn a_method_that_is_not_there_is_405_with_a_guard_in_route_layer_and_403_in_layer() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer();
    let token = pool.token().scopes(["profiles/get"]);
    let other = pool.token();

    let app = Router::new()
        .route("/", get(who).route_layer(guard("profiles/get")))
        .route_layer(layer());
    assert_statuses(&app, &token, &[(GET, "/", 401, 200), (POST, "/", 401, 405)]).await;
    assert_statuses(&app, &other, &[(GET, "/", 401, 403), (POST, "/", 401, 405)]).await;
    let not_there = call(&app, POST, "/", Some(&other)).await;
    assert_eq!(not_there.headers()[ALLOW], "GET,HEAD");

    let app = Router::new()
        .route("/", get(who).layer(guard("profiles/get")))
        .route_layer(layer());
    assert_statuses(&app, &token, &[(GET, "/", 401, 200), (POST, "/", 401, 405)]).await;
    assert_statuses(&app, &other, &[(GET, "/", 401, 403), (POST, "/", 401, 403)]).await;
}

#[tokio::test]
async fn a_layer_in_a_method_router_leaves_405_to_those_without_a_token() {
    let pool = TestPool::new();
    let app = Router::new().route("/", get(who).route_layer(pool.verifier().layer()));
    let cases = [(GET, "/", 401, 200), (POST, "/", 405, 405)];
    assert_statuses(&app, &pool.token(), &cases).await;
}

#[tokio::test]
async fn a_fallback_for_methods_is_guarded_like_the_routes_of_its_router() {
    let pool = TestPool::new();
    let token = pool.token();
    let router = || {
        Router::new()
            .route("/", get(who).route_layer(guard("profiles/get")))
            .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "only GET"))
    };
    for app in [
        router().layer(pool.verifier().layer()),
        router().route_layer(pool.verifier().layer()),
    ] {
        let cases = [(GET, "/", 401, 403), (POST, "/", 401, 405)];
        assert_statuses(&app, &token, &cases).await;
        let token = token.clone().scopes(["profiles/get"]);
        let cases = [(GET, "/", 401, 200), (POST, "/", 401, 405)];
        assert_statuses(&app, &token, &cases).await;
        let answered = call(&app, POST, "/", Some(&token)).await;
        assert_eq!(body(answered).await, "only GET");
    }
}

/// Axum routes `HEAD` to the handler of `GET`: it needs that handler's scopes, and a rejection of
/// it has an empty body.
#[tokio::test]
async fn head_needs_what_get_needs() {
    let pool = TestPool::new();
    let app = Router::new()
        .route("/", get(who).route_layer(guard("profiles/get")))
        .route("/", post(who).route_layer(guard("profiles/post")))
        .route_layer(pool.verifier().layer());
    for (scope, status) in [
        ("profiles/get", StatusCode::OK),
        ("profiles/post", StatusCode::FORBIDDEN),
    ] {
        let token = pool.token().scopes([scope]);
        for method in [GET, Method::HEAD] {
            let response = call(&app, method.clone(), "/", Some(&token)).await;
            assert_eq!(response.status(), status, "{method} with {scope}");
            if method == Method::HEAD {
                assert_eq!(body(response).await, "");
            }
        }
    }
    let rejected = call(&app, Method::HEAD, "/", None).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.headers()[WWW_AUTHENTICATE], "Bearer");
}

fn preflight() -> Request {
    Request::builder()
        .method(Method::OPTIONS)
        .uri("/")
        .header(ORIGIN, "https://shop.example")
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .body(Body::empty())
        .unwrap()
}

/// As [`pass_cors_preflight`](tower_cognito::BearerAuthLayer::pass_cors_preflight) says of guards
/// in a `route_layer`.
#[tokio::test]
async fn options_needs_a_token_and_a_preflight_does_not_where_it_may_pass() {
    let pool = TestPool::new();
    let cors = || CorsLayer::new().allow_origin(AllowOrigin::mirror_request());
    let route = || get(who).route_layer(guard("profiles/get"));
    let strict = Router::new()
        .route("/", route())
        .layer(cors())
        .layer(pool.verifier().layer());
    let passing = Router::new()
        .route("/", route())
        .layer(cors())
        .layer(pool.verifier().layer().pass_cors_preflight());
    let outside = Router::new()
        .route("/", route())
        .route_layer(pool.verifier().layer())
        .layer(cors());
    let per_route = Router::new()
        .route("/", route().layer(cors()))
        .route_layer(pool.verifier().layer().pass_cors_preflight());
    let token = pool.token().scopes(["profiles/get"]);
    for (app, what, status) in [
        (strict, "strict", StatusCode::UNAUTHORIZED),
        (passing, "passing", StatusCode::OK),
        (outside, "outside", StatusCode::OK),
        (per_route, "per route", StatusCode::OK),
    ] {
        let response = app.clone().oneshot(preflight()).await.unwrap();
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(
            response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN),
            status == StatusCode::OK,
            "{what}"
        );
        assert_statuses(&app, &token, &[(GET, "/", 401, 200)]).await;
    }

    // An `OPTIONS` that is not a preflight is a request like any other.
    let app = Router::new()
        .route("/", any(async || "not a preflight"))
        .layer(pool.verifier().layer().pass_cors_preflight());
    assert_statuses(&app, &token, &[(Method::OPTIONS, "/", 401, 200)]).await;
}

#[tokio::test]
async fn a_nested_router_has_its_guard_beneath_the_layer_outside() {
    let pool = TestPool::new();
    let admin = Router::new()
        .route("/users", get(who))
        .route_layer(guard("admin/read"));
    let app = Router::new()
        .nest("/admin", admin)
        .route("/me", get(who))
        .route_layer(pool.verifier().layer());
    let admin = pool.token().scopes(["admin/read"]);
    assert_statuses(
        &app,
        &admin,
        &[
            (GET, "/admin/users", 401, 200),
            (GET, "/me", 401, 200),
            (GET, "/nowhere", 404, 404),
        ],
    )
    .await;
    assert_statuses(
        &app,
        &pool.token(),
        &[(GET, "/admin/users", 401, 403), (GET, "/me", 401, 200)],
    )
    .await;
}

/// A nested router without a fallback takes the outer router's, which is not inside its `layer`.
#[tokio::test]
async fn an_unknown_path_in_a_nested_router_is_401_only_if_a_fallback_is_beneath_the_layer() {
    let pool = TestPool::new();
    let nested = || Router::new().route("/users", get(who));
    let layer = || pool.verifier().layer();
    let token = pool.token();
    for (app, unknown) in [
        (
            Router::new().nest("/admin", nested().route_layer(layer())),
            404,
        ),
        (
            Router::new().nest("/admin", nested()).route_layer(layer()),
            404,
        ),
        (Router::new().nest("/admin", nested()).layer(layer()), 401),
    ] {
        assert_statuses(
            &app,
            &token,
            &[
                (GET, "/admin/users", 401, 200),
                (GET, "/admin/nowhere", unknown, 404),
                (GET, "/nowhere", unknown, 404),
            ],
        )
        .await;
    }
    let with_fallback = || nested().fallback(async || StatusCode::NOT_FOUND);
    for (nested, unknown) in [
        (nested().layer(layer()), 404),
        (with_fallback().layer(layer()), 401),
        (with_fallback().route_layer(layer()), 404),
    ] {
        assert_statuses(
            &Router::new().nest("/admin", nested),
            &token,
            &[
                (GET, "/admin/users", 401, 200),
                (GET, "/admin/nowhere", unknown, 404),
                (GET, "/nowhere", 404, 404),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn routers_of_two_pools_keep_to_their_own() {
    let (shop, staff) = (
        TestPool::with_id("eu-west-1_Shop00001").unwrap(),
        TestPool::with_id("eu-west-1_Staff0001").unwrap(),
    );
    let nested = Router::new()
        .nest(
            "/shop",
            Router::new()
                .route("/", get(who))
                .route_layer(shop.verifier().layer().realm("shop").unwrap()),
        )
        .nest(
            "/staff",
            Router::new()
                .route("/", get(who))
                .route_layer(staff.verifier().layer().realm("staff").unwrap()),
        );
    let merged = Router::new()
        .route("/shop", get(who))
        .route_layer(shop.verifier().layer().realm("shop").unwrap())
        .merge(
            Router::new()
                .route("/staff", get(who))
                .route_layer(staff.verifier().layer().realm("staff").unwrap()),
        );
    for app in [nested, merged] {
        for (path, pool, other) in [("/shop", &shop, &staff), ("/staff", &staff, &shop)] {
            assert_statuses(&app, &pool.token(), &[(GET, path, 401, 200)]).await;
            let rejected = call(&app, GET, path, Some(&other.token())).await;
            assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(
                rejected.extensions().get::<AuthError>(),
                Some(&AuthError::IssuerNotAllowed)
            );
            let challenge = rejected.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            let realm = path.trim_start_matches('/');
            assert!(challenge.contains(&format!("realm=\"{realm}\"")), "{path}");
        }
        assert_statuses(&app, &shop.token(), &[(GET, "/nowhere", 404, 404)]).await;
    }
}

#[tokio::test]
async fn merging_adds_no_layer_and_takes_none_away() {
    let pool = TestPool::new();
    let open = Router::new().route("/open", get(async || "open"));
    let guarded = Router::new()
        .route("/there", get(who))
        .route_layer(pool.verifier().layer());
    let cases = [(GET, "/open", 200, 200), (GET, "/there", 401, 200)];
    for app in [open.clone().merge(guarded.clone()), guarded.merge(open)] {
        assert_statuses(&app, &pool.token(), &cases).await;
    }
    // What was merged before the layer is inside it.
    let app = Router::new()
        .route("/there", get(who))
        .merge(Router::new().route("/too", get(who)))
        .route_layer(pool.verifier().layer());
    let cases = [(GET, "/there", 401, 200), (GET, "/too", 401, 200)];
    assert_statuses(&app, &pool.token(), &cases).await;
}

/// Of two default fallbacks axum keeps that of the router that is merged in, with its `layer` or
/// without.
#[tokio::test]
async fn unknown_paths_of_merged_routers_are_under_the_layer_of_the_last_one() {
    let pool = TestPool::new();
    let open = || Router::new().route("/open", get(async || "open"));
    let guarded = || {
        Router::new()
            .route("/there", get(who))
            .layer(pool.verifier().layer())
    };
    for (app, unknown) in [
        (open().merge(guarded()), 401),
        (guarded().merge(open()), 404),
    ] {
        let cases = [
            (GET, "/open", 200, 200),
            (GET, "/there", 401, 200),
            (GET, "/nowhere", unknown, 404),
        ];
        assert_statuses(&app, &pool.token(), &cases).await;
    }
}

#[tokio::test]
async fn a_router_with_state_takes_the_layers_before_and_after_it_has_its_state() {
    let pool = TestPool::new();
    let greet = async |State(greeting): State<&'static str>, claims: Claims| {
        format!("{greeting} {}", claims.client_id())
    };
    let router = || {
        Router::new().route(
            "/",
            get(greet).route_layer(RequireScopesLayer::all_of(["profiles/get"]).unwrap()),
        )
    };
    let token = pool.token().scopes(["profiles/get"]);
    for app in [
        router()
            .route_layer(pool.verifier().layer())
            .with_state("good day"),
        router()
            .with_state("good day")
            .route_layer(pool.verifier().layer()),
    ] {
        assert_statuses(&app, &token, &[(GET, "/", 401, 200)]).await;
        assert_statuses(&app, &pool.token(), &[(GET, "/", 401, 403)]).await;
        let answered = call(&app, GET, "/", Some(&token)).await;
        assert_eq!(body(answered).await, "good day test-client");
    }
}

#[tokio::test]
async fn a_layer_can_depend_on_configuration() {
    let pool = TestPool::new();
    let app = |layer| {
        Router::new()
            .route("/", get(async || "hello"))
            .route_layer(option_layer(layer))
    };
    let on = app(Some(pool.verifier().layer()));
    assert_statuses(&on, &pool.token(), &[(GET, "/", 401, 200)]).await;
    assert_statuses(&app(None), &pool.token(), &[(GET, "/", 200, 200)]).await;
}

#[tokio::test]
async fn a_service_that_is_not_a_handler_is_guarded_as_well() {
    let pool = TestPool::new();
    let files = tower::service_fn(async |request: Request| {
        let found = request.extensions().get::<Claims>().is_some();
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(found.to_string())))
    });
    let app = Router::new()
        .route_service("/file", files)
        .nest_service("/files", files)
        .fallback_service(files)
        .layer(pool.verifier().layer());
    for path in ["/file", "/files/a", "/else"] {
        assert_statuses(&app, &pool.token(), &[(GET, path, 401, 200)]).await;
        let answered = call(&app, GET, path, Some(&pool.token())).await;
        assert_eq!(body(answered).await, "true", "{path}");
    }
}
