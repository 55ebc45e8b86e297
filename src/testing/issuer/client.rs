//! An app client: its secrets and what it may ask for.

use crate::crypto::signing;

/// As many secrets as Cognito lets a client have at a time.
const MAX_SECRETS: usize = 2;

/// It has no `Debug`: it holds secrets.
#[derive(Clone)]
pub(super) struct AppClient {
    secrets: Vec<String>,
    scopes: Vec<String>,
}

impl AppClient {
    pub(super) fn new(secret: String, scopes: impl IntoIterator<Item: AsRef<str>>) -> Self {
        Self {
            secrets: vec![secret],
            scopes: scopes
                .into_iter()
                .map(|scope| scope.as_ref().to_owned())
                .collect(),
        }
    }

    pub(super) fn add_secret(&mut self, secret: String) -> bool {
        let has_room = self.secrets.len() < MAX_SECRETS;
        if has_room {
            self.secrets.push(secret);
        }
        has_room
    }

    pub(super) fn remove_secret(&mut self, secret: &str) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|kept| kept != secret);
        self.secrets.len() < before
    }

    pub(super) fn has_secret(&self, secret: &str) -> bool {
        self.secrets.iter().any(|known| known == secret)
    }

    pub(super) fn may_have(&self, scope: &str) -> bool {
        self.scopes.iter().any(|allowed| allowed == scope)
    }

    /// What is granted for a request of these scopes: all that the client may have if nothing is named, and nothing at all if one
    /// of the named scopes is not the client's.
    pub(super) fn grant(&self, asked: Option<&str>) -> Option<Vec<String>> {
        let mut granted = Vec::new();
        for scope in asked
            .unwrap_or_default()
            .split(' ')
            .filter(|scope| !scope.is_empty())
        {
            if !self.may_have(scope) {
                return None;
            }
            if !granted.iter().any(|earlier| earlier == scope) {
                granted.push(scope.to_owned());
            }
        }
        Some(if granted.is_empty() {
            self.scopes.clone()
        } else {
            granted
        })
    }
}

/// An unpredictable client secret: 51 letters and digits, as long as those of Cognito.
///
/// # Examples
///
/// ```
/// use tower_cognito::testing::{LocalIssuer, random_secret};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = random_secret();
/// let issuer = LocalIssuer::builder()
///     .client("caller", secret.as_str(), ["profiles/get"])
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn random_secret() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    signing::random::<51>()
        .expect("the system has randomness")
        .iter()
        // Five bits of each byte: every letter is as likely as the others.
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter))
        .collect()
}
