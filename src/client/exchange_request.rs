//! A token request on behalf of a subject (RFC 8693 §2.1).

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::{AccessToken, TokenError, scopes::Scopes};
use crate::crypto::sealing::digest_of;

/// A token that the caller acts on behalf of. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct SubjectToken {
    pub(super) token: Arc<str>,
    pub(super) kind: SubjectTokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubjectTokenKind {
    AccessToken,
    IdToken,
}

/// The downstream service that the new token is for.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Audience(Arc<str>),
    Resource(Arc<str>),
}

/// A token request on behalf of one subject.
pub(super) struct ExchangeRequest {
    subject: SubjectToken,
    target: Option<Target>,
    scopes: Scopes,
    actor: Actor,
}

enum Actor {
    None,
    Client(Arc<dyn ObtainToken>),
    Token(AccessToken),
}

/// The client whose token is the actor's. Getting it may take a further token request, which is
/// made only when an exchange is.
pub(super) trait ObtainToken: Send + Sync {
    fn obtain_token(&self) -> ObtainedToken<'_>;
}

pub(super) type ObtainedToken<'a> =
    Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + 'a>>;

impl SubjectToken {
    /// An access token: what a caller presented to this service.
    pub fn access_token(token: impl Into<Arc<str>>) -> Self {
        Self {
            token: token.into(),
            kind: SubjectTokenKind::AccessToken,
        }
    }

    /// An ID token.
    pub fn id_token(token: impl Into<Arc<str>>) -> Self {
        Self {
            token: token.into(),
            kind: SubjectTokenKind::IdToken,
        }
    }
}

impl SubjectTokenKind {
    /// RFC 8693 §3.
    pub(super) const fn urn(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
        }
    }

    /// `TokenTypeIdentifierType` of AWS's service model.
    pub(super) const fn in_the_api(self) -> &'static str {
        match self {
            Self::AccessToken => "ACCESS_TOKEN",
            Self::IdToken => "ID_TOKEN",
        }
    }
}

impl ExchangeRequest {
    pub(super) fn new(
        subject: SubjectToken,
        target: Option<Target>,
        scopes: Scopes,
        actor: Option<Arc<dyn ObtainToken>>,
    ) -> Self {
        Self {
            subject,
            target,
            scopes,
            actor: actor.map_or(Actor::None, Actor::Client),
        }
    }

    pub(super) const fn subject(&self) -> &SubjectToken {
        &self.subject
    }

    pub(super) const fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    pub(super) const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The actor's token, once it was obtained.
    pub(super) const fn actor_token(&self) -> Option<&AccessToken> {
        match &self.actor {
            Actor::Token(token) => Some(token),
            Actor::None | Actor::Client(_) => None,
        }
    }

    pub(super) async fn with_actor_token(self: &Arc<Self>) -> Result<Arc<Self>, TokenError> {
        let Actor::Client(actor) = &self.actor else {
            return Ok(Arc::clone(self));
        };
        Ok(Arc::new(Self {
            subject: self.subject.clone(),
            target: self.target.clone(),
            scopes: self.scopes.clone(),
            actor: Actor::Token(actor.obtain_token().await?),
        }))
    }

    /// Names the subject. Everything else is the same for all that is held in one place.
    pub(super) fn digest(&self) -> [u8; 32] {
        digest_of(&[
            self.subject.kind.urn().as_bytes(),
            self.subject.token.as_bytes(),
        ])
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectToken")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeRequest").finish_non_exhaustive()
    }
}
