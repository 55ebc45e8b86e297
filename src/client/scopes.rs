//! The scopes of a token request.

use std::sync::Arc;

use crate::{config_error::ConfigError, scope::ScopePolicy, string_list::StringList};

/// A set of scopes: sorted, each once, separated by spaces, as they are sent. Empty is "all that
/// the client may have".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Scopes(Arc<str>);

impl Scopes {
    pub(super) fn new(scopes: impl StringList) -> Result<Self, ConfigError> {
        let mut scopes = scopes.into_iter().peekable();
        if scopes.peek().is_none() {
            return Err(ConfigError::EmptyList {
                what: "scopes",
                instead: "leave `scopes` out to ask for all that the app client may have",
            });
        }
        let checked = ScopePolicy::all_of(scopes)?;
        let mut sorted = checked.scopes().collect::<Vec<_>>();
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Self(sorted.join(" ").into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_unsaid(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scopes = Scopes::new(["profiles/post", "profiles/get", "profiles/post"]).unwrap();
        assert_eq!(scopes.as_str(), "profiles/get profiles/post");
        assert_eq!(
            scopes,
            Scopes::new(["profiles/get", "profiles/post"]).unwrap()
        );
        assert_ne!(scopes, Scopes::new(["profiles/get"]).unwrap());
        assert_ne!(scopes, Scopes::default());
    }

    #[test]
    fn an_empty_list_and_an_invalid_scope_are_rejected() {
        let none: [&str; 0] = [];
        assert!(matches!(
            Scopes::new(none),
            Err(ConfigError::EmptyList { .. })
        ));
        for scope in ["", "a b", "a\n"] {
            assert!(
                matches!(Scopes::new([scope]), Err(ConfigError::InvalidScope { .. })),
                "{scope:?}"
            );
        }
    }
}
