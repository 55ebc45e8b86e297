//! `WWW-Authenticate` as a caller reads it (RFC 9110 §11.6.1, RFC 6750 §3).

use http::{HeaderMap, Response, StatusCode, header::WWW_AUTHENTICATE};

/// Whether a callee says that the token is not good: status 401 and a `Bearer` challenge with `error="invalid_token"`.
///
/// A 401 without it says that no token came, which another token would not change.
pub(super) fn is_invalid_token<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::UNAUTHORIZED && says_invalid_token(response.headers())
}

fn says_invalid_token(headers: &HeaderMap) -> bool {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .any(field_says_invalid_token)
}

/// One field may hold several challenges, and each of them several parameters, all separated by commas.
fn field_says_invalid_token(field: &str) -> bool {
    let mut is_bearer = false;
    for element in split_unquoted(field) {
        let element = element.trim_matches(is_white_space);
        // `Bearer realm="x"` begins a challenge, `error="y"` goes on with it, `Negotiate` begins one without parameters.
        let name_end = element.find([' ', '\t', '=']).unwrap_or(element.len());
        let (name, rest) = element.split_at(name_end);
        let rest = rest.trim_start_matches(is_white_space);
        let parameter = if rest.starts_with('=') {
            element
        } else if element.is_empty() {
            continue;
        } else {
            is_bearer = name.eq_ignore_ascii_case("Bearer");
            rest
        };
        if is_bearer && is_error_invalid_token(parameter) {
            return true;
        }
    }
    false
}

fn is_error_invalid_token(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let value = value.trim_matches(is_white_space);
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    name.trim_matches(is_white_space)
        .eq_ignore_ascii_case("error")
        && value == "invalid_token"
}

/// Splits at the commas that are in no quoted string.
fn split_unquoted(field: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    field.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
}

const fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_challenge_with_the_error_counts() {
        for (field, expected) in [
            (r#"Bearer error="invalid_token""#, true),
            ("bearer error=invalid_token", true),
            (r#"Bearer realm="a, b", error="invalid_token""#, true),
            (r#"Bearer realm="a\", b", error = "invalid_token""#, true),
            (
                r#"Bearer error="invalid_token", error_description="the access token expired""#,
                true,
            ),
            (r#"Basic realm="a", Bearer error="invalid_token""#, true),
            (r#"Negotiate, Bearer error="invalid_token""#, true),
            (r#"Bearer realm="a",, error="invalid_token""#, true),
            ("", false),
            ("Bearer", false),
            (r#"Bearer realm="a""#, false),
            (r#"Bearer error="insufficient_scope""#, false),
            (r#"Bearer error="invalid_token_x""#, false),
            (r#"Bearer error_uri="invalid_token""#, false),
            (r#"Bearer realm="error=invalid_token""#, false),
            (r#"Bearer realm="a, Bearer error=\"invalid_token\"""#, false),
            (
                r#"Bearer error_description="x, error=invalid_token""#,
                false,
            ),
            (r#"DPoP error="invalid_token""#, false),
            (r#"Bearer realm="a", DPoP error="invalid_token""#, false),
            (r#"error="invalid_token""#, false),
            (r#"Bearerx error="invalid_token""#, false),
        ] {
            assert_eq!(field_says_invalid_token(field), expected, "{field}");
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
}
