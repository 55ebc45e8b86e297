//! What a layer does with the response of a request that it passed.

use std::sync::Arc;

use http::{Request, Response};

use super::{
    finding::Finding,
    outer_layer::Enforcement,
    report::report,
    report_only::ReportOnlyVerdict,
    rules::{Passed, Rules},
    verdict::Verdict,
};
use crate::{
    error::AuthError,
    rejection::{PendingRefusal, RejectionResponse, RequestHead, form, keep_what_was_added},
    token::claims::Claims,
};

/// Kept until the response is there. Most responses are passed on after one look at their
/// extensions.
pub(super) struct Completion<R> {
    rules: Arc<Rules<R>>,
    head: RequestHead,
    report: Option<ReportOnlyVerdict>,
    forms_refusals: bool,
    claims: Option<Claims>,
}

impl Passed {
    pub(super) fn completion<R, Q, B>(
        self,
        rules: &Arc<Rules<R>>,
        request: &Request<Q>,
    ) -> Completion<R>
    where
        R: RejectionResponse<B>,
    {
        Completion {
            head: RequestHead::of(&rules.rejection, request),
            rules: Arc::clone(rules),
            report: self.report,
            forms_refusals: !self.outer_enforces,
            claims: self.claims,
        }
    }
}

impl<R> Completion<R> {
    pub(super) fn apply<B>(&mut self, mut response: Response<B>) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        if self.forms_refusals && PendingRefusal::is_in(&response) {
            response = self.form(response);
        }
        if let Some(verdict) = self.report.take()
            && let Some(refused) = verdict.record(&mut response)
        {
            self.report(&refused, Enforcement::ReportOnly);
        }
        if let Some(claims) = self.claims.take()
            && self.rules.claims_in_response
        {
            response.extensions_mut().insert(claims);
        }
        response
    }

    fn report(&self, refused: &AuthError, enforcement: Enforcement) {
        let verdict = Verdict {
            finding: Finding::Refused(refused),
            enforcement,
            claims: self.claims.as_ref(),
            inside: true,
        };
        report(&verdict, &self.rules.observers);
    }

    /// Forms a refusal from inside as one of the layer's own.
    #[cold]
    fn form<B>(&self, mut placeholder: Response<B>) -> Response<B>
    where
        R: RejectionResponse<B>,
    {
        let Some(pending) = PendingRefusal::take(&mut placeholder) else {
            return placeholder;
        };
        let challenges = &self.rules.challenges;
        let (error, scopes) = pending.complete(challenges.required());
        if error != AuthError::MissingLayer {
            self.report(&error, Enforcement::Enforce);
        }
        let challenge = challenges.with_scopes(&error, scopes.as_ref());
        let mut formed = form(
            &self.rules.rejection,
            challenge.as_deref(),
            &self.head,
            error,
        );
        keep_what_was_added(&mut formed, placeholder);
        formed
    }
}
