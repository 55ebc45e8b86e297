//! The members of a JSON Web Key that decide whether it can verify RS256 (RFC 7517 §4, RFC 7518
//! §6.3.1).
//!
//! RFC 7517 §4 has other members ignored, so they are stepped over without being interpreted:
//! neither their type, nor how deep they nest, nor a number or an escape that no Rust type can hold
//! costs a usable key. Which of those serde_json could hold depends on features that another crate
//! of the binary may turn on.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::json::JsonStr;

/// A JWK, as far as it is read. `null` counts as absent.
#[derive(Default)]
pub(super) struct Jwk<'a> {
    pub(super) key_type: Option<JsonStr<'a>>,
    /// `use`
    pub(super) public_key_use: Option<JsonStr<'a>>,
    pub(super) key_operations: Option<Vec<JsonStr<'a>>>,
    pub(super) algorithm: Option<JsonStr<'a>>,
    pub(super) key_id: Option<JsonStr<'a>>,
    pub(super) modulus: Option<JsonStr<'a>>,
    pub(super) exponent: Option<JsonStr<'a>>,
}

impl<'a> Jwk<'a> {
    /// Reads a JWK. `None` if it is not an object with a `kty`, if a member that is read has
    /// another type than RFC 7517 gives it, or if one comes twice.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str::<Self>(text)
            .ok()
            .filter(|jwk| jwk.key_type.is_some())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Jwk<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JwkVisitor;

        impl<'de> Visitor<'de> for JwkVisitor {
            type Value = Jwk<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JWK")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut jwk = Jwk::default();
                let mut seen = Vec::new();
                while let Some(name) = map.next_key::<Name>()? {
                    if !matches!(name, Name::Keys | Name::Unread) {
                        if seen.contains(&name) {
                            return Err(A::Error::custom("a member that is read comes twice"));
                        }
                        seen.push(name);
                    }
                    match name {
                        Name::Algorithm => jwk.algorithm = map.next_value()?,
                        Name::Exponent => jwk.exponent = map.next_value()?,
                        Name::KeyId => jwk.key_id = map.next_value()?,
                        Name::KeyOperations => jwk.key_operations = map.next_value()?,
                        Name::KeyType => jwk.key_type = map.next_value()?,
                        Name::Modulus => jwk.modulus = map.next_value()?,
                        Name::PublicKeyUse => jwk.public_key_use = map.next_value()?,
                        Name::Keys | Name::Unread => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(jwk)
            }
        }

        deserializer.deserialize_map(JwkVisitor)
    }
}

/// A JWK Set with its entries as received (RFC 7517 §5).
pub(super) struct JwkSet<'a> {
    pub(super) keys: Vec<&'a RawValue>,
}

impl<'a> JwkSet<'a> {
    /// Reads a JWK Set. `None` if it is not an object with one `keys`, which is a list.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JwkSet<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SetVisitor;

        impl<'de> Visitor<'de> for SetVisitor {
            type Value = JwkSet<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JWK Set")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut keys = None;
                while let Some(name) = map.next_key::<Name>()? {
                    if name != Name::Keys {
                        map.next_value::<IgnoredAny>()?;
                    } else if keys.is_some() {
                        return Err(A::Error::duplicate_field("keys"));
                    } else {
                        keys = Some(map.next_value()?);
                    }
                }
                keys.map(|keys| JwkSet { keys })
                    .ok_or_else(|| A::Error::missing_field("keys"))
            }
        }

        deserializer.deserialize_map(SetVisitor)
    }
}

/// The name of a member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Algorithm,
    Exponent,
    KeyId,
    KeyOperations,
    KeyType,
    Keys,
    Modulus,
    PublicKeyUse,
    Unread,
}

impl Name {
    const fn of(name: &[u8]) -> Self {
        match name {
            b"alg" => Self::Algorithm,
            b"e" => Self::Exponent,
            b"key_ops" => Self::KeyOperations,
            b"keys" => Self::Keys,
            b"kid" => Self::KeyId,
            b"kty" => Self::KeyType,
            b"n" => Self::Modulus,
            b"use" => Self::PublicKeyUse,
            _ => Self::Unread,
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Self::Value, E> {
                Ok(Name::of(name))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name::of(name.as_bytes()))
            }
        }

