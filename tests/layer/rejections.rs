//! A guard, an extractor and a handler say why a request is rejected; the nearest layer outside
//! forms the response.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{any, get},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{
        ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH,
        CONTENT_TYPE, ORIGIN, RETRY_AFTER, SERVER, SET_COOKIE, WWW_AUTHENTICATE,
    },
};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt, service_fn, util::MapResponseLayer};
use tower_cognito::{
    AuthError, BearerAuthLayer, Claims, Denied, RequireClaimsLayer, RequireScopesLayer,
    ScopePolicy,
    rejection::{Grpc, ProblemJson, Rejection, RejectionResponse},
    testing::{TestPool, TokenBuilder},
};
use tower_http::cors::CorsLayer;

fn policy(scope: &str) -> ScopePolicy {
    ScopePolicy::all_of([scope]).unwrap()
}

fn request(method: Method, path: &str, token: Option<TokenBuilder>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token.authorization());
    }
    request.body(Body::empty()).unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every place that can reject, each on its own path. A token with the scope `fit` is accepted
/// everywhere.
fn app<R>(layer: BearerAuthLayer<R>) -> Router
where
    R: RejectionResponse<Body> + Clone + Send + Sync + 'static,
{
    let fit = |claims: &Claims| claims.require(&policy("fit"));
    let rule = RequireClaimsLayer::new(move |claims: &Claims| {
        fit(claims).map_err(|_| Denied::forbidden())
    });
    Router::new()
        .route(
            "/guard",
            any(|| async {}).layer(RequireScopesLayer::new(policy("fit"))),
        )
        .route("/rule", any(|| async {}).layer(rule))
        .route("/extractor", any(|_: Claims| async {}))
        .route(
            "/handler",
            any(move |claims: Claims| async move { fit(&claims) }),
        )
        .route_layer(layer)
}

const DESCRIBED: &str = "Bearer realm=\"shop\", ";
const METADATA: &str = "resource_metadata=\"https://shop.example/.well-known/x\"";

