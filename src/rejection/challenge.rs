//! `WWW-Authenticate`: the texts of RFC 6750 §3, made once when a layer is built.

use std::borrow::Cow;

use http::HeaderValue;

use crate::{
    config_error::ConfigError,
    error::{AuthError, RejectionKind},
    scope::ScopePolicy,
};

/// What every challenge of a layer says of the service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChallengeParameters {
    pub(crate) realm: Option<QuotableText>,
    pub(crate) resource_metadata: Option<QuotableText>,
}

/// A text that fits into a quoted string without escaping (RFC 9110 §5.6.4).
#[derive(Clone, Debug)]
pub(crate) struct QuotableText(Box<str>);

impl QuotableText {
    pub(crate) fn realm(text: &str) -> Result<Self, ConfigError> {
        Self::parse("realm", text)
    }

    pub(crate) fn resource_metadata(text: &str) -> Result<Self, ConfigError> {
        Self::parse("resource_metadata", text)
    }

    pub(crate) fn as_str(&self) -> &str {
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

/// Every challenge that a layer can send by itself. No byte of a request is in them.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    parameters: ChallengeParameters,
    required: Option<ScopePolicy>,
    written: Written,
}

/// The challenges of the layer's own rejections, written once.
#[derive(Clone, Debug)]
struct Written {
    expired_token: HeaderValue,
    forbidden: HeaderValue,
    insufficient_scope: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    missing_token: HeaderValue,
}

impl Default for Challenges {
    fn default() -> Self {
        let parameters = ChallengeParameters::default();
        Self {
            written: Written::new(&parameters, None),
            parameters,
            required: None,
        }
    }
}

impl Challenges {
    /// Changes the parameters, and writes the challenges again.
    pub(crate) fn describe(&mut self, change: impl FnOnce(&mut ChallengeParameters)) {
        change(&mut self.parameters);
        self.written = Written::new(&self.parameters, self.required.as_ref());
    }

    /// Adds these scopes to those already required.
    pub(crate) fn require(&mut self, policy: ScopePolicy) {
        self.required = Some(match self.required.take() {
            Some(first) => first.and(policy),
            None => policy,
        });
        self.written = Written::new(&self.parameters, self.required.as_ref());
    }

    /// The URL of the resource's metadata.
    pub(crate) fn resource_metadata(&self) -> Option<&str> {
        let url = self.parameters.resource_metadata.as_ref();
        url.map(QuotableText::as_str)
    }

    /// The scopes that the layer demands.
    pub(crate) const fn required(&self) -> Option<&ScopePolicy> {
        self.required.as_ref()
    }

    /// The challenge of one of the layer's own rejections. `None` where no token could help.
    pub(crate) fn of(&self, error: &AuthError) -> Option<Cow<'_, HeaderValue>> {
        if let AuthError::InsufficientUserAuthentication { required } = error {
            let demanded = required.parameters();
            let written = challenge(&self.parameters, None, error.kind(), &demanded);
            return Some(Cow::Owned(written));
        }
        self.written.of(error.kind()).map(Cow::Borrowed)
    }

    /// The challenge of a rejection from inside, which needs these scopes.
    pub(crate) fn with_scopes(
        &self,
        error: &AuthError,
        scopes: Option<&ScopePolicy>,
    ) -> Option<Cow<'_, HeaderValue>> {
        let kind = error.kind();
        match kind {
            RejectionKind::InsufficientScope | RejectionKind::MissingToken if scopes.is_some() => {
                let scopes = scopes.map(scope_parameter);
                let written = challenge(&self.parameters, scopes.as_deref(), kind, &[]);
                Some(Cow::Owned(written))
            }
            _ => self.of(error),
        }
    }
}

impl Written {
    fn new(parameters: &ChallengeParameters, required: Option<&ScopePolicy>) -> Self {
        let scope = required.map(scope_parameter);
        let scope = scope.as_deref();
        let challenge = |kind, scope| challenge(parameters, scope, kind, &[]);
        Self {
            expired_token: challenge(RejectionKind::ExpiredToken, None),
            forbidden: challenge(RejectionKind::Forbidden, None),
            insufficient_scope: challenge(RejectionKind::InsufficientScope, scope),
            invalid_request: challenge(RejectionKind::InvalidRequest, None),
            invalid_token: challenge(RejectionKind::InvalidToken, None),
            missing_token: challenge(RejectionKind::MissingToken, scope),
        }
    }

    const fn of(&self, kind: RejectionKind) -> Option<&HeaderValue> {
        match kind {
            RejectionKind::ExpiredToken => Some(&self.expired_token),
            RejectionKind::Forbidden => Some(&self.forbidden),
            RejectionKind::InsufficientScope => Some(&self.insufficient_scope),
            RejectionKind::InvalidRequest => Some(&self.invalid_request),
            RejectionKind::InvalidToken => Some(&self.invalid_token),
            RejectionKind::MissingToken => Some(&self.missing_token),
            // A step-up challenge says what is demanded, which differs.
            RejectionKind::Misconfigured | RejectionKind::StepUp | RejectionKind::Unavailable => {
                None
            }
        }
    }
}

fn scope_parameter(policy: &ScopePolicy) -> String {
    policy.challenge_scopes().collect::<Vec<_>>().join(" ")
}

fn challenge(
    parameters: &ChallengeParameters,
    scope: Option<&str>,
    kind: RejectionKind,
    demanded: &[(&'static str, Option<String>)],
) -> HeaderValue {
    let error = kind.error_code();
    let named = [
        ("realm", parameters.realm.as_ref().map(QuotableText::as_str)),
        ("scope", scope),
        ("error", error),
        ("error_description", error.map(|_| kind.description())),
        (
            "resource_metadata",
            parameters
                .resource_metadata
                .as_ref()
                .map(QuotableText::as_str),
        ),
    ];
    let demanded = demanded
        .iter()
        .map(|(name, value)| (*name, value.as_deref()));
    let given = named
        .into_iter()
        .chain(demanded)
        .filter_map(|(name, value)| value.map(|value| format!("{name}=\"{value}\"")))
        .collect::<Vec<_>>();
    let text = if given.is_empty() {
        "Bearer".to_owned()
    } else {
        format!("Bearer {}", given.join(", "))
    };
    // Every part is printable ASCII without quotes: a constant, or checked by `QuotableText`,
    // `ScopePolicy` or `StepUp`.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_would_break_the_quoting_is_rejected() {
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
