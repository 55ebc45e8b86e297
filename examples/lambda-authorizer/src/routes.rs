//! Which scopes each route of the API needs.

use tower_cognito::{Claims, ConfigError, ScopePolicy};

/// The routes of the API. What is not listed is denied.
#[derive(Debug)]
pub(crate) struct Routes(Vec<Route>);

#[derive(Debug)]
pub(crate) struct Route {
    /// As API Gateway writes it: `GET /profiles/{id}`.
    key: &'static str,
    scopes: ScopePolicy,
}

impl Routes {
    /// The routes of this example.
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let route = |key, scope| {
            let scopes = ScopePolicy::all_of([scope])?;
            Ok(Route { key, scopes })
        };
        Ok(Self(vec![
            route("GET /profiles", "profiles/get")?,
            route("GET /profiles/{id}", "profiles/get")?,
            route("POST /profiles", "profiles/post")?,
        ]))
    }

    pub(crate) fn allowed(&self, claims: &Claims) -> impl Iterator<Item = &Route> {
        let met = |route: &&Route| claims.require(&route.scopes).is_ok();
        self.0.iter().filter(met)
    }

    pub(crate) fn allows(&self, claims: &Claims, route_key: &str) -> bool {
        self.allowed(claims).any(|route| route.key == route_key)
    }
}

impl Route {
    /// `GET/profiles/*`, as in an ARN. `*` also matches `/`: a token for `/profiles/{id}` may call
    /// `/profiles/{id}/anything`, if the API has such a route.
    pub(crate) fn resource(&self) -> String {
        let mut resource = self.key.replacen(" /", "/", 1);
        while let Some((before, rest)) = resource.split_once('{') {
            let after = rest.split_once('}').map_or("", |(_, after)| after);
            resource = format!("{before}*{after}");
        }
        resource
    }
}
