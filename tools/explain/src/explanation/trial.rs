//! How far a token gets. The crate's own verifier decides every step: where it rejects for a
//! setting, the rejection is noted, the setting is changed to what the token says, and the verifier
//! is asked again.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tower_cognito::{
    AllowedClients, AuthError, ConfigError, TokenUse, UserPool, Verifier,
    clock::Clock,
    keys::{FetchError, FetchJwks, JwksRequest, JwksResponse, KeyStatus},
};

use super::{Expected, Keys, found::Found};

/// What came of it.
pub(super) struct Outcome {
    /// The first one is what a service says.
    pub(super) rejections: Vec<AuthError>,
    pub(super) end: End,
    pub(super) keys: KeyStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The signature verified, and the scopes were checked.
    Complete,
    /// The last rejection let nothing more be found out.
    Rejected,
    /// Everything before the key was checked, and there are no keys.
    NoKeys,
}

/// Asked instead of the service's clock: a moment at which the token's dates are good.
#[derive(Clone, Copy)]
struct At(SystemTime);

impl Clock for At {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Fetches nothing unless `--fetch` is given.
struct Offline;

impl FetchJwks for Offline {
    async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        Err(FetchError::Aborted)
    }
}

/// What the verifier is configured with, which a rejection changes.
struct Settings {
    pool: UserPool,
    clients: Vec<String>,
    audiences: Vec<String>,
    token_use: TokenUse,
    leeway: Duration,
    at: Option<SystemTime>,
}

pub(super) async fn run(
    expected: &Expected,
    pool: UserPool,
    keys: &Keys,
    clock: impl Clock + Clone,
    (token, found): (&str, &Found),
) -> Result<Outcome, ConfigError> {
    let mut settings = Settings {
        pool,
        clients: expected.clients.clone(),
        audiences: expected.audiences.clone(),
        token_use: expected.token_use,
        leeway: expected.leeway,
        at: None,
    };
    let policy = expected.policy()?;
    let mut verifier = settings.verifier(keys, clock.clone())?;
    let mut rejections = Vec::new();
    let end = loop {
        let rejected = match verifier.verify(token).await {
            Ok(claims) => {
                rejections.extend(policy.and_then(|policy| claims.require(&policy).err()));
                break End::Complete;
            }
            Err(AuthError::KeysUnavailable { .. }) if matches!(keys, Keys::Offline) => {
                break End::NoKeys;
            }
            Err(rejected) => rejected,
        };
        // Dates that contradict each other are rejected at any time.
        let again = rejections.contains(&rejected);
        let changed = !again && settings.accept(&rejected, found).is_some();
        if !again {
            rejections.push(rejected);
        }
        match settings.verifier(keys, clock.clone()) {
            Ok(next) if changed => verifier = next,
            _ => break End::Rejected,
        }
    };
    Ok(Outcome {
        rejections,
        end,
        keys: verifier.key_status(),
    })
}

impl Settings {
    fn verifier(&self, keys: &Keys, clock: impl Clock) -> Result<Verifier, ConfigError> {
        let clients = if self.clients.is_empty() {
            AllowedClients::any()
        } else {
            AllowedClients::only(&self.clients)?
        };
        let pool = match keys {
            Keys::Given(document) => self.pool.clone().with_pinned_jwks(document)?,
            Keys::Fetched | Keys::Offline => self.pool.clone(),
        };
        let mut builder = Verifier::builder(pool, clients)
            .token_uses([self.token_use])
            .leeway(self.leeway);
        builder = match self.at {
            Some(moment) => builder.clock(At(moment)),
            None => builder.clock(clock),
        };
        if matches!(keys, Keys::Offline) {
            builder = builder.fetcher(Offline);
        }
        for audience in &self.audiences {
            builder = builder.accept_audience(audience);
        }
        builder.build()
    }

    /// Accepts what was rejected, if it is a setting's business. Keys are never fetched from where
    /// the token says.
    fn accept(&mut self, rejected: &AuthError, found: &Found) -> Option<()> {
        let text = |name| found.claim(name).and_then(Value::as_str);
        match rejected {
            AuthError::Expired => self.at = Some(moment(found.date("exp")? - 1.0)?),
            AuthError::NotYetValid => self.at = Some(moment(found.date("nbf")?)?),
            AuthError::IssuedInFuture => self.at = Some(moment(found.date("iat")?)?),
            AuthError::IssuerNotAllowed => {
                self.pool = UserPool::external(text("iss")?, self.pool.jwks_url()).ok()?;
            }
            AuthError::TokenUseNotAllowed => {
                self.token_use = match text("token_use")? {
                    "access" => TokenUse::Access,
                    "id" => TokenUse::Id,
                    _ => return None,
                };
            }
            AuthError::ClientNotAllowed => self.clients.clear(),
            AuthError::AudienceNotAllowed => {
                let audience = found.claim("aud")?;
                let first = audience.as_str().or_else(|| audience.get(0)?.as_str());
                self.audiences.push(first?.to_owned());
            }
            AuthError::SenderConstrained => self.pool = self.pool.clone().with_cnf_ignored(),
            _ => return None,
        }
        Some(())
    }
}

fn moment(seconds: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}
