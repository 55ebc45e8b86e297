//! Who is acting for someone else (RFC 8693 §4.1).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The party that acts on behalf of the token's subject; see
/// [`Claims::actor`](super::Claims::actor).
///
/// Its `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    #[serde(default, rename = "sub", deserialize_with = "present")]
    subject: Option<String>,
    #[serde(default, deserialize_with = "present")]
    client_id: Option<String>,
    #[serde(default, rename = "iss", deserialize_with = "present")]
    issuer: Option<String>,
    #[serde(default, rename = "act", deserialize_with = "object")]
    prior: Option<Box<Self>>,
}

/// The part of a payload that says so.
#[derive(Deserialize)]
pub(super) struct Delegation {
    #[serde(default, deserialize_with = "object")]
    pub(super) act: Option<Actor>,
}

impl Actor {
    /// `sub`: the actor within its issuer. For a service that presented its own client-credentials
    /// token it is the id of its app client.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// `client_id`, if the issuer writes it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// `iss`, if the actor is known to another issuer than the token's.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The actor before this one, in a chain of delegations. It is for logs and audits: RFC 8693
    /// §4.1 forbids to decide about access by it.
    #[must_use]
    pub fn prior(&self) -> Option<&Self> {
        self.prior.as_deref()
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").finish_non_exhaustive()
    }
}

/// As [`present`], and a list is an error, too: a derived `Deserialize` would read one as an
/// object.
fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct ObjectVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer
        .deserialize_map(ObjectVisitor(PhantomData))
        .map(Some)
}

/// Absent is `None`, and `null` is an error.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
