//! Tells the operator of rejected tokens that look like a wrong setting, at the default log level.
//!
//! Nothing here is reached by a token that is accepted. Anyone can send a token, so each reason is
//! logged once an hour at most, and what the log shows of a token is its kind and, if it has the
//! form that Cognito writes, its issuer.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64_simd::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::{
    clock::Moment,
    error::AuthError,
    token::{expectations::Expectations, token_use::TokenUse},
    troubleshooting,
};

const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What has been logged of one verifier.
#[derive(Default)]
pub(super) struct SetupWarnings {
    /// By [`Setting`].
    rejected: [Mutex<Rejected>; 5],
    report_only: AtomicBool,
    open_clients: AtomicBool,
}

#[derive(Default)]
struct Rejected {
    logged: Option<Moment>,
    /// Since then.
    count: u64,
}

/// Which setting may be wrong.
#[derive(Clone, Copy)]
enum Setting {
    Audience,
    Clients,
    Clock,
    Issuer,
    TokenUse,
}

impl Setting {
    const fn behind(rejected: &AuthError) -> Option<Self> {
        match rejected {
            AuthError::AudienceNotAllowed => Some(Self::Audience),
            AuthError::ClientNotAllowed => Some(Self::Clients),
            AuthError::IssuedInFuture | AuthError::NotYetValid => Some(Self::Clock),
            AuthError::IssuerNotAllowed => Some(Self::Issuer),
            AuthError::TokenUseNotAllowed => Some(Self::TokenUse),
            _ => None,
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Audience => {
                "check that the caller asks for tokens for this service; `accept_audience` adds another of its names"
            }
            Self::Clients => {
                "if the caller may call this service, add its app client id to `AllowedClients::only`"
            }
            Self::Clock => "synchronise this machine's clock",
            Self::Issuer => {
                "compare the pool id and region given to `UserPool::new` with the pool that the caller gets its tokens from"
            }
            Self::TokenUse => {
                "have the caller send its access token; `token_uses` sets what is accepted"
            }
        }
    }

    fn accepted(self, expected: &Expectations) -> String {
        let pools = || expected.pools.iter();
        match self {
            Self::Audience => match expected.audience.names() {
                [] => "tokens that are not bound to an audience".to_owned(),
                names => names.join(", "),
            },
            Self::Clients => "the app clients given to `AllowedClients::only`".to_owned(),
            Self::Clock => {
                let leeway = Duration::from(expected.dates.leeway);
                format!("a start at most {leeway:?} ahead")
            }
            Self::Issuer => pools()
                .flat_map(|pool| pool.issuers.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(", "),
            Self::TokenUse => expected
                .token_uses
                .iter()
                .map(|token_use| match token_use {
                    TokenUse::Access => "access tokens",
                    TokenUse::Id => "ID tokens",
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

impl SetupWarnings {
    /// Logs the first rejected token of each setting, and then one an hour, with the number of
    /// those in between.
    #[cold]
    pub(super) fn token_rejected(
        &self,
        error: &AuthError,
        token: &[u8],
        expected: &Expectations,
        now: impl FnOnce() -> Moment,
    ) {
        let Some(setting) = Setting::behind(error) else {
            return;
        };
        let Some(rejected) = self.count(setting, &now()) else {
            return;
        };
        tracing::warn!(
            reason = error.reason(),
            came = Came::read(token).describe(),
            accepted = setting.accepted(expected),
            rejected,
            advice = setting.advice(),
            help = troubleshooting::EVERY_REQUEST_401,
            "tokens rejected, probably because of a wrong setting"
        );
    }

    /// How many there have been, if it is time to log them. A flood must not queue for the lock, so
    /// what finds it taken is not counted.
    fn count(&self, setting: Setting, now: &Moment) -> Option<u64> {
        let mut rejected = self.rejected.get(setting as usize)?.try_lock().ok()?;
        rejected.count = rejected.count.saturating_add(1);
        let logged_lately = |logged: &Moment| now.since(logged) < INTERVAL;
        if rejected.logged.as_ref().is_some_and(logged_lately) {
            return None;
        }
        rejected.logged = Some(*now);
        Some(std::mem::take(&mut rejected.count))
    }

    /// Logs once that a layer does not enforce.
    pub(super) fn report_only(&self) {
        if !self.report_only.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                help = troubleshooting::STARTUP_WARNING,
                "report-only layer configured: it passes every request, even one without a token"
            );
        }
    }

    /// Logs once that anyone who registers a client is accepted.
    pub(super) fn open_clients(&self) {
        if !self.open_clients.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                help = troubleshooting::STARTUP_WARNING,
                "resource metadata published for `AllowedClients::any()` without `require_audience`: a client that registers itself is accepted"
            );
        }
    }
}

/// What may be shown of a token that has not been verified.
#[derive(Default, Deserialize)]
struct Came {
    iss: Option<String>,
    token_use: Option<String>,
}

impl Came {
    /// Nothing depends on it, so a lenient reader will do. The token's length is bounded.
    fn read(token: &[u8]) -> Self {
        let payload = token.split(|&byte| byte == b'.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap_or_default();
        serde_json::from_slice(&payload).unwrap_or_default()
    }

    fn describe(&self) -> String {
        let kind = match self.token_use.as_deref() {
            Some("access") => "an access token",
            Some("id") => "an ID token",
            _ => "a token without a known `token_use`",
        };
        match self.iss.as_deref().filter(|issuer| is_of_cognito(issuer)) {
            Some(issuer) => format!("{kind} of {issuer}"),
            None => format!("{kind} of an issuer that is not Cognito's"),
        }
    }
}

/// Whether it has the form of an issuer of Cognito, and so nothing in it that a log must not show.
fn is_of_cognito(issuer: &str) -> bool {
    let host_and_pool = ["https://cognito-idp.", "https://issuer-cognito-idp."]
        .iter()
        .find_map(|scheme| issuer.strip_prefix(scheme))
        .and_then(|rest| rest.split_once(".amazonaws.com/"));
    let Some((region, pool)) = host_and_pool else {
        return false;
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_pool = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    region.len() <= 32
        && region.bytes().all(is_region)
        && pool.len() <= 55
        && pool.bytes().all(is_pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issuers_of_cognitos_form_are_shown() {
        for issuer in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123",
            "https://issuer-cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_A1",
        ] {
            assert!(is_of_cognito(issuer), "{issuer}");
        }
        let long = "a".repeat(56);
        for issuer in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A\nforged",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A?secret",
            "https://cognito-idp.eu west.amazonaws.com/eu-west-1_A",
            "https://cognito-idp.eu-west-1.example.com/eu-west-1_A",
            "http://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A",
            &format!("https://cognito-idp.eu-west-1.amazonaws.com/{long}"),
            &format!("https://cognito-idp.{long}.amazonaws.com/eu-west-1_A"),
        ] {
            assert!(!is_of_cognito(issuer), "{issuer}");
        }
    }
}
