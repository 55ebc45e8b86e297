//! What a token says, read leniently and for display only. Nothing is decided on it.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

/// Shows also what the crate rejects for its encoding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A value longer than this is cut.
const LONGEST_SHOWN: usize = 300;

/// Claims that a step of the decision shows.
const SHOWN_BY_STEPS: [&str; 8] = [
    "iss",
    "token_use",
    "client_id",
    "aud",
    "exp",
    "nbf",
    "iat",
    "scope",
];

pub(super) struct Found {
    pub(super) bytes: usize,
    pub(super) parts: usize,
    pub(super) has_white_space: bool,
    /// Whether the payload decodes to text. The crate decodes both parts before it looks at the
    /// header.
    pub(super) payload_is_text: bool,
    header: Option<Map<String, Value>>,
    payload: Option<Map<String, Value>>,
}

impl Found {
    pub(super) fn in_token(token: &str) -> Self {
        let mut parts = token.split('.');
        let decode = |part: Option<&str>| LENIENT.decode(part?).ok();
        let header = decode(parts.next());
        let payload = decode(parts.next());
        Self {
            bytes: token.len(),
            parts: token.split('.').count(),
            has_white_space: token.contains(char::is_whitespace),
            payload_is_text: payload
                .as_deref()
                .is_none_or(|payload| std::str::from_utf8(payload).is_ok()),
            header: header.as_deref().and_then(object),
            payload: payload.as_deref().and_then(object),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&Value> {
        self.header.as_ref()?.get(name)
    }

    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        self.payload.as_ref()?.get(name)
    }

    pub(super) const fn has_header(&self) -> bool {
        self.header.is_some()
    }

    pub(super) const fn has_payload(&self) -> bool {
        self.payload.is_some()
    }

    /// Seconds since the epoch.
    pub(super) fn date(&self, name: &str) -> Option<f64> {
        self.claim(name)?.as_f64()
    }

    /// The claims that no step shows.
    pub(super) fn other_claims(&self) -> Vec<(String, String)> {
        self.payload
            .iter()
            .flatten()
            .filter(|(name, _)| !SHOWN_BY_STEPS.contains(&name.as_str()))
            .map(|(name, value)| (printable(name), show(Some(value))))
            .collect()
    }
}

fn object(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok()
}

/// As JSON, or `absent`.
pub(super) fn show(value: Option<&Value>) -> String {
    value.map_or_else(
        || "absent".to_owned(),
        |value| printable(&value.to_string()),
    )
}

/// A forger chooses the text, and a terminal obeys some characters: those are escaped.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST_SHOWN {
            shown.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_token_reaches_the_terminal_as_a_command() {
        let shown = show(Some(&Value::from("a\u{1b}[2J\u{9b}2J\u{202e}\r\nb")));
        assert!(
            shown.chars().all(|c| c.is_ascii_graphic() || c == ' '),
            "{shown}"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(printable(&"a".repeat(10_000)).chars().count(), 301);
    }
}
