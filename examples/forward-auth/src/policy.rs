//! Which route needs what: a file, read once, and the decision over it.

use std::fmt;

use http::Method;
use serde::Deserialize;
use tower_cognito::{ConfigError, ScopePolicy};

use crate::path::CanonicalPath;

/// What a caller needs for a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A good token, whatever its scopes.
    Token,
    /// A good token that meets the policy.
    Scopes(ScopePolicy),
}

/// The routes in the file's order. The first one that matches decides; without a match the request
/// is rejected.
#[derive(Clone, Debug)]
pub struct RoutePolicy<T = Access>(Vec<Route<T>>);

#[derive(Clone, Debug)]
struct Route<T> {
    /// `None` is any.
    method: Option<Method>,
    pattern: Vec<Segment>,
    access: T,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{name}`: exactly one segment, which is not empty.
    One,
    /// `{*name}`: all that follows, at least one segment.
    Rest,
}

/// The file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    route: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    method: String,
    path: String,
    #[serde(default)]
    public: bool,
    /// All of these. An empty list is any good token.
    scopes: Option<Vec<String>>,
}

impl RoutePolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] for another format, or an entry that can never match.
    pub fn parse(file: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(file).map_err(|error| PolicyError(error.to_string()))?;
        file.route
            .iter()
            .map(Route::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T> RoutePolicy<T> {
    /// What the request needs. `None`: it is always rejected.
    pub fn find(&self, method: &Method, path: CanonicalPath<'_>) -> Option<&T> {
        self.0
            .iter()
            .find(|route| route.covers(method) && matches(&route.pattern, path))
            .map(|route| &route.access)
    }

    /// The same routes with another requirement.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> RoutePolicy<U> {
        let routes = self.0.into_iter().map(|route| Route {
            method: route.method,
            pattern: route.pattern,
            access: change(route.access),
        });
        RoutePolicy(routes.collect())
    }
}

impl Route<Access> {
    fn parse(entry: &Entry) -> Result<Self, PolicyError> {
        let wrong = |what: &dyn fmt::Display| {
            PolicyError(format!("{} {}: {what}", entry.method, entry.path))
        };
        let method = match entry.method.as_str() {
            "*" => None,
            name if name.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Some(Method::from_bytes(name.as_bytes()).map_err(|error| wrong(&error))?)
            }
            _ => return Err(wrong(&"a method is written in capitals, or as `*`")),
        };
        let pattern = pattern(&entry.path).map_err(|what| wrong(&what))?;
        let access = match (entry.public, &entry.scopes) {
            (true, None) => Access::Public,
            (false, Some(scopes)) if scopes.is_empty() => Access::Token,
            (false, Some(scopes)) => {
                let policy = ScopePolicy::all_of(scopes);
                Access::Scopes(policy.map_err(|error: ConfigError| wrong(&error))?)
            }
            _ => return Err(wrong(&"either `public = true` or `scopes = […]` is needed")),
        };
        Ok(Self {
            method,
            pattern,
            access,
        })
    }
}

impl<T> Route<T> {
    /// `GET` covers `HEAD`, as servers do.
    fn covers(&self, method: &Method) -> bool {
        self.method
            .as_ref()
            .is_none_or(|own| own == method || (own == Method::GET && method == Method::HEAD))
    }
}

fn pattern(path: &str) -> Result<Vec<Segment>, &'static str> {
    let segments = path.strip_prefix('/').ok_or("a path begins with `/`")?;
    let mut pattern = Vec::new();
    for segment in segments.split('/') {
        if pattern.last() == Some(&Segment::Rest) {
            return Err("nothing can follow `{*…}`");
        }
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        pattern.push(match name {
            Some(name) if name.starts_with('*') => Segment::Rest,
            Some(_) => Segment::One,
            None => Segment::Literal(segment.to_owned()),
        });
    }
    let literals = pattern.iter().map(|segment| match segment {
        Segment::Literal(literal) => literal.as_str(),
        Segment::One | Segment::Rest => "x",
    });
    let example = format!("/{}", literals.collect::<Vec<_>>().join("/"));
    if example.contains(['?', '%']) || CanonicalPath::of_target(&example).is_none() {
        return Err("no request could have this path");
    }
    Ok(pattern)
}

fn matches(pattern: &[Segment], path: CanonicalPath<'_>) -> bool {
    let mut segments = path.segments();
    for expected in pattern {
        let Some(segment) = segments.next() else {
            return false;
        };
        match expected {
            Segment::Rest => return true,
            Segment::One if !segment.is_empty() => {}
            Segment::Literal(literal) if literal == segment => {}
            Segment::One | Segment::Literal(_) => return false,
        }
    }
    segments.next().is_none()
}

/// A policy file that cannot be used: what is wrong, and where.
#[derive(Debug)]
pub struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[route]]
        method = "GET"
        path = "/profiles/{id}"
        scopes = ["profiles/get"]

        [[route]]
        method = "*"
        path = "/me"
        scopes = []

        [[route]]
        method = "GET"
        path = "/static/{*file}"
        public = true
    "#;

    fn scopes(scope: &str) -> Access {
        Access::Scopes(ScopePolicy::all_of([scope]).unwrap())
    }

    #[test]
    fn the_first_route_that_matches_decides_and_nothing_else_is_permitted() {
        let policy = RoutePolicy::parse(FILE).unwrap();
        let get = scopes("profiles/get");
        for (method, path, access) in [
            (Method::GET, "/profiles/7", Some(&get)),
            (Method::HEAD, "/profiles/7", Some(&get)),
            (Method::GET, "/profiles/a%20b", Some(&get)),
            (Method::POST, "/profiles/7", None),
            (Method::GET, "/profiles", None),
            (Method::GET, "/profiles/", None),
            (Method::GET, "/profiles/7/", None),
            (Method::GET, "/profiles/7/orders", None),
            (Method::GET, "/Profiles/7", None),
            (Method::DELETE, "/me", Some(&Access::Token)),
            (Method::GET, "/me/", None),
            (Method::GET, "/static/a/b.css", Some(&Access::Public)),
            (Method::GET, "/static/", Some(&Access::Public)),
            (Method::GET, "/static", None),
            (Method::GET, "/", None),
        ] {
            let canonical = CanonicalPath::of_target(path).unwrap();
            assert_eq!(policy.find(&method, canonical), access, "{method} {path}");
        }
    }

    #[test]
    fn a_contradictory_file_is_rejected() {
        let route = |method: &str, path: &str, rest: &str| {
            let file = format!("[[route]]\nmethod = \"{method}\"\npath = \"{path}\"\n{rest}\n");
            RoutePolicy::parse(&file)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        assert_eq!(route("GET", "/a", "scopes = [\"a\"]"), Ok(()));
        for (method, path, rest, what) in [
            ("GET", "/a", "", "either `public = true` or `scopes"),
            (
                "GET",
                "/a",
                "public = false",
                "either `public = true` or `scopes",
            ),
            (
                "GET",
                "/a",
                "public = true\nscopes = []",
                "either `public = true` or `scopes",
            ),
            ("GET", "/a", "scope = [\"a\"]", "unknown field `scope`"),
            ("GET", "/a", "scopes = [\"a b\"]", "is not a scope"),
            ("get", "/a", "scopes = []", "in capitals"),
            ("GET", "a", "scopes = []", "begins with `/`"),
            (
                "GET",
                "/a//b",
                "scopes = []",
                "no request could have this path",
            ),
            (
                "GET",
                "/a/../b",
                "scopes = []",
                "no request could have this path",
            ),
            (
                "GET",
                "/a%20b",
                "scopes = []",
                "no request could have this path",
            ),
            (
                "GET",
                "/a?b",
                "scopes = []",
                "no request could have this path",
            ),
            ("GET", "/{*a}/b", "scopes = []", "nothing can follow"),
        ] {
            let error = route(method, path, rest).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
