//! Which members of a payload are read, and what they may look like (RFC 7519 §4.1, and Cognito's
//! own).

use crate::{
    json::{self, JsonString, RawStr, Reader, Span, Steps, Stop, Value},
    token::{numeric_date::NumericDate, token_use::TokenUse},
};

/// The claims that decisions are made on, by where they are in the payload.
///
/// It costs no memory, so it can be read before the signature has been verified.
pub(super) struct Members {
    pub(super) issuer: JsonString,
    pub(super) subject: Option<JsonString>,
    pub(super) client_id: Option<JsonString>,
    pub(super) token_id: Option<JsonString>,
    /// `None` is any other value, or none.
    pub(super) token_use: Option<TokenUse>,
    pub(super) username: Option<JsonString>,
    pub(super) scope: Option<JsonString>,
    pub(super) groups: Option<Span>,
    audience: Option<Value>,
    /// Whether the token is bound to a key or certificate (RFC 7800). What `cnf` says is nothing
    /// that we can check.
    pub(super) has_cnf: bool,
    pub(super) acr: Option<JsonString>,
    pub(super) authenticated_at: Option<NumericDate>,
    pub(super) times: Times,
}

/// The dates of a token.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
}

/// Why members were not read.
pub(super) enum Unread {
    Malformed,
    /// There is more to read than was permitted. The issuer may have been among what was read.
    Long {
        issuer: Option<JsonString>,
    },
}

impl Members {
    /// Reads a payload. Members of other names are ignored: AWS says that it may add to them.
    pub(super) fn read(payload: &[u8], steps: Steps) -> Result<Self, Unread> {
        let mut found = Found::default();
        let read = Reader::new(payload, steps)
            .object(|name, value| found.take(payload, name, value).ok_or(Stop::Malformed));
        match read {
            Ok(()) => found.complete(payload).ok_or(Unread::Malformed),
            Err(Stop::Malformed) => Err(Unread::Malformed),
            Err(Stop::OutOfSteps) => Err(Unread::Long {
                issuer: found.issuer,
            }),
        }
    }

    /// `aud`: one audience or a list of them (RFC 7519 §4.1.3).
    pub(super) fn audiences<'a>(
        &self,
        payload: &'a [u8],
    ) -> impl Iterator<Item = RawStr<'a>> + Clone {
        let (one, list) = match self.audience {
            Some(Value::String(one)) => (Some(one), None),
            Some(Value::List(list)) => (None, Some(json::elements(payload, list))),
            _ => (None, None),
        };
        let listed = list
            .into_iter()
            .flatten()
            .filter_map(|element| match element {
                Value::String(one) => Some(one),
                _ => None,
            });
        one.into_iter()
            .chain(listed)
            .map(move |audience| audience.of(payload))
    }
}

/// A member that is read.
#[derive(Clone, Copy)]
enum Member {
    Acr,
    Audience,
    AuthTime,
    ClientId,
    Cnf,
    CognitoUsername,
    ExpiresAt,
    Groups,
    IssuedAt,
    Issuer,
    NotBefore,
    Scope,
    Subject,
    TokenId,
    TokenUse,
    Username,
}

impl Member {
    #[inline(always)]
    fn named(name: RawStr<'_>) -> Option<Self> {
        // What does not fit is longer than every name that is read.
        let mut buffer = [0; "cognito:username".len()];
        let name = match name.plain() {
            Some(name) => name,
            None => name.short(&mut buffer)?.as_bytes(),
        };
        // A pattern of bytes is compiled to a tree of comparisons, one of strings to a list of
        // them.
        Some(match name {
            b"acr" => Self::Acr,
            b"aud" => Self::Audience,
            b"auth_time" => Self::AuthTime,
            b"client_id" => Self::ClientId,
            b"cnf" => Self::Cnf,
            b"cognito:groups" => Self::Groups,
            b"cognito:username" => Self::CognitoUsername,
            b"exp" => Self::ExpiresAt,
            b"iat" => Self::IssuedAt,
            b"iss" => Self::Issuer,
            b"jti" => Self::TokenId,
            b"nbf" => Self::NotBefore,
            b"scope" => Self::Scope,
            b"sub" => Self::Subject,
            b"token_use" => Self::TokenUse,
            b"username" => Self::Username,
            _ => return None,
        })
    }
}

/// The members that have been found so far.
#[derive(Default)]
struct Found {
    issuer: Option<JsonString>,
    token_use: Option<Option<TokenUse>>,
    expires_at: Option<NumericDate>,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
    client_id: Option<JsonString>,
    audience: Option<Value>,
    subject: Option<JsonString>,
    token_id: Option<JsonString>,
    username: Option<JsonString>,
    cognito_username: Option<JsonString>,
    scope: Option<Value>,
    groups: Option<Value>,
    cnf: Option<Value>,
    acr: Option<Value>,
    auth_time: Option<Value>,
}

