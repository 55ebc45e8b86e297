//! The metadata of a protected resource (RFC 9728): that it says what is enforced, and that a client which knows nothing finds
//! its way by it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, ResourceMetadata, ScopePolicy, UserPool,
    Verifier,
    testing::{LocalIssuer, TestPool, TokenBuilder},
};

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
    assert_eq!(of_no_guard["scopes_supported"], json!([]));

    let elsewhere = metadata.clone();
    let _ = metadata.guard(all_of(["orders/post", "orders/get"]));
    let _ = elsewhere.guard(all_of(["orders/get"]).or(all_of(["admin/read"])));
    let policy = metadata.enforce(all_of(["orders/all"]));
    assert_eq!(policy, all_of(["orders/all"]), "it is given back as it was");
    assert_eq!(
        document(&metadata),
        json!({
            "resource": RESOURCE,
            "authorization_servers": [pool.user_pool().issuers().next()],
            "scopes_supported": ["admin/read", "orders/all", "orders/get", "orders/post"],
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
fn a_resource_that_nothing_could_be_found_under_is_refused_and_quoted() {
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

async fn status(metadata: &ResourceMetadata, token: &TokenBuilder) -> StatusCode {
    let token = token.clone().scopes(["orders/get"]);
    let request = Request::get("/orders").header(AUTHORIZATION, token.authorization());
    routes(metadata)
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
        .status()
}

/// A client of the Model Context Protocol asks the issuer for `resource=RESOURCE`, and gets `aud: RESOURCE`.
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
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, metadata.document());

    let response = call(&app, Method::HEAD, path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert!(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );

    let response = call(&app, Method::POST, path).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[ALLOW], "GET, HEAD");

    let elsewhere = call(&app, Method::GET, "/.well-known/oauth-protected-resource").await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
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

/// As a client of the Model Context Protocol does: from a refused request to the metadata, to the issuer, to a token, to an
/// answer. It knows one URL and its own credentials.
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
        let refused = http.get(&url).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);

        let metadata = json_at(parameter(refused.headers(), "resource_metadata").unwrap()).await;
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
