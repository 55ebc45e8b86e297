//! What API Gateway asks.

use std::collections::HashMap;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde::Deserialize;

/// The members that decide, of the three kinds of event. No `Debug`, because it holds a token.
#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Event {
    /// An HTTP API, payload format 2.0.
    HttpApi {
        route_key: String,
        #[serde(default)]
        headers: HashMap<String, String>,
    },
    /// A REST API, type `TOKEN`.
    RestToken {
        authorization_token: String,
        method_arn: String,
    },
    /// A REST API, type `REQUEST`; also an HTTP API, payload format 1.0.
    RestRequest {
        method_arn: String,
        /// Not `headers`, which hides all fields of a name except the last.
        multi_value_headers: Option<HashMap<String, Vec<String>>>,
    },
}

impl Event {
    /// The `Authorization` fields, all of them: two tokens must not become one.
    pub(crate) fn authorization(&self) -> HeaderMap {
        let values: Vec<&str> = match self {
            Self::HttpApi { headers, .. } => named(headers).map(String::as_str).collect(),
            Self::RestToken {
                authorization_token,
                ..
            } => vec![authorization_token],
            Self::RestRequest {
                multi_value_headers,
                ..
            } => {
                let headers = multi_value_headers.iter().flat_map(named);
                headers.flatten().map(String::as_str).collect()
            }
        };
        let mut fields = HeaderMap::new();
        for value in values {
            // What is not a field value is not a token either.
            let value = HeaderValue::from_str(value);
            fields.append(
                AUTHORIZATION,
                value.unwrap_or(HeaderValue::from_static("Bearer")),
            );
        }
        fields
    }
}

/// Clients choose the case of a name.
fn named<V>(headers: &HashMap<String, V>) -> impl Iterator<Item = &V> {
    let named = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()));
    named.map(|(_, value)| value)
}
