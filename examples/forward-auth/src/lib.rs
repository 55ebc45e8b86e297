//! Answers the question that a proxy asks about each request: may it pass, and who is calling?
//!
//! nginx (`auth_request`), Traefik and Caddy (forward auth) send the method and target of the
//! request in `X-Forwarded-Method` and `X-Forwarded-Uri`; Envoy (`ext_authz` over HTTP) asks with
//! the method and path themselves. `proxies/` has a configuration for each.
//!
//! | answer | when |
//! | --- | --- |
//! | 200 with `x-auth-client-id`, `x-auth-subject`, `x-auth-scope` | it may pass |
//! | 400, 401, 403, 503 | as the layer rejects it |
//! | 403 without a challenge | no route of the policy matches, or the path has more than one spelling |
//! | 500 | the proxy does not say what the request is |
//!
//! The three fields are in every 200, empty where there is nothing to say, so that the proxy always
//! replaces what a client has sent under their names.

pub mod path;
pub mod policy;

use std::convert::Infallible;

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_cognito::{Claims, Verifier};

use self::{
    path::CanonicalPath,
    policy::{Access, RoutePolicy},
};

/// Where the method and target of the request are. Only one source is trusted: the other is what a
/// client may have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// In `X-Forwarded-Method` and `X-Forwarded-Uri`: nginx, Traefik, Caddy.
    InFields,
    /// In the method and path of the question: Envoy.
    InRequestLine,
}

type Judge = BoxCloneSyncService<Request, Response, Infallible>;

/// The service that answers.
pub fn forward_auth(
    verifier: &Verifier,
    policy: RoutePolicy,
    asked: Asked,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + use<> {
    let identify = || service_fn(async |request: Request| Ok(identity(request.extensions().get())));
    let policy: RoutePolicy<Judge> = policy.map(|access| match access {
        Access::Public => Judge::new(service_fn(async |_| Ok(identity(None)))),
        Access::Token => Judge::new(verifier.layer().layer(identify())),
        Access::Scopes(scopes) => Judge::new(verifier.layer().require(scopes).layer(identify())),
    });
    service_fn(move |request: Request| {
        let judge = match question(&request, asked) {
            None => Err(StatusCode::INTERNAL_SERVER_ERROR),
            Some((method, target)) => CanonicalPath::of_target(target)
                .and_then(|path| policy.find(&method, path))
                .cloned()
                .ok_or(StatusCode::FORBIDDEN),
        };
        async move {
            match judge {
                Ok(judge) => judge.oneshot(request).await,
                Err(status) => Ok(with_status(status)),
            }
        }
    })
}

/// Which request the proxy asks about. `None`: it does not say, or says it twice.
fn question(request: &Request, asked: Asked) -> Option<(Method, &str)> {
    match asked {
        Asked::InRequestLine => Some((
            request.method().clone(),
            request.uri().path_and_query()?.as_str(),
        )),
        Asked::InFields => {
            let method = only(request.headers(), "x-forwarded-method")?;
            let target = only(request.headers(), "x-forwarded-uri")?;
            Some((Method::from_bytes(method.as_bytes()).ok()?, target))
        }
    }
}

fn only<'h>(fields: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = fields.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// 200, and who is calling.
fn identity(claims: Option<&Claims>) -> Response {
    let mut response = with_status(StatusCode::OK);
    let scope = claims.map(|claims| claims.scopes().collect::<Vec<_>>().join(" "));
    for (name, value) in [
        ("x-auth-client-id", claims.map(Claims::client_id)),
        ("x-auth-subject", claims.and_then(Claims::subject)),
        ("x-auth-scope", scope.as_deref()),
    ] {
        // What no field can carry is not passed on in part.
        let value = HeaderValue::from_str(value.unwrap_or_default());
        let value = value.unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(name, value);
    }
    response
}

fn with_status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
