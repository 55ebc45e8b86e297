//! The decision on a token, and everything that a person needs to understand it.

mod advice;
mod found;
mod page;
mod pasted;
mod step;
mod words;

use std::time::Duration;

use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, ScopePolicy, TokenUse, UserPool, Verifier,
    clock::Clock, keys::KeyStatus,
};

pub(crate) use self::page::Paint;
use self::{found::Found, pasted::Pasted, step::Line};

/// What the service demands: both the verifier's configuration and what is shown as expected.
pub(crate) struct Expected {
    /// None is any.
    pub(crate) clients: Vec<String>,
    /// All are needed.
    pub(crate) scopes: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Duration,
    pub(crate) token_use: TokenUse,
}

/// Where the keys come from.
pub(crate) enum Keys {
    Fetched,
    /// This JWK Set.
    Given(String),
}

/// A decision, told.
pub(crate) struct Explanation {
    lines: Vec<Line>,
    verdict: Result<(), AuthError>,
    /// A sentence, if the token says when it expires.
    expiry: Option<String>,
    advice: String,
    /// What else the token says.
    rest: Vec<(String, String)>,
    is_proven: bool,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            scopes: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(10),
            token_use: TokenUse::Access,
        }
    }
}

/// Lets the crate decide, and tells how it came to that.
///
/// # Errors
///
/// If the pool, the keys or what is expected could not be configured in a service either.
pub(crate) async fn explain(
    expected: &Expected,
    pool: UserPool,
    keys: Keys,
    clock: impl Clock + Clone,
    input: &str,
) -> Result<Explanation, ConfigError> {
    let issuers = pool.issuers().map(str::to_owned).collect::<Vec<_>>();
    let verifier = expected.verifier(pool, keys, clock.clone())?;
    let policy = expected.policy()?;

    let pasted = Pasted::read(input);
    let verdict = verifier.verify(&pasted.token).await;
    let is_proven = verdict.is_ok();
    let verdict = verdict.and_then(|claims| demand_scopes(&claims, policy.as_ref()));

    let situation = Situation {
        expected,
        issuers: &issuers,
        policy: policy.as_ref(),
        found: &Found::in_token(&pasted.token),
        pasted: &pasted,
        keys: &verifier.key_status(),
        now: clock.now(),
        verdict: &verdict,
    };
    Ok(Explanation {
        lines: step::lines(&situation),
        expiry: situation.expiry(),
        advice: advice::advice(&situation),
        rest: situation.found.other_claims(),
        is_proven,
        verdict,
    })
}

/// The second half of a service's decision, which `RequireScopesLayer` makes with the same policy.
fn demand_scopes(claims: &Claims, policy: Option<&ScopePolicy>) -> Result<(), AuthError> {
    match policy.filter(|policy| !policy.is_met_by(claims.scopes())) {
        None => Ok(()),
        Some(required) => Err(AuthError::InsufficientScope {
            required: required.clone(),
        }),
    }
}

/// All that there is to tell from.
struct Situation<'a> {
    expected: &'a Expected,
    issuers: &'a [String],
    policy: Option<&'a ScopePolicy>,
    found: &'a Found,
    pasted: &'a Pasted,
    keys: &'a KeyStatus,
    now: std::time::SystemTime,
    verdict: &'a Result<(), AuthError>,
}

impl Situation<'_> {
    fn expiry(&self) -> Option<String> {
        self.found
            .date("exp")
            .map(|date| words::expiry(date, self.now))
    }
}

impl Expected {
    fn verifier(
        &self,
        pool: UserPool,
        keys: Keys,
        clock: impl Clock,
    ) -> Result<Verifier, ConfigError> {
        let clients = if self.clients.is_empty() {
            AllowedClients::any()
        } else {
            AllowedClients::only(&self.clients)?
        };
        let pool = match keys {
            Keys::Given(document) => pool.with_pinned_jwks(&document)?,
            _ => pool,
        };
        let mut builder = Verifier::builder(pool, clients)
            .token_uses([self.token_use])
            .leeway(self.leeway)
            .clock(clock);
        for audience in &self.audiences {
            builder = builder.accept_audience(audience);
        }
        builder.build()
    }

    fn policy(&self) -> Result<Option<ScopePolicy>, ConfigError> {
        if self.scopes.is_empty() {
            Ok(None)
        } else {
            ScopePolicy::all_of(&self.scopes).map(Some)
        }
    }
}

impl Explanation {
    pub(crate) const fn is_accepted(&self) -> bool {
        self.verdict.is_ok()
    }
}
