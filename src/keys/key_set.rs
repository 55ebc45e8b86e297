//! From a JWK Set document to the keys that can verify RS256, entry by entry (RFC 7517 §5).

use std::collections::{BTreeMap, HashMap, hash_map::Entry};
use std::sync::Arc;

use base64_simd::URL_SAFE_NO_PAD;

use super::jwk::{Jwk, JwkSet};
use crate::{
    crypto::{UnusableRsa, VerifyingKey},
    error_debug::debug_as_display,
    json::JsonStr,
};

/// A set with more entries is rejected whole. Cognito has two, and an ALB accepts ten.
const MAX_KEYS: usize = 100;

/// The usable keys of an issuer, parsed once, by `kid`. It is never empty.
#[derive(Clone, Debug)]
pub(crate) struct KeySet {
    keys: BTreeMap<Box<str>, Arc<VerifyingKey>>,
    skipped: Vec<SkippedKey>,
}

/// A document that does not replace the keys we have.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not a JSON object with a `keys` list.
    #[error("it is not a JWK Set; check the URL")]
    NotAJwkSet,
    /// It lists more than 100 keys.
    #[error("it lists more than 100 keys")]
    TooManyKeys,
    /// None of its keys can verify RS256.
    #[error("none of its keys can verify RS256 signatures")]
    NoUsableKey,
}

debug_as_display!(KeySetError);

/// An entry of a JWK Set that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    kid: Option<Box<str>>,
    reason: SkipReason,
}

/// Why an entry of a JWK Set is not used.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// `alg` is there and is not `RS256`.
    #[error("it is for another algorithm than RS256")]
    Algorithm,
    /// Another entry has the same `kid` and another key, so the name says nothing. Both are left
    /// out.
    #[error("two different keys have this kid")]
    AmbiguousKid,
    /// `e` is even, less than 3, or longer than 33 bits.
    #[error("its exponent is even, less than 3 or longer than 33 bits")]
    Exponent,
    /// The entry is not a JWK.
    #[error("it is not a JWK")]
    Malformed,
    /// `n` is even, or not 2048 to 8192 bits long.
    #[error("its modulus is even, or not 2048 to 8192 bits long")]
    Modulus,
    /// It has no `kid`, or an empty one, so that no token can name it.
    #[error("it has no kid")]
    NoKid,
    /// `kty` is not `RSA`.
    #[error("it is not an RSA key")]
    NotRsa,
    /// `use` or `key_ops` keep it for something else than verifying signatures.
    #[error("it is not meant for verifying signatures")]
    NotForVerifying,
}

debug_as_display!(SkipReason);

impl SkippedKey {
    /// The entry's `kid`, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Why it is not used.
    #[must_use]
    pub const fn reason(&self) -> SkipReason {
        self.reason
    }
}

impl KeySet {
    /// # Errors
    ///
    /// [`KeySetError`]. An unusable entry beside a usable one is not an error: it is skipped, and
    /// listed.
    pub(crate) fn parse(document: &str) -> Result<Self, KeySetError> {
        let set = JwkSet::parse(document).ok_or(KeySetError::NotAJwkSet)?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut collected = Collected::default();
        for entry in set.keys {
            collected.add(entry.get());
        }
        collected.finish()
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&Arc<VerifyingKey>> {
        self.keys.get(kid)
    }

    pub(crate) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(AsRef::as_ref)
    }

    pub(crate) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// What changes when this set replaces another.
    pub(super) fn change_since(&self, before: Option<&Self>) -> KeyChange {
        KeyChange {
            added: self.count_missing_in(before),
            removed: before.map_or(0, |before| before.count_missing_in(Some(self))),
        }
    }

    /// How many of these keys the other set does not have under the same name.
    fn count_missing_in(&self, other: Option<&Self>) -> usize {
        self.keys
            .iter()
            .filter(|(kid, key)| {
                let other = other.and_then(|other| other.get(kid));
                !other.is_some_and(|other| other.is_same(key))
            })
            .count()
    }
}

