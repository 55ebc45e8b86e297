//! The parameters of a request to the token endpoint.

use std::collections::BTreeMap;

use http::HeaderValue;

use super::token_error::TokenError;

pub(super) type Form = BTreeMap<String, String>;

pub(super) fn is_form(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

/// A parameter must not come twice (RFC 6749 §3.2).
pub(super) fn parse(body: &[u8]) -> Result<Form, TokenError> {
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let repeated = form.insert(name.into_owned(), value.into_owned());
        if repeated.is_some() {
            return Err(TokenError::InvalidRequest);
        }
    }
    Ok(form)
}
