//! From the `Authorization` field to the token (RFC 6750 §2.1, RFC 9110 §11.4).

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::error::AuthError;

/// The value of the one `Authorization` field, and where the bearer token in it begins. The token
/// is not yet checked to be token68.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    value: &'a HeaderValue,
    token_at: usize,
}

/// [`Credentials`] that outlive a wait.
pub(crate) struct OwnedCredentials {
    value: HeaderValue,
    token_at: usize,
}

/// Finds the bearer credentials, and marks every `Authorization` value sensitive: nothing that sees
/// the request later shows one.
///
/// `Ok(None)` means that there are none: no field, an empty one, or another scheme.
///
/// # Errors
///
/// [`AuthError::MultipleCredentials`] for two or more fields, however equal (a proxy and the
/// service might each take another one); [`AuthError::MalformedCredentials`] for the scheme without
/// a token.
#[inline]
pub(crate) fn credentials(headers: &mut HeaderMap) -> Result<Option<Credentials<'_>>, AuthError> {
    // Nearly always no field comes twice, and that costs no look-up to know.
    let some_field_twice = headers.len() != headers.keys_len();
    if some_field_twice && headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        mark_all_sensitive(headers);
        return Err(AuthError::MultipleCredentials);
    }
    let Some(value) = headers.get_mut(&AUTHORIZATION) else {
        return Ok(None);
    };
    value.set_sensitive(true);
    Credentials::parse(value)
}

#[cold]
fn mark_all_sensitive(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}

impl<'a> Credentials<'a> {
    #[inline]
    fn parse(value: &'a HeaderValue) -> Result<Option<Self>, AuthError> {
        match token(value.as_bytes()) {
            Some([]) => Err(AuthError::MalformedCredentials),
            Some(token) => Ok(Some(Self {
                value,
                token_at: value.len() - token.len(),
            })),
            None => Ok(None),
        }
    }

    /// What follows `Bearer` and its spaces. Never empty.
    #[inline]
    pub(crate) fn token(self) -> &'a [u8] {
        self.value
            .as_bytes()
            .get(self.token_at..)
            .unwrap_or_default()
    }

    pub(crate) fn to_owned(self) -> OwnedCredentials {
        OwnedCredentials {
            value: self.value.clone(),
            token_at: self.token_at,
        }
    }
}

impl OwnedCredentials {
    pub(crate) fn borrow(&self) -> Credentials<'_> {
        Credentials {
            value: &self.value,
            token_at: self.token_at,
        }
    }
}

/// What follows `Bearer` and its spaces, or `None` under another scheme.
///
/// The scheme is compared without case (RFC 9110 §11.1). It ends at the first character that is not
/// one of a scheme's name, and only spaces may separate it from the token (§11.4): after anything
/// else, such as a tab, the credentials are malformed, as they are without a token.
#[inline]
fn token(value: &[u8]) -> Option<&[u8]> {
    // As nearly every caller writes it.
    match value.strip_prefix(b"Bearer ") {
        Some(token @ [first, ..]) if *first != b' ' => Some(token),
        _ => token_after_any_scheme(value),
    }
}

fn token_after_any_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer".len())?;
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return None;
    }
    match rest {
        [] => Some(&[]),
        [b' ', token @ ..] => Some(strip_leading_spaces(token)),
        [more, ..] if is_token_char(*more) => None,
        _ => Some(&[]),
    }
}

/// `tchar` of RFC 9110 §5.6.2.
const fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn strip_leading_spaces(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    value
}

/// `token68` of RFC 9110 §11.2, which is the `b64token` of RFC 6750 §2.1.
pub(crate) fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|&&byte| byte == b'=').count();
    let (body, _) = token.split_at(token.len() - padding);
    // Without an early exit, so that the compiler can look at many bytes at a time.
    !body.is_empty()
        && body
            .iter()
            .fold(true, |all, &byte| all & is_token68_char(byte))
}

const fn is_token68_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &[&[u8]]) -> Result<Option<Vec<u8>>, AuthError> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(field).unwrap());
        }
        let found = credentials(&mut headers)
            .map(|found| found.map(|credentials| credentials.token().to_vec()));
        assert!(headers.values().all(HeaderValue::is_sensitive));
        found
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case_and_ends_at_a_space() {
        for field in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER a.b.c",
            "Bearer   a.b.c",
        ] {
            assert_eq!(
                parse(&[field.as_bytes()]),
                Ok(Some(b"a.b.c".to_vec())),
                "{field:?}"
            );
        }
        for field in [
            "",
            "Basic a.b.c",
            "DPoP a.b.c",
            "Bearer2 a.b.c",
            "Bearer-x a.b.c",
            "Bearera.b.c",
            "Beare",
            "a.b.c",
            "B\u{e9}arer a.b.c",
        ] {
            assert_eq!(parse(&[field.as_bytes()]), Ok(None), "{field:?}");
        }
    }

    #[test]
    fn the_scheme_without_a_token_is_malformed() {
        for field in [
            "Bearer",
            "bearer",
            "Bearer ",
            "Bearer    ",
            "Bearer\ta.b.c",
            "Bearer\t",
            "Bearer: a.b.c",
            "Bearer, a.b.c",
            "Bearer=a.b.c",
            "Bearer\"a.b.c\"",
            "Bearer\u{e9} a.b.c",
        ] {
            assert_eq!(
                parse(&[field.as_bytes()]),
                Err(AuthError::MalformedCredentials),
                "{field:?}"
            );
        }
    }

    #[test]
    fn two_fields_are_rejected_even_if_equal() {
        assert_eq!(parse(&[]), Ok(None));
        for fields in [
            [&b"Bearer a.b.c"[..], b"Bearer a.b.c"],
            [b"Bearer a.b.c", b"Basic x"],
            [b"Basic x", b"Bearer a.b.c"],
            [b"", b"Bearer a.b.c"],
        ] {
            assert_eq!(parse(&fields), Err(AuthError::MultipleCredentials));
        }
    }

    #[test]
    fn another_field_may_come_twice() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("cookie", "a=1"), ("cookie", "b=2"), ("x", "1"), ("x", "2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert!(matches!(credentials(&mut headers), Ok(None)));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
        let found = credentials(&mut headers).ok().flatten();
        assert_eq!(found.map(Credentials::token), Some(&b"a.b.c"[..]));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
        let found = credentials(&mut headers);
        assert_eq!(found.err(), Some(AuthError::MultipleCredentials));
    }

    #[test]
    fn token68_is_the_grammar_and_nothing_more() {
        for token in ["a", "a.b.c", "AZaz09-._~+/", "a=", "a=="] {
            assert!(is_token68(token.as_bytes()), "{token:?}");
        }
        for token in [
            "", "=", "==", "a=b", "a b", "a,b", "a;b", "a\tb", "a b.c", "a.b.c ", "\"a\"",
            "a\u{e9}", "a:b", "{}",
        ] {
            assert!(!is_token68(token.as_bytes()), "{token:?}");
        }
    }
}
