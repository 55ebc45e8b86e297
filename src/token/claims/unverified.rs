//! From an unverified payload to [`Claims`]: the only way there is.

use std::sync::Arc;

use super::{Claims, Registered, Verified};
use crate::{
    crypto::VerifyingKey,
    error::AuthError,
    token::{
        expectations::{Accepted, Expectations, PoolIndex},
        jws::CompactJws,
        numeric_date::NumericDate,
    },
};

/// The payload of a token whose signature has not been checked.
///
/// Nothing in it can be read from outside of `claims` but by [`Expectations`], which only refuses.
pub(crate) struct UnverifiedClaims<'t> {
    jws: CompactJws<'t>,
    registered: Registered,
}

impl<'t> UnverifiedClaims<'t> {
    /// # Errors
    ///
    /// [`AuthError::MalformedClaims`].
    pub(crate) fn parse(jws: CompactJws<'t>) -> Result<Self, AuthError> {
        let registered = Registered::parse(jws.payload()).ok_or(AuthError::MalformedClaims)?;
        Ok(Self { jws, registered })
    }

    /// Refuses what can be refused without a key. Passing proves nothing yet.
    ///
    /// # Errors
    ///
    /// Those of [`Expectations::check`].
    pub(crate) fn meet<'e>(
        self,
        expectations: &'e Expectations,
        now: NumericDate,
    ) -> Result<ExpectedClaims<'t, 'e>, AuthError> {
        let accepted = expectations.check(&self.registered.read(self.jws.payload()), now)?;
        Ok(ExpectedClaims {
            unverified: self,
            accepted,
        })
    }
}

/// Claims that would be accepted if the signature verified.
pub(crate) struct ExpectedClaims<'t, 'e> {
    unverified: UnverifiedClaims<'t>,
    accepted: Accepted<'e>,
}

impl ExpectedClaims<'_, '_> {
    /// The pool whose key must have signed.
    pub(crate) const fn pool(&self) -> PoolIndex {
        self.accepted.index
    }

    pub(crate) fn kid(&self) -> &str {
        self.unverified.jws.kid()
    }

    /// The only way to [`Claims`].
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidSignature`].
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<Claims, AuthError> {
        let UnverifiedClaims { jws, registered } = self.unverified;
        let payload = jws.verify(key)?;
        let Accepted {
            pool, token_use, ..
        } = self.accepted;
        let scope = registered
            .scope
            .as_ref()
            .map(|scope| scope.of(payload.as_str()));
        Ok(Claims(Arc::new(Verified {
            narrowed_scope: scope.and_then(|scope| pool.granted_scopes.narrow(scope)),
            payload,
            registered,
            token_use,
        })))
    }
}
