//! What a [`BearerAuthLayer`](super::BearerAuthLayer) is configured with, and how it decides.

use std::time::Duration;

use http::{Request, Response};

use super::{
    finding::Finding,
    outer_layer::{Enforcement, OuterLayer},
    preflight::is_cors_preflight,
    report::report,
    report_only::ReportOnlyVerdict,
    verdict::{Observers, Verdict},
};
use crate::{
    error::AuthError,
    keys::Waiting,
    rejection::{BearerChallenge, RejectionResponse, RequestHead, challenge::Challenges, form},
    token::{
        bearer::{self, OwnedCredentials},
        claims::Claims,
    },
    verifier::{Verifier, VerifyProgress},
};

/// Everything that a decision needs: shared by all clones of the service.
#[derive(Clone, Debug)]
pub(super) struct Rules<R> {
    pub(super) verifier: Verifier,
    pub(super) challenges: Challenges,
    pub(super) optional: bool,
    pub(super) pass_cors_preflight: bool,
    pub(super) enforcement: Enforcement,
    pub(super) claims_in_response: bool,
    pub(super) observers: Observers,
    pub(super) rejection: R,
}

/// How far authentication gets without waiting.
pub(super) enum Progress {
    Done(Caller),
    Wait(Waiting, OwnedCredentials),
}

/// Who sends a request that may pass.
pub(super) enum Caller {
    Anonymous,
    Verified(Claims),
}

/// A request that passes: what is left to do with its response.
pub(super) struct Passed {
    pub(super) report: Option<ReportOnlyVerdict>,
    /// Whether refusals from inside belong to an enforcing layer outside this report-only one,
    /// which must not change anything.
    pub(super) outer_enforces: bool,
    /// Of an accepted token, if an observer or the response is to have them.
    pub(super) claims: Option<Claims>,
}

impl Rules<BearerChallenge> {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            challenges: Challenges::default(),
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
            optional: self.optional,
            pass_cors_preflight: self.pass_cors_preflight,
            enforcement: self.enforcement,
            claims_in_response: self.claims_in_response,
            observers: self.observers,
            rejection,
        }
    }

    /// Everything that can be done without waiting. Marks the `Authorization` values sensitive before
    /// anything else.
    pub(super) fn authenticate<B>(&self, request: &mut Request<B>) -> Result<Progress, AuthError> {
        let Some(credentials) = bearer::credentials(request.headers_mut())? else {
            return self.without_token(request).map(Progress::Done);
        };
        match self.verifier.verify_now(credentials.token())? {
            VerifyProgress::Verified(claims) => Ok(Progress::Done(Caller::Verified(claims))),
            VerifyProgress::Waiting(waiting) => match self.enforcement {
                Enforcement::Enforce => Ok(Progress::Wait(waiting, credentials.to_owned())),
                // What protects nothing must not delay anything either.
                Enforcement::ReportOnly => Err(AuthError::KeysUnavailable {
                    retry_after: Duration::from_secs(1),
                }),
            },
        }
    }

    fn without_token<B>(&self, request: &Request<B>) -> Result<Caller, AuthError> {
        let optional = self.optional && self.challenges.required().is_none();
        let preflight =
            || self.pass_cors_preflight && is_cors_preflight(request.method(), request.headers());
        if optional || preflight() {
            Ok(Caller::Anonymous)
        } else {
            Err(AuthError::MissingToken)
        }
    }

    /// Decides, reports the verdict, and prepares a request that passes for the inner service.
    pub(super) fn finish<B>(
        &self,
        request: &mut Request<B>,
        authenticated: Result<Caller, AuthError>,
    ) -> Result<Passed, AuthError> {
        let unmet = match &authenticated {
            Ok(caller) => self.authorize(caller).err(),
            Err(refused) => Some(refused.clone()),
        };
        let finding = match (&unmet, &authenticated) {
            (Some(refused), _) => Finding::Refused(refused),
            (None, Ok(Caller::Anonymous)) => Finding::Anonymous,
            (None, _) => Finding::Accepted,
        };
        let caller = authenticated.ok();
        let claims = match &caller {
            Some(Caller::Verified(claims)) => Some(claims),
            Some(Caller::Anonymous) | None => None,
        };
        report(
            &Verdict {
                finding,
                enforcement: self.enforcement,
                claims,
                inside: false,
            },
            &self.observers,
        );
        let kept = if self.claims_in_response || !self.observers.is_empty() {
            claims.cloned()
        } else {
            None
        };
        let mut passed = match (self.enforcement, unmet) {
            (Enforcement::Enforce, Some(refused)) => return Err(refused),
            (Enforcement::Enforce, None) => enforce(request, caller),
            (Enforcement::ReportOnly, unmet) => report_only(request, caller, unmet),
        };
        passed.claims = kept;
        Ok(passed)
    }

    fn authorize(&self, caller: &Caller) -> Result<(), AuthError> {
        match (caller, self.challenges.required()) {
            (Caller::Verified(claims), Some(required)) => claims.require(required),
            _ => Ok(()),
        }
    }

    /// Forms one of the layer's own refusals.
    pub(super) fn refuse<Q, B>(&self, request: &Request<Q>, error: AuthError) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        let head = RequestHead::of(&self.rejection, request);
        let challenge = self.challenges.of(&error);
        form(&self.rejection, challenge.as_deref(), &head, error)
    }
}

/// Waits for the key and verifies. (Not a method of the layer, whose type parameter need not be `Send`.)
pub(super) async fn authenticate_after(
    verifier: Verifier,
    waiting: Waiting,
    credentials: OwnedCredentials,
) -> Result<Caller, AuthError> {
    let credentials = credentials.borrow();
    let mut progress = VerifyProgress::Waiting(waiting);
    loop {
        match progress {
            VerifyProgress::Verified(claims) => return Ok(Caller::Verified(claims)),
            VerifyProgress::Waiting(waiting) => {
                progress = verifier.verify_after(credentials.token(), waiting.wait().await)?;
            }
        }
    }
}

/// Replaces what a layer outside, or a careless client of this service, left in the extensions.
fn enforce<B>(request: &mut Request<B>, caller: Option<Caller>) -> Passed {
    let extensions = request.extensions_mut();
    match caller {
        Some(Caller::Verified(claims)) => {
            extensions.remove::<OuterLayer>();
            extensions.insert(claims.left_by_layer());
        }
        Some(Caller::Anonymous) | None => {
            extensions.remove::<Claims>();
            extensions.insert(OuterLayer {
                why_no_claims: AuthError::MissingToken,
                enforcement: Enforcement::Enforce,
            });
        }
    }
    Passed {
        report: None,
        outer_enforces: false,
        claims: None,
    }
}

/// Leaves what a report-only layer found with a request that passes in any case. Where a layer
/// outside enforces, its claims stay: a report-only layer switches nothing off.
fn report_only<B>(
    request: &mut Request<B>,
    caller: Option<Caller>,
    refused: Option<AuthError>,
) -> Passed {
    let extensions = request.extensions_mut();
    let outer_enforces = OuterLayer::enforces(extensions);
    if !outer_enforces {
        extensions.remove::<Claims>();
        if let Some(Caller::Verified(claims)) = caller {
            extensions.insert(claims);
        }
        extensions.insert(OuterLayer {
            why_no_claims: refused.clone().unwrap_or(AuthError::MissingToken),
            enforcement: Enforcement::ReportOnly,
        });
    }
    let verdict = ReportOnlyVerdict::new(refused);
    extensions.insert(verdict.clone());
    Passed {
        report: Some(verdict),
        outer_enforces,
        claims: None,
    }
}
