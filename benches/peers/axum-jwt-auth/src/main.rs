//! axum-jwt-auth with remote keys.

use std::sync::Arc;

use axum::{Router, routing::get};
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use harness::Guard;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

#[derive(Clone, Deserialize)]
#[allow(dead_code, reason = "what a handler would read")]
struct TokenClaims {
    sub: String,
    scope: String,
    client_id: String,
}

async fn handler(_: Claims<TokenClaims>) -> &'static str {
    "hello"
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&fixture.issuer]);
        validation.validate_aud = false;
        let decoder = RemoteJwksDecoder::builder()
            .jwks_url(fixture.serve_jwks())
            .validation(validation)
            .build()
            .unwrap();
        let decoder = Arc::new(decoder);
        std::mem::forget(decoder.initialize().await.unwrap());
        let decoder: Decoder<TokenClaims> = decoder;
        Router::new().route("/", get(handler)).with_state(decoder)
    });
}