#[tokio::test]
async fn a_rejection_from_inside_has_form_realm_and_metadata_of_the_layer() {
    let pool = TestPool::new();
    let layer = pool
        .verifier()
        .layer()
        .optional()
        .realm("shop")
        .unwrap()
        .resource_metadata("https://shop.example/.well-known/x")
        .unwrap()
        .rejection(ProblemJson);
    for (path, token, status, parameters) in [
        ("/guard", None, 401, "scope=\"fit\", "),
        (
            "/guard",
            Some(pool.token()),
            403,
            "scope=\"fit\", error=\"insufficient_scope\", error_description=\"the access token lacks a required scope\", ",
        ),
        ("/rule", None, 401, ""),
        (
            "/rule",
            Some(pool.token()),
            403,
            "error=\"insufficient_scope\", error_description=\"the access token does not permit this request\", ",
        ),
        ("/extractor", None, 401, ""),
        ("/handler", None, 401, ""),
        (
            "/handler",
            Some(pool.token()),
            403,
            "scope=\"fit\", error=\"insufficient_scope\", error_description=\"the access token lacks a required scope\", ",
        ),
    ] {
        let rejected = app(layer.clone())
            .oneshot(request(Method::GET, path, token))
            .await
            .unwrap();
        assert_eq!(rejected.status(), status, "{path}");
        let headers = rejected.headers();
        assert_eq!(
            headers[WWW_AUTHENTICATE],
            format!("{DESCRIBED}{parameters}{METADATA}"),
            "{path}"
        );
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(
            rejected.extensions().get::<AuthError>().unwrap().status(),
            status
        );
        let length = headers[CONTENT_LENGTH].clone();
        let body = text(rejected).await;
        assert_eq!(length, HeaderValue::from(body.len()));
        assert!(body.starts_with(r#"{"type":"about:blank""#), "{body}");

        let fit = pool.token().scopes(["fit"]);
        let accepted = app(layer.clone())
            .oneshot(request(Method::GET, path, Some(fit)))
            .await
            .unwrap();
        assert_eq!(accepted.status(), StatusCode::OK, "{path}");
        assert_eq!(accepted.headers().get(CACHE_CONTROL), None);
        assert_eq!(accepted.extensions().get::<AuthError>(), None);
    }
}

/// A closure that forgets everything but the status.
fn bare(rejection: Rejection<'_>) -> Response {
    let mut response = rejection.into_response(Body::from("no"));
    response.headers_mut().clear();
    response
}

#[tokio::test]
async fn what_a_closure_leaves_out_is_added() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer().rejection(bare);
    let unavailable = || Denied::unavailable(std::time::Duration::from_millis(1500));
    let rule = RequireClaimsLayer::new(move |_: &Claims| Err(unavailable()));
    let down = Router::new()
        .route("/", get(|| async {}).route_layer(rule))
        .route_layer(layer());
    for (app, path, token, status, challenge, retry_after) in [
        (app(layer()), "/guard", None, 401, Some("Bearer"), None),
        (
            app(layer()),
            "/guard",
            Some(pool.token()),
            403,
            Some(
                "Bearer scope=\"fit\", error=\"insufficient_scope\", error_description=\"the access token lacks a required scope\"",
            ),
            None,
        ),
        (down, "/", Some(pool.token()), 503, None, Some("2")),
    ] {
        let rejected = app
            .oneshot(request(Method::GET, path, token))
            .await
            .unwrap();
        assert_eq!(rejected.status(), status);
        let field = |name: HeaderName| {
            let value = rejected.headers().get(name)?;
            value.to_str().ok()
        };
        assert_eq!(field(WWW_AUTHENTICATE), challenge);
        assert_eq!(field(RETRY_AFTER), retry_after);
        assert_eq!(field(CACHE_CONTROL), Some("no-store"));
        assert_eq!(text(rejected).await, "no");
    }
}

/// Writes down what it may read of the request.
#[derive(Clone)]
struct Told;

impl RejectionResponse<Body> for Told {
    fn response(&self, rejection: Rejection<'_>) -> Response {
        assert!(!format!("{rejection:?}").contains("Bearer a"));
        let read: Vec<_> = rejection.request_headers().iter().collect();
        let told = format!("{} {read:?}", rejection.request_method());
        rejection.into_response(Body::from(told))
    }

    fn request_headers(&self) -> impl Iterator<Item = HeaderName> {
        [ACCEPT, ORIGIN, AUTHORIZATION].into_iter()
    }
}

#[tokio::test]
async fn a_form_sees_the_request_whatever_rejects_it() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer().rejection(Told);
    let expected = r#"PUT [("accept", "a/b"), ("accept", "c/d"), ("authorization", Sensitive)]"#;
    for (path, token) in [
        ("/guard", pool.token()),
        ("/rule", pool.token()),
        ("/handler", pool.token()),
        ("/handler", pool.token().expired()),
    ] {
        let mut request = request(Method::PUT, path, Some(token));
        let headers = request.headers_mut();
        headers.append(ACCEPT, HeaderValue::from_static("a/b"));
        headers.append(ACCEPT, HeaderValue::from_static("c/d"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("not/asked-for"));
        headers.get_mut(AUTHORIZATION).unwrap().set_sensitive(false);
        let rejected = app(layer()).oneshot(request).await.unwrap();
        assert!(rejected.status().is_client_error());
        assert_eq!(text(rejected).await, expected, "{path}");
    }
}

/// A method that is in no RFC is kept as well as the others.
#[tokio::test]
async fn a_form_sees_the_method_whatever_it_is() {
    let pool = TestPool::new();
    for name in [
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "TRACE",
        "PURGE",
        "get",
        "A-METHOD-THAT-IS-TOO-LONG-TO-BE-KEPT-WITHOUT-AN-ALLOCATION",
    ] {
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        let layer = pool
            .verifier()
            .layer()
            .rejection(|rejection: Rejection<'_>| {
                let told = rejection.request_method().to_string();
                rejection.into_response(Body::from(told))
            });
        let request = request(method, "/handler", Some(pool.token()));
        let rejected = app(layer).oneshot(request).await.unwrap();
        assert_eq!(rejected.status(), StatusCode::FORBIDDEN);
        assert_eq!(text(rejected).await, name);
    }
}

