//! Which calls a route must tell apart, and how each must end: pure decisions over the list.

use http::StatusCode;

use crate::scope::ScopePolicy;

/// Who may call a route.
#[derive(Clone, Debug)]
pub(super) enum Access {
    Public,
    Token,
    Scopes(ScopePolicy),
}

impl Access {
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        let policy = match self {
            Self::Scopes(policy) => Some(policy),
            Self::Public | Self::Token => None,
        };
        policy.into_iter().flat_map(ScopePolicy::scopes)
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    None,
    /// Of these scopes, and altered after it was signed.
    Bad(Vec<String>),
    Scopes(Vec<String>),
}

/// How the call must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Unauthenticated,
    Forbidden,
    Passed,
    Exactly(StatusCode),
}

/// The calls that show whether a route is guarded as listed.
///
/// For a policy these are: all scopes; all but each one; each alternative alone; each alternative
/// without each of its scopes; and none.
pub(super) fn calls(access: &Access) -> Vec<(Token, Expected)> {
    let policy = match access {
        Access::Public => return vec![(Token::None, Expected::Passed)],
        Access::Token => {
            return vec![
                (Token::None, Expected::Unauthenticated),
                (Token::Bad(Vec::new()), Expected::Unauthenticated),
                (Token::Scopes(Vec::new()), Expected::Passed),
            ];
        }
        Access::Scopes(policy) => policy,
    };
    let all: Vec<String> = sorted(policy.scopes());
    let mut sets = vec![all.clone(), Vec::new()];
    sets.extend(all.iter().map(|scope| without(&all, scope)));
    for alternative in policy.alternatives() {
        let alternative = sorted(alternative);
        sets.extend(alternative.iter().map(|scope| without(&alternative, scope)));
        sets.push(alternative);
    }
    sets.sort();
    sets.dedup();
    let mut calls = vec![
        (Token::None, Expected::Unauthenticated),
        (Token::Bad(all), Expected::Unauthenticated),
    ];
    calls.extend(sets.into_iter().map(|scopes| {
        let met = policy.is_met_by(scopes.iter().map(String::as_str));
        let expected = if met {
            Expected::Passed
        } else {
            Expected::Forbidden
        };
        (Token::Scopes(scopes), expected)
    }));
    calls
}

fn sorted<'s>(scopes: impl IntoIterator<Item = &'s str>) -> Vec<String> {
    let mut scopes: Vec<String> = scopes.into_iter().map(str::to_owned).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

fn without(scopes: &[String], scope: &str) -> Vec<String> {
    scopes
        .iter()
        .filter(|other| *other != scope)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(access: &Access, wanted: Expected) -> Vec<String> {
        let scopes_of = |(token, expected)| match token {
            Token::Scopes(scopes) if expected == wanted => Some(scopes.join(" ")),
            _ => None,
        };
        calls(access).into_iter().filter_map(scopes_of).collect()
    }

    #[test]
    fn each_scope_is_missing_once() {
        let access = Access::Scopes(ScopePolicy::all_of(["b", "a", "c"]).unwrap());
        assert_eq!(scopes(&access, Expected::Passed), ["a b c"]);
        assert_eq!(
            scopes(&access, Expected::Forbidden),
            ["", "a b", "a c", "b c"]
        );
    }

    #[test]
    fn each_alternative_passes_alone_and_not_without_one_of_its_scopes() {
        let policy = ScopePolicy::all_of(["a", "b"]).unwrap();
        let policy = policy.or(ScopePolicy::any_of(["c"]).unwrap());
        let access = Access::Scopes(policy);
        assert_eq!(
            scopes(&access, Expected::Passed),
            ["a b", "a b c", "a c", "b c", "c"]
        );
        assert_eq!(scopes(&access, Expected::Forbidden), ["", "a", "b"]);
    }
}
