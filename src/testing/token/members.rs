//! The members of a token's header and payload.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::{Fault, Shape, Slashes, TokenBuilder};
use crate::crypto::signing;

/// How far a faulty date is off: more than the longest leeway that a verifier can be given.
const FAR: Duration = Duration::from_secs(60 * 60);

impl TokenBuilder {
    /// Cognito's header has no `typ`.
    pub(super) fn header_bytes(&self) -> Vec<u8> {
        let alg = if self.has(Fault::Unsigned) {
            "none"
        } else {
            "RS256"
        };
        let mut header = object(json!({ "alg": alg, "kid": self.signing_key().kid() }));
        apply(&mut header, &self.header);
        self.bytes(&self.raw_header, &header)
    }

    pub(super) fn payload_bytes(&self, payload: &Map<String, Value>) -> Vec<u8> {
        self.bytes(&self.raw_payload, payload)
    }

    pub(super) fn payload(&self) -> Map<String, Value> {
        let issued_at = self.issue_time();
        let mut payload = object(json!({
            "auth_time": seconds(issued_at),
            "exp": seconds(issued_at).saturating_add_unsigned(self.lifetime.as_secs()),
            "iat": seconds(issued_at),
            "iss": self.issuer,
            "jti": random_uuid(),
        }));
        payload.extend(self.shape_members());
        if self.has(Fault::NotYetValid) {
            payload.insert("nbf".to_owned(), seconds(later(issued_at, FAR)).into());
        }
        if self.has(Fault::OtherIssuer) {
            payload.insert("iss".to_owned(), format!("{}Other", self.issuer).into());
        }
        apply(&mut payload, &self.claims);
        payload
    }

    fn issue_time(&self) -> SystemTime {
        let usual = self.issued_at.unwrap_or_else(|| self.clock.now());
        if self.has(Fault::Expired) {
            let ago = self.lifetime.saturating_add(FAR);
            usual.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH)
        } else {
            usual
        }
    }

    fn shape_members(&self) -> Map<String, Value> {
        let client_id = &self.client_id;
        let (members, usual_scopes) = match &self.shape {
            Shape::ClientCredentials => (
                json!({
                    "client_id": client_id,
                    "sub": client_id,
                    "token_use": "access",
                    "version": 2,
                }),
                vec![],
            ),
            Shape::User(user) => (
                json!({
                    "client_id": client_id,
                    "event_id": random_uuid(),
                    "origin_jti": random_uuid(),
                    "sub": user,
                    "token_use": "access",
                    "username": user,
                    "version": 2,
                }),
                vec!["aws.cognito.signin.user.admin".to_owned()],
            ),
            Shape::IdToken(user) => (
                json!({
                    "aud": client_id,
                    "cognito:username": user,
                    "event_id": random_uuid(),
                    "origin_jti": random_uuid(),
                    "sub": user,
                    "token_use": "id",
                }),
                vec![],
            ),
        };
        let mut members = object(members);
        let scopes = self.scopes.clone().unwrap_or(usual_scopes);
        if !scopes.is_empty() {
            members.insert("scope".to_owned(), scopes.join(" ").into());
        }
        if !self.groups.is_empty() {
            members.insert("cognito:groups".to_owned(), self.groups.clone().into());
        }
        members
    }

    /// The payload as someone would alter it: with a scope that was not granted. Bytes that may be
    /// no JSON get a space.
    pub(super) fn forged(&self, mut payload: Map<String, Value>) -> Vec<u8> {
        if let Some(raw) = &self.raw_payload {
            return [raw.as_slice(), b" "].concat();
        }
        let scope = match payload.get("scope").and_then(Value::as_str) {
            Some(granted) => format!("{granted} tampered/all"),
            None => "tampered/all".to_owned(),
        };
        payload.insert("scope".to_owned(), scope.into());
        self.bytes(&None, &payload)
    }

    fn bytes(&self, raw: &Option<Vec<u8>>, otherwise: &Map<String, Value>) -> Vec<u8> {
        if let Some(raw) = raw {
            return raw.clone();
        }
        let text = json!(otherwise).to_string();
        match self.slashes {
            Slashes::Plain => text,
            // A slash is legal inside a string only, where this escape means the same (RFC 8259
            // §7).
            Slashes::Escaped => text.replace('/', r"\/"),
        }
        .into_bytes()
    }
}

fn apply(members: &mut Map<String, Value>, changes: &BTreeMap<String, Option<Value>>) {
    for (name, change) in changes {
        match change {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}

/// Whole seconds since the epoch, as Cognito writes its dates.
fn seconds(time: SystemTime) -> i64 {
    let whole = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => -whole(before.duration()),
    }
}

/// A version 4 UUID (RFC 9562 §5.4), as Cognito's ids are.
pub(in crate::testing) fn random_uuid() -> String {
    let random = signing::random::<16>().expect("the system has randomness");
    let number = u128::from_be_bytes(random);
    let number = number & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let (time_low, rest) = hex.split_at(8);
    let (time_mid, rest) = rest.split_at(4);
    let (version, rest) = rest.split_at(4);
    let (variant, node) = rest.split_at(4);
    format!("{time_low}-{time_mid}-{version}-{variant}-{node}")
}
