//! What a layer does with the response of a request that it passed.

use std::{mem, sync::Arc};

use http::{Method, Response};

use super::{
    configuration::Rules, finding::Finding, outer_layer::Enforcement, report::report,
    report_only::ReportOnlyVerdict, verdict::Verdict,
};
use crate::{
    error::AuthError,
    rejection::{
        PendingRefusal, RejectionResponse, RequestFields, RequestHead, form, keep_what_was_added,
    },
    token::claims::Claims,
};

/// Kept until the response is there. Most responses are passed on after one look at their
/// extensions. It is moved with each request, so what few layers need is behind a pointer.
pub(super) struct Completion<R> {
    pub(super) rules: Arc<Rules<R>>,
    pub(super) method: Method,
    /// Of an accepted token, if an observer or the response is to have them.
    pub(super) claims: Option<Claims>,
    pub(super) rare: Option<Box<Rare>>,
}

/// What few layers need to complete a response.
pub(super) struct Rare {
    fields: Option<RequestFields>,
    /// What this layer found, if it only reports.
    verdict: Option<ReportOnlyVerdict>,
    /// Not a report-only layer inside an enforcing one: it must not change anything.
    forms_refusals: bool,
}

impl Rare {
    #[inline]
    pub(super) fn of(
        fields: Option<RequestFields>,
        verdict: Option<ReportOnlyVerdict>,
        forms_refusals: bool,
    ) -> Option<Box<Self>> {
        (fields.is_some() || verdict.is_some() || !forms_refusals).then(|| {
            Box::new(Self {
                fields,
                verdict,
                forms_refusals,
            })
        })
    }
}

impl<R> Completion<R> {
    #[inline]
    pub(super) fn apply<B>(&mut self, response: &mut Response<B>)
    where
        R: RejectionResponse<B>,
    {
        let forms_refusals = self.rare.as_ref().is_none_or(|rare| rare.forms_refusals);
        if forms_refusals && PendingRefusal::is_in(response) {
            self.form(response);
        }
        let verdict = self.rare.as_mut().and_then(|rare| rare.verdict.take());
        if let Some(verdict) = verdict
            && let Some(refused) = verdict.record(response)
        {
            self.report(&refused, Enforcement::ReportOnly);
        }
        if let Some(claims) = self.claims.take()
            && self.rules.claims_in_response
        {
            response.extensions_mut().insert(claims);
        }
    }

    fn report(&self, refused: &AuthError, enforcement: Enforcement) {
        if let (Some(published), AuthError::InsufficientScope { required }) =
            (&self.rules.published, refused)
        {
            let metadata = self.rules.challenges.resource_metadata();
            published.warn_of_unlisted(required, metadata);
        }
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
    fn form<B>(&self, response: &mut Response<B>)
    where
        R: RejectionResponse<B>,
    {
        let Some(pending) = PendingRefusal::take(response) else {
            return;
        };
        let challenges = &self.rules.challenges;
        let (error, scopes) = pending.complete(challenges.required());
        if error != AuthError::MissingLayer {
            self.report(&error, Enforcement::Enforce);
        }
        let challenge = challenges.with_scopes(&error, scopes.as_ref());
        let head = RequestHead {
            method: &self.method,
            fields: self.rare.as_ref().and_then(|rare| rare.fields.as_ref()),
        };
        let formed = form(&self.rules.rejection, challenge.as_deref(), head, error);
        let placeholder = mem::replace(response, formed);
        keep_what_was_added(response, placeholder);
    }
}
