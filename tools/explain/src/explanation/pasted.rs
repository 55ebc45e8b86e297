//! What people paste: a token, a header line, a curl command, a token response, a log line.

use serde_json::Value;

/// The token in what was pasted, which may be none.
pub(super) struct Pasted {
    pub(super) token: String,
    /// What stood there instead of a bearer token.
    pub(super) other_scheme: Option<String>,
    /// `Bearer Bearer`, which a service rejects.
    pub(super) has_scheme_twice: bool,
}

impl Pasted {
    pub(super) fn read(input: &str) -> Self {
        let response = token_of_response(input);
        let text = response.as_deref().unwrap_or(input).trim();
        let field = field(text);
        let text = field.unwrap_or_else(|| token_in(text).unwrap_or(text));
        let value = text.trim_matches(['"', '\'', '`']).trim();

        let mut schemes = 0;
        let mut token = value;
        while let Some(rest) = strip_prefix_ignoring_case(token, "bearer ") {
            schemes += 1;
            token = rest.trim();
        }
        let other_scheme = (schemes == 0 && field.is_some())
            .then(|| value.split_once(' '))
            .flatten()
            .map(|(scheme, _)| scheme.to_owned());
        Self {
            token: other_scheme.as_ref().map_or(token, |_| "").to_owned(),
            other_scheme,
            has_scheme_twice: schemes > 1,
        }
    }
}

/// The value of an `Authorization` field somewhere in the text, such as a curl command or the head
/// of a request.
fn field(text: &str) -> Option<&str> {
    const NAME: &str = "authorization:";
    let at = text.to_ascii_lowercase().find(NAME)?;
    let (before, value) = (text.get(..at)?, text.get(at + NAME.len()..)?);
    let end = match before.chars().next_back() {
        Some(quote @ ('"' | '\'')) => value.find([quote, '\n']),
        _ => value.find('\n'),
    };
    value.get(..end.unwrap_or(value.len())).map(str::trim)
}

/// The access token of a token response (RFC 6749 §5.1), or the ID token where there is no other.
fn token_of_response(input: &str) -> Option<String> {
    let response: Value =
        serde_json::from_str(input.get(input.find('{')?..=input.rfind('}')?)?).ok()?;
    // What the API returns has them inside, in capitals.
    let response = response.get("AuthenticationResult").unwrap_or(&response);
    let token = ["access_token", "AccessToken", "id_token", "IdToken"]
        .into_iter()
        .find_map(|name| response.get(name)?.as_str())?;
    Some(token.to_owned())
}

/// The token in other text, such as a log line or `export TOKEN=…`. `None` if the text has nothing
/// but characters of tokens and white space: then it is a token, perhaps broken into lines.
fn token_in(text: &str) -> Option<&str> {
    let is_of_token =
        |character: char| matches!(character, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.');
    let without_scheme = strip_prefix_ignoring_case(text, "bearer ").unwrap_or(text);
    if without_scheme
        .chars()
        .all(|character| is_of_token(character) || character.is_whitespace())
    {
        return None;
    }
    let mut words = text.split(|character| !is_of_token(character));
    words.find(|word| word.starts_with("eyJ") && word.matches('.').count() == 2)
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
            "curl -sS https://api.example.com/profiles \\\n  -H 'Accept: */*' -H \"authorization: Bearer a.b.c\" -v",
            "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\nAccept: */*\r\n",
            r#"{"access_token":"a.b.c","id_token":"d.e.f","token_type":"Bearer","expires_in":3600}"#,
            r#"{"AuthenticationResult": {"IdToken": "d.e.f", "AccessToken": "a.b.c"}}"#,
        ] {
            let pasted = Pasted::read(input);
            assert_eq!(pasted.token, "a.b.c", "{input:?}");
            assert_eq!(pasted.other_scheme, None, "{input:?}");
        }
    }

    #[test]
    fn a_token_is_found_in_other_text() {
        for input in [
            "export TOKEN='eyJa.b.c'",
            "TOKEN=eyJa.b.c",
            r#"2026-11-27T01:00:00Z WARN upstream said 401 authorization="Bearer eyJa.b.c" ip=10.0.0.1"#,
            "https://app.example.com/callback#access_token=eyJa.b.c&token_type=Bearer",
            "x-amzn-oidc-accesstoken: eyJa.b.c",
        ] {
            assert_eq!(Pasted::read(input).token, "eyJa.b.c", "{input:?}");
        }
        // A token that was broken into lines is what the service received.
        let broken = Pasted::read("eyJa.b\n.c").token;
        assert_eq!(broken, "eyJa.b\n.c");
    }

    #[test]
    fn a_repeated_scheme_is_noticed() {
        for (input, twice) in [
            ("Authorization: Bearer Bearer a.b.c", true),
            ("Bearer a.b.c", false),
        ] {
            let pasted = Pasted::read(input);
            assert_eq!(pasted.token, "a.b.c");
            assert_eq!(pasted.has_scheme_twice, twice);
        }
    }

    #[test]
    fn credentials_of_another_scheme_are_not_a_token() {
        let pasted = Pasted::read("Authorization: Basic Y2xpZW50OnNlY3JldA==");
        assert_eq!(pasted.token, "");
        assert_eq!(pasted.other_scheme.as_deref(), Some("Basic"));
    }
}
