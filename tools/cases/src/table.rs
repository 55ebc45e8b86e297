//! Cases on their way into a file, and the answer that each reason gets.

use crate::{
    constants::NOW,
    profiles,
    row::{Case, Expected, FieldValue, Profile, RequestLine},
    token::Token,
};

pub(crate) type Headers = Vec<(String, FieldValue)>;

/// What a case meets, apart from the request.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) profile: &'static str,
    pub(crate) jwks: &'static str,
    pub(crate) clock: i64,
}

pub(crate) const HERE: At = At {
    profile: "default",
    jwks: "pool",
    clock: NOW,
};

pub(crate) const fn profile(profile: &'static str) -> At {
    At { profile, ..HERE }
}

pub(crate) const fn jwks(jwks: &'static str) -> At {
    At { jwks, ..HERE }
}

#[derive(Default)]
pub(crate) struct Table {
    cases: Vec<Case>,
}

/// Something that can be sent as a request's fields.
pub(crate) trait Send {
    fn headers(self) -> Headers;
}

impl Send for Headers {
    fn headers(self) -> Headers {
        self
    }
}

impl Send for Token {
    fn headers(self) -> Headers {
        bearer(&self.build())
    }
}

/// A compact token.
impl Send for String {
    fn headers(self) -> Headers {
        bearer(&self)
    }
}

pub(crate) fn bearer(token: &str) -> Headers {
    authorization(&format!("Bearer {token}"))
}

/// An `Authorization` field with exactly these characters, each a byte.
pub(crate) fn authorization(value: &str) -> Headers {
    vec![field("authorization", value)]
}

pub(crate) fn field(name: &str, value: &str) -> (String, FieldValue) {
    (name.to_owned(), FieldValue::Whole(value.to_owned()))
}

impl Table {
    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub(crate) fn accepted(
        &mut self,
        name: &str,
        rule: &str,
        at: At,
        sent: impl Send,
    ) -> &mut Case {
        self.add(name, rule, "accepted", None, at, sent)
    }

    pub(crate) fn rejected(
        &mut self,
        name: &str,
        rule: &str,
        reason: &str,
        twin: &str,
        at: At,
        sent: impl Send,
    ) -> &mut Case {
        self.add(name, rule, reason, Some(twin), at, sent)
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        rule: &str,
        reason: &str,
        twin: Option<&str>,
        at: At,
        sent: impl Send,
    ) -> &mut Case {
        let profile = profiles::named(at.profile);
        self.cases.push(Case {
            name: name.to_owned(),
            rule: rule.to_owned(),
            profile: at.profile.to_owned(),
            jwks: at.jwks.to_owned(),
            clock: at.clock,
            request: RequestLine {
                method: "GET".to_owned(),
                target: "/profiles".to_owned(),
                body: String::new(),
            },
            headers: sent.headers(),
            expect: answer(reason, &profile),
            twin: twin.map(str::to_owned),
        });
        self.cases.last_mut().unwrap()
    }
}

/// The answers of `docs/DESIGN.md`, written down a second time: a change of one must be a change of
/// both.
fn answer(reason: &str, profile: &Profile) -> Expected {
    const INVALID_REQUEST: &str = r#"error="invalid_request", error_description="the request must carry exactly one well-formed bearer token""#;
    const INVALID_TOKEN: &str =
        r#"error="invalid_token", error_description="the access token is not valid""#;
    const EXPIRED: &str = r#"error="invalid_token", error_description="the access token expired""#;
    const INSUFFICIENT_SCOPE: &str = r#"error="insufficient_scope", error_description="the access token lacks a required scope""#;
    const FORBIDDEN: &str = r#"error="insufficient_scope", error_description="the access token does not permit this request""#;
    let (status, names_scope, error) = match reason {
        "accepted" | "anonymous" => return plain(reason, 200, None),
        "keys_unavailable" => return plain(reason, 503, Some("1")),
        "missing_token" => (401, true, ""),
        "malformed_credentials" | "multiple_credentials" | "token_too_large" => {
            (400, false, INVALID_REQUEST)
        }
        "expired" => (401, false, EXPIRED),
        "insufficient_scope" => (403, true, INSUFFICIENT_SCOPE),
        "forbidden" => (403, false, FORBIDDEN),
        _ => (401, false, INVALID_TOKEN),
    };
    let named = |name, value: &str| format!("{name}=\"{value}\"");
    let scope = profile.scopes.first().filter(|_| names_scope);
    let parameters = [
        profile.realm.as_ref().map(|realm| named("realm", realm)),
        scope.map(|scopes| named("scope", &scopes.join(" "))),
        (!error.is_empty()).then(|| error.to_owned()),
        profile
            .resource_metadata
            .as_ref()
            .map(|url| named("resource_metadata", url)),
    ];
    let parameters = parameters.into_iter().flatten().collect::<Vec<_>>();
    let challenge = format!("Bearer {}", parameters.join(", "));
    Expected {
        reason: reason.to_owned(),
        status,
        www_authenticate: Some(challenge.trim_end().to_owned()),
        retry_after: None,
    }
}

fn plain(reason: &str, status: u16, retry_after: Option<&str>) -> Expected {
    Expected {
        reason: reason.to_owned(),
        status,
        www_authenticate: None,
        retry_after: retry_after.map(str::to_owned),
    }
}
