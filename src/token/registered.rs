//! Which members of a payload are read, and what they may look like (RFC 7519 §4.1, and Cognito's own).

use serde::{Deserialize, de::IgnoredAny};

use super::claims::TokenUse;
use crate::token::{
    json::{self, JsonStr, Text},
    numeric_date::NumericDate,
};

/// The claims that decisions are made on, by where they stand in the payload.
pub(super) struct Registered {
    pub(super) issuer: Text,
    pub(super) subject: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) token_id: Option<Text>,
    /// `None` is any other value, or none.
    pub(super) token_use: Option<TokenUse>,
    pub(super) username: Option<Text>,
    pub(super) scope: Option<Text>,
    pub(super) groups: Box<[Text]>,
    pub(super) audience: Box<[Text]>,
    /// Whether the token is bound to a key or certificate (RFC 7800). What `cnf` says is nothing that we can check.
    pub(super) has_cnf: bool,
    pub(super) acr: Option<Text>,
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

/// What [`Expectations`](crate::token::expectations::Expectations) looks at.
pub(crate) struct Registration<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) token_use: Option<TokenUse>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) audience: Audience<'a>,
    pub(crate) has_cnf: bool,
    pub(crate) times: Times,
}

/// `aud`, resolved on demand.
#[derive(Clone, Copy)]
pub(crate) struct Audience<'a> {
    list: &'a [Text],
    payload: &'a str,
}

impl<'a> Audience<'a> {
    pub(crate) const fn new(list: &'a [Text], payload: &'a str) -> Self {
        Self { list, payload }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.list.iter().map(move |listed| listed.of(self.payload))
    }
}

/// The members of the payload that we read. Unknown ones are ignored: AWS says that it may add to them.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    iss: JsonStr<'a>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    token_use: Option<JsonStr<'a>>,
    exp: NumericDate,
    #[serde(default, deserialize_with = "json::present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "json::present")]
    iat: Option<NumericDate>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    client_id: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    aud: Option<Aud<'a>>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    sub: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    jti: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    username: Option<JsonStr<'a>>,
    #[serde(
        borrow,
        default,
        rename = "cognito:username",
        deserialize_with = "json::present"
    )]
    cognito_username: Option<JsonStr<'a>>,
    #[serde(borrow, default, deserialize_with = "json::string_or_nothing")]
    scope: Option<JsonStr<'a>>,
    #[serde(
        borrow,
        default,
        rename = "cognito:groups",
        deserialize_with = "json::strings_or_nothing"
    )]
    groups: Vec<JsonStr<'a>>,
    #[serde(default, deserialize_with = "json::present")]
    cnf: Option<IgnoredAny>,
    #[serde(borrow, default, deserialize_with = "json::string_or_nothing")]
    acr: Option<JsonStr<'a>>,
    #[serde(default, deserialize_with = "NumericDate::or_nothing")]
    auth_time: Option<NumericDate>,
}

/// One audience or a list of them (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Aud<'a> {
    #[serde(borrow)]
    One(JsonStr<'a>),
    Many(Vec<JsonStr<'a>>),
}

impl Registered {
    pub(super) fn parse(payload: &str) -> Option<Self> {
        let members = json::object::<Members<'_>>(payload)?;
        let locate = |text: JsonStr<'_>| text.locate(payload);
        let token_use = match members.token_use.as_ref().map(JsonStr::as_str) {
            Some("access") => Some(TokenUse::Access),
            Some("id") => Some(TokenUse::Id),
            _ => None,
        };
        // An ID token names its app client in `aud`, every other one in `client_id`. Each may carry the other's claim
        // with another meaning, so neither stands in for the other.
        let (client_id, username, audience) = match (token_use, members.aud) {
            (Some(TokenUse::Id), Some(Aud::One(client_id))) => {
                (Some(client_id), members.cognito_username, Vec::new())
            }
            (Some(TokenUse::Id), _) => return None,
            (_, None) => (members.client_id, members.username, Vec::new()),
            (_, Some(Aud::One(audience))) => (members.client_id, members.username, vec![audience]),
            // An empty list would read as an absent one, which says nothing; it says that nobody is meant.
            (_, Some(Aud::Many(list))) if list.is_empty() => return None,
            (_, Some(Aud::Many(list))) => (members.client_id, members.username, list),
        };
        Some(Self {
            issuer: locate(members.iss),
            subject: members.sub.map(locate),
            client_id: client_id.map(locate),
            token_id: members.jti.map(locate),
            token_use,
            username: username.map(locate),
            scope: members.scope.map(locate),
            groups: members.groups.into_iter().map(locate).collect(),
            audience: audience.into_iter().map(locate).collect(),
            has_cnf: members.cnf.is_some(),
            acr: members.acr.map(locate),
            authenticated_at: members.auth_time,
            times: Times {
                expires_at: members.exp,
                not_before: members.nbf,
                issued_at: members.iat,
            },
        })
    }

    pub(super) fn read<'a>(&'a self, payload: &'a str) -> Registration<'a> {
        Registration {
            issuer: self.issuer.of(payload),
            token_use: self.token_use,
            client_id: self.client_id.as_ref().map(|id| id.of(payload)),
            audience: Audience::new(&self.audience, payload),
            has_cnf: self.has_cnf,
            times: self.times,
        }
    }
}
