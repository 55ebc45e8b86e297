//! aliri_tower: its JWT layer. It takes no `aud`-less token, so the claims say the client id there,
//! as its trait allows.

use aliri::{jwa, jwt};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, scope::Scope};
use aliri_tower::Oauth2Authorizer;
use axum::{Router, routing::get};
use harness::Guard;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
struct TokenClaims {
    iss: jwt::Issuer,
    #[serde(rename = "client_id")]
    aud: jwt::Audiences,
    sub: jwt::Subject,
    scope: Scope,
    exp: UnixTime,
}

impl jwt::CoreClaims for TokenClaims {
    fn nbf(&self) -> Option<UnixTime> {
        None
    }
    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }
    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }
    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }
    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for TokenClaims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let jwks = serde_json::from_str(&fixture.jwks).unwrap();
        let validator = jwt::CoreValidator::default()
            .add_approved_algorithm(jwa::Algorithm::RS256)
            .add_allowed_audience(jwt::Audience::from(fixture.client_id.as_str()))
            .require_issuer(jwt::Issuer::from(fixture.issuer.as_str()))
            .check_expiration();
        let authorizer = Oauth2Authorizer::new()
            .with_claims::<TokenClaims>()
            .with_terse_error_handler();
        let layer = authorizer.jwt_layer(Authority::new(jwks, validator));
        Router::<()>::new()
            .route("/", get(async || "hello"))
            .route_layer(layer)
    });
}