/// How many keys a refresh added and removed. A key that changed under its name counts as both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyChange {
    pub(super) added: usize,
    pub(super) removed: usize,
}

impl KeyChange {
    pub(super) const fn is_none(self) -> bool {
        self.added == 0 && self.removed == 0
    }
}

/// Entries on their way into a set.
#[derive(Default)]
struct Collected {
    /// `None` marks a name that two different keys claim.
    keys: HashMap<Box<str>, Option<VerifyingKey>>,
    skipped: Vec<SkippedKey>,
}

impl Collected {
    fn add(&mut self, entry: &str) {
        let Some(jwk) = Jwk::parse(entry) else {
            return self.skip(None, SkipReason::Malformed);
        };
        let kid = text(&jwk.key_id).filter(|kid| !kid.is_empty());
        match (usable_key(&jwk), kid) {
            (Err(reason), kid) => self.skip(kid, reason),
            (Ok(_), None) => self.skip(None, SkipReason::NoKid),
            (Ok(key), Some(kid)) => self.insert(kid, key),
        }
    }

    fn insert(&mut self, kid: &str, key: VerifyingKey) {
        match self.keys.entry(kid.into()) {
            Entry::Vacant(entry) => {
                entry.insert(Some(key));
            }
            Entry::Occupied(entry)
                if entry
                    .get()
                    .as_ref()
                    .is_some_and(|first| first.is_same(&key)) => {}
            Entry::Occupied(mut entry) => {
                // The first of the two is dropped with the second; a third one finds the name
                // already spoiled.
                let spoiled_now = entry.insert(None).is_some();
                for _ in 0..=usize::from(spoiled_now) {
                    self.skip(Some(kid), SkipReason::AmbiguousKid);
                }
            }
        }
    }

    fn skip(&mut self, kid: Option<&str>, reason: SkipReason) {
        self.skipped.push(SkippedKey {
            kid: kid.map(Into::into),
            reason,
        });
    }

    fn finish(self) -> Result<KeySet, KeySetError> {
        let keys = self
            .keys
            .into_iter()
            .filter_map(|(kid, key)| key.map(|key| (kid, Arc::new(key))))
            .collect::<BTreeMap<_, _>>();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(KeySet {
            keys,
            skipped: self.skipped,
        })
    }
}

fn usable_key(jwk: &Jwk<'_>) -> Result<VerifyingKey, SkipReason> {
    if text(&jwk.key_type) != Some("RSA") {
        return Err(SkipReason::NotRsa);
    }
    let (Some(n), Some(e)) = (text(&jwk.modulus), text(&jwk.exponent)) else {
        return Err(SkipReason::Malformed);
    };
    if !matches!(text(&jwk.public_key_use), None | Some("sig")) {
        return Err(SkipReason::NotForVerifying);
    }
    let verifies = |operations: &Vec<JsonStr<'_>>| {
        operations
            .iter()
            .any(|operation| operation.as_str() == "verify")
    };
    if !jwk.key_operations.as_ref().is_none_or(verifies) {
        return Err(SkipReason::NotForVerifying);
    }
    if !matches!(text(&jwk.algorithm), None | Some("RS256")) {
        return Err(SkipReason::Algorithm);
    }
    let decode = |number: &str, reason| URL_SAFE_NO_PAD.decode_to_vec(number).map_err(|_| reason);
    let n = decode(n, SkipReason::Modulus)?;
    let e = decode(e, SkipReason::Exponent)?;
    VerifyingKey::from_components(&n, &e).map_err(|unusable| match unusable {
        UnusableRsa::Exponent => SkipReason::Exponent,
        UnusableRsa::Modulus => SkipReason::Modulus,
    })
}

fn text<'a>(member: &'a Option<JsonStr<'_>>) -> Option<&'a str> {
    member.as_ref().map(JsonStr::as_str)
}
