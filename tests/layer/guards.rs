//! Guards around plain services: what they accept, what they show of themselves, and how they give
//! the service back.

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_cognito::{
    Claims, CustomClaims, Denied, RequireClaimsLayer, RequireScopesLayer,
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
