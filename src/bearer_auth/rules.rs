//! How a [`BearerAuthLayer`](super::BearerAuthLayer) decides.

use std::{sync::Arc, time::Duration};

use http::{Extensions, Request, Response};

use super::{
    completion::{Completion, Rare},
    configuration::Rules,
    finding::Finding,
    outer_layer::{Enforcement, OuterLayer},
    preflight::is_cors_preflight,
    report::{report, report_seen},
    report_only::ReportOnlyVerdict,
    verdict::Verdict,
};
use crate::{
    error::AuthError,
    keys::Waiting,
    metrics::{self, TokenLookup},
    rejection::{KeptMethod, RejectionResponse, RequestFields, RequestHead, form},
    token::{
        bearer::{self, Credentials, OwnedCredentials},
        claims::Claims,
    },
    verifier::{NotRecalled, Verifier, VerifyProgress},
};

/// Why a request does not pass at once.
pub(super) enum Stopped {
    Rejected(AuthError),
    /// Its key has to be fetched.
    Wait(Box<KeyWait>),
}

/// A wait for a key, and whose it is.
pub(super) struct KeyWait {
    pub(super) waiting: Waiting,
    pub(super) credentials: OwnedCredentials,
}

/// Who sends a request that may pass.
pub(super) enum Caller {
    Anonymous,
    Verified(Claims),
}

impl<R> Rules<R> {
    /// Everything that can be done without waiting. Marks the `Authorization` values sensitive
    /// before anything else.
    #[inline]
    pub(super) fn judge<Q, B>(
        self: &Arc<Self>,
        request: &mut Request<Q>,
    ) -> Result<Completion<R>, Stopped>
    where
        R: RejectionResponse<B>,
    {
        let claims = 'seen: {
            let authenticated = match bearer::credentials(request.headers_mut()) {
                Ok(Some(credentials)) => match self.verifier.recall(credentials.token()) {
                    Ok(claims) => break 'seen claims,
                    Err(not_recalled) => self.verify(credentials, not_recalled)?,
                },
                Ok(None) => self.without_token(request),
                Err(rejected) => Err(rejected),
            };
            return self
                .finish(request, authenticated)
                .map_err(Stopped::Rejected);
        };
        if self.enforces() && self.authorize(&claims).is_ok() {
            return Ok(self.pass_seen(request, claims));
        }
        metrics::token_looked_up(TokenLookup::Hit);
        self.finish(request, Ok(Caller::Verified(claims)))
            .map_err(Stopped::Rejected)
    }

    /// What [`finish`](Self::finish) does with most requests: they are to pass, and their token was
    /// in the token cache. Written out, because they need nothing of what the other cases have in
    /// common.
    #[inline]
    fn pass_seen<Q, B>(self: &Arc<Self>, request: &mut Request<Q>, claims: Claims) -> Completion<R>
    where
        R: RejectionResponse<B>,
    {
        let verdict = Verdict {
            finding: Finding::Accepted,
            enforcement: Enforcement::Enforce,
            claims: Some(&claims),
            inside: false,
        };
        report_seen(&verdict, &self.observers);
        let kept = self.keeps_claims().then(|| claims.clone());
        let completion = self.completion(request, kept, None, true);
        pass_verified(request.extensions_mut(), claims);
        completion
    }

    /// Verifies a token that the token cache does not answer for.
    #[inline(never)]
    fn verify(
        &self,
        credentials: Credentials<'_>,
        not_recalled: NotRecalled,
    ) -> Result<Result<Caller, AuthError>, Stopped> {
        match self.verifier.verify_anew(credentials.token(), not_recalled) {
            Ok(VerifyProgress::Verified(claims)) => Ok(Ok(Caller::Verified(claims))),
            Ok(VerifyProgress::Waiting(waiting)) => match self.enforcement {
                Enforcement::Enforce => Err(Stopped::Wait(Box::new(KeyWait {
                    waiting,
                    credentials: credentials.to_owned(),
                }))),
                // What protects nothing must not delay anything either.
                Enforcement::ReportOnly => Ok(Err(AuthError::KeysUnavailable {
                    retry_after: Duration::from_secs(1),
                })),
            },
            Err(rejected) => Ok(Err(rejected)),
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
    #[inline(never)]
    pub(super) fn finish<Q, B>(
        self: &Arc<Self>,
        request: &mut Request<Q>,
        authenticated: Result<Caller, AuthError>,
    ) -> Result<Completion<R>, AuthError>
    where
        R: RejectionResponse<B>,
    {
        let (claims, unmet) = match authenticated {
            Ok(Caller::Verified(claims)) => {
                let unmet = self.authorize(&claims).err();
                (Some(claims), unmet)
            }
            Ok(Caller::Anonymous) => (None, None),
            Err(rejected) => (None, Some(rejected)),
        };
        let finding = match (&unmet, &claims) {
            (Some(rejected), _) => Finding::Rejected(rejected),
            (None, None) => Finding::Anonymous,
            (None, Some(_)) => Finding::Accepted,
        };
        self.report(finding, self.enforcement, claims.as_ref());
        let kept = claims.as_ref().filter(|_| self.keeps_claims()).cloned();
        let extensions = request.extensions_mut();
        if self.enforces() {
            match (unmet, claims) {
                (Some(rejected), _) => return Err(rejected),
                (None, Some(claims)) => pass_verified(extensions, claims),
                (None, None) => pass_anonymous(extensions),
            }
            return Ok(self.completion(request, kept, None, true));
        }
        let outer_enforces = OuterLayer::enforces(extensions);
        let verdict = pass_reported(extensions, claims, unmet, outer_enforces);
        // Inside an enforcing layer, rejections from inside are that layer's.
        Ok(self.completion(request, kept, Some(verdict), !outer_enforces))
    }

    fn enforces(&self) -> bool {
        self.enforcement == Enforcement::Enforce
    }

    #[inline]
    fn authorize(&self, claims: &Claims) -> Result<(), AuthError> {
        match self.challenges.required() {
            Some(required) => claims.require_again(required),
            None => Ok(()),
        }
    }

    #[inline]
    fn report(&self, finding: Finding<'_>, enforcement: Enforcement, claims: Option<&Claims>) {
        let verdict = Verdict {
            finding,
            enforcement,
            claims,
            inside: false,
        };
        report(&verdict, &self.observers);
    }

    /// Whether an observer or the response is to have the claims.
    #[inline]
    fn keeps_claims(&self) -> bool {
        self.claims_in_response || !self.observers.is_empty()
    }

    #[inline(always)]
    fn completion<Q, B>(
        self: &Arc<Self>,
        request: &Request<Q>,
        claims: Option<Claims>,
        verdict: Option<ReportOnlyVerdict>,
        forms_rejections: bool,
    ) -> Completion<R>
    where
        R: RejectionResponse<B>,
    {
        let fields = RequestFields::of(&self.rejection, request);
        Completion {
            rules: Arc::clone(self),
            method: KeptMethod::of(request.method()),
            rare: Rare::of(claims, fields, verdict, forms_rejections),
        }
    }

    /// Forms one of the layer's own rejections.
    pub(super) fn reject<Q, B>(&self, request: &Request<Q>, error: AuthError) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        let fields = RequestFields::of(&self.rejection, request);
        let challenge = self.challenges.of(&error);
        let head = RequestHead {
            method: request.method(),
            fields: fields.as_ref(),
        };
        form(&self.rejection, challenge.as_deref(), head, error)
    }
}

