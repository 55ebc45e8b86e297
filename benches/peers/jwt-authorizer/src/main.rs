//! jwt-authorizer, which is for axum 0.7.

use axum::{Router, routing::get};
use harness::Guard;
use jwt_authorizer::{Authorizer, IntoLayer, JwtAuthorizer, Validation};

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let authorizer: Authorizer = JwtAuthorizer::from_jwks_text(&fixture.jwks)
            .validation(Validation::new().iss(&[&fixture.issuer]))
            .build()
            .await
            .unwrap();
        Router::<()>::new()
            .route("/", get(|| async { "hello" }))
            .route_layer(authorizer.into_layer())
    });
}
