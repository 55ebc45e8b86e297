//! axum-jwks as its documentation shows it. It does not check the issuer.

use axum::{
    Router,
    extract::FromRef,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_jwks::{Claims, Jwks, ParseTokenClaims, TokenError};
use harness::Guard;
use serde::Deserialize;

#[derive(Clone)]
struct AppState {
    jwks: Jwks,
}

impl FromRef<AppState> for Jwks {
    fn from_ref(state: &AppState) -> Self {
        state.jwks.clone()
    }
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what a handler would read")]
struct TokenClaims {
    sub: String,
    scope: String,
    client_id: String,
}

impl ParseTokenClaims for TokenClaims {
    type Rejection = Refused;
}

struct Refused;

impl From<TokenError> for Refused {
    fn from(_: TokenError) -> Self {
        Self
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn handler(Claims(_): Claims<TokenClaims>) -> &'static str {
    "hello"
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let set = serde_json::from_str(&fixture.jwks).unwrap();
        let jwks = Jwks::from_jwk_set(set, None, None).unwrap();
        Router::new()
            .route("/", get(handler))
            .with_state(AppState { jwks })
    });
}
