//! `WWW-Authenticate`: the texts of RFC 6750 §3, made once when a layer is built.

use http::HeaderValue;

use crate::{
    error::{AuthError, ConfigError},
    scope::ScopePolicy,
};

/// What every challenge of a layer says of the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChallengeParameters {
    pub(crate) realm: Option<QuotableText>,
    pub(crate) resource_metadata: Option<QuotableText>,
}

/// A text that can stand in a quoted string without escaping (RFC 9110 §5.6.4).
#[derive(Clone, Debug)]
pub(crate) struct QuotableText(Box<str>);

impl QuotableText {
    pub(crate) fn realm(text: &str) -> Result<Self, ConfigError> {
        Self::parse("realm", text)
    }

    pub(crate) fn resource_metadata(text: &str) -> Result<Self, ConfigError> {
        Self::parse("resource_metadata", text)
    }

    fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(parameter: &'static str, text: &str) -> Result<Self, ConfigError> {
        let quotable = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if !text.is_empty() && text.bytes().all(quotable) {
            Ok(Self(text.into()))
        } else {
            Err(ConfigError::InvalidChallengeParameter {
                parameter,
                given: text.to_owned(),
            })
        }
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
        ("realm", parameters.realm.as_ref().map(QuotableText::as_str)),
        ("scope", scope),
        ("error", error.map(|(code, _)| code)),
        (
            "error_description",
            error.map(|(_, description)| description),
        ),
        (
            "resource_metadata",
            parameters
                .resource_metadata
                .as_ref()
                .map(QuotableText::as_str),
        ),
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
    // Every part is printable ASCII without quotes: a constant, or checked by `QuotableText` or by `ScopePolicy`.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_would_break_the_quoting_is_refused() {
        for text in ["", "a\"b", "a\\b", "a\r\nb", "a\tb", "ä", "a\u{7f}"] {
            for (parameter, outcome) in [
                ("realm", QuotableText::realm(text)),
                ("resource_metadata", QuotableText::resource_metadata(text)),
            ] {
                let given = text.to_owned();
                let expected = ConfigError::InvalidChallengeParameter { parameter, given };
                assert_eq!(outcome.unwrap_err(), expected);
            }
        }
        assert!(QuotableText::realm("profiles of the shop").is_ok());
    }
}
