//! URLs whose traffic nobody on the way can read or change: https, or http that does not leave the machine.

use std::net::IpAddr;

use http::Uri;

const MAX_URL_BYTES: usize = 2048;

/// Where a URL leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostIs {
    Loopback,
    Elsewhere,
}

/// Where an absolute URL leads, if it is protected and has neither user name nor fragment.
pub(crate) fn host_of(url: &str) -> Option<HostIs> {
    // `Uri` drops a fragment without a word.
    let plain = url.len() <= MAX_URL_BYTES
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && !url.contains('#');
    let uri: Uri = plain.then(|| url.parse().ok()).flatten()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    if uri.authority()?.as_str().contains('@') {
        return None;
    }
    match (uri.scheme_str()?, is_loopback(host)) {
        ("https" | "http", true) => Some(HostIs::Loopback),
        ("https", false) => Some(HostIs::Elsewhere),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_leads_anywhere_and_http_to_this_machine_only() {
        for (url, host) in [
            ("https://keys.example.com", HostIs::Elsewhere),
            (
                "https://keys.example.com:8443/token?tenant=a",
                HostIs::Elsewhere,
            ),
            ("https://localhost/oauth2/token", HostIs::Loopback),
            ("http://127.0.0.1:9000/jwks.json", HostIs::Loopback),
            ("http://127.8.8.8/jwks.json", HostIs::Loopback),
            ("http://localhost:9000/jwks.json", HostIs::Loopback),
            ("http://[::1]:9000/jwks.json", HostIs::Loopback),
        ] {
            assert_eq!(host_of(url), Some(host), "{url}");
        }
        for url in [
            "http://keys.example.com/jwks.json",
            "http://127.0.0.1.example.com/jwks.json",
            "http://localhost.example.com/jwks.json",
            "http://10.0.0.1/jwks.json",
            "https://user@keys.example.com/jwks.json",
            "https://keys.example.com/jwks.json#keys",
            "https://keys.example.com/jwks json",
            "https://keys.example.com/ä",
            "https://",
            "https:///jwks.json",
            "ftp://127.0.0.1/jwks.json",
            "file:///etc/jwks.json",
            "/jwks.json",
            "keys.example.com",
            "",
        ] {
            assert_eq!(host_of(url), None, "{url}");
        }
        let longest = format!(
            "https://keys.example.com/{}",
            "x".repeat(MAX_URL_BYTES - 25)
        );
        assert_eq!(host_of(&longest), Some(HostIs::Elsewhere));
        assert_eq!(host_of(&format!("{longest}x")), None);
    }
}
