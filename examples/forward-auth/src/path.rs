//! Paths that every program between client and service reads in the same way.
//!
//! A proxy, this service and the service behind it may each decode, merge or resolve a path in its
//! own way, and then one of them decides about another path than the next one serves. So only paths
//! with a single spelling are accepted: one that any of them would rewrite is rejected.

/// A path in its only spelling, without the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'p>(&'p str);

impl<'p> CanonicalPath<'p> {
    /// The path of a request target in origin form (RFC 9112 §3.2.1), or `None` if another spelling
    /// of it is possible.
    pub fn of_target(target: &'p str) -> Option<Self> {
        let (path, _query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path.strip_prefix('/')?;
        let mut segments = segments.split('/').peekable();
        while let Some(segment) = segments.next() {
            // A slash at the end makes another path; two in a row do not.
            let is_last = segments.peek().is_none();
            let fits = !segment.is_empty() || is_last;
            if !fits || matches!(segment, "." | "..") || !is_spelled_once(segment) {
                return None;
            }
        }
        Some(Self(path))
    }

    /// The segments, still encoded.
    pub fn segments(self) -> impl Iterator<Item = &'p str> {
        self.0.split('/').skip(1)
    }
}

/// Whether no program writes the segment in another way: `pchar` of RFC 3986 §3.3 without `;`,
/// which some servers cut off with what follows.
fn is_spelled_once(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                let high = bytes.next().and_then(hex_digit);
                let low = bytes.next().and_then(hex_digit);
                high.zip(low)
                    .is_some_and(|(high, low)| must_be_encoded(high * 16 + low))
            }
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' => {
                true
            }
            byte => is_unreserved(byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// What has no other spelling than the encoded one, and means nothing to anyone on the way. `/`,
/// `\`, `.`, `%` and `;` mean something to some, control characters end lines and strings.
fn must_be_encoded(byte: u8) -> bool {
    let has_a_meaning = matches!(byte, b'/' | b'\\' | b'%' | b';') || byte.is_ascii_control();
    !is_unreserved(byte) && !has_a_meaning
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_one_spelling_is_accepted_and_every_other_rejected() {
        for (target, accepted) in [
            ("/", true),
            ("/profiles", true),
            ("/profiles/", true),
            ("/profiles/7?limit=10&next=/../admin", true),
            ("/profiles/a%20b", true),
            ("/profiles/caf%c3%a9", true),
            ("/profiles/a:b@c!$&'()*+,=-_~.d", true),
            ("/profiles/...", true),
            ("/.well-known/x", true),
            ("", false),
            ("*", false),
            ("profiles", false),
            ("?x", false),
            ("http://host/profiles", false),
            ("//profiles", false),
            ("/profiles//7", false),
            ("/profiles//", false),
            ("/./profiles", false),
            ("/profiles/.", false),
            ("/public/../profiles", false),
            ("/profiles/..", false),
            ("/public/%2e%2e/profiles", false),
            ("/public/.%2E/profiles", false),
            ("/public/%252e%252e/profiles", false),
            ("/public/..;/profiles", false),
            ("/profiles;x=1", false),
            ("/profiles%3bx", false),
            ("/public%2fprofiles", false),
            ("/public%2Fprofiles", false),
            ("/public\\profiles", false),
            ("/public%5cprofiles", false),
            ("/%70rofiles", false),
            ("/profiles%2d7", false),
            ("/profiles%00", false),
            ("/profiles%0d%0a", false),
            ("/profiles%7f", false),
            ("/profiles\u{0}", false),
            ("/profiles\t", false),
            ("/profiles 7", false),
            ("/profiles/é", false),
            ("/profiles#x", false),
            ("/profiles%", false),
            ("/profiles%2", false),
            ("/profiles%zz", false),
            ("/profiles%+1", false),
            ("/profiles\"", false),
            ("/profiles<", false),
            ("/profiles|", false),
        ] {
            assert_eq!(
                CanonicalPath::of_target(target).is_some(),
                accepted,
                "{target:?}"
            );
        }
    }
}
