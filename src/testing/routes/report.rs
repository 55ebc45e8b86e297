//! What was found, as one table.

use std::fmt;

use http::Method;

use super::{
    Route,
    expect::{Expected, Token},
    probe::{Answer, Seen},
};
use crate::error::AuthError;

/// What is wrong with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteFinding {
    /// A guard without a [`BearerAuthLayer`](crate::BearerAuthLayer) around it.
    MissingLayer,
    /// There is no such route: the entry is stale.
    NoSuchRoute,
    /// The route exists and is not on the list.
    NotListed,
    /// It is listed as public, and demands a token.
    NotPublic,
    /// A scope that the list names is not required.
    ScopeNotRequired,
    /// It rejects a token with every listed scope.
    TooStrict,
    /// It passes a request without a token, or with a bad one.
    Unguarded,
    /// Any other status than expected.
    UnexpectedStatus,
}

impl RouteFinding {
    const fn sentence(self) -> &'static str {
        match self {
            Self::MissingLayer => "no BearerAuthLayer around its guard",
            Self::NoSuchRoute => "stale: no such route",
            Self::NotListed => "not on the list",
            Self::NotPublic => "listed as public, but guarded",
            Self::ScopeNotRequired => "a listed scope is not required",
            Self::TooStrict => "more is required than listed",
            Self::Unguarded => "NOT GUARDED",
            Self::UnexpectedStatus => "unexpected status",
        }
    }
}

/// One call and its response.
#[derive(Debug)]
pub(super) struct Row {
    method: Method,
    path: String,
    token: Token,
    /// `None` for a route that is not on the list.
    expected: Option<Expected>,
    seen: Seen,
    rejected: Option<AuthError>,
}

impl Row {
    pub(super) fn listed(route: &Route, token: Token, expected: Expected, answer: Answer) -> Self {
        Self {
            method: route.method.clone(),
            path: route.path.clone(),
            token,
            expected: Some(expected),
            seen: answer.seen,
            rejected: answer.rejected,
        }
    }

    pub(super) const fn unlisted(method: Method, path: String, seen: Seen) -> Self {
        Self {
            method,
            path,
            token: Token::None,
            expected: None,
            seen,
            rejected: None,
        }
    }

    fn finding(&self) -> Option<RouteFinding> {
        let Some(expected) = self.expected else {
            return Some(if self.seen.is_rejection() {
                RouteFinding::NotListed
            } else {
                RouteFinding::Unguarded
            });
        };
        if self.seen.is(expected) {
            return None;
        }
        Some(match (self.seen, expected, &self.token) {
            (Seen::MissingLayer, ..) => RouteFinding::MissingLayer,
            (seen, ..) if seen.is_no_route() => RouteFinding::NoSuchRoute,
            (seen, Expected::Passed | Expected::Exactly(_), Token::None) if seen.is_rejection() => {
                RouteFinding::NotPublic
            }
            (seen, Expected::Passed | Expected::Exactly(_), _) if seen.is_rejection() => {
                RouteFinding::TooStrict
            }
            (seen, Expected::Unauthenticated, _) if seen.is(Expected::Passed) => {
                RouteFinding::Unguarded
            }
            (seen, Expected::Forbidden, _) if seen.is(Expected::Passed) => {
                RouteFinding::ScopeNotRequired
            }
            _ => RouteFinding::UnexpectedStatus,
        })
    }

    fn cells(&self) -> [String; 5] {
        let token = match &self.token {
            Token::None => "no token".to_owned(),
            Token::Bad(_) => "a bad token".to_owned(),
            Token::Scopes(scopes) if scopes.is_empty() => "no scope".to_owned(),
            Token::Scopes(scopes) => scopes.join(" "),
        };
        let expected = match self.expected {
            None => "404 or 405".to_owned(),
            Some(Expected::Unauthenticated) => "401".to_owned(),
            Some(Expected::Forbidden) => "403".to_owned(),
            Some(Expected::Passed) => "passed".to_owned(),
            Some(Expected::Exactly(status)) => status.as_str().to_owned(),
        };
        let finding = match (self.finding(), self.expected) {
            (None, _) => String::new(),
            (Some(RouteFinding::Unguarded), None) => "NOT GUARDED, and not on the list".to_owned(),
            (Some(finding @ RouteFinding::TooStrict), _) => match &self.rejected {
                Some(AuthError::InsufficientScope { required }) => {
                    format!("{}: {required}", finding.sentence())
                }
                Some(other) => format!("{}: {}", finding.sentence(), other.reason()),
                None => finding.sentence().to_owned(),
            },
            (Some(finding), _) => finding.sentence().to_owned(),
        };
        [
            format!("{} {}", self.method, self.path),
            token,
            expected,
            self.seen.to_string(),
            finding,
        ]
    }
}

