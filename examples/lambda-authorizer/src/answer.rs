//! What API Gateway understands.

use lambda_runtime::Diagnostic;
use serde::Serialize;
use tower_cognito::Claims;

use crate::routes::Routes;

/// A successful return of the function.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Policy(Policy),
    Simple(Simple),
}

/// A policy, for a REST API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    principal_id: String,
    policy_document: Document,
    context: Context,
}

/// A simple response, for an HTTP API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Simple {
    is_authorized: bool,
    context: Context,
}

/// For the integration, as `$context.authorizer.clientId` and so on.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    client_id: String,
    subject: String,
    scope: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: Vec<String>,
}

impl Answer {
    /// Everything that the token may call, not only what it calls now: API Gateway caches the
    /// policy for the token and applies it to each route.
    pub(crate) fn policy(claims: Option<&Claims>, routes: &Routes, method_arn: &str) -> Self {
        let stage = stage_of(method_arn);
        let allowed: Vec<_> = claims
            .into_iter()
            .flat_map(|claims| routes.allowed(claims))
            .map(|route| format!("{stage}/{}", route.resource()))
            .collect();
        let (effect, resource) = if allowed.is_empty() {
            ("Deny", vec![format!("{stage}/*")])
        } else {
            ("Allow", allowed)
        };
        let context = claims.map(Context::of).unwrap_or_default();
        Self::Policy(Policy {
            principal_id: context.client_id.clone(),
            policy_document: Document {
                version: "2012-10-17",
                statement: [Statement {
                    action: "execute-api:Invoke",
                    effect,
                    resource,
                }],
            },
            context,
        })
    }

    pub(crate) fn simple(allowed: Option<&Claims>) -> Self {
        Self::Simple(Simple {
            is_authorized: allowed.is_some(),
            context: allowed.map(Context::of).unwrap_or_default(),
        })
    }
}

impl Context {
    fn of(claims: &Claims) -> Self {
        Self {
            client_id: claims.client_id().to_owned(),
            subject: claims.subject().unwrap_or_default().to_owned(),
            scope: claims.scopes().collect::<Vec<_>>().join(" "),
        }
    }
}

/// `arn:…:api/stage` of `arn:…:api/stage/METHOD/path`. The path is the caller's and is not read.
fn stage_of(method_arn: &str) -> &str {
    let mut slashes = method_arn.match_indices('/');
    let end = slashes.nth(1).map(|(end, _)| end);
    end.and_then(|end| method_arn.get(..end))
        .unwrap_or(method_arn)
}

/// A failed return of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 401. API Gateway recognises the message.
    Unauthorized,
    /// 500, which the gateway response `AUTHORIZER_FAILURE` of a REST API can turn into 503. It is
    /// not cached; a policy that denies would be.
    Unavailable,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let message = match failure {
            Failure::Unauthorized => "Unauthorized",
            Failure::Unavailable => "the token cannot be verified now",
        };
        Self {
            error_type: format!("{failure:?}"),
            error_message: message.to_owned(),
        }
    }
}
