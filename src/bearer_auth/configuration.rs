//! What a [`BearerAuthLayer`](super::BearerAuthLayer) is configured with.

use super::{outer_layer::Enforcement, published_scopes::PublishedScopes, verdict::Observers};
use crate::{
    rejection::{BearerChallenge, challenge::Challenges},
    verifier::Verifier,
};

/// Everything that a decision needs: shared by all clones of the service.
#[derive(Clone, Debug)]
pub(super) struct Rules<R> {
    pub(super) verifier: Verifier,
    pub(super) challenges: Challenges,
    /// Of the metadata that challenges name, if the layer was made from it.
    pub(super) published: Option<PublishedScopes>,
    pub(super) optional: bool,
    pub(super) pass_cors_preflight: bool,
    pub(super) enforcement: Enforcement,
    pub(super) claims_in_response: bool,
    pub(super) observers: Observers,
    pub(super) rejection: R,
}

impl Rules<BearerChallenge> {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            challenges: Challenges::default(),
            published: None,
            optional: false,
            pass_cors_preflight: false,
            enforcement: Enforcement::Enforce,
            claims_in_response: false,
            observers: Observers::default(),
            rejection: BearerChallenge,
        }
    }
}

impl<R> Rules<R> {
    pub(super) fn with_rejection<R2>(self, rejection: R2) -> Rules<R2> {
        Rules {
            verifier: self.verifier,
            challenges: self.challenges,
            published: self.published,
            optional: self.optional,
            pass_cors_preflight: self.pass_cors_preflight,
            enforcement: self.enforcement,
            claims_in_response: self.claims_in_response,
            observers: self.observers,
            rejection,
        }
    }
}
