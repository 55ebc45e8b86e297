//! What a [`BearerAuthLayer`](super::BearerAuthLayer) was told, and how it decides by it.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN},
};

use super::{
    outer_layer::{Enforcement, OuterLayer, ReportOnlyVerdict},
    report::{Finding, request_judged},
};
use crate::{
    error::AuthError,
    keys::Waiting,
    rejection::{
        BearerChallenge, RejectionResponse,
        challenge::{ChallengeParameters, Challenges},
        refuse,
    },
    scope::ScopePolicy,
    token::{bearer, claims::Claims},
    verifier::{Verifier, VerifyProgress},
};

/// Everything that a decision needs: shared by all clones of the service.
#[derive(Clone, Debug)]
pub(super) struct Rules<R> {
    pub(super) verifier: Verifier,
    parameters: ChallengeParameters,
    /// Written whenever what they say changes.
    challenges: Challenges,
    required: Option<ScopePolicy>,
    absent: Absent,
    pub(super) enforcement: Enforcement,
    rejection: R,
}

/// What happens to a request without a token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Absent {
    Refuse,
    /// Passes if it is a CORS preflight request, and is refused otherwise.
    PassPreflight,
    Pass,
}

/// How far a request gets without waiting.
pub(super) enum Admission {
    Done(Result<Admitted, AuthError>),
    Wait(Waiting, HeaderValue),
}

/// A request that may pass.
pub(super) enum Admitted {
    Anonymous,
    With(Claims),
}

impl Rules<BearerChallenge> {
    pub(super) fn new(verifier: Verifier) -> Self {
        let parameters = ChallengeParameters::default();
        Self {
            challenges: Challenges::new(&parameters, None),
            verifier,
            parameters,
            required: None,
            absent: Absent::Refuse,
            enforcement: Enforcement::Enforce,
            rejection: BearerChallenge,
        }
    }
}

impl<R> Rules<R> {
    pub(super) fn require(&mut self, policy: ScopePolicy) {
        self.required = Some(policy);
        self.write_challenges();
    }

    pub(super) fn describe(&mut self, change: impl FnOnce(&mut ChallengeParameters)) {
        change(&mut self.parameters);
        self.write_challenges();
    }

    pub(super) fn pass_absent(&mut self) {
        self.absent = Absent::Pass;
    }

    pub(super) fn pass_preflight(&mut self) {
        self.absent = match self.absent {
            Absent::Refuse | Absent::PassPreflight => Absent::PassPreflight,
            Absent::Pass => Absent::Pass,
        };
    }

    pub(super) fn with_rejection<R2>(self, rejection: R2) -> Rules<R2> {
        Rules {
            verifier: self.verifier,
            parameters: self.parameters,
            challenges: self.challenges,
            required: self.required,
            absent: self.absent,
            enforcement: self.enforcement,
            rejection,
        }
    }

    fn write_challenges(&mut self) {
        self.challenges = Challenges::new(&self.parameters, self.required.as_ref());
    }

    pub(super) fn admit<B>(&self, request: &Request<B>) -> Admission {
        let credentials = match bearer::credentials(request.headers()) {
            Ok(Some(credentials)) => credentials,
            Ok(None) if self.absent.passes(request) => {
                return Admission::Done(Ok(Admitted::Anonymous));
            }
            Ok(None) => return Admission::Done(Err(AuthError::MissingToken)),
            Err(refused) => return Admission::Done(Err(refused)),
        };
        let token = bearer::token(credentials).unwrap_or_default();
        match self.verifier.verify_now(token) {
            Ok(VerifyProgress::Verified(claims)) => Admission::Done(Ok(Admitted::With(claims))),
            Err(refused) => Admission::Done(Err(refused)),
            Ok(VerifyProgress::Waiting(waiting)) => match self.enforcement {
                Enforcement::Enforce => Admission::Wait(waiting, credentials.clone()),
                // What protects nothing must not delay anything either.
                Enforcement::ReportOnly => Admission::Done(Err(AuthError::KeysUnavailable {
                    retry_after: Duration::from_secs(1),
                })),
            },
        }
    }

    /// Prepares the request for the inner service, or says why it must not get there. A report-only layer lets every request
    /// through, with what it found.
    pub(super) fn let_in<B>(
        &self,
        request: &mut Request<B>,
        outcome: Result<Admitted, AuthError>,
    ) -> Result<Option<ReportOnlyVerdict>, AuthError> {
        let let_in_as = match &outcome {
            Ok(Admitted::Anonymous) => Finding::Anonymous,
            Ok(Admitted::With(_)) | Err(_) => Finding::Accepted,
        };
        let verdict = outcome.and_then(|admitted| self.grant(request, admitted));
        let finding = verdict.as_ref().err().map_or(let_in_as, Finding::Refused);
        request_judged(finding, self.enforcement);
        match self.enforcement {
            Enforcement::Enforce => verdict.map(|()| None),
            Enforcement::ReportOnly => Ok(Some(report(request, verdict.err()))),
        }
    }

    fn grant<B>(&self, request: &mut Request<B>, admitted: Admitted) -> Result<(), AuthError> {
        let Admitted::With(claims) = admitted else {
            request.extensions_mut().insert(OuterLayer {
                why_no_claims: Some(AuthError::MissingToken),
                enforcement: Enforcement::Enforce,
            });
            return Ok(());
        };
        let unmet = self
            .required
            .as_ref()
            .filter(|policy| !policy.is_met_by(claims.scopes()));
        request.extensions_mut().insert(claims);
        if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        match unmet {
            None => Ok(()),
            Some(required) => Err(AuthError::InsufficientScope {
                required: required.clone(),
            }),
        }
    }

    pub(super) fn refuse<Q, B>(&self, request: &Request<Q>, error: AuthError) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        refuse(&self.rejection, &self.challenges, request, error)
    }
}

impl Absent {
    fn passes<B>(self, request: &Request<B>) -> bool {
        match self {
            Self::Refuse => false,
            Self::PassPreflight => is_cors_preflight(request.method(), request.headers()),
            Self::Pass => true,
        }
    }
}

/// As the Fetch standard says, "CORS-preflight request".
fn is_cors_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Waits for the key and verifies. (Not a method of the layer, whose type parameter need not be `Send`.)
pub(super) async fn admit_after(
    verifier: Verifier,
    waiting: Waiting,
    credentials: HeaderValue,
) -> Result<Admitted, AuthError> {
    let token = bearer::token(&credentials).unwrap_or_default();
    let mut progress = VerifyProgress::Waiting(waiting);
    loop {
        match progress {
            VerifyProgress::Verified(claims) => return Ok(Admitted::With(claims)),
            VerifyProgress::Waiting(waiting) => {
                progress = verifier.verify_after(token, waiting.wait().await)?;
            }
        }
    }
}

/// Leaves what a report-only layer found with a request that passes in any case.
fn report<B>(request: &mut Request<B>, refused: Option<AuthError>) -> ReportOnlyVerdict {
    for (name, value) in request.headers_mut().iter_mut() {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
    let verdict = ReportOnlyVerdict::new(refused.clone());
    let why_no_claims = refused.or(Some(AuthError::MissingToken));
    let extensions = request.extensions_mut();
    extensions.insert(verdict.clone());
    extensions.insert(OuterLayer {
        why_no_claims,
        enforcement: Enforcement::ReportOnly,
    });
    verdict
}
