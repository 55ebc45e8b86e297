//! Scopes (RFC 6749 §3.3): policies over them, and how tokens carry them.

mod claim;
mod grammar;
mod index;

use std::{fmt, sync::Arc};

use self::index::Index;
pub(crate) use self::{claim::split, grammar::is_scope_token};
use crate::{config_error::ConfigError, string_list::StringList};

/// Which scopes a token must carry.
///
/// A policy is a list of alternatives, each a list of scopes: it is met when *all* scopes of *any*
/// alternative are there. Scopes are compared whole and byte for byte; there are no prefixes,
/// wildcards or hierarchies.
///
/// # Examples
///
/// ```
/// use tower_cognito::ScopePolicy;
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let read = ScopePolicy::all_of(["profiles/get"])?;
/// assert!(read.is_met_by(["profiles/get", "profiles/post"]));
/// assert!(!read.is_met_by(["profiles/get-all"]));
///
/// let read_or_admin = read.or(ScopePolicy::all_of(["admin/read", "admin/mfa"])?);
/// assert!(read_or_admin.is_met_by(["admin/mfa", "admin/read"]));
/// assert!(!read_or_admin.is_met_by(["admin/read"]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ScopePolicy {
    alternatives: Arc<Alternatives>,
}

struct Alternatives {
    /// Never empty, and none of the alternatives is: either would be met by every token, or by
    /// none.
    list: Box<[Box<[Scope]>]>,
    /// Of a long list, so that a token's scopes are read once and not once for each that is named.
    index: Option<Index>,
}

type Scope = Box<str>;

impl ScopePolicy {
    /// Demands every one of the scopes.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::EmptyList`] if no scope is given, because such a policy would let every
    ///    token through.
    /// 2. [`ConfigError::InvalidScope`] if one of them is not a scope token of RFC 6749 §3.3, or is
    ///    a list of scopes with commas (`"profiles/get,profiles/post"`), which no token could meet.
    pub fn all_of(scopes: impl StringList) -> Result<Self, ConfigError> {
        Ok(Self::of([scope_list(scopes)?.into_boxed_slice()]))
    }

    /// Demands at least one of the scopes.
    ///
    /// # Errors
    ///
    /// As [`all_of`](Self::all_of).
    pub fn any_of(scopes: impl StringList) -> Result<Self, ConfigError> {
        let scopes = scope_list(scopes)?.into_iter();
        Ok(Self::of(scopes.map(|scope| Box::from([scope]))))
    }

    /// Met when this policy or the other is.
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "policies are combined where they are made"
    )]
    pub fn or(self, other: Self) -> Self {
        let alternatives = [self, other].into_iter();
        Self::of(alternatives.flat_map(|policy| policy.alternatives.list.to_vec()))
    }

    /// Met when this policy and the other are.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::ScopePolicy;
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let policy = ScopePolicy::any_of(["a", "b"])?.and(ScopePolicy::all_of(["c"])?);
    /// assert_eq!(policy.to_string(), "(a and c) or (b and c)");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "policies are combined where they are made"
    )]
    pub fn and(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let mut alternatives: Vec<Box<[Scope]>> = Vec::new();
        for first in &self.alternatives.list {
            for second in &other.alternatives.list {
                let added = second.iter().filter(|scope| !first.contains(scope));
                let both = first.iter().chain(added).cloned().collect();
                if !alternatives.contains(&both) {
                    alternatives.push(both);
                }
            }
        }
        Self::of(alternatives)
    }

    fn of(alternatives: impl IntoIterator<Item = Box<[Scope]>>) -> Self {
        let list: Box<[_]> = alternatives.into_iter().collect();
        let index = Index::of(&list);
        Self {
            alternatives: Arc::new(Alternatives { list, index }),
        }
    }

    /// Whether a token with exactly these scopes meets the policy.
    #[must_use]
    pub fn is_met_by<'a, I>(&self, scopes: I) -> bool
    where
        I: IntoIterator<Item = &'a str>,
        I::IntoIter: Clone,
    {
        let granted = scopes.into_iter();
        let Alternatives { list, index } = &*self.alternatives;
        match index {
            Some(index) => index.is_met_by(granted),
            None => is_any_met(list, |scope| {
                granted.clone().any(|granted| granted == scope)
            }),
        }
    }

    /// Whether this is a clone of the other policy. Equal policies that were made apart are not.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.alternatives, &other.alternatives)
    }

    /// As [`is_met_by`](Self::is_met_by), for the scopes of a `scope` claim.
    pub(crate) fn is_met_by_claim(&self, claim: &str) -> bool {
        let Alternatives { list, index } = &*self.alternatives;
        match index {
            Some(index) => index.is_met_by(split(claim)),
            None => is_any_met(list, |scope| claim::contains(claim, scope)),
        }
    }

    /// The alternatives, each with the scopes that it needs all of: for whatever describes the
    /// policy elsewhere.
    ///
    /// # Examples
    ///
    /// An OpenAPI operation lists alternatives in the same way:
    ///
    /// ```
    /// use tower_cognito::ScopePolicy;
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let policy = ScopePolicy::all_of(["orders/get", "orders/post"])?
    ///     .or(ScopePolicy::all_of(["admin/orders"])?);
    /// let security: Vec<Vec<&str>> = policy.alternatives().map(Iterator::collect).collect();
    /// assert_eq!(security, [vec!["orders/get", "orders/post"], vec!["admin/orders"]]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        let list = self.alternatives.list.iter();
        list.map(|scopes| scopes.iter().map(AsRef::as_ref))
    }

    /// The scopes that a challenge names (RFC 6750 §3): those of the alternative given first.
    ///
    /// A challenge is a flat list and cannot say "or". A caller that obtains the first alternative
    /// gets in; one that asked for every scope of every alternative would ask for rights it need
    /// not have.
    pub fn challenge_scopes(&self) -> impl Iterator<Item = &str> {
        self.alternatives().take(1).flatten()
    }

    /// Every scope that the policy names, in the order given; a scope in several alternatives comes
    /// several times.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.alternatives().flatten()
    }
}

