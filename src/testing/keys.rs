//! The keys that the test kit signs with, and how they are published.

use std::sync::{Arc, LazyLock};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::crypto::signing::{self, SigningKey};

/// Which key signs a token.
///
/// A Cognito user pool publishes two keys: one signs access tokens, the other ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// The published key that signs access tokens.
    Access,
    /// The published key that signs ID tokens.
    Id,
    /// A key that is not published: what an attacker, or an issuer that has just rotated its keys,
    /// signs with.
    Unpublished,
}

/// A private key and the name it goes by.
pub(super) struct NamedKey {
    kid: String,
    key: SigningKey,
}

impl NamedKey {
    fn fixture(kid: &str, pem: &str) -> Arc<Self> {
        let base64 = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect::<String>();
        let key = STANDARD
            .decode(base64)
            .ok()
            .and_then(|der| SigningKey::from_pkcs8(&der))
            .expect("the fixture keys are well-formed");
        Arc::new(Self {
            kid: kid.to_owned(),
            key,
        })
    }

    /// A key under a name like those of Cognito, which are padded base64.
    fn generate() -> Arc<Self> {
        let name = signing::random::<32>().expect("the system has randomness");
        let key = SigningKey::generate().expect("the system can generate an RSA key");
        Arc::new(Self {
            kid: STANDARD.encode(name),
            key,
        })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The RS256 signature, encoded for a compact JWS.
    pub(super) fn sign(&self, signing_input: &str) -> String {
        let signature = self
            .key
            .sign(signing_input.as_bytes())
            .expect("an RSA key of 2048 bits can sign");
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// The public half, with the members that Cognito writes.
    fn jwk(&self) -> Value {
        let (n, e) = self.key.public_components();
        json!({
            "alg": "RS256",
            "e": URL_SAFE_NO_PAD.encode(e),
            "kid": self.kid,
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(n),
            "use": "sig",
        })
    }
}

/// One key for each role.
#[derive(Clone)]
pub(super) struct SigningKeys {
    pub(super) access: Arc<NamedKey>,
    pub(super) id: Arc<NamedKey>,
    pub(super) unpublished: Arc<NamedKey>,
}

/// Parsed once per process: parsing an RSA key takes longer than signing with it.
static FIXTURES: LazyLock<SigningKeys> = LazyLock::new(|| SigningKeys {
    access: NamedKey::fixture(
        "test-only-access",
        include_str!("../../fixtures/keys/test-only-access.pem"),
    ),
    id: NamedKey::fixture(
        "test-only-id",
        include_str!("../../fixtures/keys/test-only-id.pem"),
    ),
    unpublished: NamedKey::fixture(
        "test-only-unpublished",
        include_str!("../../fixtures/keys/test-only-unpublished.pem"),
    ),
});

impl SigningKeys {
    pub(super) fn fixtures() -> Self {
        FIXTURES.clone()
    }

    /// New keys, except for the untrusted one.
    pub(super) fn generate() -> Self {
        Self {
            access: NamedKey::generate(),
            id: NamedKey::generate(),
            unpublished: Arc::clone(&FIXTURES.unpublished),
        }
    }

    pub(super) const fn get(&self, key: Key) -> &Arc<NamedKey> {
        match key {
            Key::Access => &self.access,
            Key::Id => &self.id,
            Key::Unpublished => &self.unpublished,
        }
    }
}

/// A JWK Set of these keys.
pub(super) fn jwks<'a>(keys: impl IntoIterator<Item = &'a Arc<NamedKey>>) -> String {
    let keys = keys.into_iter().map(|key| key.jwk()).collect::<Vec<_>>();
    json!({ "keys": keys }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys::are_in;

    #[test]
    fn every_key_of_the_test_kit_is_noticed_and_no_other() {
        let SigningKeys {
            access,
            id,
            unpublished,
        } = SigningKeys::fixtures();
        for key in [&access, &id, &unpublished] {
            assert!(are_in(&jwks([key])), "{}", key.kid());
        }
        assert!(!are_in(&jwks([&access]).replace("v50VBOcW", "w50VBOcW")));
    }
}
