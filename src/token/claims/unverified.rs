//! From an unverified payload to [`Claims`]: the only way there is.

use std::sync::{Arc, OnceLock};

use memchr::memmem;

use super::{Claims, Registered, Verified};
use crate::{
    crypto::VerifyingKey,
    error::AuthError,
    json::{self, JsonString, Steps},
    token::{
        expectations::{Accepted, Expectations, PoolIndex},
        jws::CompactJws,
        members::{Members, Unread},
        numeric_date::NumericDate,
    },
};

/// The work that a payload may cost before its signature has verified. A step takes up to some 20
/// nanoseconds.
///
/// It is twice what the longest token takes that Cognito writes by itself (a user's in 100
/// groups). A pre token generation trigger can write more, which is why longer payloads are
/// not rejected, but read after the signature.
const STEPS_BEFORE_SIGNATURE: Steps = Steps::AtMost(256);

/// Where the issuer of a long payload is looked for, at most.
const MAX_ISSUER_CANDIDATES: usize = 100;

/// The payload of a token whose signature has not been checked.
///
/// Nothing in it can be read outside `claims` except by [`Expectations`], which can only reject.
pub(crate) struct UnverifiedClaims<'t> {
    jws: CompactJws<'t>,
    reading: Reading,
}

/// How much of a payload was read before its signature.
enum Reading {
    Whole(Members),
    /// The payload takes more work than a stranger may cause. Only the issuer is needed to find the
    /// key; everything else is read when the signature has verified.
    Long {
        issuer: Option<JsonString>,
    },
}

impl<'t> UnverifiedClaims<'t> {
    /// # Errors
    ///
    /// [`AuthError::MalformedClaims`].
    pub(crate) fn parse(jws: CompactJws<'t>) -> Result<Self, AuthError> {
        let reading = match Members::read(jws.payload(), STEPS_BEFORE_SIGNATURE) {
            Ok(members) => Reading::Whole(members),
            Err(Unread::Long { issuer }) => Reading::Long { issuer },
            Err(Unread::Malformed) => return Err(AuthError::MalformedClaims),
        };
        Ok(Self { jws, reading })
    }

    /// Rejects what can be rejected without a key. Passing proves nothing yet.
    ///
    /// # Errors
    ///
    /// Those of [`Expectations::check`]; of a long payload only [`AuthError::IssuerNotAllowed`].
    pub(crate) fn meet<'e>(
        self,
        expectations: &'e Expectations,
        now: NumericDate,
    ) -> Result<ExpectedClaims<'t, 'e>, AuthError> {
        let payload = self.jws.payload();
        let expected = match self.reading {
            Reading::Whole(members) => Expected::Whole {
                accepted: expectations.check(&members, payload, now)?,
                members,
            },
            Reading::Long { issuer } => Expected::Long {
                pool: issuer
                    .map_or_else(
                        || likely_pool(payload, expectations),
                        |issuer| expectations.pool_of(issuer.of(payload)),
                    )
                    .ok_or(AuthError::IssuerNotAllowed)?,
                expectations,
                now,
            },
        };
        Ok(ExpectedClaims {
            jws: self.jws,
            expected,
        })
    }
}

/// The pool whose key a long payload is probably signed with: an accepted issuer stands where a
/// member `iss` might be. The payload is read properly after the signature, and rejected if its
/// issuer is of another pool.
fn likely_pool(payload: &[u8], expectations: &Expectations) -> Option<PoolIndex> {
    let name = br#""iss""#;
    memmem::find_iter(payload, name)
        .take(MAX_ISSUER_CANDIDATES)
        .filter_map(|at| json::string_after_name(payload, at + name.len()))
        .find_map(|issuer| expectations.pool_of(issuer.of(payload)))
}

/// Claims that would be accepted if the signature verified.
pub(crate) struct ExpectedClaims<'t, 'e> {
    jws: CompactJws<'t>,
    expected: Expected<'e>,
}

enum Expected<'e> {
    Whole {
        members: Members,
        accepted: Accepted<'e>,
    },
    /// To be read and checked when the signature has verified.
    Long {
        pool: PoolIndex,
        expectations: &'e Expectations,
        now: NumericDate,
    },
}

impl ExpectedClaims<'_, '_> {
    /// The pool whose key must have signed.
    pub(crate) const fn pool(&self) -> PoolIndex {
        match &self.expected {
            Expected::Whole { accepted, .. } => accepted.index,
            Expected::Long { pool, .. } => *pool,
        }
    }

    pub(crate) fn kid(&self) -> &str {
        self.jws.kid()
    }

    /// The only way to [`Claims`].
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidSignature`], then [`AuthError::MalformedClaims`]; of a long payload also
    /// those of [`Expectations::check`].
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<Claims, AuthError> {
        let mut payload = self.jws.verify(key)?;
        let (members, accepted) = match self.expected {
            Expected::Whole { members, accepted } => (members, accepted),
            Expected::Long {
                pool,
                expectations,
                now,
            } => {
                let text = payload.as_str().as_bytes();
                let members =
                    Members::read(text, Steps::Any).map_err(|_| AuthError::MalformedClaims)?;
                let accepted = expectations.check(&members, text, now)?;
                if accepted.index != pool {
                    return Err(AuthError::IssuerNotAllowed);
                }
                (members, accepted)
            }
        };
        let registered = Registered::keep(&members, accepted.client_id, &mut payload)
            .ok_or(AuthError::MalformedClaims)?;
        let scope = registered.scope.map(|scope| payload.text(scope));
        Ok(Claims {
            verified: Arc::new(Verified {
                narrowed_scope: scope.and_then(|scope| accepted.pool.granted_scopes.narrow(scope)),
                payload,
                registered,
                token_use: accepted.token_use,
                met: OnceLock::new(),
            }),
            left_by_layer: false,
        })
    }
}
