//! Which resources a token may be bound to (RFC 7519 §4.1.3, RFC 8707).

use crate::{allowed_clients::MAX_CLIENT_ID_BYTES, config_error::ConfigError, json::RawStr};

/// The names of this service in `aud`, and whether one of them must be there.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedAudience {
    names: Vec<String>,
    unbound: Unbound,
}

/// What happens to a token that is not bound to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unbound {
    Accept,
    Reject,
}

impl ExpectedAudience {
    pub(crate) fn accept(&mut self, name: String) {
        self.names.push(name);
    }

    pub(crate) fn require(&mut self, name: String) {
        self.accept(name);
        self.unbound = Unbound::Reject;
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) const fn is_required(&self) -> bool {
        matches!(self.unbound, Unbound::Reject)
    }

    /// # Errors
    ///
    /// [`ConfigError::InvalidAudience`] for the first name that no token could carry.
    pub(crate) fn check_names(&self) -> Result<(), ConfigError> {
        self.names.iter().try_for_each(|name| check(name))
    }

    /// Whether a token with this `aud` may be used here.
    ///
    /// A Cognito access token has no `aud` unless it is bound to a resource, or a trigger adds the
    /// client's own id. Neither binds it. Anything else does, and must name this service.
    pub(super) fn allows<'a>(
        &self,
        mut audiences: impl Iterator<Item = RawStr<'a>> + Clone,
        client_id: RawStr<'_>,
    ) -> bool {
        // As in nearly every token, so what follows need not be made.
        if audiences.clone().next().is_none() {
            return self.unbound == Unbound::Accept;
        }
        let mut buffer = [0; MAX_CLIENT_ID_BYTES];
        let client_id = client_id.short(&mut buffer);
        let is_client =
            |audience: RawStr<'_>| client_id.is_some_and(|client_id| audience.is(client_id));
        let is_unbound = audiences.clone().all(is_client);
        (is_unbound && self.unbound == Unbound::Accept)
            || audiences.any(|audience| self.names.iter().any(|name| audience.is(name)))
    }
}

impl Default for ExpectedAudience {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            unbound: Unbound::Accept,
        }
    }
}

/// # Errors
///
/// [`ConfigError::InvalidAudience`] for a name that no token could carry.
pub(crate) fn check(name: &str) -> Result<(), ConfigError> {
    match is_audience(name) {
        true => Ok(()),
        false => Err(ConfigError::InvalidAudience {
            given: name.to_owned(),
        }),
    }
}

/// Any string may be an audience, but one with white space in it is a mistake, such as a line break
/// at its end.
pub(crate) fn is_audience(name: &str) -> bool {
    (1..=512).contains(&name.len())
        && !name.contains(|character: char| character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(expected: &ExpectedAudience, audiences: &[&str]) -> bool {
        let audiences = audiences.iter().map(|audience| RawStr::of_plain(audience));
        expected.allows(audiences, RawStr::of_plain("client"))
    }

    #[test]
    fn an_audience_binds_unless_it_is_the_client_itself() {
        let default = ExpectedAudience::default();
        let mut accepting = ExpectedAudience::default();
        accepting.accept("us".to_owned());
        let mut requiring = ExpectedAudience::default();
        requiring.require("us".to_owned());
        for (audiences, by_default, if_accepted, if_required) in [
            (&[][..], true, true, false),
            (&["client"], true, true, false),
            (&["client", "client"], true, true, false),
            (&["us"], false, true, true),
            (&["us", "other"], false, true, true),
            (&["client", "us"], false, true, true),
            (&["client", "us", "other"], false, true, true),
            (&["other"], false, false, false),
            (&["client", "other"], false, false, false),
            (&["other", "client"], false, false, false),
            (&["Us"], false, false, false),
            (&["us/"], false, false, false),
            (&["u"], false, false, false),
            (&[""], false, false, false),
        ] {
            assert_eq!(allows(&default, audiences), by_default, "{audiences:?}");
            assert_eq!(allows(&accepting, audiences), if_accepted, "{audiences:?}");
            assert_eq!(allows(&requiring, audiences), if_required, "{audiences:?}");
        }
    }

    #[test]
    fn what_is_required_stays_required_whatever_else_is_accepted() {
        let mut first = ExpectedAudience::default();
        first.require("us".to_owned());
        first.accept("also us".to_owned());
        let mut last = ExpectedAudience::default();
        last.accept("also us".to_owned());
        last.require("us".to_owned());
        for expected in [first, last] {
            assert!(allows(&expected, &["us"]));
            assert!(allows(&expected, &["also us"]));
            assert!(!allows(&expected, &[]));
        }
    }

    #[test]
    fn an_audience_that_no_token_could_carry_is_rejected() {
        for name in ["", "https://api.example.com\n", " us", "a b", "a\u{7f}"] {
            let mut expected = ExpectedAudience::default();
            expected.accept(name.to_owned());
            assert_eq!(
                expected.check_names(),
                Err(ConfigError::InvalidAudience {
                    given: name.to_owned()
                })
            );
        }
        for name in ["us", "https://api.example.com/orders", "ä"] {
            let mut expected = ExpectedAudience::default();
            expected.accept(name.to_owned());
            assert_eq!(expected.check_names(), Ok(()));
        }
    }
}
