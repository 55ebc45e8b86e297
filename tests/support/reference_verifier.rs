//! A second verifier, written for comparison only: from the documentation, slowly, on
//! serde_json's values, and without any code of the crate. It says everything that is wrong with
//! a payload instead of the first thing.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The configuration of a verifier.
pub(crate) struct Rules {
    pub(crate) pools: &'static [Pool],
    pub(crate) token_uses: &'static [&'static str],
    pub(crate) audiences: &'static [&'static str],
    pub(crate) requires_audience: bool,
    pub(crate) leeway: f64,
    pub(crate) max_age: Option<f64>,
}

pub(crate) struct Pool {
    pub(crate) issuers: &'static [&'static str],
    /// Empty is any.
    pub(crate) clients: &'static [&'static str],
    /// Empty is any.
    pub(crate) resource_servers: &'static [&'static str],
    pub(crate) ignores_cnf: bool,
}

/// What the claims of an accepted token say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) subject: Option<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) groups: Vec<String>,
}

/// Any of these may be the reason: the order of the checks is the crate's own choice.
pub(crate) type Wrong = BTreeSet<&'static str>;

const STRINGS: [&str; 6] = [
    "iss",
    "sub",
    "client_id",
    "jti",
    "username",
    "cognito:username",
];
const DATES: [&str; 3] = ["exp", "nbf", "iat"];
const OTHERS: [&str; 7] = [
    "aud",
    "token_use",
    "scope",
    "cognito:groups",
    "cnf",
    "acr",
    "auth_time",
];

pub(crate) fn judge(payload: &str, rules: &Rules, now: f64) -> Result<Said, Wrong> {
    let mut wrong = Wrong::new();
    let Ok(Members(members)) = serde_json::from_str(payload) else {
        return Err(Wrong::from(["malformed_claims"]));
    };
    let all = |name: &str| {
        let name = name.to_owned();
        let named = members.iter().filter(move |(named, _)| *named == name);
        named.map(|(_, value)| value)
    };
    let one = |name: &str| all(name).next();
    let string = |name: &str| one(name).and_then(Value::as_str).map(str::to_owned);

    let read = [&STRINGS[..], &DATES, &OTHERS].concat();
    let is_malformed = read.iter().any(|name| all(name).count() > 1)
        || STRINGS.iter().any(|name| all(name).any(|v| !v.is_string()))
        || DATES
            .iter()
            .any(|name| all(name).any(|v| date(v).is_none()))
        || all("token_use").any(|v| !v.is_string())
        || all("aud").any(|v| audiences(v).is_none())
        || one("iss").is_none()
        || one("exp").is_none();

    let pool = string("iss").and_then(|issuer| {
        let is_of = |pool: &&Pool| pool.issuers.contains(&issuer.as_str());
        rules.pools.iter().find(is_of)
    });
    if pool.is_none() || all("iss").count() > 1 {
        wrong.insert("issuer_not_allowed");
    }
    if is_malformed {
        // Nothing else can be said of it, except that a long one is first asked for its issuer.
        wrong.insert("malformed_claims");
        return Err(wrong);
    }

    let [exp, nbf, iat] = DATES.map(|name| one(name).and_then(date));
    if exp.is_some_and(|exp| now >= exp + rules.leeway) {
        wrong.insert("expired");
    }
    if nbf.is_some_and(|nbf| nbf > now + rules.leeway) {
        wrong.insert("not_yet_valid");
    }
    if iat.is_some_and(|iat| iat > now + 86_400.0) {
        wrong.insert("issued_in_future");
    }
    if let Some(max_age) = rules.max_age
        && iat.is_none_or(|iat| now - rules.leeway >= iat + max_age)
    {
        wrong.insert("token_too_old");
    }

    let token_use = string("token_use").unwrap_or_default();
    if !rules.token_uses.contains(&token_use.as_str()) {
        wrong.insert("token_use_not_allowed");
    }
    let is_id = token_use == "id";
    let client = if is_id {
        string("aud")
    } else {
        string("client_id")
    };
    let bound_to = if is_id { None } else { one("aud") };
    let bound_to = bound_to.and_then(audiences).unwrap_or_default();
    match &client {
        None => {
            wrong.insert("malformed_claims");
        }
        Some(client) => {
            let is_free = bound_to.iter().all(|audience| audience == client);
            let is_ours = bound_to
                .iter()
                .any(|audience| rules.audiences.contains(&audience.as_str()));
            if !(is_ours || is_free && !rules.requires_audience) {
                wrong.insert("audience_not_allowed");
            }
        }
    }
    if let Some(pool) = pool {
        let is_known =
            |client: &String| pool.clients.is_empty() || pool.clients.contains(&client.as_str());
        if !client.as_ref().is_some_and(is_known) {
            wrong.insert("client_not_allowed");
        }
        if one("cnf").is_some() && !pool.ignores_cnf {
            wrong.insert("sender_constrained");
        }
    }
    let (Some(pool), Some(client_id), true) = (pool, client, wrong.is_empty()) else {
        return Err(wrong);
    };

    let scopes = string("scope").unwrap_or_default();
    let is_granted = |scope: &&str| {
        pool.resource_servers.is_empty()
            || scope
                .rsplit_once('/')
                .is_some_and(|(server, _)| pool.resource_servers.contains(&server))
    };
    let groups = one("cognito:groups").and_then(Value::as_array);
    let groups = groups.and_then(|groups| groups.iter().map(Value::as_str).collect());
    Ok(Said {
        issuer: string("iss").unwrap_or_default(),
        client_id,
        subject: string("sub"),
        token_id: string("jti"),
        username: string(if is_id {
            "cognito:username"
        } else {
            "username"
        }),
        scopes: scopes
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .filter(is_granted)
            .map(str::to_owned)
            .collect(),
        groups: groups.map_or_else(Vec::new, |groups: Vec<&str>| {
            groups.into_iter().map(str::to_owned).collect()
        }),
    })
}

/// Seconds, in the years 1 to 9999.
fn date(value: &Value) -> Option<f64> {
    let seconds = value.as_f64()?;
    (-62_135_596_800.0..253_402_300_800.0)
        .contains(&seconds)
        .then_some(seconds)
}

/// One string, or a list of them that is not empty.
fn audiences(value: &Value) -> Option<Vec<String>> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(list) if !list.is_empty() => list.iter().map(string).collect(),
        value => string(value).map(|one| vec![one]),
    }
}

/// The members of an object, with those that come twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
