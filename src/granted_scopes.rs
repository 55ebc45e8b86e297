//! Which scopes the tokens of a pool can grant.

use crate::{config_error::ConfigError, scope};

/// The resource servers whose scopes a pool is in charge of.
#[derive(Clone, Debug)]
pub(crate) struct GrantedScopes {
    /// `None` is every scope, also one without a resource server.
    only_of: Option<Vec<String>>,
}

impl GrantedScopes {
    pub(crate) const fn all() -> Self {
        Self { only_of: None }
    }

    pub(crate) fn add(&mut self, resource_servers: Vec<String>) {
        self.only_of
            .get_or_insert_default()
            .extend(resource_servers);
    }

    /// What is left of a `scope` claim, or `None` if all of it is.
    pub(crate) fn narrow(&self, claim: &str) -> Option<Box<str>> {
        let only_of = self.only_of.as_ref()?;
        let granted = |scope: &&str| {
            resource_server_of(scope)
                .is_some_and(|identifier| only_of.iter().any(|of| of == identifier))
        };
        let scopes = scope::split(claim);
        (!scopes.clone().all(|scope| granted(&scope)))
            .then(|| scopes.filter(granted).collect::<Vec<_>>().join(" ").into())
    }
}

/// What comes before the last `/`: an identifier may hold slashes itself, and a scope's own name
/// may not.
fn resource_server_of(scope: &str) -> Option<&str> {
    scope.rsplit_once('/').map(|(identifier, _)| identifier)
}

/// Source: AWS, *Amazon Cognito user pools API reference*, `CreateResourceServer`.
pub(crate) fn checked_resource_server(identifier: &str) -> Result<String, ConfigError> {
    if (1..=256).contains(&identifier.len()) && scope::is_scope_token(identifier) {
        Ok(identifier.to_owned())
    } else {
        Err(ConfigError::InvalidResourceServer {
            given: identifier.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_counts_only_with_its_whole_resource_server() {
        let mut granted = GrantedScopes::all();
        let claim = "partner/read partner/x/read Partner/read partne/read partners/read openid /read partner";
        assert_eq!(granted.narrow(claim), None);
        granted.add(vec!["partner".to_owned()]);
        assert_eq!(granted.narrow(claim).as_deref(), Some("partner/read"));
        assert_eq!(granted.narrow("partner/read partner/write"), None);
        assert_eq!(granted.narrow(""), None);
        assert_eq!(granted.narrow("openid").as_deref(), Some(""));
        granted.add(vec!["https://api.example.com".to_owned()]);
        assert_eq!(
            granted.narrow("https://api.example.com/read partner/read"),
            None
        );
        assert_eq!(
            granted
                .narrow("https://api.example.com/v2/read https://api.example.com/read")
                .as_deref(),
            Some("https://api.example.com/read")
        );
    }

    #[test]
    fn an_identifier_that_no_scope_begins_with_is_rejected() {
        for identifier in ["", "a b", "a\"", "ä", "a\n", &"a".repeat(257)] {
            assert_eq!(
                checked_resource_server(identifier),
                Err(ConfigError::InvalidResourceServer {
                    given: identifier.to_owned()
                })
            );
        }
        for identifier in [
            "partner",
            "https://api.example.com",
            "a/b",
            &"a".repeat(256),
        ] {
            assert!(checked_resource_server(identifier).is_ok(), "{identifier}");
        }
    }
}
