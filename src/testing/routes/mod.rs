//! Every route of a service, called with every token that it must tell apart.

mod axum_paths;
mod expect;
mod openapi;
mod probe;
mod report;

use std::{collections::BTreeMap, fmt, sync::Arc};

use http::{Method, Request, Response, StatusCode, header::AUTHORIZATION};
use serde::Serialize;
use tower_service::Service;

pub use self::report::{RouteFinding, RouteReport};
use self::{
    expect::{Access, Expected, Token, calls},
    probe::{Probe, Protocol},
    report::Row,
};
use super::{pool::TestPool, token::TokenBuilder};
use crate::{scope::ScopePolicy, string_list::StringList};

/// The methods that are tried on each path. `OPTIONS` is left out: a CORS layer responds to it
/// without a token.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Calls each route of a service with no token, a bad one, each scope missing, and all scopes, and
/// reports every response that is not as listed.
///
/// It finds routes without a guard, guards that require other scopes than listed, entries without a
/// route, and routes that are not on the list: other methods of a listed path, and with
/// [`paths_of`](Self::paths_of) other paths. The list is written by hand, or taken from an
/// [OpenAPI document](Self::openapi).
///
/// It calls the handlers, with an empty body, once or more for each route. A handler that needs a
/// body gives 400, 415 or 422, which is fine: the request has passed the guard. 404 and 405 mean
/// that there is no such route, and 500 and above that it could not be seen; for a handler that
/// responds so on purpose, see [`responds`](Self::responds).
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use http::Method;
/// use tower_cognito::{
///     ConfigError, RequireScopesLayer, Verifier,
///     testing::{RouteMatrix, TestPool},
/// };
///
/// fn app(verifier: &Verifier) -> Result<Router, ConfigError> {
///     let guard = RequireScopesLayer::all_of(["profiles/get"])?;
///     Ok(Router::new()
///         .route("/profiles/{id}", get(async || "a profile").route_layer(guard))
///         .route_layer(verifier.layer())
///         .route("/healthz", get(async || "well")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ConfigError> {
/// let pool = TestPool::new();
/// let app = app(&pool.verifier())?;
/// RouteMatrix::new(&pool)
///     .all_of(Method::GET, "/profiles/{id}", ["profiles/get"])
///     .public(Method::GET, "/healthz")
///     .paths_of(&app)
///     .run(app)
///     .await
///     .assert_as_listed();
/// # Ok(())
/// # }
/// ```
#[must_use = "a matrix does nothing until `run` is called"]
pub struct RouteMatrix {
    pool: TestPool,
    shape: Arc<dyn Fn(TokenBuilder) -> TokenBuilder + Send + Sync>,
    protocol: Protocol,
    routes: Vec<Route>,
    /// Of which it is only known that they are there.
    paths: Vec<String>,
    parameters: BTreeMap<String, String>,
}

struct Route {
    method: Method,
    path: String,
    access: Access,
    responds: Option<StatusCode>,
}

