//! `WWW-Authenticate` as a caller reads it (RFC 9110 §11.6.1, RFC 6750 §3): leniently, because
//! callees do not agree on how to write it, and because a mistake costs one token request a minute
//! at most.

use http::{HeaderMap, Response, StatusCode, header::WWW_AUTHENTICATE};

/// Whether a callee says that the token is not good: status 401 and a `Bearer` challenge with
/// `error="invalid_token"`.
///
/// A 401 without it says that no token came, which another token would not change.
pub(super) fn is_invalid_token<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::UNAUTHORIZED && says_invalid_token(response.headers())
}

/// Bytes, not text: an `error_description` may hold what is not ASCII.
fn says_invalid_token(headers: &HeaderMap) -> bool {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .any(|field| field_says_invalid_token(field.as_bytes()))
}

/// One field may hold several challenges, and each of them several parameters.
fn field_says_invalid_token(field: &[u8]) -> bool {
    let mut is_bearer = false;
    for part in (Parts { rest: field }) {
        match part {
            Part::Scheme(scheme) => is_bearer = scheme.eq_ignore_ascii_case(b"Bearer"),
            Part::Parameter { name, value } => {
                let is_error = name.eq_ignore_ascii_case(b"error");
                if is_bearer && is_error && value.eq_ignore_ascii_case(b"invalid_token") {
                    return true;
                }
            }
        }
    }
    false
}

enum Part<'a> {
    /// Begins a challenge. The `token68` after a scheme looks the same, and matters as little as a
    /// scheme that is not `Bearer`.
    Scheme(&'a [u8]),
    Parameter {
        name: &'a [u8],
        value: Vec<u8>,
    },
}

/// The parts of a field. RFC 9110 has commas between them; API Gateway's authorizers write blanks.
struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        self.take_while(is_separator);
        if self.rest.is_empty() {
            return None;
        }
        let name = self.take_while(|byte| !is_separator(byte) && !b"=\"".contains(&byte));
        let rest = self.rest.trim_ascii_start();
        let Some(rest) = rest.strip_prefix(b"=") else {
            if name.is_empty() {
                // A quoted string without a name: its content is not for us.
                self.quoted_string();
            }
            return Some(Part::Scheme(name));
        };
        self.rest = rest.trim_ascii_start();
        let value = if self.rest.starts_with(b"\"") {
            self.quoted_string()
        } else {
            self.take_while(|byte| !is_separator(byte)).to_vec()
        };
        Some(Part::Parameter { name, value })
    }
}

