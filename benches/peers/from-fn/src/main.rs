//! What a team writes by hand: `axum::middleware::from_fn` and jsonwebtoken, with the keys parsed
//! once.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use harness::Guard;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;

#[derive(Clone, Deserialize)]
#[allow(dead_code, reason = "what a handler would read")]
struct Claims {
    sub: String,
    scope: String,
    client_id: String,
    token_use: String,
    exp: u64,
}

struct Keys {
    by_kid: HashMap<String, DecodingKey>,
    validation: Validation,
}

async fn authenticate(
    State(keys): State<Arc<Keys>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let claims = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| verify(&keys, token))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(Arc::new(claims));
    Ok(next.run(request).await)
}

fn verify(keys: &Keys, token: &str) -> Option<Claims> {
    let kid = decode_header(token).ok()?.kid?;
    let token = decode::<Claims>(token, keys.by_kid.get(&kid)?, &keys.validation).ok()?;
    (token.claims.token_use == "access").then_some(token.claims)
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let set: JwkSet = serde_json::from_str(&fixture.jwks).unwrap();
        let by_kid = set
            .keys
            .iter()
            .map(|jwk| {
                let kid = jwk.common.key_id.clone().unwrap();
                (kid, DecodingKey::from_jwk(jwk).unwrap())
            })
            .collect();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&fixture.issuer]);
        validation.validate_aud = false;
        let keys = Arc::new(Keys { by_kid, validation });
        Router::<()>::new()
            .route("/", get(async || "hello"))
            .route_layer(from_fn_with_state(keys, authenticate))
    });
}