impl Found {
    /// `None` for a member whose value is not what it must be, or that is there twice.
    // With each member: a call would cost as much as half of it.
    #[inline(always)]
    fn take(&mut self, payload: &[u8], name: JsonString, value: Value) -> Option<()> {
        let Some(member) = Member::named(name.of(payload)) else {
            return Some(());
        };
        let text = || match value {
            Value::String(string) if string.of(payload).is_well_formed() => Some(string),
            _ => None,
        };
        let date = || match value {
            Value::Number(number) => NumericDate::from_number(number.of(payload)),
            _ => None,
        };
        let string_or_other = || match value {
            Value::String(_) => text().map(Value::String),
            other => Some(other),
        };
        match member {
            Member::Audience => once(&mut self.audience, audience(payload, value)?),
            Member::ClientId => once(&mut self.client_id, text()?),
            Member::CognitoUsername => once(&mut self.cognito_username, text()?),
            Member::ExpiresAt => once(&mut self.expires_at, date()?),
            Member::IssuedAt => once(&mut self.issued_at, date()?),
            Member::Issuer => once(&mut self.issuer, text()?),
            Member::NotBefore => once(&mut self.not_before, date()?),
            Member::Subject => once(&mut self.subject, text()?),
            Member::TokenId => once(&mut self.token_id, text()?),
            Member::TokenUse => once(&mut self.token_use, token_use(text()?.of(payload))),
            Member::Username => once(&mut self.username, text()?),
            // These grant rights: what is not of their type grants nothing, rather than failing.
            Member::Acr => once(&mut self.acr, string_or_other()?),
            Member::AuthTime => once(&mut self.auth_time, value),
            Member::Groups => once(&mut self.groups, value),
            Member::Scope => once(&mut self.scope, string_or_other()?),
            // That it is there is enough.
            Member::Cnf => once(&mut self.cnf, value),
        }
    }

    fn complete(self, payload: &[u8]) -> Option<Members> {
        let token_use = self.token_use.flatten();
        // An ID token names its app client in `aud`, every other one in `client_id`. Each may carry
        // the other's claim with another meaning, so neither replaces the other.
        let (client_id, username, audience) = match (token_use, self.audience) {
            (Some(TokenUse::Id), Some(Value::String(client_id))) => {
                (Some(client_id), self.cognito_username, None)
            }
            (Some(TokenUse::Id), _) => (None, self.cognito_username, None),
            (_, audience) => (self.client_id, self.username, audience),
        };
        Some(Members {
            issuer: self.issuer?,
            subject: self.subject,
            client_id,
            token_id: self.token_id,
            token_use,
            username,
            scope: match self.scope {
                Some(Value::String(scope)) => Some(scope),
                _ => None,
            },
            groups: match self.groups {
                Some(Value::List(groups)) => Some(groups),
                _ => None,
            },
            audience,
            has_cnf: self.cnf.is_some(),
            acr: match self.acr {
                Some(Value::String(acr)) => Some(acr),
                _ => None,
            },
            authenticated_at: match self.auth_time {
                Some(Value::Number(date)) => NumericDate::from_number(date.of(payload)),
                _ => None,
            },
            times: Times {
                expires_at: self.expires_at?,
                not_before: self.not_before,
                issued_at: self.issued_at,
            },
        })
    }
}

/// A member that is read may be there once, however its name is written.
fn once<T>(member: &mut Option<T>, value: T) -> Option<()> {
    match member {
        None => {
            *member = Some(value);
            Some(())
        }
        Some(_) => None,
    }
}

fn token_use(value: RawStr<'_>) -> Option<TokenUse> {
    if value.is("access") {
        Some(TokenUse::Access)
    } else if value.is("id") {
        Some(TokenUse::Id)
    } else {
        None
    }
}

fn audience(payload: &[u8], value: Value) -> Option<Value> {
    let is_text = |value| matches!(value, Value::String(one) if one.of(payload).is_well_formed());
    let acceptable = match value {
        Value::List(list) => {
            let mut audiences = json::elements(payload, list);
            // An empty list would read as an absent one, which says nothing. It says that no
            // service is meant.
            audiences.next().is_some_and(is_text) && audiences.all(is_text)
        }
        value => is_text(value),
    };
    acceptable.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before its signature, and whatever else its claims say.
    #[test]
    fn half_of_a_surrogate_pair_makes_claims_malformed() {
        let is_read = |payload: &str| Members::read(payload.as_bytes(), Steps::Any).is_ok();
        for name in ["iss", "sub", "client_id", "jti", "scope", "acr", "aud"] {
            let with = |value: &str| match name {
                "iss" => format!(r#"{{"iss":"{value}","exp":1}}"#),
                _ => format!(r#"{{"iss":"i","exp":1,"{name}":"{value}"}}"#),
            };
            assert!(is_read(&with(r"\ud83d\ude00")), "{name}");
            for half in [r"\ud83d", r"\ude00", r"\ud83d!"] {
                assert!(!is_read(&with(half)), "{name} {half}");
            }
        }
    }
}