/// As a condition: `(a and b) or c`.
impl fmt::Display for ScopePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = &self.alternatives.list;
        for (index, required) in list.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            let grouped = required.len() > 1 && list.len() > 1;
            let joined = required.join(" and ");
            if grouped {
                write!(f, "({joined})")?;
            } else {
                f.write_str(&joined)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ScopePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopePolicy({self})")
    }
}

impl PartialEq for Alternatives {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Alternatives {}

fn is_any_met(list: &[Box<[Scope]>], is_granted: impl Fn(&str) -> bool) -> bool {
    list.iter()
        .any(|required| required.iter().all(|scope| is_granted(scope)))
}

fn scope_list(scopes: impl StringList) -> Result<Vec<Scope>, ConfigError> {
    let scopes = scopes
        .into_iter()
        .map(|scope| grammar::parse(scope.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    if scopes.is_empty() {
        return Err(ConfigError::EmptyList {
            what: "scopes",
            instead: "leave the scope requirement out to accept every good token",
        });
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_met_by_whole_scopes_only() {
        let policy = ScopePolicy::all_of(["profiles/get"]).unwrap();
        for (claim, met) in [
            ("profiles/get", true),
            ("profiles/post profiles/get", true),
            ("  profiles/get  ", true),
            ("", false),
            ("profiles/ge", false),
            ("profiles/gets", false),
            ("profiles", false),
            ("Profiles/get", false),
            ("profiles/get,profiles/post", false),
            ("profiles/post\tprofiles/get", false),
            ("profiles/post\u{a0}profiles/get", false),
            ("profiles/post\u{2028}profiles/get", false),
            ("profiles/*", false),
            ("*", false),
        ] {
            assert_eq!(policy.is_met_by(split(claim)), met, "{claim:?}");
        }
    }

    #[test]
    fn all_of_needs_every_scope_and_any_of_needs_one() {
        let all = ScopePolicy::all_of(["a", "b"]).unwrap();
        let any = ScopePolicy::any_of(["a", "b"]).unwrap();
        for (claim, meets_all, meets_any) in [
            ("a b", true, true),
            ("b a c", true, true),
            ("a", false, true),
            ("b", false, true),
            ("c", false, false),
        ] {
            assert_eq!(all.is_met_by(split(claim)), meets_all, "{claim:?}");
            assert_eq!(any.is_met_by(split(claim)), meets_any, "{claim:?}");
        }
    }

    #[test]
    fn two_policies_together_demand_both_in_either_order() {
        let one = || ScopePolicy::any_of(["a", "b"]).unwrap();
        let other = || ScopePolicy::all_of(["b", "c"]).unwrap();
        for both in [one().and(other()), other().and(one())] {
            for (claim, met) in [
                ("a b c", true),
                ("b c", true),
                ("a b", false),
                ("a c", false),
                ("b", false),
                ("c", false),
            ] {
                assert_eq!(both.is_met_by(split(claim)), met, "{both} by {claim:?}");
            }
        }
    }

    #[test]
    fn a_long_policy_is_met_by_what_a_short_one_is_met_by() {
        let filler = ["x1", "x2", "x3", "x4"];
        for count in [4, 200, 300] {
            let many = (0..count).map(|number| format!("other/{number}"));
            let others = ScopePolicy::any_of(many).unwrap();
            let wanted = ScopePolicy::all_of(["a", "b"]).unwrap();
            for policy in [others.clone().or(wanted.clone()), wanted.or(others)] {
                assert!(policy.alternatives.index.is_some());
                for (claim, met) in [
                    ("a b", true),
                    ("b x a", true),
                    ("a", false),
                    ("a c", false),
                    ("", false),
                    ("other/0", true),
                    ("other/3 a", true),
                    ("other/300", false),
                    ("other/", false),
                    (&"x".repeat(10_000), false),
                    ("x1 x2 x3 x4", false),
                ] {
                    assert_eq!(policy.is_met_by(split(claim)), met, "{count}: {claim:?}");
                }
                let last = format!("other/{}", count - 1);
                assert!(policy.is_met_by(filler.into_iter().chain([&*last])));
            }
        }
    }

    /// One looks for scopes in the text of a claim, the other compares a list of them one by one.
    #[test]
    fn a_claim_meets_what_its_scopes_meet() {
        let words = ["a", "ab", "b", "a/b", "profiles/get", "profiles/get-all"];
        let claims = [
            "",
            " ",
            "a",
            " a",
            "a ",
            "ab",
            "b a",
            "ab a",
            "a/b",
            "xa",
            "ax",
            "a\tb",
            "a\u{a0}b",
            "profiles/get",
            "profiles/get-all",
            "profiles/get-all profiles/get",
            "  profiles/get  ",
            "openid profiles/get-all b",
            "xprofiles/get profiles/getx",
            "profiles/ge profiles/get",
        ];
        for first in words {
            for second in words {
                for policy in [
                    ScopePolicy::all_of([first, second]).unwrap(),
                    ScopePolicy::any_of([first, second]).unwrap(),
                    ScopePolicy::any_of(words)
                        .unwrap()
                        .and(ScopePolicy::all_of([first]).unwrap()),
                ] {
                    for claim in claims {
                        let by_scope = policy.is_met_by(split(claim));
                        assert_eq!(
                            policy.is_met_by_claim(claim),
                            by_scope,
                            "{policy}: {claim:?}"
                        );
                    }
                }
            }
        }
        let read = ScopePolicy::all_of(["profiles/get"]).unwrap();
        assert!(read.is_met_by_claim("openid profiles/get"));
        assert!(!read.is_met_by_claim("openid profiles/get-all"));
    }

    #[test]
    fn alternatives_are_an_or_of_ands() {
        let policy = ScopePolicy::all_of(["a", "b"])
            .unwrap()
            .or(ScopePolicy::any_of(["c", "d"]).unwrap());
        for (claim, met) in [
            ("a b", true),
            ("c", true),
            ("d", true),
            ("a", false),
            ("b", false),
        ] {
            assert_eq!(policy.is_met_by(split(claim)), met, "{claim:?}");
        }
        assert_eq!(policy.to_string(), "(a and b) or c or d");
        assert_eq!(format!("{policy:?}"), format!("ScopePolicy({policy})"));
        let one = ScopePolicy::all_of(["a", "b"]).unwrap();
        assert_eq!(one.to_string(), "a and b");
        assert_eq!(policy.challenge_scopes().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_scope_that_no_token_could_carry_is_rejected() {
        for scope in [
            "",
            "a b",
            "a\"b",
            "a\\b",
            "a\tb",
            "ä",
            "a\u{7f}",
            "a\n",
            "profiles/get,profiles/post",
            "https://api.example.com/read,profiles/get",
            "openid,email",
        ] {
            assert_eq!(
                ScopePolicy::all_of([scope]),
                Err(ConfigError::InvalidScope {
                    given: scope.to_owned()
                }),
                "{scope:?}"
            );
        }
        for scope in [
            "a",
            "profiles/get",
            "https://api.example.com/read:all",
            "profiles/get,post",
            "a,b/get",
            "read,write",
            "profiles/get,",
            "profiles/get,/post",
            "profiles/get,orders/",
            "!#[]~",
        ] {
            assert!(ScopePolicy::all_of([scope]).is_ok(), "{scope:?}");
        }
    }

    #[test]
    fn an_empty_policy_is_rejected() {
        let none: [&str; 0] = [];
        assert!(matches!(
            ScopePolicy::all_of(none),
            Err(ConfigError::EmptyList { .. })
        ));
        assert!(matches!(
            ScopePolicy::any_of(none),
            Err(ConfigError::EmptyList { .. })
        ));
    }
}
