//! Tokens whose JSON is written by hand, member by member, because serde_json would only write
//! well-formed ones.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use crate::constants::{CLIENT, ISSUER, NOW};

#[derive(Clone, Copy)]
pub(crate) enum Key {
    Access,
    Id,
    Unpublished,
}

#[derive(Clone)]
pub(crate) struct Token {
    header: Vec<(String, String)>,
    payload: Vec<(String, String)>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
    key: Key,
}

/// What Cognito issues by the client-credentials flow.
pub(crate) fn good() -> Token {
    let quoted = |text: &str| format!("\"{text}\"");
    let members = [
        ("sub", quoted(CLIENT)),
        ("token_use", quoted("access")),
        ("scope", quoted("profiles/get")),
        ("auth_time", NOW.to_string()),
        ("iss", quoted(ISSUER)),
        ("exp", (NOW + 3600).to_string()),
        ("iat", NOW.to_string()),
        ("version", "2".to_owned()),
        ("jti", quoted("00000000-0000-4000-8000-000000000001")),
        ("client_id", quoted(CLIENT)),
    ];
    Token {
        header: vec![
            ("kid".to_owned(), quoted("test-only-access")),
            ("alg".to_owned(), quoted("RS256")),
        ],
        payload: members.map(|(name, value)| (name.to_owned(), value)).into(),
        raw_header: None,
        raw_payload: None,
        key: Key::Access,
    }
}

/// The access token of a user who signed in through the managed login pages.
pub(crate) fn user() -> Token {
    good()
        .claim("sub", r#""aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee""#)
        .claim("cognito:groups", r#"["readers","staff"]"#)
        .claim("scope", r#""openid profiles/get""#)
        .claim("origin_jti", r#""00000000-0000-4000-8000-000000000002""#)
        .claim("event_id", r#""00000000-0000-4000-8000-000000000003""#)
        .claim("username", r#""mary""#)
}

impl Token {
    /// Sets a member to this JSON, in its place or at the end.
    pub(crate) fn claim(mut self, name: &str, json: &str) -> Self {
        set(&mut self.payload, name, json);
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.payload.retain(|(there, _)| there != name);
        self
    }

    /// Adds a member under this name, which may exist already, written exactly as given between the
    /// quotes.
    pub(crate) fn also_claim(mut self, name: &str, json: &str) -> Self {
        self.payload.push((name.to_owned(), json.to_owned()));
        self
    }

    /// The same claims in another order.
    pub(crate) fn reversed(mut self) -> Self {
        self.payload.reverse();
        self.header.reverse();
        self
    }

    /// Writes a claim's name in another way.
    pub(crate) fn renamed_claim(mut self, name: &str, written: &str) -> Self {
        for (there, _) in &mut self.payload {
            if there == name {
                written.clone_into(there);
            }
        }
        self
    }

    pub(crate) fn member(mut self, name: &str, json: &str) -> Self {
        set(&mut self.header, name, json);
        self
    }

    pub(crate) fn without_member(mut self, name: &str) -> Self {
        self.header.retain(|(there, _)| there != name);
        self
    }

    pub(crate) fn also_member(mut self, name: &str, json: &str) -> Self {
        self.header.push((name.to_owned(), json.to_owned()));
        self
    }

    pub(crate) fn raw_header(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(bytes.into());
        self
    }

    pub(crate) fn raw_payload(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(bytes.into());
        self
    }

    pub(crate) fn signed_with(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn header_bytes(&self) -> Vec<u8> {
        self.raw_header
            .clone()
            .unwrap_or_else(|| json(&self.header, ""))
    }

    pub(crate) fn payload_bytes(&self) -> Vec<u8> {
        self.raw_payload
            .clone()
            .unwrap_or_else(|| json(&self.payload, ""))
    }

    /// Header and payload with white space wherever JSON allows it (RFC 8259 §2).
    pub(crate) fn spaced(self) -> Self {
        let (header, payload) = (
            json(&self.header, " \t\r\n"),
            json(&self.payload, " \t\r\n"),
        );
        self.raw_header(header).raw_payload(payload)
    }

    pub(crate) fn build(&self) -> String {
        self.build_of(&encode(self.header_bytes()), &encode(self.payload_bytes()))
    }

    /// Signs these two parts, however they are encoded.
    pub(crate) fn build_of(&self, header: &str, payload: &str) -> String {
        let signing_input = format!("{header}.{payload}");
        let signature = sign(signing_input.as_bytes(), self.key);
        format!("{signing_input}.{signature}")
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Header, payload and signature as they are written.
pub(crate) fn parts(token: &str) -> [String; 3] {
    let parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    parts.try_into().unwrap()
}

/// A token that the crate's own signer could not make: see `fixtures/foreign/`.
pub(crate) fn foreign(name: &str) -> String {
    static TOKENS: LazyLock<serde_json::Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../fixtures/foreign/tokens.json")).unwrap()
    });
    let token = TOKENS[name].as_str();
    token
        .unwrap_or_else(|| panic!("there is no foreign token {name}"))
        .to_owned()
}

fn sign(message: &[u8], key: Key) -> String {
    static KEYS: LazyLock<[EncodingKey; 3]> = LazyLock::new(|| {
        [
            &include_bytes!("../../../fixtures/keys/test-only-access.pem")[..],
            include_bytes!("../../../fixtures/keys/test-only-id.pem"),
            include_bytes!("../../../fixtures/keys/test-only-unpublished.pem"),
        ]
        .map(|pem| EncodingKey::from_rsa_pem(pem).unwrap())
    });
    crypto::sign(message, &KEYS[key as usize], Algorithm::RS256).unwrap()
}

fn set(members: &mut Vec<(String, String)>, name: &str, json: &str) {
    match members.iter_mut().find(|(there, _)| there == name) {
        Some((_, value)) => json.clone_into(value),
        None => members.push((name.to_owned(), json.to_owned())),
    }
}

fn json(members: &[(String, String)], space: &str) -> Vec<u8> {
    let members = members
        .iter()
        .map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}"))
        .collect::<Vec<_>>();
    format!("{space}{{{}}}{space}", members.join(",")).into_bytes()
}