impl<'a> Parts<'a> {
    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A quoted string without its escapes. One that does not end goes to the end of the field.
    fn quoted_string(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        let mut bytes = self.rest.iter();
        bytes.next();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => content.extend(bytes.next()),
                byte => content.push(*byte),
            }
        }
        self.rest = bytes.as_slice();
        content
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b',' | b';')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_bearer_challenge_with_the_error_counts() {
        for (field, expected) in [
            (r#"Bearer error="invalid_token""#, true),
            ("bearer error=invalid_token", true),
            ("BEARER ERROR=\"Invalid_Token\"", true),
            (r#"Bearer realm="a, b", error="invalid_token""#, true),
            (r#"Bearer realm="a\", b", error = "invalid_token""#, true),
            (r#"Bearer error="invalid\_token""#, true),
            (
                r#"Bearer error="invalid_token", error_description="the access token expired""#,
                true,
            ),
            (
                r#"Bearer scope="" error="invalid_token" error_description="the token has expired""#,
                true,
            ),
            (r#"Bearer realm="a";error="invalid_token""#, true),
            ("Bearer\trealm=a\terror=invalid_token", true),
            (r#"Basic realm="a", Bearer error="invalid_token""#, true),
            (r#"Basic realm="a" Bearer error="invalid_token""#, true),
            (r#"Negotiate, Bearer error="invalid_token""#, true),
            (r#"Negotiate YII=, Bearer error="invalid_token""#, true),
            (r#"Bearer realm="a",, error="invalid_token""#, true),
            (r#"Bearer error="invalid_token"#, true),
            ("", false),
            ("Bearer", false),
            (r#"Bearer realm="a""#, false),
            (r#"Bearer error="insufficient_scope""#, false),
            (r#"Bearer error="invalid_token_x""#, false),
            (r#"Bearer error="invalid token""#, false),
            (r#"Bearer error_uri="invalid_token""#, false),
            (r#"Bearer realm="error=invalid_token""#, false),
            (r#"Bearer realm="a, Bearer error=\"invalid_token\"""#, false),
            (
                r#"Bearer error_description="x, error=invalid_token""#,
                false,
            ),
            (r#"Bearer error_description="x error=invalid_token"#, false),
            (r#"Bearer "error=invalid_token""#, false),
            (r#"DPoP error="invalid_token""#, false),
            (r#"Bearer realm="a", DPoP error="invalid_token""#, false),
            (r#"Bearer realm="a" DPoP error="invalid_token""#, false),
            (r#"error="invalid_token""#, false),
            (r#"Bearerx error="invalid_token""#, false),
        ] {
            let outcome = field_says_invalid_token(field.as_bytes());
            assert_eq!(outcome, expected, "{field}");
        }
    }

    #[test]
    fn bytes_above_127_do_not_hide_the_error() {
        for (field, expected) in [
            (
                &b"Bearer error_description=\"abgelaufen: \xfc\", error=\"invalid_token\""[..],
                true,
            ),
            (
                "Bearer realm=\"\u{e4}\" error=\"invalid_token\"".as_bytes(),
                true,
            ),
            (b"Bearer realm=\"\xe4\" error=\"insufficient_scope\"", false),
        ] {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            let value = HeaderValue::from_bytes(field).unwrap();
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
            assert_eq!(is_invalid_token(&response), expected, "{field:?}");
        }
    }

    #[test]
    fn the_status_must_be_401_and_any_field_may_say_it() {
        for (status, fields, expected) in [
            (401, &["Basic", r#"Bearer error="invalid_token""#][..], true),
            (401, &[r#"Bearer error="invalid_token""#], true),
            (403, &[r#"Bearer error="invalid_token""#], false),
            (401, &["Bearer"], false),
            (401, &[], false),
        ] {
            let mut response = Response::builder().status(status);
            for field in fields {
                response = response.header(WWW_AUTHENTICATE, *field);
            }
            assert_eq!(
                is_invalid_token(&response.body(()).unwrap()),
                expected,
                "{status} {fields:?}"
            );
        }
    }

    fn quoted(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panicking(field: Vec<u8>) {
            field_says_invalid_token(&field);
        }

        #[test]
        fn bytes_that_look_like_a_challenge_are_read_without_panicking(
            field in r#"([Bb]earer|DPoP|error|invalid_token|["=,; \\]|\PC){0,24}"#
        ) {
            field_says_invalid_token(field.as_bytes());
        }

        /// Whatever the other parameters contain, and however they are separated.
        #[test]
        fn the_error_is_found_among_other_parameters(
            before in prop::collection::vec(r#"[ -~]{0,12}"#, 0..4),
            after in prop::collection::vec(r#"[ -~]{0,12}"#, 0..4),
            separator in prop::sample::select(&[" ", ", ", ",", " ; ", "\t"][..]),
            scheme in prop::sample::select(&["Bearer", "bearer", "DPoP"][..]),
            error in prop::sample::select(&["invalid_token", "insufficient_scope"][..]),
        ) {
            let other = |value: &String| format!("realm={}", quoted(value));
            let mut parameters = before.iter().map(other).collect::<Vec<_>>();
            parameters.push(format!("error=\"{error}\""));
            parameters.extend(after.iter().map(other));
            let field = format!("{scheme} {}", parameters.join(separator));
            let expected = scheme != "DPoP" && error == "invalid_token";
            prop_assert_eq!(field_says_invalid_token(field.as_bytes()), expected, "{}", field);
        }
    }
}