/// Waits for the key and verifies. (Not a method of the layer, whose type parameter need not be
/// `Send`.)
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
#[inline]
fn pass_verified(extensions: &mut Extensions, claims: Claims) {
    OuterLayer::remove_from(extensions);
    extensions.insert(claims.left_by_layer());
}

/// The same for a request without a token.
fn pass_anonymous(extensions: &mut Extensions) {
    extensions.remove::<Claims>();
    let left = OuterLayer {
        why_no_claims: AuthError::MissingToken,
        enforcement: Enforcement::Enforce,
    };
    left.leave_in(extensions);
}

/// Leaves what a report-only layer found with a request that passes in any case. Where a layer
/// outside enforces, its claims stay: a report-only layer switches nothing off.
fn pass_reported(
    extensions: &mut Extensions,
    claims: Option<Claims>,
    rejected: Option<AuthError>,
    outer_enforces: bool,
) -> ReportOnlyVerdict {
    if !outer_enforces {
        extensions.remove::<Claims>();
        if let Some(claims) = claims {
            extensions.insert(claims);
        }
        let left = OuterLayer {
            why_no_claims: rejected.clone().unwrap_or(AuthError::MissingToken),
            enforcement: Enforcement::ReportOnly,
        };
        left.leave_in(extensions);
    }
    let verdict = ReportOnlyVerdict::new(rejected);
    extensions.insert(verdict.clone());
    verdict
}
