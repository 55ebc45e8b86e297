//! Whose tokens of a trusted issuer are accepted.

use std::collections::HashSet;

use crate::{config_error::ConfigError, json::RawStr, string_list::StringList};

/// Cognito's pattern is `[\w+]+` of 1 to 128.
pub(crate) const MAX_CLIENT_ID_BYTES: usize = 128;

/// Which app clients' tokens are accepted: the audience decision of Cognito, whose access tokens
/// have no `aud`.
///
/// It is a constructor argument of the verifier because neither answer is a safe default. Start
/// with [`only`](Self::only).
///
/// # What `any` means
///
/// A pool is often shared by many services. [`any`](Self::any) then accepts every client that was
/// made for another of them, and scopes alone decide.
///
/// Where **dynamic client registration** is open, which is a setting of the pool, `any` means
/// *anyone who registers*. The clients of such a pool cannot be listed, so something else must
/// decide: demand scopes that a registered client does not get by itself, and tokens that are bound
/// to this service ([`require_audience`](crate::verifier::VerifierBuilder::require_audience)).
///
/// # Examples
///
/// ```
/// use tower_cognito::AllowedClients;
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let two_callers = AllowedClients::only(["1example23456789", "2example23456789"])?;
/// let anyone_with_the_scopes = AllowedClients::any();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedClients {
    /// `None` is any client; a set is never empty.
    only: Option<HashSet<String, foldhash::fast::RandomState>>,
}

impl AllowedClients {
    /// Only the tokens of these app clients.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::EmptyList`] if there is none: an empty list must not silently mean "any".
    /// 2. [`ConfigError::InvalidClientId`] if one is not 1 to 128 printable ASCII characters.
    pub fn only(ids: impl StringList) -> Result<Self, ConfigError> {
        let ids = ids
            .into_iter()
            .map(|id| checked_client_id(id.as_ref()))
            .collect::<Result<HashSet<_, _>, _>>()?;
        if ids.is_empty() {
            return Err(ConfigError::EmptyList {
                what: "app clients",
                instead: "name at least one, or write `AllowedClients::any()`",
            });
        }
        Ok(Self { only: Some(ids) })
    }

    /// Every app client of the pool, those included that register themselves. Scopes alone decide;
    /// see [what that means](Self#what-any-means).
    #[must_use]
    pub const fn any() -> Self {
        Self { only: None }
    }

    pub(crate) const fn are_any(&self) -> bool {
        self.only.is_none()
    }

    pub(crate) fn allows(&self, client_id: RawStr<'_>) -> bool {
        self.only.as_ref().is_none_or(|only| {
            // What is longer is not in the set.
            let mut buffer = [0; MAX_CLIENT_ID_BYTES];
            client_id
                .short(&mut buffer)
                .is_some_and(|id| only.contains(id))
        })
    }
}

/// Of more characters than Cognito's, because emulators and other issuers also use `-`, `.` and
/// more.
pub(crate) fn checked_client_id(id: &str) -> Result<String, ConfigError> {
    if (1..=MAX_CLIENT_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
    {
        Ok(id.to_owned())
    } else {
        Err(ConfigError::InvalidClientId {
            given: id.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_of_clients_does_not_mean_any() {
        let none: [&str; 0] = [];
        assert!(matches!(
            AllowedClients::only(none),
            Err(ConfigError::EmptyList { .. })
        ));
        for id in ["", "a b", "ä", "a\n"] {
            assert_eq!(
                AllowedClients::only([id]),
                Err(ConfigError::InvalidClientId {
                    given: id.to_owned()
                })
            );
        }
        let only = AllowedClients::only(["caller", "other"]).unwrap();
        assert!(only.allows(RawStr::of_plain("caller")) && only.allows(RawStr::of_plain("other")));
        let long = "c".repeat(MAX_CLIENT_ID_BYTES + 1);
        for other in ["", "calle", "callers", "Caller", &long] {
            assert!(!only.allows(RawStr::of_plain(other)), "{other}");
            assert!(
                AllowedClients::any().allows(RawStr::of_plain(other)),
                "{other}"
            );
        }
    }
}