impl RouteMatrix {
    /// An empty list, for a service whose verifier is one of this pool's.
    pub fn new(pool: &TestPool) -> Self {
        Self {
            pool: pool.clone(),
            shape: Arc::new(|token| token),
            protocol: Protocol::Http,
            routes: Vec::new(),
            paths: Vec::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// The service speaks gRPC: paths are `/package.Service/Method`, the method is `POST`, and
    /// `grpc-status` is the response. 16 is expected for 401, and 7 for 403; 12 means that there is
    /// no such method.
    pub fn grpc(mut self) -> Self {
        self.protocol = Protocol::Grpc;
        self
    }

    /// A route that needs no token.
    pub fn public(self, method: Method, path: &str) -> Self {
        self.route(method, path, Access::Public)
    }

    /// A route that needs a good token, whatever its scopes.
    pub fn any_token(self, method: Method, path: &str) -> Self {
        self.route(method, path, Access::Token)
    }

    /// A route that needs every one of the scopes.
    ///
    /// # Panics
    ///
    /// If there is no scope, or one that no token can carry.
    #[track_caller]
    pub fn all_of(self, method: Method, path: &str, scopes: impl StringList) -> Self {
        match ScopePolicy::all_of(scopes) {
            Ok(policy) => self.policy(method, path, policy),
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// A route that needs the policy to be met.
    pub fn policy(self, method: Method, path: &str, policy: ScopePolicy) -> Self {
        self.route(method, path, Access::Scopes(policy))
    }

    /// The operations of an OpenAPI 3 document (a JSON value, or the type of a crate that writes
    /// one), with what their `security` says: the scopes of all requirements of an alternative
    /// together. Without `security`, an operation has the document's; where neither has any, or one
    /// alternative is empty, it is public.
    ///
    /// # Panics
    ///
    /// If the document has no `paths`, or a scope in it is one that no token can carry.
    #[track_caller]
    pub fn openapi(mut self, document: &impl Serialize) -> Self {
        let document = match serde_json::to_value(document) {
            Ok(document) => document,
            Err(error) => panic!("the OpenAPI document cannot be written as JSON: {error}"),
        };
        for (method, path, access) in openapi::operations(&document) {
            self = self.route(method, &path, access);
        }
        self
    }

    /// The handler of the route that was listed last responds to an accepted call with this status.
    /// Without it, every status below 500 that is not a rejection passes, except for 404 and 405.
    pub fn responds(mut self, status: StatusCode) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.responds = Some(status);
        }
        self
    }

    /// The value of `{name}` in paths; `1` by default.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Shapes every token: its client, its groups, its custom claims.
    pub fn tokens(
        mut self,
        shape: impl Fn(TokenBuilder) -> TokenBuilder + Send + Sync + 'static,
    ) -> Self {
        self.shape = Arc::new(shape);
        self
    }

    /// Paths that the service has: whatever responds there has to be on the list.
    pub fn paths(mut self, paths: impl StringList) -> Self {
        self.paths
            .extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// The paths of an axum router, which has no other way to tell them than its `Debug` output.
    ///
    /// # Panics
    ///
    /// If it finds no path there: the router is empty, or another version of axum writes it
    /// otherwise.
    #[track_caller]
    pub fn paths_of(self, router: &impl fmt::Debug) -> Self {
        let paths = axum_paths::paths(&format!("{router:?}"));
        assert!(
            !paths.is_empty(),
            "no path was found in the router's Debug output; list them with `paths`"
        );
        self.paths(paths)
    }

    fn route(mut self, method: Method, path: &str, access: Access) -> Self {
        self.routes.push(Route {
            method,
            path: path.to_owned(),
            access,
            responds: None,
        });
        self
    }

    /// Makes the calls, of a service for axum's body: a router, or a tonic service as one.
    ///
    /// # Panics
    ///
    /// If the service fails instead of answering.
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub async fn run<S, R>(self, service: S) -> RouteReport
    where
        S: Service<Request<axum_core::body::Body>, Response = Response<R>, Error: fmt::Debug>
            + Clone,
    {
        self.run_with(service, axum_core::body::Body::from).await
    }

    /// Makes the calls, of a service for any body, which `body` makes of bytes.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub async fn run_with<S, B, R>(self, service: S, body: impl Fn(Vec<u8>) -> B) -> RouteReport
    where
        S: Service<Request<B>, Response = Response<R>, Error: fmt::Debug> + Clone,
    {
        let probe = Probe::new(service, body, self.protocol);
        let mut rows = Vec::new();
        for route in &self.routes {
            for (token, expected) in calls(&route.access) {
                let request = self.request(&route.method, &route.path, &token);
                let answer = probe.call(request).await;
                let expected = match (expected, route.responds) {
                    (Expected::Passed, Some(status)) => Expected::Exactly(status),
                    (expected, _) => expected,
                };
                rows.push(Row::listed(route, token, expected, answer));
            }
        }
        for (method, path) in self.unlisted() {
            let without = probe
                .call(self.request(&method, &path, &Token::None))
                .await
                .seen;
            if without.is_no_route() {
                continue;
            }
            // Where a layer guards unknown paths as well, only a good token sees that nothing is
            // there.
            if without.is_rejection() {
                let request = self.request(&method, &path, &self.every_scope());
                if probe.call(request).await.seen.is_no_route() {
                    continue;
                }
            }
            rows.push(Row::unlisted(method, path, without));
        }
        RouteReport::new(self.routes.len(), rows)
    }

    /// What may exist in addition to the list: the other methods of each path. `HEAD` is the
    /// business of `GET`.
    fn unlisted(&self) -> Vec<(Method, String)> {
        let methods: &[Method] = match self.protocol {
            Protocol::Http => &METHODS,
            Protocol::Grpc => &[Method::POST],
        };
        let listed = self.routes.iter().map(|route| &route.path);
        let mut paths: Vec<&String> = listed.chain(&self.paths).collect();
        paths.sort_unstable();
        paths.dedup_by_key(|path| self.filled_in(path));
        let is_listed = |method: &Method, path: &str| {
            self.routes.iter().any(|route| {
                self.filled_in(&route.path) == self.filled_in(path)
                    && (route.method == *method
                        || (route.method == Method::GET && *method == Method::HEAD))
            })
        };
        paths
            .into_iter()
            .flat_map(|path| {
                methods
                    .iter()
                    .map(move |method| (method.clone(), path.clone()))
            })
            .filter(|(method, path)| !is_listed(method, path))
            .collect()
    }

    fn every_scope(&self) -> Token {
        let scopes = self.routes.iter().flat_map(|route| route.access.scopes());
        Token::Scopes(scopes.map(str::to_owned).collect())
    }

    fn request(&self, method: &Method, path: &str, token: &Token) -> Request<()> {
        let shaped = |scopes: &[String]| (self.shape)(self.pool.token().scopes(scopes));
        let authorization = match token {
            Token::None => None,
            Token::Bad(scopes) => Some(shaped(scopes).tampered().authorization()),
            Token::Scopes(scopes) => Some(shaped(scopes).authorization()),
        };
        let mut request = Request::builder().method(method).uri(self.filled_in(path));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        match request.body(()) {
            Ok(request) => request,
            Err(error) => panic!("{path:?} is not a path: {error}"),
        }
    }

    /// The path with values for its parameters.
    fn filled_in(&self, path: &str) -> String {
        let segment = |segment: &str| {
            let Some((before, rest)) = segment.split_once('{') else {
                return segment.to_owned();
            };
            let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
            let name = name.trim_start_matches('*');
            let value = self.parameters.get(name).map_or("1", String::as_str);
            format!("{before}{value}{after}")
        };
        path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Debug for RouteMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteMatrix")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}