#[tokio::test]
async fn a_head_request_gets_the_length_of_get() {
    let pool = TestPool::new();
    for path in ["/guard", "/handler"] {
        for token in [None, Some(pool.token())] {
            let mut lengths = Vec::new();
            for method in [Method::GET, Method::HEAD] {
                let app = app(pool.verifier().layer().rejection(ProblemJson));
                let rejected = app
                    .oneshot(request(method.clone(), path, token.clone()))
                    .await
                    .unwrap();
                lengths.push(rejected.headers()[CONTENT_LENGTH].clone());
                assert_eq!(text(rejected).await.is_empty(), method == Method::HEAD);
            }
            assert_ne!(lengths[0], "0");
            assert_eq!(lengths[0], lengths[1]);
        }
    }
}

#[tokio::test]
async fn only_a_post_of_grpc_gets_a_rejection_with_200() {
    let pool = TestPool::new();
    for (method, path, token, status) in [
        (Method::POST, "/guard", None, 200),
        (Method::POST, "/guard", Some(pool.token()), 200),
        (Method::POST, "/handler", Some(pool.token()), 200),
        (Method::GET, "/guard", None, 401),
        (Method::GET, "/handler", Some(pool.token()), 403),
        (Method::HEAD, "/guard", None, 401),
        (Method::PUT, "/guard", None, 401),
    ] {
        let mut request = request(method.clone(), path, token);
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        let app = app(pool.verifier().layer().rejection(Grpc::new()));
        let rejected = app.oneshot(request).await.unwrap();
        assert_eq!(rejected.status(), status, "{method} {path}");
        assert_eq!(
            rejected.headers().contains_key("grpc-status"),
            status == 200
        );
        assert_eq!(rejected.headers()[CACHE_CONTROL], "no-store");
    }
}

/// A CORS layer between the layer and its guards would otherwise be in vain.
#[tokio::test]
async fn fields_that_a_service_in_between_adds_are_kept() {
    let pool = TestPool::new();
    let app = Router::new()
        .route(
            "/",
            get(|| async {}).route_layer(RequireScopesLayer::new(policy("fit"))),
        )
        .route_layer(
            CorsLayer::new().allow_origin("https://shop.example".parse::<HeaderValue>().unwrap()),
        )
        .route_layer(pool.verifier().layer().rejection(ProblemJson));
    let rejected = app
        .oneshot(request(Method::GET, "/", Some(pool.token())))
        .await
        .unwrap();
    assert_eq!(rejected.status(), StatusCode::FORBIDDEN);
    let headers: &HeaderMap = rejected.headers();
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
    assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
    assert_ne!(headers[CONTENT_LENGTH], "0");
}