        // As bytes, because a name with a lone surrogate is not a string.
        deserializer.deserialize_bytes(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"}"#;

    fn with(member: &str) -> String {
        PLAIN.replacen('{', &format!("{{{member},"), 1)
    }

    fn kid(text: &str) -> Option<String> {
        let jwk = Jwk::parse(text)?;
        jwk.key_id.map(|kid| kid.as_str().to_owned())
    }

    #[test]
    fn a_member_that_is_not_read_may_be_anything_that_json_allows() {
        let deep = format!(r#""x":{}{}"#, "[".repeat(5000), "]".repeat(5000));
        for member in [
            r#""x5c":"MIIB""#,
            r#""x5c":[1,null]"#,
            r#""x5t":{}"#,
            r#""x":1e400"#,
            r#""x":-1e-400"#,
            r#""x":123456789012345678901234567890"#,
            r#""x":"\ud800""#,
            r#""\ud800":1"#,
            r#""x":1,"x":2"#,
            r#""":null"#,
            r#""keys":1,"keys":2"#,
            &deep,
        ] {
            assert_eq!(kid(&with(member)).as_deref(), Some("a"), "{member:.40}");
            let set = format!(r#"{{{member},"keys":[{PLAIN}]}}"#);
            let set = JwkSet::parse(&set).map(|set| set.keys.len());
            let read = member.contains("keys");
            assert_eq!(set, (!read).then_some(1), "{member:.40}");
        }
        for member in [
            r#""x":01"#,
            r#""x":NaN"#,
            r#""x":"\u00""#,
            r#""x":"\x""#,
            r#"x:1"#,
        ] {
            assert_eq!(kid(&with(member)), None, "not JSON: {member}");
        }
    }

    #[test]
    fn a_member_that_is_read_has_its_type_and_comes_once() {
        let without = |member: &str| PLAIN.replace(member, r#""x":1"#);
        for (absent, good) in [
            (without(r#""kid":"a""#), r#""kid":"a""#),
            (without(r#""n":"AQ""#), r#""n":"AQ""#),
            (without(r#""e":"AQAB""#), r#""e":"AQAB""#),
            (PLAIN.to_owned(), r#""alg":"RS256""#),
            (PLAIN.to_owned(), r#""use":"sig""#),
            (PLAIN.to_owned(), r#""key_ops":["verify"]"#),
        ] {
            let read = |member: &str| {
                Jwk::parse(&absent.replacen('{', &format!("{{{member},"), 1)).is_some()
            };
            let (name, _) = good.split_once(':').unwrap();
            assert!(read(good), "{good}");
            assert!(read(&format!("{name}:null")), "{name} null is absent");
            for odd in ["1", "true", "{}", "[1]", "[null]", r#""\ud800""#] {
                assert!(!read(&format!("{name}:{odd}")), "{name}:{odd}");
            }
            assert!(!read(&format!("{good},{good}")), "{good} twice");
        }
        assert!(Jwk::parse(r#"{"kty":"RSA"}"#).is_some());
        for text in [
            r#"{"kid":"a"}"#,
            r#"{"kty":null}"#,
            r#"{"kty":1}"#,
            r#"["RSA"]"#,
            "7",
            "",
        ] {
            assert!(Jwk::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_escaped() {
        assert_eq!(
            kid(r#"{"k\u0074y":"RSA","\u006bid":"a"}"#).as_deref(),
            Some("a")
        );
        assert_eq!(kid(r#"{"kty":"RSA","kid":"a","\u006bid":"a"}"#), None);
        assert!(JwkSet::parse(r#"{"key\u0073":[]}"#).is_some());
        assert!(JwkSet::parse(r#"{"key\u0073":[],"keys":[]}"#).is_none());
    }
}
