//! The URL of a key set or a token endpoint, judged once: nothing between here and there can read
//! or change the traffic.

use std::{fmt, net::IpAddr};

use http::Uri;

const MAX_URL_BYTES: usize = 2048;

/// A URL that keys and secrets may travel over: https, http that stays on this machine, or http
/// that the configuration allows by name.
///
/// It holds no user name and no password. Its query may hold a secret, so `Debug` and
/// [`label`](Self::label) leave it out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProtectedUrl {
    url: Box<str>,
    label: Box<str>,
    transport: Transport,
    host: HostIs,
}

/// Where plain http is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unencrypted {
    OnLoopback,
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Http,
    Https,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HostIs {
    Loopback,
    Elsewhere,
}

/// What is wrong with a URL. It quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlProblem {
    Fragment,
    NotAbsolute,
    TooLong,
    Unencrypted,
    UserInfo,
}

impl ProtectedUrl {
    pub(crate) fn parse(url: &str, unencrypted: Unencrypted) -> Result<Self, UrlProblem> {
        if url.len() > MAX_URL_BYTES {
            return Err(UrlProblem::TooLong);
        }
        if has_user_info(url) {
            return Err(UrlProblem::UserInfo);
        }
        // `Uri` drops a fragment without a word.
        if url.contains('#') {
            return Err(UrlProblem::Fragment);
        }
        let uri = url
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
            .then(|| url.parse::<Uri>().ok())
            .flatten()
            .ok_or(UrlProblem::NotAbsolute)?;
        let transport = match uri.scheme_str() {
            Some("https") => Transport::Https,
            Some("http") => Transport::Http,
            _ => return Err(UrlProblem::NotAbsolute),
        };
        let host = match uri.host() {
            None | Some("") => return Err(UrlProblem::NotAbsolute),
            Some(host) if is_loopback(host) => HostIs::Loopback,
            Some(_) => HostIs::Elsewhere,
        };
        if (transport, host, unencrypted)
            == (Transport::Http, HostIs::Elsewhere, Unencrypted::OnLoopback)
        {
            return Err(UrlProblem::Unencrypted);
        }
        Ok(Self {
            url: url.into(),
            label: without_secrets(url).into(),
            transport,
            host,
        })
    }

    /// The whole URL, for requests only.
    pub(crate) fn as_str(&self) -> &str {
        &self.url
    }

    /// What logs, metrics and errors may show of it.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    #[cfg(any(feature = "client", feature = "reqwest"))]
    pub(crate) fn is_https(&self) -> bool {
        self.transport == Transport::Https
    }

    #[cfg(any(feature = "client", feature = "reqwest"))]
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == HostIs::Loopback
    }
}

impl fmt::Debug for ProtectedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.label, f)
    }
}

impl UrlProblem {
    /// Completes the sentence "it is not accepted: …".
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Fragment => "it has a fragment (`#`)",
            Self::NotAbsolute => "it is not an absolute http or https URL in printable ASCII",
            Self::TooLong => "it is longer than 2048 bytes",
            Self::Unencrypted => {
                "plain http is accepted only on a loopback address, since anyone on the way could read or replace \
                 what it carries; use https"
            }
            Self::UserInfo => {
                "it contains a user name or password (`@`); remove them, since a URL is shown in logs and errors"
            }
        }
    }
}

/// Whether traffic to this host stays on the machine, so that plain http gives nothing away.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the authority holds an `@`. A password may itself hold what ends an authority, so text
/// that is not a URL counts as well.
pub(crate) fn has_user_info(url: &str) -> bool {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(authority..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end)
        .is_some_and(|authority| authority.contains('@'))
}

