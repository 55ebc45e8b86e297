//! The protected header (RFC 7515 §4.1): which of its members are read, and what they must say.

use crate::{
    error::AuthError,
    json::{JsonString, Reader, Span, Steps, Stop, Value},
};

/// A `kid` longer than this names no key of ours.
const MAX_KID_BYTES: usize = 256;

/// The work that a header may cost. Cognito's takes four steps, and each escape takes one more.
const MAX_STEPS: Steps = Steps::AtMost(128);

/// Where the name of the key is in a header that asks for RS256 and for no extension. If it is
/// written with escapes, what it says takes their place.
///
/// # Errors
///
/// [`AuthError::MalformedHeader`], [`HeaderNotSupported`](AuthError::HeaderNotSupported) or
/// [`AlgorithmNotAllowed`](AuthError::AlgorithmNotAllowed).
pub(super) fn kid(text: &mut [u8]) -> Result<Span, AuthError> {
    let header = Members::read(text).ok_or(AuthError::MalformedHeader)?;
    if header.asks_for_extension {
        return Err(AuthError::HeaderNotSupported);
    }
    if !header.algorithm.of(text).is("RS256") {
        return Err(AuthError::AlgorithmNotAllowed);
    }
    unescape_in_place(text, header.kid).ok_or(AuthError::MalformedHeader)
}

/// The members of the header that we read. Every other one is ignored: `jwk`, `jku`, `x5c` and
/// similar members can neither become a key nor cause a request (RFC 8725 §3.10).
struct Members {
    algorithm: JsonString,
    kid: JsonString,
    /// Whether there is a `crit`, `b64` or `zip`, whatever it says.
    asks_for_extension: bool,
}

impl Members {
    fn read(text: &[u8]) -> Option<Self> {
        let mut algorithm = None;
        let mut kid = None;
        let mut extensions = [false; 3];
        let read = Reader::new(text, MAX_STEPS).object(|name, value| {
            let string = match value {
                Value::String(string) if string.of(text).is_well_formed() => Some(string),
                _ => None,
            };
            let mut buffer = [0; 4];
            let name = name.of(text);
            let name = match name.plain() {
                Some(name) => name,
                None => name.short(&mut buffer).unwrap_or_default().as_bytes(),
            };
            let twice = match name {
                b"alg" => algorithm.replace(string.ok_or(Stop::Malformed)?).is_some(),
                b"kid" => kid.replace(string.ok_or(Stop::Malformed)?).is_some(),
                b"crit" => std::mem::replace(&mut extensions[0], true),
                b"b64" => std::mem::replace(&mut extensions[1], true),
                b"zip" => std::mem::replace(&mut extensions[2], true),
                _ => false,
            };
            if twice { Err(Stop::Malformed) } else { Ok(()) }
        });
        read.ok()?;
        Some(Self {
            algorithm: algorithm?,
            kid: kid?,
            asks_for_extension: extensions.contains(&true),
        })
    }
}

/// Writes what a string says over how it is written, which is never shorter, so that it can be read
/// as it is. What remains of it becomes white space.
///
/// `None` if it is longer than a `kid` may be, or not text.
fn unescape_in_place(text: &mut [u8], string: JsonString) -> Option<Span> {
    if let Some(plain) = string.of(text).plain() {
        // Every `kid` we know of is ASCII, which is cheaper to check.
        let is_text = plain.is_ascii() || str::from_utf8(plain).is_ok();
        return (is_text && plain.len() <= MAX_KID_BYTES).then_some(string.at);
    }
    let mut buffer = [0; MAX_KID_BYTES];
    let len = string.of(text).short(&mut buffer)?.len();
    let Span { start, end } = string.at;
    let (over, rest) = text
        .get_mut(start as usize..end as usize)?
        .split_at_mut_checked(len)?;
    over.copy_from_slice(buffer.get(..over.len())?);
    rest.fill(b' ');
    let end = start + u32::try_from(len).ok()?;
    Some(Span { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name and a value take a step each, and so does an escape.
    #[test]
    fn a_header_of_more_than_128_steps_is_malformed() {
        let verdict = |member: &str| {
            let header = format!(r#"{{"alg":"RS256","kid":"a",{member}}}"#);
            kid(&mut header.into_bytes()).map(|_| ())
        };
        let list = |elements| format!(r#""x":[{}]"#, vec!["0"; elements].join(","));
        assert_eq!(verdict(&list(122)), Ok(()));
        assert_eq!(verdict(&list(123)), Err(AuthError::MalformedHeader));
        let escapes = |escapes| format!(r#""x":"{}""#, r"\n".repeat(escapes));
        assert_eq!(verdict(&escapes(122)), Ok(()));
        assert_eq!(verdict(&escapes(123)), Err(AuthError::MalformedHeader));
    }

    /// Not an algorithm that is not allowed: a header that says nothing.
    #[test]
    fn half_of_a_surrogate_pair_makes_a_header_malformed() {
        let kid = |header: &str| kid(&mut header.as_bytes().to_vec()).map(|_| ());
        for value in [r"\ud800", r"RS256\udc00"] {
            let algorithm = format!(r#"{{"alg":"{value}","kid":"a"}}"#);
            assert_eq!(kid(&algorithm), Err(AuthError::MalformedHeader));
            let name = format!(r#"{{"alg":"RS256","kid":"{value}"}}"#);
            assert_eq!(kid(&name), Err(AuthError::MalformedHeader));
        }
        assert_eq!(kid(r#"{"alg":"RS256","kid":"\ud83d\ude00"}"#), Ok(()));
        assert_eq!(
            kid(r#"{"alg":"\ud83d\ude00","kid":"a"}"#),
            Err(AuthError::AlgorithmNotAllowed)
        );
    }
}
