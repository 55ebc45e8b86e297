//! The metadata of a protected resource (RFC 9728): that it says what is enforced, and that a
//! client which knows nothing finds its way by it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    convert::Infallible,
    task::{Context, Waker},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN,
        WWW_AUTHENTICATE,
    },
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, ResourceMetadata, ScopePolicy, UserPool,
    Verifier,
    testing::{LocalIssuer, TestPool, TokenBuilder},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

const RESOURCE: &str = "https://api.example.com/orders";

fn all_of<const N: usize>(scopes: [&str; N]) -> ScopePolicy {
    ScopePolicy::all_of(scopes).unwrap()
}

fn metadata(pool: &TestPool) -> ResourceMetadata {
    ResourceMetadata::new(RESOURCE, &pool.verifier()).unwrap()
}

fn document(metadata: &ResourceMetadata) -> Value {
    serde_json::from_str(&metadata.document()).unwrap()
}

/// What a challenge says of this parameter.
fn parameter<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().unwrap();
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

#[test]
fn the_document_says_what_is_enforced() {
    let pool = TestPool::new();
    let metadata = metadata(&pool);
    let of_no_guard = document(&metadata);
    assert_eq!(
        of_no_guard.get("scopes_supported"),
        None,
        "RFC 9728 §3.2: a member with no elements is left out"
    );

    let elsewhere = metadata.clone();
    let _ = metadata.guard(all_of(["orders/post", "orders/get"]));
    let _ = elsewhere.guard(all_of(["orders/get"]).or(all_of(["admin/read"])));
    let _ = elsewhere.layer().require(all_of(["orders/use"]));
    let policy = metadata.enforce(all_of(["orders/all"]));
    assert_eq!(policy, all_of(["orders/all"]), "it is given back as it was");
    assert_eq!(
        document(&metadata),
        json!({
            "resource": RESOURCE,
            "authorization_servers": [pool.user_pool().issuers().next()],
            "scopes_supported": ["admin/read", "orders/all", "orders/get", "orders/post", "orders/use"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[test]
fn the_issuer_of_each_pool_that_can_be_discovered_is_an_authorization_server() {
    let one = UserPool::new("eu-west-1_One").unwrap();
    let two = UserPool::external("https://id.example.com", "https://id.example.com/jwks").unwrap();
    // The updated host answers 403 to discovery, until the pool has switched to it.
    let issuers = [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_One",
        "https://id.example.com",
    ];
    let verifier = Verifier::builder(one, AllowedClients::any())
        .add_pool(two, AllowedClients::any())
        .build()
        .unwrap();
    let metadata = ResourceMetadata::new(RESOURCE, &verifier).unwrap();
    assert_eq!(document(&metadata)["authorization_servers"], json!(issuers));
}

#[test]
fn a_resource_without_a_metadata_url_is_rejected_and_quoted() {
    let verifier = TestPool::new().verifier();
    for resource in [
        "",
        "orders",
        "http://api.example.com",
        "https://api.example.com/#x",
    ] {
        let error = ResourceMetadata::new(resource, &verifier).unwrap_err();
        let given = resource.replace("#x", "#***");
        assert_eq!(error, ConfigError::InvalidResource { given });
    }
    let metadata = ResourceMetadata::new("https://api.example.com/", &verifier).unwrap();
    assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource");
    assert_eq!(
        metadata.url(),
        "https://api.example.com/.well-known/oauth-protected-resource"
    );
}

#[test]
fn the_document_describes_the_resource_to_people() {
    let plain = metadata(&TestPool::new());
    let described = plain
        .clone()
        .resource_name("Bestellungen \"heute\"")
        .and_then(|metadata| metadata.resource_documentation("https://example.com/docs#orders"))
        .and_then(|metadata| metadata.resource_policy_uri("https://example.com/privacy?v=2"))
        .and_then(|metadata| metadata.resource_tos_uri("http://127.0.0.1:8080/terms"))
        .unwrap();
    let mut expected = document(&plain);
    for (member, value) in [
        ("resource_name", "Bestellungen \"heute\""),
        ("resource_documentation", "https://example.com/docs#orders"),
        ("resource_policy_uri", "https://example.com/privacy?v=2"),
        ("resource_tos_uri", "http://127.0.0.1:8080/terms"),
    ] {
        assert_eq!(expected.get(member), None, "none by default");
        expected[member] = json!(value);
    }
    assert_eq!(document(&described), expected);
    assert_eq!(described.identifier(), RESOURCE);
}

#[test]
fn a_description_that_no_client_could_show_is_rejected_and_quoted() {
    let describe = || metadata(&TestPool::new());
    for name in ["", " ", "a\nb", "a\u{7f}"] {
        let error = describe().resource_name(name).unwrap_err();
        assert!(error.to_string().contains("resource_name"), "{error}");
    }
    for url in [
        "",
        "docs",
        "/docs",
        "http://example.com/docs",
        "javascript:alert(1)",
        "https://user:secret@example.com/",
        "https://example.com/a b",
        "https://example.com/#ä",
    ] {
        for (member, outcome) in [
            (
                "resource_documentation",
                describe().resource_documentation(url),
            ),
            ("resource_policy_uri", describe().resource_policy_uri(url)),
            ("resource_tos_uri", describe().resource_tos_uri(url)),
        ] {
            let error = outcome.unwrap_err();
            assert!(error.to_string().contains(member), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

async fn status(metadata: &ResourceMetadata, token: &TokenBuilder) -> StatusCode {
    let token = token.clone().scopes(["orders/get"]);
    let request = Request::get("/orders").header(AUTHORIZATION, token.authorization());
    routes(metadata)
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
        .status()
}

/// A client of the Model Context Protocol asks the issuer for `resource=RESOURCE`, and gets `aud:
/// RESOURCE`.
#[tokio::test]
async fn what_is_published_is_accepted_as_audience() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let ours = ResourceMetadata::new(RESOURCE, &verifier).unwrap();
    let theirs = ResourceMetadata::new("https://api.example.com/billing", &verifier).unwrap();
    let bound = pool.token().claim("aud", RESOURCE);
    for _ in 0..2 {
        assert_eq!(status(&ours, &bound).await, StatusCode::OK);
        // Also where the token has been seen before, elsewhere in the process.
        assert_eq!(status(&theirs, &bound).await, StatusCode::UNAUTHORIZED);
        assert_eq!(
            verifier.verify(&bound.build()).await.map(|_| ()),
            Err(AuthError::AudienceNotAllowed)
        );
        assert!(ours.verifier().verify(&bound.build()).await.is_ok());
        assert_eq!(status(&ours, &pool.token()).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_resource_can_demand_that_tokens_are_bound_to_it() {
    let pool = TestPool::new();
    let accepting = metadata(&pool);
    let requiring = accepting.clone().require_audience();
    for (aud, by_accepting, by_requiring) in [
        (Some(RESOURCE), StatusCode::OK, StatusCode::OK),
        (None, StatusCode::OK, StatusCode::UNAUTHORIZED),
        (
            Some("https://api.example.com/billing"),
            StatusCode::UNAUTHORIZED,
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let token = match aud {
            Some(aud) => pool.token().claim("aud", aud),
            None => pool.token(),
        };
        assert_eq!(status(&accepting, &token).await, by_accepting, "{aud:?}");
        assert_eq!(status(&requiring, &token).await, by_requiring, "{aud:?}");
    }
    // It is the same document.
    let _ = requiring.guard(all_of(["late/scope"]));
    assert_eq!(document(&accepting), document(&requiring));
}

/// The routes of a service that publishes its metadata.
fn routes(metadata: &ResourceMetadata) -> Router {
    let read = metadata.guard(all_of(["orders/get"]));
    let write = metadata.guard(all_of(["orders/post"]));
    Router::new()
        .route(
            "/orders",
            get(|claims: Claims| async move { claims.client_id().to_owned() }).route_layer(read),
        )
        .route("/orders", post(|| async {}).route_layer(write))
        .route_layer(metadata.layer())
        .route_service(metadata.path(), metadata.service())
}

async fn call(app: &Router, method: Method, path: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path);
    app.clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_document_is_served_at_the_path_of_the_resource_and_nowhere_else() {
    let metadata = metadata(&TestPool::new());
    let app = routes(&metadata);
    let path = "/.well-known/oauth-protected-resource/orders";

    let response = call(&app, Method::GET, path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let headers_of_get = response.headers().clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, metadata.document());

    let of_get = headers_of_get;
    let response = call(&app, Method::HEAD, path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers(), &of_get, "RFC 9110 §9.3.2");
    assert_eq!(
        of_get[CONTENT_LENGTH],
        metadata.document().len().to_string()
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "");

    let response = call(&app, Method::POST, path).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[ALLOW], "GET, HEAD, OPTIONS");

    let elsewhere = call(&app, Method::GET, "/.well-known/oauth-protected-resource").await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}

/// A router under `/api`, two resources in it, and the documents at the root of the host.
#[tokio::test]
async fn nested_resources_are_found_each_at_its_own_well_known_path() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let resource = |path: &str, scope: &str| {
        let metadata =
            ResourceMetadata::new(&format!("https://example.com/api{path}"), &verifier).unwrap();
        let guard = metadata.guard(all_of([scope]));
        let routes = Router::new()
            .route(path, get(|| async {}).route_layer(guard))
            .route_layer(metadata.layer());
        (metadata, routes)
    };
    let (orders, orders_routes) = resource("/orders", "orders/get");
    let (billing, billing_routes) = resource("/billing", "billing/get");
    let app = Router::new()
        .nest("/api", orders_routes.merge(billing_routes))
        .layer(orders.well_known_layer())
        .layer(billing.well_known_layer());

    for (metadata, path, other, scope) in [
        (&orders, "/api/orders", &billing, "orders/get"),
        (&billing, "/api/billing", &orders, "billing/get"),
    ] {
        assert_eq!(
            metadata.path(),
            format!("/.well-known/oauth-protected-resource{path}")
        );
        let response = call(&app, Method::GET, metadata.path()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["resource"], metadata.identifier());
        assert_eq!(document["scopes_supported"], json!([scope]));

        let rejected = call(&app, Method::GET, path).await;
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            parameter(rejected.headers(), "resource_metadata"),
            Some(metadata.url())
        );
        for (aud, status) in [
            (metadata.identifier(), StatusCode::OK),
            (other.identifier(), StatusCode::UNAUTHORIZED),
        ] {
            let token = pool.token().scopes([scope]).claim("aud", aud);
            let request = Request::get(path).header(AUTHORIZATION, token.authorization());
            let request = request.body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path} {aud}");
        }
    }
    let elsewhere = call(
        &app,
        Method::GET,
        "/api/.well-known/oauth-protected-resource",
    )
    .await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_layer_responds_at_its_path_only_and_to_every_method() {
    let metadata = metadata(&TestPool::new());
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new("inner".to_owned()))
    });
    let service = metadata.well_known_layer().layer(inner);
    let path = metadata.path();
    for (method, path, status, body) in [
        (Method::GET, path, StatusCode::OK, metadata.document()),
        (
            Method::GET,
            &format!("{path}?x"),
            StatusCode::OK,
            metadata.document(),
        ),
        (Method::HEAD, path, StatusCode::OK, String::new()),
        (
            Method::DELETE,
            path,
            StatusCode::METHOD_NOT_ALLOWED,
            String::new(),
        ),
        (
            Method::GET,
            &format!("{path}/"),
            StatusCode::OK,
            "inner".to_owned(),
        ),
        (Method::GET, "/orders", StatusCode::OK, "inner".to_owned()),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .body(())
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(*response.body(), body, "{method} {path}");
    }
}

#[tokio::test]
async fn the_service_inside_the_layer_can_be_reached_and_its_readiness_is_passed_on() {
    let layer = metadata(&TestPool::new()).well_known_layer();
    let mut service = layer.layer(1);
    *service.get_mut() += 1;
    assert_eq!((*service.get_ref(), service.into_inner()), (2, 2));

    let inner =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let future = layer.layer(inner).call(Request::new(()));
    assert_eq!(format!("{future:?}"), "WellKnownFuture { .. }");
    let limit = tower::limit::ConcurrencyLimit::new(inner, 1);
    let mut first = layer.layer(limit);
    let mut second = first.clone();
    first.ready().await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        second.poll_ready(&mut context).is_pending(),
        "no capacity inside"
    );
    drop(first);
    assert!(second.poll_ready(&mut context).is_ready());
}

fn preflight(path: &str) -> Request<Body> {
    Request::options(path)
        .header(ORIGIN, "https://inspector.example")
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "mcp-protocol-version")
        .body(Body::empty())
        .unwrap()
}

/// Browsers send the MCP client's `MCP-Protocol-Version` only after a preflight request.
#[tokio::test]
async fn scripts_of_any_origin_may_read_the_document() {
    let metadata = metadata(&TestPool::new());
    let app = routes(&metadata);
    let response = app
        .clone()
        .oneshot(preflight(metadata.path()))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "*");
    assert_eq!(
        response.headers()[ACCESS_CONTROL_ALLOW_METHODS],
        "GET, HEAD, OPTIONS"
    );
    let response = call(&app, Method::GET, metadata.path()).await;
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

/// As in the guide: one CORS layer for the service and its document.
#[tokio::test]
async fn a_cors_layer_outside_decides_which_origins_and_shows_scripts_the_challenge() {
    let metadata = metadata(&TestPool::new());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::exact(
            "https://inspector.example".parse().unwrap(),
        ))
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE]);
    let app = routes(&metadata).layer(cors);
    let origins = |headers: &HeaderMap| {
        let all = headers.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter();
        all.map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for path in [metadata.path(), "/orders"] {
        let response = app.clone().oneshot(preflight(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let response = call(&app, Method::GET, path).await;
        assert_eq!(origins(response.headers()), ["https://inspector.example"]);
        assert_eq!(
            response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS],
            "www-authenticate"
        );
    }
}

#[tokio::test]
async fn the_service_knows_of_guards_that_were_made_after_it() {
    let metadata = metadata(&TestPool::new());
    let service = metadata.service();
    let _ = metadata.guard(all_of(["late/scope"]));
    let response = service.oneshot(Request::new(())).await.unwrap();
    let document: Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(document["scopes_supported"], json!(["late/scope"]));
}

#[tokio::test]
async fn challenges_of_layer_and_guard_name_the_document() {
    let pool = TestPool::new();
    let metadata = metadata(&pool);
    let app = routes(&metadata);
    let without_token = call(&app, Method::GET, "/orders").await;
    assert_eq!(without_token.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        parameter(without_token.headers(), "resource_metadata"),
        Some(metadata.url())
    );

    let request = Request::builder().uri("/orders").header(
        "authorization",
        pool.token().scopes(["orders/post"]).authorization(),
    );
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        parameter(response.headers(), "resource_metadata"),
        Some(metadata.url())
    );
    assert_eq!(parameter(response.headers(), "scope"), Some("orders/get"));
}

/// What a client that steps up asks for: the scopes of this operation, those of the layer included,
/// and none of other operations.
#[tokio::test]
async fn the_403_names_the_scopes_of_this_operation_wherever_it_is_rejected() {
    let pool = TestPool::new();
    let metadata = metadata(&pool);
    let delete = metadata.enforce(all_of(["orders/delete"]));
    let in_handler = move |claims: Claims| async move { claims.require(&delete) };
    let app = Router::new()
        .route(
            "/guarded",
            get(|| async {}).route_layer(metadata.guard(all_of(["orders/get"]))),
        )
        .route("/in-handler", get(in_handler))
        .route_layer(metadata.layer().require(all_of(["orders/use"])));
    let supported = ["orders/delete", "orders/get", "orders/use"];
    assert_eq!(document(&metadata)["scopes_supported"], json!(supported));

    for (path, scopes, status, named) in [
        (
            "/guarded",
            &[][..],
            StatusCode::FORBIDDEN,
            Some("orders/use"),
        ),
        (
            "/guarded",
            &["orders/use"],
            StatusCode::FORBIDDEN,
            Some("orders/use orders/get"),
        ),
        (
            "/guarded",
            &["orders/use", "orders/get"],
            StatusCode::OK,
            None,
        ),
        (
            "/in-handler",
            &["orders/use"],
            StatusCode::FORBIDDEN,
            Some("orders/use orders/delete"),
        ),
        (
            "/in-handler",
            &["orders/use", "orders/delete"],
            StatusCode::OK,
            None,
        ),
    ] {
        let token = pool.token().scopes(scopes);
        let request = Request::get(path).header(AUTHORIZATION, token.authorization());
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let headers = response.headers();
        assert_eq!(response.status(), status, "{path} {scopes:?}");
        assert_eq!(parameter(headers, "scope"), named, "{path} {scopes:?}");
        let error = named.map(|_| "insufficient_scope");
        assert_eq!(parameter(headers, "error"), error);
        assert_eq!(
            parameter(headers, "resource_metadata"),
            named.map(|_| metadata.url())
        );
    }
    let without = call(&app, Method::GET, "/guarded").await;
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(parameter(without.headers(), "scope"), Some("orders/use"));
}

/// As a client of the Model Context Protocol does: from a rejected request to the metadata, to the
/// issuer, to a token, to an answer. It knows one URL and its own credentials.
#[tokio::test]
async fn a_client_that_knows_only_the_url_finds_its_way_to_a_token() {
    const SECRET: &str = "the-secret-of-the-walker";
    let issuer = LocalIssuer::builder()
        .issuer_on_loopback()
        .client(
            "walker",
            SECRET,
            ["orders/get", "orders/post", "unrelated/scope"],
        )
        .start()
        .unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .build()
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    let app = routes(&ResourceMetadata::new(&url, &verifier).unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });

    let walk = async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let json_at = async |url: &str| -> Value {
            let response = http.get(url).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{url}");
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
        };
        let rejected = http.get(&url).send().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);

        let metadata = json_at(parameter(rejected.headers(), "resource_metadata").unwrap()).await;
        assert_eq!(metadata["resource"], url, "RFC 9728 §3.3");
        let issuer = metadata["authorization_servers"][0].as_str().unwrap();
        let discovery = json_at(&format!("{issuer}/.well-known/openid-configuration")).await;
        assert_eq!(discovery["issuer"], issuer, "OpenID Connect Discovery §4.3");

        let scopes: Vec<&str> = metadata["scopes_supported"]
            .as_array()
            .unwrap()
            .iter()
            .map(|scope| scope.as_str().unwrap())
            .collect();
        let form = format!("grant_type=client_credentials&scope={}", scopes.join("+"));
        let response = http
            .post(discovery["token_endpoint"].as_str().unwrap())
            .basic_auth("walker", Some(SECRET))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let reply: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();

        let token = reply["access_token"].as_str().unwrap();
        let answer = http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.text().await.unwrap(), "walker");
    };
    tokio::time::timeout(Duration::from_secs(20), walk)
        .await
        .expect("loopback answers at once");
}
