//! The operations of an OpenAPI document and who may call them (OpenAPI 3.1, *Security Requirement
//! Object*).

use http::Method;
use serde_json::{Map, Value};

use super::expect::Access;
use crate::scope::ScopePolicy;

#[track_caller]
pub(super) fn operations(document: &Value) -> Vec<(Method, String, Access)> {
    let Some(paths) = document.get("paths").and_then(Value::as_object) else {
        panic!("the OpenAPI document has no `paths`");
    };
    let default = document.get("security");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            // Beside methods there are `parameters`, `summary` and others.
            let Some(method) = method_of(method) else {
                continue;
            };
            let security = operation.get("security").or(default);
            operations.push((method, path.clone(), access(path, security)));
        }
    }
    operations
}

fn method_of(name: &str) -> Option<Method> {
    match name {
        "delete" => Some(Method::DELETE),
        "get" => Some(Method::GET),
        "head" => Some(Method::HEAD),
        "options" => Some(Method::OPTIONS),
        "patch" => Some(Method::PATCH),
        "post" => Some(Method::POST),
        "put" => Some(Method::PUT),
        "trace" => Some(Method::TRACE),
        _ => None,
    }
}

#[track_caller]
fn access(path: &str, security: Option<&Value>) -> Access {
    let alternatives: Vec<Vec<&str>> = security
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(scopes)
        .collect();
    let optional = security
        .and_then(Value::as_array)
        .is_none_or(|all| all.is_empty() || all.contains(&Value::Object(Map::new())));
    if optional {
        return Access::Public;
    }
    let mut policy: Option<ScopePolicy> = None;
    for alternative in alternatives {
        if alternative.is_empty() {
            return Access::Token;
        }
        let alternative = match ScopePolicy::all_of(alternative) {
            Ok(alternative) => alternative,
            Err(error) => panic!("{path}: {error}"),
        };
        policy = Some(match policy {
            Some(policy) => policy.or(alternative),
            None => alternative,
        });
    }
    policy.map_or(Access::Token, Access::Scopes)
}

/// An alternative may name several schemes, all of which are needed.
fn scopes(alternative: &Map<String, Value>) -> Vec<&str> {
    let lists = alternative.values().filter_map(Value::as_array);
    lists.flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_item_names_its_methods_in_lower_case() {
        for method in [
            Method::DELETE,
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PATCH,
            Method::POST,
            Method::PUT,
            Method::TRACE,
        ] {
            let name = method.as_str().to_ascii_lowercase();
            assert_eq!(method_of(&name), Some(method.clone()));
            assert_eq!(method_of(method.as_str()), None);
        }
        assert_eq!(method_of("parameters"), None);
    }
}
