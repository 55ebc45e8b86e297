//! Why the service's own rule denies a verified token.

use std::{fmt, sync::Arc, time::Duration};

use super::AuthError;
use crate::{config_error::ConfigError, string_list::StringList};

/// Why the service's own rule denies a token that verified: what a
/// [`RequireClaimsLayer`](crate::RequireClaimsLayer) or a
/// [check of the verifier](crate::verifier::VerifierBuilder) returns.
///
/// | constructor | status | the caller |
/// | --- | --- | --- |
/// | [`forbidden`](Self::forbidden) | 403, `insufficient_scope` | keeps its token |
/// | [`revoked`](Self::revoked) | 401, `invalid_token` | gets a new token |
/// | [`step_up`](Self::step_up) | 401, `insufficient_user_authentication` | has the user authenticate again |
/// | [`unavailable`](Self::unavailable) | 503, `Retry-After` | tries again later |
///
/// # Examples
///
/// ```
/// use tower_cognito::{AuthError, Denied};
///
/// assert_eq!(AuthError::from(Denied::revoked()), AuthError::Revoked);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(AuthError);

impl Denied {
    /// The token is good but does not permit this: 403 with `insufficient_scope`. The caller keeps
    /// its token.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self(AuthError::Forbidden)
    }

    /// The token is no longer good: 401 with `invalid_token`. The caller gets a new one.
    #[must_use]
    pub const fn revoked() -> Self {
        Self(AuthError::Revoked)
    }

    /// The user must authenticate in another way, or more recently: 401 with
    /// `insufficient_user_authentication` (RFC 9470).
    #[must_use]
    pub const fn step_up(required: StepUp) -> Self {
        Self(AuthError::InsufficientUserAuthentication { required })
    }

    /// The rule could not find out, for example because a denylist cannot be read: 503 with
    /// `Retry-After`. The request does not pass, and the caller keeps its token.
    #[must_use]
    pub const fn unavailable(retry_after: Duration) -> Self {
        Self(AuthError::CheckUnavailable { retry_after })
    }
}

impl From<Denied> for AuthError {
    fn from(Denied(error): Denied) -> Self {
        error
    }
}

/// How a user must authenticate (RFC 9470 §3): the parameters of the challenge that
/// [`Denied::step_up`] sends.
///
/// A clone is one reference count, so make it once, when the service starts.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use serde::Deserialize;
/// use tower_cognito::{Claims, Denied, StepUp};
///
/// #[derive(Deserialize)]
/// struct Authentication<'a> {
///     acr: Option<&'a str>,
/// }
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let second_factor = StepUp::new()
///     .acr_values(["urn:example:mfa"])?
///     .max_age(Duration::from_secs(300));
/// let rule = move |claims: &Claims| match claims.custom::<Authentication<'_>>() {
///     Ok(Authentication { acr: Some("urn:example:mfa") }) => Ok(()),
///     _ => Err(Denied::step_up(second_factor.clone())),
/// };
/// # let _ = rule;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct StepUp {
    acr_values: Option<Arc<str>>,
    max_age: Option<u64>,
}

impl StepUp {
    /// Demands another authentication without saying which.
    pub const fn new() -> Self {
        Self {
            acr_values: None,
            max_age: None,
        }
    }

    /// The authentication context classes that are accepted, the preferred one first. Replaces
    /// those given before.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::EmptyList`] if there is none.
    /// 2. [`ConfigError::InvalidChallengeParameter`] if one is empty, or has a character that is
    ///    not printable ASCII, a space, a quote or a backslash.
    pub fn acr_values(mut self, values: impl StringList) -> Result<Self, ConfigError> {
        let mut joined = String::new();
        for value in values {
            let value = value.as_ref();
            let accepted = |byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\\');
            if value.is_empty() || !value.bytes().all(accepted) {
                return Err(ConfigError::InvalidChallengeParameter {
                    parameter: "acr_values",
                    given: value.to_owned(),
                });
            }
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(value);
        }
        if joined.is_empty() {
            return Err(ConfigError::EmptyList {
                what: "acr_values",
                instead: "leave the setting out to demand no class",
            });
        }
        self.acr_values = Some(joined.into());
        Ok(self)
    }

    /// How long ago the user may have authenticated, at most; in whole seconds, rounded down.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age.as_secs());
        self
    }

    /// The parameters of the challenge, in the order of RFC 9470 §3.
    pub(crate) fn parameters(&self) -> [(&'static str, Option<String>); 2] {
        [
            ("acr_values", self.acr_values.as_deref().map(str::to_owned)),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
        ]
    }
}

/// As in the challenge: `acr_values="a b", max_age="300"`.
impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, value) in self.parameters() {
            if let Some(value) = value {
                write!(f, "{separator}{name}=\"{value}\"")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_would_break_a_challenge_is_rejected() {
        for value in ["", "a b", "a\"b", "a\\b", "a\r\nb", "ä"] {
            let rejected = StepUp::new().acr_values(["ok", value]).unwrap_err();
            let expected = ConfigError::InvalidChallengeParameter {
                parameter: "acr_values",
                given: value.to_owned(),
            };
            assert_eq!(rejected, expected);
        }
        let none: [&str; 0] = [];
        let rejected = StepUp::new().acr_values(none).unwrap_err();
        assert!(matches!(rejected, ConfigError::EmptyList { .. }));
    }

    #[test]
    fn it_reads_as_the_parameters_of_the_challenge() {
        let step_up = StepUp::new().acr_values(["a", "b"]).unwrap();
        assert_eq!(step_up.to_string(), r#"acr_values="a b""#);
        let step_up = step_up.max_age(Duration::from_millis(5999));
        assert_eq!(step_up.to_string(), r#"acr_values="a b", max_age="5""#);
        assert_eq!(StepUp::new().to_string(), "");
    }
}
