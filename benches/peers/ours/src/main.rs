//! This crate. With `PEER_VARIANT=uncached` every token is verified again.

use axum::{Router, routing::get};
use harness::Guard;
use tower_cognito::{AllowedClients, UserPool, Verifier, verifier::TokenCache};

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let (_, pool) = fixture.issuer.rsplit_once('/').unwrap();
        let uncached = std::env::var("PEER_VARIANT").is_ok_and(|variant| variant == "uncached");
        let pool = UserPool::new(pool).unwrap();
        let pool = pool.with_pinned_jwks(&fixture.jwks).unwrap();
        let verifier = Verifier::builder(pool, AllowedClients::any())
            .token_cache(if uncached {
                TokenCache::disabled()
            } else {
                TokenCache::default()
            })
            .build()
            .unwrap();
        Router::<()>::new()
            .route("/", get(async || "hello"))
            .route_layer(verifier.layer())
    });
}
