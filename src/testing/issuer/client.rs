//! An app client: its secrets and what it may ask for.

use crate::{crypto::signing, string_list::StringList};

/// As many secrets as Cognito lets a client have at a time.
const MAX_SECRETS: usize = 2;

/// It has no `Debug`: it holds secrets.
#[derive(Clone)]
pub(super) struct AppClient {
    authentication: Authentication,
    scopes: Vec<String>,
    flow: Flow,
}

/// How the client proves who it is.
#[derive(Clone)]
enum Authentication {
    Secrets(Vec<String>),
    /// Not at all: PKCE ties its code to it.
    Public,
}

/// Cognito lets a client have one of these only.
#[derive(Clone)]
enum Flow {
    ClientCredentials,
    AuthorizationCode { redirect_uris: Vec<String> },
}

impl AppClient {
    pub(super) fn new(secret: String, scopes: impl StringList) -> Self {
        Self {
            authentication: Authentication::Secrets(vec![secret]),
            scopes: owned(scopes),
            flow: Flow::ClientCredentials,
        }
    }

    /// A client that signs users in. Without a secret it is public.
    pub(super) fn for_users(
        secret: Option<String>,
        redirect_uris: impl StringList,
        scopes: impl StringList,
    ) -> Self {
        Self {
            authentication: secret.map_or(Authentication::Public, |secret| {
                Authentication::Secrets(vec![secret])
            }),
            scopes: owned(scopes),
            flow: Flow::AuthorizationCode {
                redirect_uris: owned(redirect_uris),
            },
        }
    }

    pub(super) const fn is_public(&self) -> bool {
        matches!(self.authentication, Authentication::Public)
    }

    pub(super) const fn has_client_credentials(&self) -> bool {
        matches!(self.flow, Flow::ClientCredentials)
    }

    /// Whether a user may be sent back there: only exact matches, as at Cognito.
    pub(super) fn has_redirect_uri(&self, uri: &str) -> bool {
        match &self.flow {
            Flow::ClientCredentials => false,
            Flow::AuthorizationCode { redirect_uris } => {
                redirect_uris.iter().any(|known| known == uri)
            }
        }
    }

    pub(super) fn add_secret(&mut self, secret: String) -> bool {
        let Authentication::Secrets(secrets) = &mut self.authentication else {
            return false;
        };
        let has_room = secrets.len() < MAX_SECRETS;
        if has_room {
            secrets.push(secret);
        }
        has_room
    }

    pub(super) fn remove_secret(&mut self, secret: &str) -> bool {
        let Authentication::Secrets(secrets) = &mut self.authentication else {
            return false;
        };
        let before = secrets.len();
        secrets.retain(|kept| kept != secret);
        secrets.len() < before
    }

    pub(super) fn has_secret(&self, secret: &str) -> bool {
        match &self.authentication {
            Authentication::Secrets(secrets) => secrets.iter().any(|known| known == secret),
            Authentication::Public => false,
        }
    }

    pub(super) fn may_have(&self, scope: &str) -> bool {
        self.scopes.iter().any(|allowed| allowed == scope)
    }

    /// What is granted for a request of these scopes: all that the client may have if nothing is
    /// named, and nothing at all if one of the named scopes is not the client's.
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

fn owned(texts: impl StringList) -> Vec<String> {
    let texts = texts.into_iter();
    texts.map(|text| text.as_ref().to_owned()).collect()
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
