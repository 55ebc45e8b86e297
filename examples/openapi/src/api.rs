//! Routes and their description, from one source.

use std::collections::BTreeSet;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use tower_cognito::{RequireScopesLayer, ScopePolicy};
use utoipa::openapi::{
    ComponentsBuilder, HttpMethod, InfoBuilder, OpenApi, Paths, Response,
    path::OperationBuilder,
    security::{ClientCredentials, Flow, OAuth2, Scopes, SecurityRequirement, SecurityScheme},
};

/// The responses of the layers, which every operation shares.
const ANSWERS: [(&str, &str); 4] = [
    ("200", "The token has the scopes"),
    ("401", "The token is missing or invalid"),
    ("403", "The token lacks a scope"),
    (
        "503",
        "The issuer's keys are unavailable; the token may be valid",
    ),
];

/// There is no way to add a route without its description.
#[derive(Default)]
pub(crate) struct Api {
    pub(crate) routes: Router,
    paths: Paths,
    scopes: BTreeSet<String>,
}

impl Api {
    /// Adds an operation for callers that meet the policy.
    ///
    /// OpenAPI and the policy have the same form: an operation lists alternatives, and an
    /// alternative lists scopes that are all required.
    pub(crate) fn operation<H: Handler<T, ()>, T: 'static>(
        mut self,
        (method, path, summary): (HttpMethod, &str, &str),
        policy: ScopePolicy,
        handler: H,
    ) -> Self {
        let mut operation = OperationBuilder::new().summary(Some(summary));
        for (status, description) in ANSWERS {
            operation = operation.response(status, Response::new(description));
        }
        for scopes in policy.alternatives() {
            operation = operation.security(SecurityRequirement::new("cognito", scopes));
        }
        self.scopes.extend(policy.scopes().map(str::to_owned));
        self.paths
            .add_path_operation(path, vec![method.clone()], operation);
        let filter = match method {
            HttpMethod::Post => MethodFilter::POST,
            _ => MethodFilter::GET,
        };
        let route = on(filter, handler).route_layer(RequireScopesLayer::new(policy));
        self.routes = self.routes.route(path, route);
        self
    }

    pub(crate) fn document(&self, token_url: &str) -> OpenApi {
        let scopes = self.scopes.iter();
        let scopes = Scopes::from_iter(scopes.map(|scope| (scope.clone(), String::new())));
        let flow = Flow::ClientCredentials(ClientCredentials::new(token_url, scopes));
        let scheme = SecurityScheme::OAuth2(OAuth2::new([flow]));
        let mut document = OpenApi::new(
            InfoBuilder::new().title("Orders").version("1").build(),
            self.paths.clone(),
        );
        let components = ComponentsBuilder::new().security_scheme("cognito", scheme);
        document.components = Some(components.build());
        document
    }
}