/// Of a list every element is kept, also when the form has written one; of anything else the form's
/// word counts.
#[tokio::test]
async fn every_element_of_a_list_that_a_service_in_between_adds_is_kept() {
    let pool = TestPool::new();
    let form = |rejection: Rejection<'_>| {
        let mut response = rejection.into_response(Body::empty());
        let headers = response.headers_mut();
        headers.append(SET_COOKIE, HeaderValue::from_static("a=form"));
        headers.append(SERVER, HeaderValue::from_static("form"));
        response
    };
    let between = MapResponseLayer::new(|mut response: Response| {
        let headers = response.headers_mut();
        for cookie in ["b=1", "c=2"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        headers.append(SERVER, HeaderValue::from_static("between"));
        response
    });
    let app = Router::new()
        .route(
            "/",
            get(|| async {}).route_layer(RequireScopesLayer::new(policy("fit"))),
        )
        .route_layer(between)
        .route_layer(pool.verifier().layer().rejection(form));
    let refused = app
        .oneshot(request(Method::GET, "/", Some(pool.token())))
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let all = |name| {
        let values = refused.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(all(SET_COOKIE), ["a=form", "b=1", "c=2"]);
    assert_eq!(all(SERVER), ["form"]);
}

/// A whole router inside the layer writes the length of the placeholder, which must not become that
/// of the rejection.
#[tokio::test]
async fn the_length_of_the_placeholder_is_dropped_with_it() {
    let pool = TestPool::new();
    let router = Router::new().route("/", get(|| async { Err::<(), _>(AuthError::Forbidden) }));
    let service = ServiceBuilder::new()
        .layer(pool.verifier().layer().rejection(ProblemJson))
        .service(router);
    let rejected = service
        .oneshot(request(Method::GET, "/", Some(pool.token())))
        .await
        .unwrap();
    assert_eq!(rejected.status(), StatusCode::FORBIDDEN);
    assert_eq!(rejected.headers().get(CONTENT_LENGTH), None);
    assert!(!text(rejected).await.is_empty());
}

#[tokio::test]
async fn the_challenge_names_every_scope_that_the_request_needs() {
    let pool = TestPool::new();
    let guard = |scope: &str| RequireScopesLayer::new(policy(scope));
    let service = ServiceBuilder::new()
        .layer(pool.verifier().layer().require(policy("layer")))
        .layer(guard("outer"))
        .layer(guard("inner"))
        .service(service_fn(async |request: Request<Body>| {
            let claims = request.extensions().get::<Claims>().unwrap();
            let rejected = claims.require(&policy("object")).err();
            let response: Response = rejected.map_or_else(Response::default, Response::from);
            Ok::<_, Infallible>(response)
        }));
    for (granted, named) in [
        (vec!["layer", "outer", "inner", "object"], None),
        (
            vec!["layer", "outer", "inner"],
            Some("layer outer inner object"),
        ),
        (vec!["layer", "outer"], Some("layer outer inner")),
        (vec!["layer"], Some("layer outer")),
        (vec!["outer", "inner", "object"], Some("layer")),
    ] {
        let token = pool.token().scopes(granted);
        let response: Response = service
            .clone()
            .oneshot(request(Method::GET, "/", Some(token)))
            .await
            .unwrap();
        let Some(named) = named else {
            assert_eq!(response.status(), StatusCode::OK);
            continue;
        };
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(
            challenge.starts_with(&format!("Bearer scope=\"{named}\", ")),
            "{challenge}"
        );
        let Some(AuthError::InsufficientScope { required }) = response.extensions().get() else {
            panic!("another error");
        };
        assert_eq!(required.to_string(), named.replace(' ', " and "));
    }
}

/// What a guard demands of a request without a token is in the challenge, too.
#[tokio::test]
async fn an_anonymous_caller_gets_the_scopes_of_all_guards_up_to_the_first() {
    let pool = TestPool::new();
    let service = ServiceBuilder::new()
        .layer(pool.verifier().layer().optional())
        .layer(RequireScopesLayer::new(policy("a")))
        .layer(RequireScopesLayer::new(policy("b")))
        .service(service_fn(async |_: Request<Body>| {
            Ok::<Response, Infallible>(Response::default())
        }));
    let rejected = service
        .oneshot(request(Method::GET, "/", None))
        .await
        .unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.headers()[WWW_AUTHENTICATE], "Bearer scope=\"a\"");
}

