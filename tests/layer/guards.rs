//! Guards around plain services: what they accept, what they show of themselves, and how they give
//! the service back.

use std::{
    fmt::Debug,
    task::{Context, Waker},
};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_cognito::{
    Claims, CustomClaims, Denied, RequireClaimsLayer, RequireScopesLayer,
    guard::RequireScopesByPathLayer,
    testing::{TestPool, WithClaims},
};

async fn ok(_: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
    Ok(Response::default())
}

#[tokio::test]
async fn any_of_the_scopes_is_enough() {
    let pool = TestPool::new();
    let guard = RequireScopesLayer::any_of(["orders/get", "orders/post"]).unwrap();
    for (scope, expected) in [
        ("orders/post", StatusCode::OK),
        // Without a `BearerAuthLayer` outside, nothing forms the rejection.
        ("orders/delete", StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let request = Request::new(Body::empty());
        let request = request.with_claims(pool.claims(&pool.token().scopes([scope])));
        let service = guard.layer(service_fn(ok));
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{scope}");
    }
    let none: [&str; 0] = [];
    assert!(RequireScopesLayer::any_of(none).is_err());
}

#[test]
fn debug_names_the_type_and_shows_no_rule_and_no_claim() {
    let rule = |_: &Claims| -> Result<(), Denied> { Ok(()) };
    let layer = RequireClaimsLayer::new(rule);
    let guard = layer.clone().layer("inner");
    let claims = CustomClaims("the value of a claim");
    assert_eq!(format!("{layer:?}"), "RequireClaimsLayer { .. }");
    let expected = r#"RequireClaims { inner: "inner", .. }"#;
    assert_eq!(format!("{guard:?}"), expected);
    assert_eq!(format!("{claims:?}"), "CustomClaims { .. }");
    assert_eq!(guard.into_inner(), "inner");
}

/// Two clones of a guard around a service with one place.
async fn assert_passes_readiness_on<S>(guarded: S)
where
    S: Service<Request<Body>, Error: Debug, Future: Debug> + Clone,
{
    let (mut first, mut second) = (guarded.clone(), guarded);
    first.ready().await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        second.poll_ready(&mut context).is_pending(),
        "no capacity inside"
    );
    let future = first.call(Request::new(Body::empty()));
    assert_eq!(format!("{future:?}"), "ResponseFuture { .. }");
    drop((future, first));
    assert!(second.poll_ready(&mut context).is_ready());
}

#[tokio::test]
async fn a_guard_is_ready_when_the_service_inside_is() {
    let inner = ConcurrencyLimit::new(service_fn(ok), 1);
    let rule = |_: &Claims| -> Result<(), Denied> { Ok(()) };
    assert_passes_readiness_on(RequireClaimsLayer::new(rule).layer(inner.clone())).await;
    let by_scopes = RequireScopesLayer::all_of(["orders/get"]).unwrap();
    assert_passes_readiness_on(by_scopes.layer(inner.clone())).await;
    let by_path = RequireScopesByPathLayer::new().any_token("/");
    assert_passes_readiness_on(by_path.layer(inner)).await;
}
