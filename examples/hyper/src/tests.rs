#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_cognito::testing::{TestPool, TokenBuilder};

use super::app;

#[tokio::test]
async fn a_request_needs_a_token_with_the_scope() {
    let pool = TestPool::new();
    let call = async |token: Option<TokenBuilder>| {
        let mut request = Request::get("/");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.authorization());
        }
        let request = request.body(()).unwrap();
        app(&pool.verifier())
            .unwrap()
            .oneshot(request)
            .await
            .unwrap()
    };
    let caller = || pool.token().client_credentials("caller");

    let response = call(Some(caller().scopes(["profiles/get"]))).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "hello caller\n");

    let response = call(None).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");

    let response = call(Some(caller().scopes(["profiles/post"]))).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}
