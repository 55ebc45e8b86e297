//! Rejections by code that responds in its own protocol.

use std::{
    convert::Infallible,
    task::{Context, Waker},
};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, RequireScopesLayer, ResourceMetadata, ScopePolicy,
    late_rejection::{LateRejection, LateRejectionLayer},
    testing::TestPool,
};

/// A JSON-RPC method that needs `notes/delete`, in a framework that responds 200 to everything.
async fn framework(request: Request<()>) -> Result<Response<String>, Infallible> {
    let delete = ScopePolicy::all_of(["notes/delete"]).unwrap();
    let outcome = LateRejection::authorize(request.extensions(), |claims| claims.require(&delete));
    let body = match outcome {
        Ok(claims) => claims.client_id().to_owned(),
        Err(error) => format!("-32600 {error}"),
    };
    let mut response = Response::new(body);
    let json = "application/json".parse().unwrap();
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

async fn call<S>(service: S, authorization: Option<HeaderValue>) -> (StatusCode, HeaderMap, String)
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    let mut request = Request::new(());
    if let Some(value) = authorization {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    (parts.status, parts.headers, body)
}

/// With the scopes of the layer and of a guard between the two, so that a client that asks for them
/// gets through.
#[tokio::test]
async fn the_rejection_is_formed_as_if_a_handler_had_returned_it() {
    let pool = TestPool::new();
    let metadata = ResourceMetadata::new("https://example.com/rpc", &pool.verifier()).unwrap();
    let layer = metadata
        .layer()
        .require(ScopePolicy::all_of(["notes/use"]).unwrap());
    let guard = RequireScopesLayer::all_of(["notes/change"]).unwrap();
    let service = layer.layer(guard.layer(LateRejectionLayer.layer(service_fn(framework))));

    let outside = ["notes/use", "notes/change"];
    let token = pool.token().scopes(outside).authorization();
    let (status, headers, body) = call(service.clone(), Some(token)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body, "", "what the framework said is dropped");
    assert_eq!(headers.get(CONTENT_TYPE), None);
    let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.starts_with(
            r#"Bearer scope="notes/use notes/change notes/delete", error="insufficient_scope""#
        ),
        "{challenge}"
    );
    let url = format!(r#"resource_metadata="{}""#, metadata.url());
    assert!(challenge.ends_with(&url), "{challenge}");

    let token = pool.token().client_id("caller");
    let token = token.scopes(["notes/use", "notes/change", "notes/delete"]);
    let (status, headers, body) = call(service, Some(token.authorization())).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "caller"));
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    assert_eq!(headers.get(WWW_AUTHENTICATE), None);
}

#[tokio::test]
async fn a_request_without_claims_is_rejected_as_by_an_extractor() {
    let pool = TestPool::new();
    let inner = LateRejectionLayer.layer(service_fn(framework));
    let optional = pool.verifier().layer().optional().layer(inner.clone());
    let (status, headers, _) = call(optional.clone(), None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
    let token = pool.token().scopes(["notes/delete"]).authorization();
    assert_eq!(call(optional, Some(token)).await.0, StatusCode::OK);

    let without_layer = call(inner, None).await;
    assert_eq!(without_layer.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn the_first_of_several_rejections_decides() {
    let pool = TestPool::new();
    let rejecting = service_fn(|request: Request<()>| async move {
        let rejection = request.extensions().get::<LateRejection>().unwrap();
        rejection.reject(AuthError::Forbidden);
        rejection.reject(AuthError::MissingToken);
        Ok(Response::new(String::new()))
    });
    let service = LateRejectionLayer.layer(rejecting);
    let service = pool.verifier().layer().layer(service);
    let token = pool.token().authorization();
    let (status, headers, _) = call(service, Some(token)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(!challenge.contains("scope="), "{challenge}");
}

/// Without the layer, the request is not authorized either; the error is the framework's.
#[tokio::test]
async fn without_its_layer_the_error_of_the_framework_remains() {
    let pool = TestPool::new();
    let service = pool.verifier().layer().layer(service_fn(framework));
    let token = pool.token().scopes(["notes/read"]).authorization();
    let (status, _, body) = call(service, Some(token)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.starts_with("-32600"), "{body}");
}

/// It knows more of what it demands.
#[tokio::test]
async fn a_rejection_that_the_response_already_has_is_kept() {
    let pool = TestPool::new();
    let required = ScopePolicy::all_of(["notes/delete"]).unwrap();
    for (responds, named) in [
        (
            Response::from(AuthError::InsufficientScope { required }),
            Some("notes/delete"),
        ),
        (Response::new(String::new()), None),
    ] {
        let rejecting = service_fn(move |request: Request<()>| {
            let rejection = request.extensions().get::<LateRejection>().unwrap();
            rejection.reject(AuthError::Forbidden);
            std::future::ready(Ok(responds.clone()))
        });
        let service = pool
            .verifier()
            .layer()
            .layer(LateRejectionLayer.layer(rejecting));
        let token = pool.token().scopes(["notes/read"]).authorization();
        let (status, headers, _) = call(service, Some(token)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(
            challenge.contains("scope=\"notes/delete\""),
            named.is_some(),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_passed_on_although_it_rejected() {
    let failing = service_fn(|request: Request<()>| {
        let rejection = request.extensions().get::<LateRejection>().unwrap();
        rejection.reject(AuthError::Forbidden);
        std::future::ready(Err::<Response<String>, _>("connection lost"))
    });
    let outcome = LateRejectionLayer
        .layer(failing)
        .oneshot(Request::new(()))
        .await;
    assert_eq!(outcome.unwrap_err(), "connection lost");
}

#[tokio::test]
async fn the_inner_service_can_be_reached_and_its_readiness_is_passed_on() {
    let mut service = LateRejectionLayer.layer(1);
    *service.get_mut() += 1;
    assert_eq!((*service.get_ref(), service.into_inner()), (2, 2));

    let ready = LateRejectionLayer.layer(service_fn(framework));
    let future = ready.clone().call(Request::new(()));
    assert_eq!(format!("{future:?}"), "LateRejectionFuture { .. }");
    let limit = tower::limit::ConcurrencyLimit::new(service_fn(framework), 1);
    let mut first = LateRejectionLayer.layer(limit);
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
