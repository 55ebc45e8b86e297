//! Origins (RFC 6454 §4): where a token may be sent.

use http::{Uri, uri::Scheme};

use crate::{
    config_error::ConfigError,
    protected_url::{Unencrypted, UrlProblem, has_user_info, is_loopback, without_secrets},
};

/// Scheme, host and port. Two URLs with the same are served by the same party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    transport: Transport,
    /// In lower case.
    host: Box<str>,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Http,
    Https,
}

impl Origin {
    pub(super) fn parse(text: &str, unencrypted: Unencrypted) -> Result<Self, ConfigError> {
        Self::read(text, unencrypted).map_err(|problem| ConfigError::InvalidOrigin {
            given: without_secrets(text),
            problem,
        })
    }

    fn read(text: &str, unencrypted: Unencrypted) -> Result<Self, &'static str> {
        const NOT_AN_ORIGIN: &str =
            "only scheme, host and port make an origin, as in `https://profiles.example.com`";
        if has_user_info(text) {
            return Err(UrlProblem::UserInfo.sentence());
        }
        let uri = text.parse::<Uri>().map_err(|_| NOT_AN_ORIGIN)?;
        // `Uri` drops a fragment without a word.
        let is_bare =
            matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains(['#', '?']);
        let origin = Self::of(&uri).filter(|_| is_bare).ok_or(NOT_AN_ORIGIN)?;
        if origin.is_protected(unencrypted) {
            Ok(origin)
        } else {
            Err(
                "plain http is accepted only on a loopback address, since anyone on the network path could read the \
                 token; use https, or the method whose name ends in `_unencrypted`",
            )
        }
    }

    /// The origin that a request for this URI goes to. `None` if the URI does not say, as in
    /// `/profiles`.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let transport = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Transport::Https,
            Some(scheme) if *scheme == Scheme::HTTP => Transport::Http,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let written_port = uri.authority()?.as_str().len() > end_of_host(uri);
        let port = match (uri.port_u16(), transport) {
            (Some(port), _) => port,
            // A port that is written but is none, as in `https://host:99999`.
            (None, _) if written_port => return None,
            (None, Transport::Https) => 443,
            (None, Transport::Http) => 80,
        };
        Some(Self {
            transport,
            host: host.to_ascii_lowercase().into(),
            port,
        })
    }

    fn is_protected(&self, unencrypted: Unencrypted) -> bool {
        match (self.transport, unencrypted) {
            (Transport::Https, _) | (Transport::Http, Unencrypted::Anywhere) => true,
            (Transport::Http, Unencrypted::OnLoopback) => is_loopback(&self.host),
        }
    }
}

/// Where the port would begin in the authority: after user name and host.
fn end_of_host(uri: &Uri) -> usize {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = uri.host().map_or(0, str::len);
    authority.rfind('@').map_or(0, |at| at + 1) + host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Unencrypted::OnLoopback).unwrap()
    }

    fn is_same(origin: &Origin, uri: &str) -> bool {
        Origin::of(&uri.parse().unwrap()).as_ref() == Some(origin)
    }

    #[test]
    fn scheme_host_and_port_all_count() {
        let profiles = origin("https://profiles.example.com");
        for (uri, same) in [
            ("https://profiles.example.com/", true),
            ("https://profiles.example.com/profiles?id=1", true),
            ("https://profiles.example.com:443/", true),
            ("HTTPS://PROFILES.example.COM/", true),
            ("http://profiles.example.com/", false),
            ("http://profiles.example.com:443/", false),
            ("https://profiles.example.com:8443/", false),
            ("https://example.com/", false),
            ("https://evil.profiles.example.com/", false),
            ("https://profiles.example.com.evil.com/", false),
            ("https://profiles.example.com./", false),
            ("https://profiles.example.com@evil.com/", false),
            ("https://me:hush@profiles.example.com/", true),
            ("https://me:hush@profiles.example.com:443/", true),
            ("https://me:hush@profiles.example.com:/", false),
            ("https://evil.com/?https://profiles.example.com/", false),
            ("ftp://profiles.example.com/", false),
            ("profiles.example.com:443", false),
            ("/profiles", false),
            ("*", false),
        ] {
            assert_eq!(is_same(&profiles, uri), same, "{uri}");
        }
    }

    #[test]
    fn an_origin_is_a_bare_url() {
        for text in [
            "https://profiles.example.com",
            "https://profiles.example.com/",
            "https://profiles.example.com:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert!(
                Origin::parse(text, Unencrypted::OnLoopback).is_ok(),
                "{text}"
            );
        }
        for text in [
            "",
            "/",
            "profiles.example.com",
            "//profiles.example.com",
            "https://",
            "https://profiles.example.com/v1",
            "https://profiles.example.com?x",
            "https://profiles.example.com#x",
            "https://profiles.example.com:0x50",
            "https://profiles.example.com:99999",
            "ftp://profiles.example.com",
            "http://profiles.example.com",
            "http://127.0.0.1.example.com",
        ] {
            assert!(
                matches!(
                    Origin::parse(text, Unencrypted::OnLoopback),
                    Err(ConfigError::InvalidOrigin { given, .. }) if given == without_secrets(text)
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn plain_http_beyond_loopback_must_be_requested() {
        let inside = "http://profiles.svc:8080";
        assert!(Origin::parse(inside, Unencrypted::OnLoopback).is_err());
        assert!(Origin::parse(inside, Unencrypted::Anywhere).is_ok());
        assert!(Origin::parse("gopher://profiles.svc", Unencrypted::Anywhere).is_err());
    }

    #[test]
    fn an_error_does_not_quote_a_password() {
        let error =
            Origin::parse("https://me:hush@example.com", Unencrypted::OnLoopback).unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
        assert!(error.to_string().contains("***@example.com"), "{error}");
        assert!(
            error.to_string().contains("user name or password"),
            "{error}"
        );
    }
}
