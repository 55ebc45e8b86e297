//! Authorization codes (RFC 6749 §4.1): what each grants, until it is used or expires.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::client::random_secret;

/// As long as Cognito's.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The codes that were issued and not yet used.
#[derive(Default)]
pub(super) struct Codes {
    grants: BTreeMap<String, CodeGrant>,
}

/// What a user granted to a client.
pub(super) struct CodeGrant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) user: String,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    /// `None` only for a client that has a secret.
    pub(super) code_challenge: Option<String>,
    pub(super) expires_at: SystemTime,
}

impl Codes {
    pub(super) fn issue(&mut self, grant: CodeGrant, now: SystemTime) -> String {
        self.grants.retain(|_, grant| grant.expires_at > now);
        let code = random_secret();
        self.grants.insert(code.clone(), grant);
        code
    }

    /// A code is good once, whatever comes of it (RFC 6749 §4.1.2).
    pub(super) fn take(&mut self, code: &str, now: SystemTime) -> Option<CodeGrant> {
        let grant = self.grants.remove(code)?;
        (grant.expires_at > now).then_some(grant)
    }
}

pub(super) fn expiry(now: SystemTime) -> SystemTime {
    now + LIFETIME
}
