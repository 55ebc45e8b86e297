//! The decision on a token, and everything that a person needs to understand it.

mod advice;
mod found;
mod page;
mod pasted;
mod step;
mod trial;
mod words;

use std::time::Duration;

use serde_json::{Value, json};
use tower_cognito::{AuthError, ConfigError, ScopePolicy, TokenUse, UserPool, clock::Clock};

pub(crate) use self::page::Paint;
use self::{
    found::Found,
    pasted::Pasted,
    step::Line,
    trial::{End, Outcome},
};

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
    /// There are none, and none are fetched.
    Offline,
}

/// An explained decision.
pub(crate) struct Explanation {
    lines: Vec<Line>,
    verdict: Verdict,
    /// What a service would reject for next, once the first is fixed, each with what to do.
    rejections: Vec<(AuthError, String)>,
    /// A sentence, if the token says when it expires.
    expiry: Option<String>,
    /// What else the token says.
    rest: Vec<(String, String)>,
    is_proven: bool,
}

/// What a service with these settings does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// The signature was not looked at, and nothing else is wrong.
    Open,
    Rejected,
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
    let policy = expected.policy()?;
    let pasted = Pasted::read(input);
    let found = Found::in_token(&pasted.token);
    let mut outcome = trial::run(
        expected,
        pool,
        &keys,
        clock.clone(),
        (&pasted.token, &found),
    )
    .await?;
    if pasted.has_scheme_twice {
        outcome
            .rejections
            .insert(0, AuthError::MalformedCredentials);
    }

    let situation = Situation {
        expected,
        issuers: &issuers,
        policy: policy.as_ref(),
        found: &found,
        pasted: &pasted,
        outcome: &outcome,
        now: clock.now(),
    };
    let rejections = outcome.rejections.iter();
    Ok(Explanation {
        lines: step::lines(&situation),
        expiry: situation.expiry(),
        rejections: rejections
            .map(|rejected| (rejected.clone(), advice::advice(&situation, rejected)))
            .collect(),
        rest: found.other_claims(),
        is_proven: outcome.end == End::Complete,
        verdict: match (outcome.rejections.is_empty(), outcome.end) {
            (false, _) => Verdict::Rejected,
            (true, End::Complete) => Verdict::Accepted,
            (true, _) => Verdict::Open,
        },
    })
}

/// All that there is to tell from.
struct Situation<'a> {
    expected: &'a Expected,
    issuers: &'a [String],
    policy: Option<&'a ScopePolicy>,
    found: &'a Found,
    pasted: &'a Pasted,
    outcome: &'a Outcome,
    now: std::time::SystemTime,
}

impl Situation<'_> {
    fn expiry(&self) -> Option<String> {
        self.found
            .date("exp")
            .map(|date| words::expiry(date, self.now))
    }
}

impl Expected {
    fn policy(&self) -> Result<Option<ScopePolicy>, ConfigError> {
        if self.scopes.is_empty() {
            Ok(None)
        } else {
            ScopePolicy::all_of(&self.scopes).map(Some)
        }
    }
}

impl Explanation {
    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// For programs. It holds claims, as the page does, and never the signature.
    pub(crate) fn json(&self) -> Value {
        json!({
            "accepted": match self.verdict {
                Verdict::Accepted => Value::from(true),
                Verdict::Open => Value::Null,
                Verdict::Rejected => Value::from(false),
            },
            "signature_verified": self.is_proven,
            "rejections": self
                .rejections
                .iter()
                .map(|(rejected, advice)| json!({
                    "reason": rejected.reason(),
                    "status": rejected.status().as_u16(),
                    "message": rejected.to_string(),
                    "advice": advice,
                }))
                .collect::<Vec<_>>(),
            "steps": self.lines.iter().map(Line::json).collect::<Vec<_>>(),
        })
    }
}
