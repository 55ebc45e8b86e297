//! jwt-verify, called the way its own axum examples do. Its Cognito half can fetch keys only from
//! AWS, so this is the OIDC half, which does the same with keys from anywhere.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use harness::Guard;
use jwt_verify::{JwtVerifier, OidcJwtVerifier, OidcProviderConfig};

async fn handler(
    State(verifier): State<Arc<OidcJwtVerifier>>,
    headers: HeaderMap,
) -> Result<&'static str, StatusCode> {
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    verifier
        .verify_access_token(token)
        .await
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    Ok("hello")
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let config = OidcProviderConfig::new(
            &fixture.issuer,
            Some(&fixture.serve_jwks()),
            std::slice::from_ref(&fixture.client_id),
            None,
        )
        .unwrap();
        let verifier = OidcJwtVerifier::new(vec![config]).unwrap();
        Router::new()
            .route("/", get(handler))
            .with_state(Arc::new(verifier))
    });
}
