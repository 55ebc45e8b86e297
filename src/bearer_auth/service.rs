use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use tower_service::Service;

use super::{Anonymous, ResponseFuture, Verdict};
use crate::{
    bearer,
    challenge::Challenges,
    claims::Claims,
    error::AuthError,
    jwks::Waiting,
    rejection::{BearerChallenge, RejectionResponse, refuse},
    scope::ScopePolicy,
    verifier::{Step, Verifier},
};

/// The service of a [`BearerAuthLayer`](super::BearerAuthLayer).
///
/// It works around any service of `http` requests, whatever the bodies. The inner service must be `Clone` because a request
/// whose key has to be fetched takes the service that was polled ready with it.
#[derive(Debug)]
pub struct BearerAuth<S, R = BearerChallenge> {
    inner: S,
    gate: Arc<Gate<R>>,
}

/// Everything that a decision needs: shared by all clones of the service.
#[derive(Debug)]
pub(super) struct Gate<R> {
    pub(super) verifier: Verifier,
    pub(super) challenges: Challenges,
    pub(super) required: Option<ScopePolicy>,
    pub(super) absent: Absent,
    pub(super) enforcement: Enforcement,
    pub(super) rejection: R,
}

/// What happens to a request without a token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Absent {
    Refuse,
    Pass,
}

/// Whether a refusal is carried out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Enforcement {
    Enforce,
    ReportOnly,
}

/// How far a request gets without waiting.
enum Admission {
    Done(Result<Admitted, AuthError>),
    Wait(Waiting, HeaderValue),
}

/// A request that may pass.
pub(super) enum Admitted {
    Anonymous,
    With(Claims),
}

impl<S, R> BearerAuth<S, R> {
    pub(super) const fn new(inner: S, gate: Arc<Gate<R>>) -> Self {
        Self { inner, gate }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: Clone, R> Clone for BearerAuth<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for BearerAuth<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Whatever an outer layer or a careless client of this service put there, it is not ours.
        request.extensions_mut().remove::<Claims>();
        match self.gate.admit(request.headers()) {
            Admission::Done(outcome) => match self.gate.let_in(&mut request, outcome) {
                Ok(report) => ResponseFuture::inner(self.inner.call(request), report),
                Err(refused) => ResponseFuture::refused(self.gate.refuse(&request, refused)),
            },
            Admission::Wait(waiting, credentials) => {
                // The service that was polled ready goes with the request; the clone stays behind and is polled anew.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(
                    Arc::clone(&self.gate),
                    ready,
                    request,
                    waiting,
                    credentials,
                )
            }
        }
    }
}

impl<R> Gate<R> {
    fn admit(&self, headers: &HeaderMap) -> Admission {
        let credentials = match bearer::credentials(headers) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => {
                return Admission::Done(match self.absent {
                    Absent::Pass => Ok(Admitted::Anonymous),
                    Absent::Refuse => Err(AuthError::MissingToken),
                });
            }
            Err(refused) => return Admission::Done(Err(refused)),
        };
        let token = bearer::token(credentials).unwrap_or_default();
        match self.verifier.begin(token) {
            Step::Done(verdict) => Admission::Done(verdict.map(Admitted::With)),
            Step::Wait(waiting) => match self.enforcement {
                Enforcement::Enforce => Admission::Wait(waiting, credentials.clone()),
                // What protects nothing must not delay anything either.
                Enforcement::ReportOnly => Admission::Done(Err(AuthError::KeysUnavailable {
                    retry_after: std::time::Duration::from_secs(1),
                })),
            },
        }
    }

    /// Prepares the request for the inner service, or says why it must not get there. A report-only gate lets every request
    /// through, with what it found.
    pub(super) fn let_in<B>(
        &self,
        request: &mut Request<B>,
        outcome: Result<Admitted, AuthError>,
    ) -> Result<Option<Verdict>, AuthError> {
        let verdict = outcome.and_then(|admitted| self.grant(request, admitted));
        match &verdict {
            Ok(()) => tracing::debug!(reason = "accepted", "bearer token"),
            Err(refused) => tracing::debug!(reason = refused.reason(), "bearer token"),
        }
        match (self.enforcement, verdict) {
            (Enforcement::Enforce, Ok(())) => Ok(None),
            (Enforcement::Enforce, Err(refused)) => Err(refused),
            (Enforcement::ReportOnly, verdict) => {
                let verdict = verdict.map_or_else(Verdict::Refused, |()| Verdict::Accepted);
                request.extensions_mut().insert(verdict.clone());
                Ok(Some(verdict))
            }
        }
    }

    fn grant<B>(&self, request: &mut Request<B>, admitted: Admitted) -> Result<(), AuthError> {
        match admitted {
            Admitted::Anonymous => {
                request.extensions_mut().insert(Anonymous);
                Ok(())
            }
            Admitted::With(claims) => {
                let met = self
                    .required
                    .as_ref()
                    .filter(|policy| !policy.is_met_by(claims.scopes()));
                request.extensions_mut().insert(claims);
                if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
                    credentials.set_sensitive(true);
                }
                match met {
                    None => Ok(()),
                    Some(required) => Err(AuthError::InsufficientScope {
                        required: required.clone(),
                    }),
                }
            }
        }
    }

    pub(super) fn refuse<Q, B>(&self, request: &Request<Q>, error: AuthError) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        refuse(&self.rejection, &self.challenges, request, error)
    }
}

/// Waits for the key and verifies. (Not a method of the gate, whose type parameter need not be `Send`.)
pub(super) async fn admit_after(
    verifier: Verifier,
    waiting: Waiting,
    credentials: HeaderValue,
) -> Result<Admitted, AuthError> {
    let waited = waiting.wait().await;
    let token = bearer::token(&credentials).unwrap_or_default();
    verifier.finish(token, &waited).map(Admitted::With)
}
