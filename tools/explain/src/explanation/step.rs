//! The steps of the decision in their order, each with what was expected and what was found.

use serde_json::{Value, json};
use tower_cognito::{AuthError, TokenUse};

use super::{
    Situation,
    found::{printable, show},
    trial::End,
    words,
};

/// The steps, in the order in which the crate takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Form,
    Header,
    Claims,
    Expiry,
    NotBefore,
    IssuedAt,
    Issuer,
    TokenUse,
    Client,
    Audience,
    Key,
    Signature,
    Scopes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Passed,
    Failed,
    /// The decision was made before.
    NotReached,
}

pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) mark: Mark,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::Form,
        Self::Header,
        Self::Claims,
        Self::Expiry,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Issuer,
        Self::TokenUse,
        Self::Client,
        Self::Audience,
        Self::Key,
        Self::Signature,
        Self::Scopes,
    ];

    /// The step that ends with this rejection. A reason that a later version of the crate adds has
    /// none here yet.
    fn of(rejected: &AuthError) -> Option<Self> {
        Some(match rejected {
            AuthError::MissingToken
            | AuthError::MalformedCredentials
            | AuthError::MalformedToken
            | AuthError::TokenTooLarge => Self::Form,
            AuthError::AlgorithmNotAllowed
            | AuthError::HeaderNotSupported
            | AuthError::MalformedHeader => Self::Header,
            AuthError::MalformedClaims => Self::Claims,
            AuthError::IssuerNotAllowed => Self::Issuer,
            AuthError::TokenUseNotAllowed => Self::TokenUse,
            AuthError::ClientNotAllowed => Self::Client,
            // What a token is bound to: a resource, or a key.
            AuthError::AudienceNotAllowed | AuthError::SenderConstrained => Self::Audience,
            AuthError::Expired => Self::Expiry,
            AuthError::NotYetValid => Self::NotBefore,
            AuthError::IssuedInFuture => Self::IssuedAt,
            AuthError::UnknownKey
            | AuthError::KeyUnconfirmed { .. }
            | AuthError::KeysUnavailable { .. } => Self::Key,
            AuthError::InvalidSignature => Self::Signature,
            AuthError::InsufficientScope { .. } => Self::Scopes,
            _ => return None,
        })
    }

    /// Follows from what the crate decided, and from nothing that is read here.
    fn mark(self, situation: &Situation<'_>) -> Mark {
        let outcome = situation.outcome;
        if outcome
            .rejections
            .iter()
            .any(|rejected| Self::of(rejected) == Some(self))
        {
            return Mark::Failed;
        }
        let last = match outcome.end {
            End::Complete => return Mark::Passed,
            End::NoKeys => Some(Self::Key),
            End::Rejected => outcome.rejections.last().and_then(Self::of),
        };
        // A payload that is not text ends the decision before the header is read.
        let header_was_skipped = last == Some(Self::Claims) && !situation.found.payload_is_text;
        match last {
            Some(Self::Claims) if self == Self::Header && header_was_skipped => Mark::NotReached,
            Some(last) if self < last => Mark::Passed,
            _ => Mark::NotReached,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::TokenUse => "token use",
            Self::Client => "app client",
            Self::Audience => "audience",
            Self::Expiry => "expiry",
            Self::NotBefore => "not before",
            Self::IssuedAt => "issued at",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Scopes => "scopes",
        }
    }

    fn expected(self, situation: &Situation<'_>) -> String {
        let expected = situation.expected;
        let leeway = words::span(expected.leeway);
        match self {
            Self::Form => "three base64url parts with two dots between, up to 16 KiB".to_owned(),
            Self::Header => "alg \"RS256\" and a kid; no crit, b64 or zip".to_owned(),
            Self::Claims => "a JSON object, each claim once and of its type".to_owned(),
            Self::Issuer => one_of(situation.issuers),
            Self::TokenUse => match expected.token_use {
                TokenUse::Access => "\"access\"".to_owned(),
                TokenUse::Id => "\"id\"".to_owned(),
            },
            Self::Client if expected.clients.is_empty() => "any client of the pool".to_owned(),
            Self::Client => one_of(&expected.clients),
            Self::Audience if expected.token_use == TokenUse::Id => {
                "the app client, as above".to_owned()
            }
            Self::Audience if expected.audiences.is_empty() => {
                "absent, or the app client".to_owned()
            }
            Self::Audience => format!("absent, the app client, or {}", one_of(&expected.audiences)),
            Self::Expiry => format!("in the future (clocks may be {leeway} apart)"),
            Self::NotBefore => "absent, or in the past".to_owned(),
            Self::IssuedAt => "absent, or in the past".to_owned(),
            Self::Key => {
                let kids = situation
                    .outcome
                    .keys
                    .kids()
                    .map(|kid| format!("{kid:?}"))
                    .collect::<Vec<_>>();
                if kids.is_empty() {
                    format!("one of {}", situation.outcome.keys.jwks_url())
                } else {
                    kids.join(" or ")
                }
            }
            Self::Signature => "made with that key over these bytes".to_owned(),
            Self::Scopes => situation
                .policy
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }

    fn found(self, situation: &Situation<'_>, mark: Mark) -> String {
        let found = situation.found;
        let date = |name| match found.date(name) {
            Some(date) => words::moment(date, situation.now),
            None => show(found.claim(name)),
        };
        match self {
            Self::Form => form(situation),
            Self::Header => header(situation),
            Self::Claims => claims(situation, mark),
            Self::Issuer => show(found.claim("iss")),
            Self::TokenUse => show(found.claim("token_use")),
            Self::Client => match situation.expected.token_use {
                TokenUse::Access => show(found.claim("client_id")),
                TokenUse::Id => show(found.claim("aud")),
            },
            Self::Audience => show(found.claim("aud")),
            Self::Expiry => date("exp"),
            Self::NotBefore => date("nbf"),
            Self::IssuedAt => date("iat"),
            Self::Key => match (mark, situation.outcome.keys.last_error()) {
                (Mark::Failed, Some(error)) => format!("no keys: {error}"),
                _ => show(found.header("kid")),
            },
            Self::Signature => match mark {
                Mark::Passed => "valid".to_owned(),
                Mark::Failed => "invalid".to_owned(),
                Mark::NotReached => "not checked".to_owned(),
            },
            Self::Scopes => match (found.claim("scope"), found.claim("scp")) {
                (None, Some(scp)) => format!("absent, but scp is {}", show(Some(scp))),
                (scope, _) => show(scope),
            },
        }
    }
}