#[tokio::test]
async fn without_a_layer_a_rejection_stays_500_whatever_its_reason() {
    let pool = TestPool::new();
    let claims = pool.claims(&pool.token());
    let rejected = Router::new()
        .route("/", get(|| async { Err::<(), _>(AuthError::Forbidden) }))
        .oneshot(request(Method::GET, "/", None))
        .await
        .unwrap();
    assert_eq!(rejected.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(rejected.headers().get(WWW_AUTHENTICATE), None);
    assert_eq!(
        rejected.extensions().get::<AuthError>(),
        Some(&AuthError::Forbidden)
    );

    // A guard whose claims come from somewhere else has no layer either.
    let mut with_claims = request(Method::GET, "/guard", None);
    with_claims.extensions_mut().insert(claims);
    let rejected = Router::new()
        .route(
            "/guard",
            get(|| async {}).route_layer(RequireScopesLayer::new(policy("fit"))),
        )
        .oneshot(with_claims)
        .await
        .unwrap();
    assert_eq!(rejected.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Wherever the rejection comes from, and whatever its reason: a cache must not give the response
/// to another caller.
#[tokio::test]
async fn no_rejection_may_be_stored_and_what_is_accepted_is_left_alone() {
    let pool = TestPool::new();
    let app = app(pool.verifier().layer());
    let token = |scopes: &[&str]| Some(pool.token().scopes(scopes));
    let mut two_fields = request(Method::GET, "/guard", token(&["fit"]));
    let other = HeaderValue::from_static("Bearer other");
    two_fields.headers_mut().append(AUTHORIZATION, other);
    let mut rejected = vec![
        (400, two_fields),
        (401, request(Method::GET, "/guard", None)),
        (
            401,
            request(Method::GET, "/guard", Some(pool.token().expired())),
        ),
    ];
    for path in ["/guard", "/rule", "/handler"] {
        rejected.push((403, request(Method::GET, path, token(&["other"]))));
        let accepted = request(Method::GET, path, token(&["fit"]));
        let accepted = app.clone().oneshot(accepted).await.unwrap();
        assert_eq!(accepted.status(), 200, "{path}");
        assert_eq!(accepted.headers().get(CACHE_CONTROL), None, "{path}");
    }
    for (status, request) in rejected {
        let place = request.uri().clone();
        let rejected = app.clone().oneshot(request).await.unwrap();
        assert_eq!(rejected.status(), status, "{place}");
        assert_eq!(rejected.headers()[CACHE_CONTROL], "no-store", "{place}");
    }
}

/// An access log, or a classifier of failures, between a layer and what rejects inside it.
#[tokio::test]
async fn middleware_inside_a_layer_sees_the_status_of_a_guards_rejection_and_no_formed_response() {
    let pool = TestPool::new();
    let guard = RequireScopesLayer::new(policy("fit"));
    let reject = || async { Err::<(), _>(AuthError::Forbidden) };
    let send = async |layer: BearerAuthLayer, path: &str, token: Option<TokenBuilder>| {
        let seen = Arc::new(Mutex::new(None));
        let log = Arc::clone(&seen);
        let app = Router::new()
            .route("/guard", get(|| async {}).route_layer(guard.clone()))
            .route("/handler", get(reject))
            .route_layer(MapResponseLayer::new(move |response: Response| {
                *log.lock().unwrap() = Some(response.status());
                for formed in [WWW_AUTHENTICATE, CACHE_CONTROL, RETRY_AFTER] {
                    assert_eq!(response.headers().get(formed), None);
                }
                response
            }))
            .route_layer(layer);
        let response = app
            .oneshot(request(Method::GET, path, token))
            .await
            .unwrap();
        let seen = seen.lock().unwrap().take().map(|status| status.as_u16());
        (
            seen,
            response.status().as_u16(),
            response.headers().get(WWW_AUTHENTICATE).is_some(),
        )
    };
    let layer = || pool.verifier().layer();
    let fit = || Some(pool.token().scopes(["fit"]));
    let unfit = || Some(pool.token());
    for (layer, path, token, expected) in [
        (layer(), "/guard", fit(), (Some(200), 200, false)),
        (layer(), "/guard", unfit(), (Some(403), 403, true)),
        // Nothing but an `OuterLayer` shows that a layer is there.
        (layer().optional(), "/guard", None, (Some(401), 401, true)),
        // A handler has no request when it makes its response.
        (layer(), "/handler", unfit(), (Some(500), 403, true)),
        (
            layer().report_only(),
            "/guard",
            unfit(),
            (Some(200), 200, false),
        ),
        (
            layer().report_only(),
            "/guard",
            None,
            (Some(200), 200, false),
        ),
    ] {
        assert_eq!(
            send(layer, path, token.clone()).await,
            expected,
            "{path} {}",
            token.is_some()
        );
    }
}
