//! The identifier of a protected resource (RFC 9728 §1.2), and where its metadata is.

use crate::{
    config_error::ConfigError,
    protected_url::{self, ProtectedUrl, Unencrypted},
    rejection::challenge::QuotableText,
};

/// RFC 9728 §3.1.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A resource identifier, and the URL of the document about it.
#[derive(Clone, Debug)]
pub(super) struct Identifier {
    pub(super) resource: Box<str>,
    /// The document's URL, as challenges name it.
    pub(super) url: QuotableText,
    /// The path of that URL.
    pub(super) path: Box<str>,
}

impl Identifier {
    pub(super) fn parse(resource: &str) -> Result<Self, ConfigError> {
        let (origin, path) = split(resource).ok_or_else(|| ConfigError::InvalidResource {
            given: protected_url::without_secrets(resource),
        })?;
        let path = format!("{WELL_KNOWN}{path}");
        Ok(Self {
            resource: resource.into(),
            url: QuotableText::resource_metadata(&format!("{origin}{path}"))?,
            path: path.into(),
        })
    }
}

/// Origin and path. The path of a resource at the root is empty: a slash directly after the host is
/// not part of the document's path.
fn split(resource: &str) -> Option<(&str, &str)> {
    ProtectedUrl::parse(resource, Unencrypted::OnLoopback).ok()?;
    if resource.contains(['?', '"', '\\']) {
        return None;
    }
    let path_at = resource
        .find("://")
        .and_then(|scheme| Some(scheme + 3 + resource.get(scheme + 3..)?.find('/')?))
        .unwrap_or(resource.len());
    let (origin, path) = resource.split_at_checked(path_at)?;
    Some((origin, if path == "/" { "" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_is_between_host_and_path() {
        for (resource, origin, path) in [
            ("https://api.example.com", "https://api.example.com", ""),
            ("https://api.example.com/", "https://api.example.com", ""),
            (
                "https://api.example.com/orders",
                "https://api.example.com",
                "/orders",
            ),
            (
                "https://api.example.com/a/b/",
                "https://api.example.com",
                "/a/b/",
            ),
            (
                "https://api.example.com:8443/orders",
                "https://api.example.com:8443",
                "/orders",
            ),
            (
                "http://127.0.0.1:8080/orders",
                "http://127.0.0.1:8080",
                "/orders",
            ),
            ("http://[::1]:8080", "http://[::1]:8080", ""),
        ] {
            assert_eq!(split(resource), Some((origin, path)), "{resource}");
        }
        for resource in [
            "",
            "api.example.com",
            "/orders",
            "ftp://api.example.com",
            "http://api.example.com",
            "https://",
            "https:///orders",
            "https://user@api.example.com",
            "https://api.example.com/#orders",
            "https://api.example.com/?orders",
            "https://api.example.com/\"",
            "https://api.example.com/\\",
            "https://api.example.com/ä",
            "https://api.example.com/a b",
        ] {
            assert_eq!(split(resource), None, "{resource}");
        }
    }
}