pub(super) fn lines(situation: &Situation<'_>) -> Vec<Line> {
    Step::ALL
        .into_iter()
        .filter(|step| *step != Step::Scopes || situation.policy.is_some())
        .map(|step| {
            let mark = step.mark(situation);
            Line {
                name: step.name(),
                mark,
                expected: step.expected(situation),
                found: step.found(situation, mark),
            }
        })
        .collect()
}

fn one_of(accepted: &[String]) -> String {
    accepted
        .iter()
        .map(|accepted| format!("\"{}\"", printable(accepted)))
        .collect::<Vec<_>>()
        .join(" or ")
}

fn form(situation: &Situation<'_>) -> String {
    let found = situation.found;
    if situation.pasted.has_scheme_twice {
        return "`Bearer` twice before the token".to_owned();
    }
    if let Some(scheme) = &situation.pasted.other_scheme {
        return format!("credentials of the scheme {}", printable(scheme));
    }
    let white_space = if found.has_white_space {
        ", with white space in it"
    } else {
        ""
    };
    match (found.bytes, found.parts) {
        (0, _) => "no token".to_owned(),
        (bytes, 1) => format!("1 part, {bytes} bytes{white_space}"),
        (bytes, parts) => format!("{parts} parts, {bytes} bytes{white_space}"),
    }
}

fn header(situation: &Situation<'_>) -> String {
    let found = situation.found;
    if !found.has_header() {
        return "unreadable".to_owned();
    }
    let members = ["alg", "kid", "crit", "b64", "zip"]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", show(Some(found.header(name)?)))))
        .collect::<Vec<_>>();
    if members.is_empty() {
        "neither alg nor kid".to_owned()
    } else {
        members.join(", ")
    }
}

/// The first claim that looks wrong, to point at. The crate only says that one is.
fn claims(situation: &Situation<'_>, mark: Mark) -> String {
    let found = situation.found;
    match (mark, found.has_payload()) {
        (Mark::Passed, _) => return "valid".to_owned(),
        (Mark::NotReached, _) => return "not checked".to_owned(),
        (Mark::Failed, false) => return "not a JSON object".to_owned(),
        (Mark::Failed, true) => {}
    }
    let text: fn(&Value) -> bool = Value::is_string;
    let number: fn(&Value) -> bool = Value::is_number;
    let texts: fn(&Value) -> bool = |value| {
        let is_list = |list: &Vec<Value>| !list.is_empty() && list.iter().all(Value::is_string);
        value.is_string() || value.as_array().is_some_and(is_list)
    };
    let is_id_token = found.claim("token_use") == Some(&Value::from("id"));
    // An ID token names its app client in `aud`.
    let (client, audiences, audience_kind) = if is_id_token {
        ("aud", text, "a string")
    } else {
        ("client_id", texts, "a string or a list of strings")
    };
    let must_be_there = ["iss", "exp", client];
    [
        ("iss", text, "a string"),
        ("exp", number, "a number"),
        ("nbf", number, "a number"),
        ("iat", number, "a number"),
        ("token_use", text, "a string"),
        ("client_id", text, "a string"),
        ("aud", audiences, audience_kind),
        ("sub", text, "a string"),
        ("jti", text, "a string"),
        ("username", text, "a string"),
        ("cognito:username", text, "a string"),
    ]
    .into_iter()
    .find_map(|(name, fits, kind)| match found.claim(name) {
        Some(value) if is_in_milliseconds(value) => {
            Some(format!("{name} is {}, in milliseconds", show(Some(value))))
        }
        Some(value) if !fits(value) => Some(format!("{name} is {}, not {kind}", show(Some(value)))),
        None if must_be_there.contains(&name) => Some(format!("{name} is missing")),
        _ => None,
    })
    .unwrap_or_else(|| "a duplicate claim, or a number that is not a date".to_owned())
}

/// Seconds of this size are beyond the year 9999.
pub(super) fn is_in_milliseconds(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|date| date > words::LAST_WRITABLE && date < 1e14)
}

impl Line {
    pub(super) fn json(&self) -> Value {
        json!({
            "step": self.name,
            "result": match self.mark {
                Mark::Passed => "passed",
                Mark::Failed => "failed",
                Mark::NotReached => "not_reached",
            },
            "expected": self.expected,
            "found": self.found,
        })
    }
}
