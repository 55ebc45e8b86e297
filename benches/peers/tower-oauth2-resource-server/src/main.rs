//! tower-oauth2-resource-server with aws-lc-rs, which is the faster of its two backends.

use axum::{Router, routing::get};
use harness::Guard;
use tower_oauth2_resource_server::{
    claims::DefaultClaims, server::OAuth2ResourceServer, tenant::TenantConfiguration,
    validation::ClaimsValidationSpec,
};

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Guarded, async |fixture| {
        let tenant = TenantConfiguration::static_builder(fixture.jwks.clone())
            .claims_validation(ClaimsValidationSpec::new().exp(true).iss(&fixture.issuer))
            .build()
            .unwrap();
        let server = OAuth2ResourceServer::<DefaultClaims>::builder()
            .add_tenant(tenant)
            .build()
            .await
            .unwrap();
        Router::<()>::new()
            .route("/", get(async || "hello"))
            .route_layer(server.into_layer())
    });
}
