//! What people paste: a token, a header line, a line of `curl -v`, an argument of `curl -H`.

/// The token in what was pasted, which may be none.
pub(super) struct Pasted {
    pub(super) token: String,
    /// What stood there instead of a bearer token.
    pub(super) other_scheme: Option<String>,
}

impl Pasted {
    pub(super) fn read(input: &str) -> Self {
        let mut text = input.trim();
        for wrapping in ["> ", "-H ", "--header "] {
            text = text.strip_prefix(wrapping).unwrap_or(text).trim_start();
        }
        text = text.trim_matches(['"', '\'', '`']).trim();
        let has_field_name = strip_prefix_ignoring_case(text, "authorization:");
        let value = has_field_name.unwrap_or(text).trim_start();

        if let Some(token) = strip_prefix_ignoring_case(value, "bearer ") {
            return Self {
                token: token.trim().to_owned(),
                other_scheme: None,
            };
        }
        match (has_field_name, value.split_once(' ')) {
            (Some(_), Some((scheme, _))) => Self {
                token: String::new(),
                other_scheme: Some(scheme.to_owned()),
            },
            _ => Self {
                token: value.to_owned(),
                other_scheme: None,
            },
        }
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_every_form_that_people_paste() {
        for input in [
            "a.b.c",
            "  a.b.c\r\n",
            "Bearer a.b.c",
            "bearer   a.b.c",
            "Authorization: Bearer a.b.c\n",
            "authorization:bearer a.b.c",
            "> Authorization: Bearer a.b.c",
            "-H 'Authorization: Bearer a.b.c'",
            "--header \"Authorization: Bearer a.b.c\"",
            "\"a.b.c\"",
        ] {
            let pasted = Pasted::read(input);
            assert_eq!(pasted.token, "a.b.c", "{input:?}");
            assert_eq!(pasted.other_scheme, None, "{input:?}");
        }
    }

    #[test]
    fn credentials_of_another_scheme_are_no_token() {
        let pasted = Pasted::read("Authorization: Basic Y2xpZW50OnNlY3JldA==");
        assert_eq!(pasted.token, "");
        assert_eq!(pasted.other_scheme.as_deref(), Some("Basic"));
    }
}
