//! A case, as it is written in `fixtures/cases/`; see the README there.

use serde::{Deserialize, Serialize};

/// One request, the verifier that it meets, and the answer that it must get.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The clause, advisory or fact of Cognito that decides the answer.
    pub(crate) rule: String,
    /// The configuration, by its name in `profiles.json`.
    pub(crate) profile: String,
    /// The JWK Set, by the name of its file in `jwks/`, or `unreachable`.
    pub(crate) jwks: String,
    /// Seconds since the epoch.
    pub(crate) clock: i64,
    pub(crate) request: RequestLine,
    pub(crate) headers: Vec<(String, FieldValue)>,
    pub(crate) expect: Expected,
    /// Of a rejection: the accepted case that differs only in what is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) twin: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    pub(crate) method: String,
    pub(crate) target: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) body: String,
}

/// The bytes of a field, each as the character of the same number; a list of repetitions where they
/// are many.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum FieldValue {
    Whole(String),
    Repeated(Vec<(String, usize)>),
}

impl FieldValue {
    #[allow(dead_code, reason = "the generator only writes")]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = match self {
            Self::Whole(text) => text.clone(),
            Self::Repeated(parts) => parts.iter().map(|(part, n)| part.repeat(*n)).collect(),
        };
        text.chars()
            .map(|byte| u8::try_from(u32::from(byte)).unwrap())
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// `AuthError::reason`, `accepted`, or `anonymous` where an optional layer lets a request
    /// without a token pass.
    pub(crate) reason: String,
    pub(crate) status: u16,
    pub(crate) www_authenticate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<String>,
}

/// The configuration of a verifier and its layer. What is left out has the crate's default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) pools: Vec<Pool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) audiences: Vec<String>,
    /// Audiences of which each token must name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) required_audiences: Vec<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leeway: Option<u64>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_token_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_token_bytes: Option<usize>,
    /// What the service's own check answers: `forbidden` or `revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<String>,
    /// Alternatives, of each of which all scopes are demanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource_metadata: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
    /// `access`, `id` or both; empty is `access`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) token_uses: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    /// A user pool id, or an issuer where `exact` is set.
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) exact: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replica_region: Option<String>,
    /// The allowed app clients; absent is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<Vec<String>>,
    /// The resource servers whose scopes count; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_servers: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) cnf_ignored: bool,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
