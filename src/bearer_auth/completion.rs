//! What a layer does with the response of a request that it passed.

use std::sync::Arc;

use http::{Request, Response};

use super::{
    outer_layer::Enforcement,
    report::refused_inside,
    report_only::ReportOnlyVerdict,
    rules::{Passed, Rules},
};
use crate::{
    error::AuthError,
    rejection::{PendingRefusal, RejectionResponse, RequestHead, form, keep_what_was_added},
};

/// Kept until the response is there. Most responses are passed on after one look at their
/// extensions.
pub(super) struct Completion<R> {
    rules: Arc<Rules<R>>,
    head: RequestHead,
    report: Option<ReportOnlyVerdict>,
    forms_refusals: bool,
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
            refused_inside(&refused, Enforcement::ReportOnly);
        }
        response
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
            refused_inside(&error, Enforcement::Enforce);
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
