//! `WWW-Authenticate`: the texts of RFC 6750 §3, made once when a layer is built.

use http::HeaderValue;

use crate::{
    error::{AuthError, ConfigError},
    scope::ScopePolicy,
};

/// What every challenge of a layer says of the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChallengeParameters {
    realm: Option<String>,
    resource_metadata: Option<String>,
}

impl ChallengeParameters {
    pub(crate) fn set_realm(&mut self, realm: &str) -> Result<(), ConfigError> {
        self.realm = Some(quotable("realm", realm)?);
        Ok(())
    }

    pub(crate) fn set_resource_metadata(&mut self, url: &str) -> Result<(), ConfigError> {
        self.resource_metadata = Some(quotable("resource_metadata", url)?);
        Ok(())
    }
}

/// Every challenge that a layer can send. No byte of a request is in them.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    missing: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    expired: HeaderValue,
    insufficient_scope: HeaderValue,
    forbidden: HeaderValue,
}

impl Challenges {
    /// For a layer that requires these scopes, or none.
    pub(crate) fn new(parameters: &ChallengeParameters, required: Option<&ScopePolicy>) -> Self {
        let scope = required.map(|policy| policy.challenge_scopes().collect::<Vec<_>>().join(" "));
        let scope = scope.as_deref();
        let challenge = |scope, error| challenge(parameters, scope, error);
        Self {
            missing: challenge(scope, None),
            invalid_request: challenge(
                None,
                Some((
                    "invalid_request",
                    "the request must carry exactly one well-formed bearer token",
                )),
            ),
            invalid_token: challenge(
                None,
                Some(("invalid_token", "the access token is not valid")),
            ),
            expired: challenge(None, Some(("invalid_token", "the access token expired"))),
            insufficient_scope: challenge(
                scope,
                Some((
                    "insufficient_scope",
                    "the access token lacks a required scope",
                )),
            ),
            forbidden: challenge(
                None,
                Some((
                    "insufficient_scope",
                    "the access token does not permit this request",
                )),
            ),
        }
    }

    /// `None` where the trouble is ours, which no token could cure.
    pub(crate) const fn of(&self, error: &AuthError) -> Option<&HeaderValue> {
        match error {
            AuthError::MissingToken => Some(&self.missing),
            AuthError::MalformedCredentials
            | AuthError::MultipleCredentials
            | AuthError::TokenTooLarge => Some(&self.invalid_request),
            AuthError::Expired => Some(&self.expired),
            AuthError::AlgorithmNotAllowed
            | AuthError::AudienceNotAllowed
            | AuthError::ClientNotAllowed
            | AuthError::HeaderNotSupported
            | AuthError::InvalidSignature
            | AuthError::IssuedInFuture
            | AuthError::IssuerNotAllowed
            | AuthError::KeyUnknown
            | AuthError::MalformedClaims
            | AuthError::MalformedHeader
            | AuthError::MalformedToken
            | AuthError::NotYetValid
            | AuthError::Revoked
            | AuthError::TokenTooOld
            | AuthError::TokenUseNotAllowed => Some(&self.invalid_token),
            AuthError::InsufficientScope { .. } => Some(&self.insufficient_scope),
            AuthError::Forbidden => Some(&self.forbidden),
            AuthError::KeysUnavailable { .. } | AuthError::LayerMissing => None,
        }
    }
}

fn challenge(
    parameters: &ChallengeParameters,
    scope: Option<&str>,
    error: Option<(&str, &str)>,
) -> HeaderValue {
    let named = [
        ("realm", parameters.realm.as_deref()),
        ("scope", scope),
        ("error", error.map(|(code, _)| code)),
        (
            "error_description",
            error.map(|(_, description)| description),
        ),
        ("resource_metadata", parameters.resource_metadata.as_deref()),
    ];
    let given = named
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}=\"{value}\"")))
        .collect::<Vec<_>>();
    let text = if given.is_empty() {
        "Bearer".to_owned()
    } else {
        format!("Bearer {}", given.join(", "))
    };
    // Every part is printable ASCII without quotes: a constant, or checked by `quotable` or by `ScopePolicy`.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// Accepts what can stand in a quoted string without escaping (RFC 9110 §5.6.4).
fn quotable(parameter: &'static str, text: &str) -> Result<String, ConfigError> {
    if !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
    {
        Ok(text.to_owned())
    } else {
        Err(ConfigError::InvalidChallengeParameter {
            parameter,
            given: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_would_break_the_quoting_is_refused() {
        let mut parameters = ChallengeParameters::default();
        for text in ["", "a\"b", "a\\b", "a\r\nb", "a\tb", "ä", "a\u{7f}"] {
            for (parameter, outcome) in [
                ("realm", parameters.set_realm(text)),
                ("resource_metadata", parameters.set_resource_metadata(text)),
            ] {
                let given = text.to_owned();
                assert_eq!(
                    outcome,
                    Err(ConfigError::InvalidChallengeParameter { parameter, given })
                );
            }
        }
        assert_eq!(parameters.set_realm("profiles of the shop"), Ok(()));
    }
}
