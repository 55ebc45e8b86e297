//! What a token must say: pure checks of its claims against the configuration and a time.

use crate::{
    allowed_clients::AllowedClients,
    error::AuthError,
    granted_scopes::GrantedScopes,
    json::{JsonString, RawStr},
    token::{
        audience::ExpectedAudience,
        members::{Members, Times},
        numeric_date::{NumericDate, TimeSpan},
        token_use::TokenUse,
    },
};

/// How far `iat` may be in the future.
///
/// The issuer signed it, so a date ahead of ours says that this machine's clock is behind, and
/// every fresh token says so. Rejecting them would turn a clock that is some seconds behind into an
/// outage. The longest Cognito token is valid for a day: a clock that is further behind cannot
/// distinguish an expired token from a valid one.
const LONGEST_CLOCK_LAG: TimeSpan = TimeSpan::from_secs(24 * 60 * 60);

/// Which of the configured pools. The index is made by [`Expectations::check`] from the list it
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolIndex(pub(crate) usize);

/// Everything that is demanded of the claims, apart from scopes.
#[derive(Clone)]
pub(crate) struct Expectations {
    pub(crate) pools: Vec<ExpectedPool>,
    /// Never empty.
    pub(crate) token_uses: Box<[TokenUse]>,
    pub(crate) audience: ExpectedAudience,
    pub(crate) dates: ExpectedDates,
}

/// An issuer under its accepted names, and what its tokens may be and grant.
#[derive(Clone)]
pub(crate) struct ExpectedPool {
    /// The one whose discovery document can be fetched comes first.
    pub(crate) issuers: Vec<String>,
    pub(crate) clients: AllowedClients,
    pub(crate) granted_scopes: GrantedScopes,
    pub(crate) confirmation: Confirmation,
}

/// What `cnf` means in the tokens of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// The token is bound to a key or certificate (RFC 7800).
    Binds,
    /// A claim of the pool's own that happens to have that name.
    Ignored,
}

/// What is demanded of a token's dates: the part that must hold again each time the token is seen.
#[derive(Clone, Copy)]
pub(crate) struct ExpectedDates {
    pub(crate) leeway: TimeSpan,
    pub(crate) max_age: Option<TimeSpan>,
}

impl Expectations {
    /// The pool that the token says it is from, if everything it says is acceptable.
    ///
    /// # Errors
    ///
    /// In this order: those of [`ExpectedDates::check`], which tell a stranger nothing about the
    /// configuration; [`AuthError::IssuerNotAllowed`],
    /// [`TokenUseNotAllowed`](AuthError::TokenUseNotAllowed),
    /// [`MalformedClaims`](AuthError::MalformedClaims) without an app client,
    /// [`ClientNotAllowed`](AuthError::ClientNotAllowed),
    /// [`AudienceNotAllowed`](AuthError::AudienceNotAllowed), and
    /// [`SenderConstrained`](AuthError::SenderConstrained).
    pub(super) fn check(
        &self,
        members: &Members,
        payload: &[u8],
        now: NumericDate,
    ) -> Result<Accepted<'_>, AuthError> {
        self.dates.check(&members.times, now)?;
        let (index, pool) = self
            .pool(members.issuer.of(payload))
            .ok_or(AuthError::IssuerNotAllowed)?;
        let token_use = members
            .token_use
            .filter(|token_use| self.token_uses.contains(token_use))
            .ok_or(AuthError::TokenUseNotAllowed)?;
        let client_id = members.client_id.ok_or(AuthError::MalformedClaims)?;
        let named = client_id.of(payload);
        if !pool.clients.allows(named) {
            return Err(AuthError::ClientNotAllowed);
        }
        if !self.audience.allows(members.audiences(payload), named) {
            return Err(AuthError::AudienceNotAllowed);
        }
        if members.has_cnf && pool.confirmation == Confirmation::Binds {
            return Err(AuthError::SenderConstrained);
        }
        Ok(Accepted {
            pool,
            index,
            token_use,
            client_id,
        })
    }

    /// The pool that has this issuer.
    pub(crate) fn pool_of(&self, issuer: RawStr<'_>) -> Option<PoolIndex> {
        self.pool(issuer).map(|(index, _)| index)
    }

    fn pool(&self, issuer: RawStr<'_>) -> Option<(PoolIndex, &ExpectedPool)> {
        let has_issuer =
            |pool: &ExpectedPool| pool.issuers.iter().any(|accepted| issuer.is(accepted));
        let index = self.pools.iter().position(has_issuer)?;
        Some((PoolIndex(index), self.pools.get(index)?))
    }
}

/// What a token is, if its signature verifies.
pub(crate) struct Accepted<'e> {
    pub(crate) pool: &'e ExpectedPool,
    pub(crate) index: PoolIndex,
    pub(crate) token_use: TokenUse,
    pub(crate) client_id: JsonString,
}

impl ExpectedDates {
    /// Whether the token is valid at this time.
    ///
    /// A token is expired *at* `exp` plus leeway ("on or after", RFC 7519 §4.1.4), and valid *at*
    /// `nbf` less leeway.
    ///
    /// # Errors
    ///
    /// [`AuthError::Expired`], [`NotYetValid`](AuthError::NotYetValid),
    /// [`IssuedInFuture`](AuthError::IssuedInFuture) or [`TokenTooOld`](AuthError::TokenTooOld).
    pub(crate) fn check(&self, times: &Times, now: NumericDate) -> Result<(), AuthError> {
        if now >= times.expires_at.plus(self.leeway) {
            return Err(AuthError::Expired);
        }
        let latest_start = now.plus(self.leeway);
        if times
            .not_before
            .is_some_and(|not_before| not_before > latest_start)
        {
            return Err(AuthError::NotYetValid);
        }
        let latest_issue = now.plus(LONGEST_CLOCK_LAG);
        if times
            .issued_at
            .is_some_and(|issued_at| issued_at > latest_issue)
        {
            return Err(AuthError::IssuedInFuture);
        }
        match self.max_age {
            Some(max_age) if !is_younger(times.issued_at, max_age, now.minus(self.leeway)) => {
                Err(AuthError::TokenTooOld)
            }
            _ => Ok(()),
        }
    }
}

/// A token that does not say when it was issued cannot prove its age.
fn is_younger(issued_at: Option<NumericDate>, max_age: TimeSpan, now: NumericDate) -> bool {
    issued_at.is_some_and(|issued_at| now < issued_at.plus(max_age))
}
