//! JSON objects read strictly: what serde's defaults would let pass is refused here.
//!
//! A derived `Deserialize` refuses a second member of a name it reads, however the name is escaped, and refuses trailing
//! text, comments, NaN and a byte order mark. It would, however, also read a struct from an array, and an absent and a
//! `null` member alike.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

/// Reads a JSON object, or nothing.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// For `deserialize_with` on an optional member: absent is `None`, but `null` is read as a `T`, and fails as one.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// For `deserialize_with` on a member that grants rights: what is no string grants nothing, rather than failing.
pub(crate) fn string_or_nothing<'de: 'a, 'a, D>(
    deserializer: D,
) -> Result<Option<JsonStr<'a>>, D::Error>
where
    D: Deserializer<'de>,
{
    Lenient::deserialize(deserializer).map(|value| match value {
        Lenient::Text(text) => Some(text),
        Lenient::List(_) | Lenient::Other => None,
    })
}

/// As [`string_or_nothing`], for a list of strings.
pub(crate) fn strings_or_nothing<'de: 'a, 'a, D>(
    deserializer: D,
) -> Result<Vec<JsonStr<'a>>, D::Error>
where
    D: Deserializer<'de>,
{
    Lenient::deserialize(deserializer).map(|value| match value {
        Lenient::List(list) => list,
        Lenient::Text(_) | Lenient::Other => Vec::new(),
    })
}

/// A string, borrowed from the text unless it holds escapes. (serde borrows a `Cow` only outside of an `Option`.)
#[derive(Clone)]
pub(crate) enum JsonStr<'a> {
    Borrowed(&'a str),
    Unescaped(Box<str>),
}

impl JsonStr<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Unescaped(text) => text,
        }
    }

    /// Lets go of the borrow: remembers where in `text` the string stands.
    ///
    /// `text` must be what the string was read from; of another text the result would be an empty string.
    pub(crate) fn locate(self, text: &str) -> Text {
        match self {
            Self::Borrowed(part) => {
                let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
                Text::Within(start..start.wrapping_add(part.len()))
            }
            Self::Unescaped(text) => Text::Owned(text),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonStr<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringVisitor;

        impl<'de> Visitor<'de> for StringVisitor {
            type Value = JsonStr<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(JsonStr::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(JsonStr::Unescaped(text.into()))
            }
        }

        deserializer.deserialize_str(StringVisitor)
    }
}

/// A string that stands in a text kept elsewhere, so that keeping it costs no allocation.
#[derive(Clone)]
pub(crate) enum Text {
    Within(Range<usize>),
    Owned(Box<str>),
}

impl Text {
    pub(crate) fn of<'a>(&'a self, text: &'a str) -> &'a str {
        match self {
            Self::Within(range) => text.get(range.clone()).unwrap_or_default(),
            Self::Owned(owned) => owned,
        }
    }
}

/// A string, a list of strings, or something else that is skipped.
enum Lenient<'a> {
    Text(JsonStr<'a>),
    List(Vec<JsonStr<'a>>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientVisitor;

        impl<'de> Visitor<'de> for LenientVisitor {
            type Value = Lenient<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Lenient::Text(JsonStr::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Lenient::Text(JsonStr::Unescaped(text.into())))
            }

            /// A list with anything but strings in it counts as no list at all.
            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut sequence: A,
            ) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                let mut only_strings = true;
                while let Some(element) = sequence.next_element::<Lenient<'de>>()? {
                    match element {
                        Lenient::Text(text) => list.push(text),
                        Lenient::List(_) | Lenient::Other => only_strings = false,
                    }
                }
                Ok(if only_strings {
                    Lenient::List(list)
                } else {
                    Lenient::Other
                })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lenient::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Lenient::Other)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Lenient::Other)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Lenient::Other)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Lenient::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Lenient::Other)
            }
        }

        deserializer.deserialize_any(LenientVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        name: Option<JsonStr<'a>>,
        #[serde(borrow, default, deserialize_with = "string_or_nothing")]
        grant: Option<JsonStr<'a>>,
        #[serde(borrow, default, deserialize_with = "strings_or_nothing")]
        list: Vec<JsonStr<'a>>,
    }

    #[test]
    fn only_one_object_is_read() {
        for text in [
            "{}",
            " \n{\"name\":\"x\"}\r\n\t",
            "{\"other\":[{}]}",
            "{\"other\":1,\"other\":2}",
        ] {
            assert!(object::<Sample<'_>>(text).is_some(), "{text:?}");
        }
        for text in [
            "",
            "null",
            "[]",
            "[\"x\"]",
            "[\"x\",\"y\",[]]",
            "\"x\"",
            "1",
            "{",
            "{}x",
            "{}{}",
            "{\"name\":\"x\",}",
            "\u{feff}{}",
            "{/**/}",
            "{\"other\":NaN}",
            "{'name':'x'}",
            "{\"name\":\"\n\"}",
            "{\"name\":\"\\ud800\"}",
        ] {
            assert!(object::<Sample<'_>>(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_is_read_comes_once_however_it_is_escaped() {
        assert!(
            object::<Sample<'_>>(r#"{"\u006eame":"x"}"#)
                .is_some_and(|sample| sample.name.is_some())
        );
        assert!(object::<Sample<'_>>(r#"{"name":"x","name":"x"}"#).is_none());
        assert!(object::<Sample<'_>>(r#"{"name":"x","\u006eame":"x"}"#).is_none());
        assert!(object::<Sample<'_>>(r#"{"grant":null,"grant":"x"}"#).is_none());
    }

    #[test]
    fn null_is_not_absent() {
        assert!(object::<Sample<'_>>("{}").is_some_and(|sample| sample.name.is_none()));
        assert!(object::<Sample<'_>>(r#"{"name":null}"#).is_none());
    }

    #[test]
    fn a_grant_of_another_type_grants_nothing() {
        for value in ["null", "true", "1", "-1", "1.5", "[\"x\"]", "{\"x\":\"x\"}"] {
            let text = format!(r#"{{"grant":{value}}}"#);
            assert!(
                object::<Sample<'_>>(&text).is_some_and(|sample| sample.grant.is_none()),
                "{value}"
            );
        }
        for value in [
            "null",
            "true",
            "\"x\"",
            "[1]",
            "[\"x\",1]",
            "[[\"x\"]]",
            "{}",
        ] {
            let text = format!(r#"{{"list":{value}}}"#);
            assert!(
                object::<Sample<'_>>(&text).is_some_and(|sample| sample.list.is_empty()),
                "{value}"
            );
        }
        assert!(
            object::<Sample<'_>>(r#"{"list":["x","y"]}"#)
                .is_some_and(|sample| sample.list.len() == 2)
        );
    }

    #[test]
    fn a_string_is_found_again_in_its_text() {
        let text = r#"{"name":"plain","grant":"esc\u0061ped"}"#;
        let sample = object::<Sample<'_>>(text).unwrap();
        assert!(matches!(sample.grant, Some(JsonStr::Unescaped(_))));
        assert_eq!(sample.name.unwrap().locate(text).of(text), "plain");
        assert_eq!(sample.grant.unwrap().locate(text).of(text), "escaped");
        assert_eq!(Text::Within(5..900).of(text), "");
    }
}