/// What a [`RouteMatrix`](super::RouteMatrix) has found. `Display` is the table of what is not as
/// listed; `{:#}` is the table of all calls.
#[derive(Debug)]
#[must_use = "a report does nothing until it is checked, for instance by `assert_as_listed`"]
pub struct RouteReport {
    routes: usize,
    rows: Vec<Row>,
}

impl RouteReport {
    pub(super) const fn new(routes: usize, rows: Vec<Row>) -> Self {
        Self { routes, rows }
    }

    /// What is not as listed: the route, as `GET /profiles`, and what is wrong with it. A route
    /// stands there once for each call that went wrong.
    pub fn findings(&self) -> impl Iterator<Item = (String, RouteFinding)> {
        self.rows.iter().filter_map(|row| {
            let route = format!("{} {}", row.method, row.path);
            row.finding().map(|finding| (route, finding))
        })
    }

    /// Asserts that every route is as listed, and that at least one is listed.
    ///
    /// # Panics
    ///
    /// With the table, if that is not so.
    #[track_caller]
    pub fn assert_as_listed(&self) {
        assert!(self.routes > 0, "no route is listed");
        assert!(self.findings().next().is_none(), "\n{self}");
    }
}

impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.findings().count();
        let (routes, calls) = (self.routes, self.rows.len());
        writeln!(
            f,
            "{routes} routes listed, {calls} calls, {wrong} not as listed"
        )?;
        let all = f.alternate();
        let rows = self
            .rows
            .iter()
            .filter(|row| all || row.finding().is_some());
        let rows: Vec<[String; 5]> = rows.map(Row::cells).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let head = ["route", "token", "expected", "got", ""].map(str::to_owned);
        let table: Vec<&[String; 5]> = std::iter::once(&head).chain(&rows).collect();
        for row in &table {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = table
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or_default();
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn row(token: Token, expected: Option<Expected>, status: u16) -> Row {
        Row {
            method: Method::GET,
            path: "/".to_owned(),
            token,
            expected,
            seen: Seen::Status(StatusCode::from_u16(status).unwrap()),
            rejected: None,
        }
    }

    #[test]
    fn a_finding_follows_from_what_was_expected_and_what_came() {
        use RouteFinding as Finding;
        let some = || Token::Scopes(vec!["a".to_owned()]);
        let none = || Token::None;
        for (token, expected, status, finding) in [
            (none(), None, 200, Some(Finding::Unguarded)),
            (none(), None, 401, Some(Finding::NotListed)),
            (none(), Some(Expected::Passed), 200, None),
            (
                none(),
                Some(Expected::Passed),
                401,
                Some(Finding::NotPublic),
            ),
            (
                none(),
                Some(Expected::Passed),
                404,
                Some(Finding::NoSuchRoute),
            ),
            (
                none(),
                Some(Expected::Passed),
                500,
                Some(Finding::UnexpectedStatus),
            ),
            (
                some(),
                Some(Expected::Passed),
                403,
                Some(Finding::TooStrict),
            ),
            (
                some(),
                Some(Expected::Passed),
                500,
                Some(Finding::UnexpectedStatus),
            ),
            (none(), Some(Expected::Unauthenticated), 401, None),
            (
                none(),
                Some(Expected::Unauthenticated),
                200,
                Some(Finding::Unguarded),
            ),
            (
                none(),
                Some(Expected::Unauthenticated),
                500,
                Some(Finding::UnexpectedStatus),
            ),
            (some(), Some(Expected::Forbidden), 403, None),
            (
                some(),
                Some(Expected::Forbidden),
                200,
                Some(Finding::ScopeNotRequired),
            ),
            (
                some(),
                Some(Expected::Forbidden),
                500,
                Some(Finding::UnexpectedStatus),
            ),
        ] {
            let found = row(token, expected, status).finding();
            assert_eq!(found, finding, "{expected:?} {status}");
        }
    }

    #[test]
    fn a_token_is_shown_by_its_scopes() {
        for (token, shown) in [
            (Token::None, "no token"),
            (Token::Bad(vec!["a".to_owned()]), "a bad token"),
            (Token::Scopes(Vec::new()), "no scope"),
            (Token::Scopes(vec!["a".to_owned(), "b".to_owned()]), "a b"),
        ] {
            let cells = row(token, None, 200).cells();
            assert!(cells.iter().any(|cell| cell == shown), "{cells:?}");
        }
    }
}
