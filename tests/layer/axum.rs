//! The layers and extractors in an axum router.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{get, post},
};
use http::{
    Method, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use http_body_util::BodyExt;
use serde::Deserialize;
use tower::ServiceExt;
use tower_cognito::{
    AuthError, Claims, CustomClaims, Principal, RequireScopesLayer,
    testing::{TestPool, TokenBuilder},
};

async fn who(claims: Claims) -> String {
    claims.client_id().to_owned()
}

async fn who_if_anyone(claims: Option<Claims>) -> String {
    claims.map_or_else(
        || "nobody".to_owned(),
        |claims| claims.client_id().to_owned(),
    )
}

fn profiles(pool: &TestPool) -> Router {
    Router::new()
        .route(
            "/profiles",
            get(who).route_layer(RequireScopesLayer::all_of(["profiles/get"]).unwrap()),
        )
        .route(
            "/profiles",
            post(who).route_layer(RequireScopesLayer::all_of(["profiles/post"]).unwrap()),
        )
        .route_layer(pool.verifier().layer())
        .route("/public", get(|| async { "public" }))
}

async fn call(app: Router, method: Method, path: &str, token: Option<TokenBuilder>) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.authorization());
    }
    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn body(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn each_method_has_its_own_scope() {
    let pool = TestPool::new();
    for (method, scope, status) in [
        (Method::GET, "profiles/get", StatusCode::OK),
        (Method::GET, "profiles/post", StatusCode::FORBIDDEN),
        (Method::POST, "profiles/post", StatusCode::OK),
        (Method::POST, "profiles/get", StatusCode::FORBIDDEN),
    ] {
        let response = call(
            profiles(&pool),
            method.clone(),
            "/profiles",
            Some(pool.token().scopes([scope])),
        )
        .await;
        assert_eq!(response.status(), status, "{method} with {scope}");
    }
}

#[tokio::test]
async fn under_route_layer_unknown_paths_stay_404_and_public_routes_public() {
    let pool = TestPool::new();
    for (method, path, status) in [
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::GET, "/public", StatusCode::OK),
        (Method::GET, "/profiles", StatusCode::UNAUTHORIZED),
        (Method::HEAD, "/profiles", StatusCode::UNAUTHORIZED),
        (Method::OPTIONS, "/profiles", StatusCode::UNAUTHORIZED),
        (Method::DELETE, "/profiles", StatusCode::UNAUTHORIZED),
    ] {
        let response = call(profiles(&pool), method.clone(), path, None).await;
        assert_eq!(response.status(), status, "{method} {path}");
    }
    let token = pool.token().scopes(["profiles/get"]);
    let response = call(
        profiles(&pool),
        Method::HEAD,
        "/profiles",
        Some(token.clone()),
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK, "HEAD is routed as GET");
    let response = call(profiles(&pool), Method::DELETE, "/profiles", Some(token)).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn claims_are_an_argument() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .client_credentials("caller")
        .scopes(["profiles/get"]);
    let response = call(profiles(&pool), Method::GET, "/profiles", Some(token)).await;
    assert_eq!(body(response).await, "caller");
}

#[tokio::test]
async fn optional_claims_are_none_for_a_request_without_a_token() {
    let pool = TestPool::new();
    let app = || {
        Router::new()
            .route("/if-anyone", get(who_if_anyone))
            .route("/who", get(who))
            .route_layer(pool.verifier().layer().optional())
    };
    let token = || Some(pool.token().client_credentials("caller"));
    assert_eq!(
        body(call(app(), Method::GET, "/if-anyone", None).await).await,
        "nobody"
    );
    assert_eq!(
        body(call(app(), Method::GET, "/if-anyone", token()).await).await,
        "caller"
    );
    assert_eq!(
        body(call(app(), Method::GET, "/who", token()).await).await,
        "caller"
    );
    let rejected = call(app(), Method::GET, "/who", None).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.headers()[WWW_AUTHENTICATE], "Bearer");
    let expired = call(
        app(),
        Method::GET,
        "/if-anyone",
        Some(pool.token().expired()),
    )
    .await;
    assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_layer_an_extractor_answers_500() {
    let pool = TestPool::new();
    for app in [
        Router::new().route("/", get(who)),
        Router::new().route("/", get(who_if_anyone)),
        Router::new().route("/", get(|_: CustomClaims<Tenant>| async {})),
    ] {
        let response = call(app.clone(), Method::GET, "/", Some(pool.token())).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
        assert_eq!(
            response.extensions().get::<AuthError>(),
            Some(&AuthError::MissingLayer)
        );

        let token = pool.token().claim("tenant_id", "t-1");
        let response = call(
            app.route_layer(pool.verifier().layer()),
            Method::GET,
            "/",
            Some(token),
        )
        .await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[derive(Deserialize)]
struct Tenant {
    tenant_id: String,
}

#[tokio::test]
async fn custom_claims_are_a_type_of_the_services_own() {
    let pool = TestPool::new();
    let app = || {
        Router::new()
            .route(
                "/",
                get(|CustomClaims(tenant): CustomClaims<Tenant>| async move { tenant.tenant_id }),
            )
            .route_layer(pool.verifier().layer())
    };
    let response = call(
        app(),
        Method::GET,
        "/",
        Some(pool.token().claim("tenant_id", "t-1")),
    )
    .await;
    assert_eq!(body(response).await, "t-1");
    for token in [pool.token(), pool.token().claim("tenant_id", 1)] {
        let response = call(app(), Method::GET, "/", Some(token)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            response.extensions().get::<AuthError>(),
            Some(&AuthError::Forbidden)
        );
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer error=\"insufficient_scope\", error_description=\"the access token does not permit this request\""
        );
    }
}

#[tokio::test]
async fn a_principal_is_a_client_or_a_user() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let machine = verifier
        .verify(&pool.token().client_credentials("caller").build())
        .await
        .unwrap();
    assert_eq!(machine.principal(), Principal::Client("caller"));
    let user = verifier
        .verify(&pool.token().user("user-1").build())
        .await
        .unwrap();
    assert!(matches!(
        user.principal(),
        Principal::User {
            username: "user-1",
            ..
        }
    ));
    // A user name makes a user, also where the subject is the app client's id.
    let both = pool
        .token()
        .client_credentials("caller")
        .claim("username", "user-1")
        .build();
    let both = verifier.verify(&both).await.unwrap();
    assert!(matches!(both.principal(), Principal::User { .. }));
}

/// What Cognito writes into such tokens is not documented, so neither kind may be assumed: a route
/// for services would reject one, or a route for users accept it.
#[tokio::test]
async fn a_subject_that_is_neither_the_app_client_nor_a_named_user_is_unknown() {
    let pool = TestPool::new();
    let principal_of = async |token: TokenBuilder| {
        let claims = pool.verifier().verify(&token.build()).await.unwrap();
        match claims.principal() {
            Principal::Client(_) => "client",
            Principal::User { .. } => "user",
            Principal::Unknown { .. } => "unknown",
            _ => unreachable!(),
        }
    };
    // The token of the service `orders`, exchanged by `gateway`.
    let exchanged = pool
        .token()
        .client_credentials("gateway")
        .claim("sub", "orders");
    assert_eq!(principal_of(exchanged.clone()).await, "unknown");
    assert_eq!(
        principal_of(exchanged.clone().without_claim("sub")).await,
        "unknown"
    );
    // What would make it one or the other.
    assert_eq!(
        principal_of(exchanged.clone().claim("sub", "gateway")).await,
        "client"
    );
    assert_eq!(
        principal_of(exchanged.claim("username", "jane")).await,
        "user"
    );
}
