//! JSON, read strictly.
//!
//! A token is read by [`Reader`], which costs next to nothing until the signature has verified.
//! What comes from a server that we asked (key sets, token responses) is read by serde.

mod borrowed;
mod containers;
mod reader;
mod steps;
mod text;
mod words;

#[cfg(test)]
mod tests;

#[cfg(feature = "client")]
use serde::Deserialize;

pub(crate) use self::{
    borrowed::JsonStr,
    reader::{Reader, Value, elements, string_after_name},
    steps::{Steps, Stop},
    text::{JsonString, RawStr, Span, unescape_onto},
    words::eight_digits,
};

/// Reads a JSON object, or nothing.
///
/// A derived `Deserialize` rejects a second member of a name it reads, however the name is escaped,
/// and rejects trailing text, comments, NaN and a byte order mark. It would also read a struct from
/// an array, which this does not.
#[cfg(feature = "client")]
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}