/// A URL as errors and logs may show it: whatever may be a password, a query or a fragment is
/// replaced by `***`.
///
/// Text that is not a URL is treated alike, since a mistyped URL holds the same secrets as the
/// right one.
pub(crate) fn without_secrets(url: &str) -> String {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    // A password may hold `/`, `?` and `#`, so everything up to the last `@` may be one.
    let after_user = url.rfind('@').filter(|at| *at >= scheme);
    let (scheme, rest) = match after_user {
        Some(at) => (url.get(..scheme), url.get(at..)),
        None => (url.get(..scheme), url.get(scheme..)),
    };
    let rest = rest.unwrap_or_default();
    let (shown, hidden) = match rest.find(['?', '#']) {
        Some(at) => (rest.get(..=at).unwrap_or_default(), "***"),
        None => (rest, ""),
    };
    let user = if after_user.is_some() { "***" } else { "" };
    format!("{}{user}{shown}{hidden}", scheme.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(Transport, HostIs), UrlProblem> {
        ProtectedUrl::parse(url, Unencrypted::OnLoopback).map(|url| (url.transport, url.host))
    }

    #[test]
    fn https_leads_anywhere_and_http_to_this_machine_only() {
        use {HostIs::*, Transport::*, UrlProblem::*};
        for (url, expected) in [
            ("https://keys.example.com", Ok((Https, Elsewhere))),
            (
                "https://keys.example.com:8443/t?tenant=a",
                Ok((Https, Elsewhere)),
            ),
            ("https://keys.example.com/a@b", Ok((Https, Elsewhere))),
            ("https://localhost/oauth2/token", Ok((Https, Loopback))),
            ("http://127.0.0.1:9000/jwks.json", Ok((Http, Loopback))),
            ("http://127.8.8.8/jwks.json", Ok((Http, Loopback))),
            ("http://localhost:9000/jwks.json", Ok((Http, Loopback))),
            ("http://[::1]:9000/jwks.json", Ok((Http, Loopback))),
            (
                "http://keys.example.com/jwks.json",
                Err(UrlProblem::Unencrypted),
            ),
            (
                "http://127.0.0.1.example.com/",
                Err(UrlProblem::Unencrypted),
            ),
            (
                "http://localhost.example.com/",
                Err(UrlProblem::Unencrypted),
            ),
            ("http://10.0.0.1/jwks.json", Err(UrlProblem::Unencrypted)),
            ("https://user@keys.example.com/jwks.json", Err(UserInfo)),
            ("https://me:pass@keys.example.com/", Err(UserInfo)),
            ("http://me:pass@localhost/", Err(UserInfo)),
            ("me:pass@keys.example.com/", Err(UserInfo)),
            ("https://keys.example.com/jwks.json#keys", Err(Fragment)),
            ("https://keys.example.com/jwks json", Err(NotAbsolute)),
            ("https://keys.example.com/ä", Err(NotAbsolute)),
            ("https://", Err(NotAbsolute)),
            ("https:///jwks.json", Err(NotAbsolute)),
            ("ftp://127.0.0.1/jwks.json", Err(NotAbsolute)),
            ("file:///etc/jwks.json", Err(NotAbsolute)),
            ("/jwks.json", Err(NotAbsolute)),
            ("keys.example.com", Err(NotAbsolute)),
            ("", Err(NotAbsolute)),
        ] {
            assert_eq!(parsed(url), expected, "{url}");
        }
        let longest = format!(
            "https://keys.example.com/{}",
            "x".repeat(MAX_URL_BYTES - 25)
        );
        assert!(parsed(&longest).is_ok());
        assert_eq!(parsed(&format!("{longest}x")), Err(TooLong));
    }

    #[test]
    fn http_beyond_this_machine_has_to_be_allowed_and_nothing_else_becomes_possible_by_it() {
        let parsed = |url| ProtectedUrl::parse(url, Unencrypted::Anywhere).map(|_| ());
        assert_eq!(parsed("http://cognito:9229/local_a/jwks.json"), Ok(()));
        assert_eq!(parsed("https://keys.example.com/"), Ok(()));
        assert_eq!(parsed("http://a:b@cognito/"), Err(UrlProblem::UserInfo));
        assert_eq!(parsed("ftp://cognito/"), Err(UrlProblem::NotAbsolute));
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (url, shown) in [
            (
                "https://keys.example.com/jwks.json",
                "https://keys.example.com/jwks.json",
            ),
            (
                "https://keys.example.com/j?key=hush",
                "https://keys.example.com/j?***",
            ),
            (
                "https://keys.example.com/j#hush",
                "https://keys.example.com/j#***",
            ),
            (
                "https://me:hush@keys.example.com/j",
                "https://***@keys.example.com/j",
            ),
            (
                "https://me:hu/sh@keys.example.com/j?hush",
                "https://***@keys.example.com/j?***",
            ),
            (
                "https://me:hu?sh@keys.example.com",
                "https://***@keys.example.com",
            ),
            (
                "https://me:hu@sh@keys.example.com",
                "https://***@keys.example.com",
            ),
            ("me:hush@keys.example.com", "***@keys.example.com"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
        let url = "https://keys.example.com/j?key=hush";
        let url = ProtectedUrl::parse(url, Unencrypted::OnLoopback).unwrap();
        assert_eq!(format!("{url:?}"), r#""https://keys.example.com/j?***""#);
        assert_eq!(url.label(), "https://keys.example.com/j?***");
        assert_eq!(url.as_str(), "https://keys.example.com/j?key=hush");
    }
}
