//! Client secrets, and how they are shown to the token endpoint.

use std::fmt;

use crate::config_error::ConfigError;

/// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
///
/// Unless one is chosen, it is [`Basic`](Self::Basic) for a client id and secret of letters,
/// digits, `*`, `-`, `.` and `_`, which is what Cognito generates, and [`Post`](Self::Post) for all
/// others. The reason is that Basic is ambiguous for the others: RFC 6749 has both parts
/// form-encoded before Base64, and AWS documents `Base64(client_id:client_secret)` without. The two
/// differ as soon as a character such as `+`, `%` or `:` is in them, and a secret that is brought
/// along may hold `+`. A form body has only one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_basic` as AWS documents it:
    /// `Authorization: Basic Base64(client_id:client_secret)`, not form-encoded.
    Basic,
    /// `client_secret_post`: `client_id` and `client_secret` in the form body.
    Post,
}

impl ClientAuthentication {
    pub(super) fn fit_for(client_id: &str, secret: &ClientSecret) -> Self {
        let unambiguous = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte))
        };
        if unambiguous(client_id) && unambiguous(secret.expose()) {
            Self::Basic
        } else {
            Self::Post
        }
    }
}

/// A client secret, which is sent to the issuer only.
#[derive(PartialEq, Eq)]
pub(super) struct ClientSecret(Box<str>);

impl ClientSecret {
    /// `VSCHAR` of RFC 6749 appendix A.2: printable ASCII and space.
    pub(super) fn new(setting: &'static str, secret: &str) -> Result<Self, ConfigError> {
        match problem(secret) {
            None => Ok(Self(secret.into())),
            Some(problem) => Err(ConfigError::InvalidClientSecret { setting, problem }),
        }
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// What is wrong with a secret, without a byte of it.
fn problem(secret: &str) -> Option<&'static str> {
    let is_printable = |byte| matches!(byte, 0x20..=0x7E);
    if secret.is_empty() {
        Some("is empty")
    } else if secret.len() > 1024 {
        Some("is longer than 1024 characters")
    } else if secret
        .trim_end_matches(['\r', '\n'])
        .bytes()
        .all(is_printable)
    {
        secret
            .ends_with(['\r', '\n'])
            .then_some("ends in a line break, as a secret read from a file often does")
    } else {
        Some("holds a character that is not printable ASCII")
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> ClientSecret {
        ClientSecret::new("builder", text).unwrap()
    }

    #[test]
    fn basic_is_for_what_form_encoding_would_not_change() {
        for (id, given, expected) in [
            ("1example23456789", "abc123", ClientAuthentication::Basic),
            ("a-b.c_d*e", "abc123", ClientAuthentication::Basic),
            ("1example23456789", "abc+123", ClientAuthentication::Post),
            ("1example23456789", "abc 123", ClientAuthentication::Post),
            ("1example23456789", "abc%123", ClientAuthentication::Post),
            ("1example23456789", "abc/123=", ClientAuthentication::Post),
            ("1exa:mple", "abc123", ClientAuthentication::Post),
            ("1exa+mple", "abc123", ClientAuthentication::Post),
        ] {
            assert_eq!(
                ClientAuthentication::fit_for(id, &secret(given)),
                expected,
                "{id} {given}"
            );
        }
    }

    #[test]
    fn an_impossible_secret_is_rejected_without_being_quoted() {
        for (text, problem) in [
            ("", "is empty"),
            (
                "abc\n",
                "ends in a line break, as a secret read from a file often does",
            ),
            (
                "abc\r\n",
                "ends in a line break, as a secret read from a file often does",
            ),
            ("a\nbc", "holds a character that is not printable ASCII"),
            ("\u{e4}bc", "holds a character that is not printable ASCII"),
            (&"a".repeat(1025), "is longer than 1024 characters"),
        ] {
            let error = ClientSecret::new("next_secret", text).unwrap_err();
            assert_eq!(
                error,
                ConfigError::InvalidClientSecret {
                    setting: "next_secret",
                    problem,
                }
            );
            assert!(!format!("{error} {error:?}").contains("bc"), "{error}");
        }
        assert_eq!(secret("a b~!").expose(), "a b~!");
        assert_eq!(secret(&"a".repeat(1024)).expose().len(), 1024);
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", secret("hush")), "ClientSecret(..)");
    }
}
