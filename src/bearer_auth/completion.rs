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
    pub(super) rare: Option<Box<Rare>>,
}

/// What few layers need to complete a response.
pub(super) struct Rare {
    /// Of an accepted token, if an observer or the response is to have them.
    claims: Option<Claims>,
    fields: Option<RequestFields>,
    /// What this layer found, if it only reports.
    verdict: Option<ReportOnlyVerdict>,
    /// Not a report-only layer inside an enforcing one: it must not change anything.
    forms_refusals: bool,
}

impl Rare {
    #[inline]
    pub(super) fn of(
        claims: Option<Claims>,
        fields: Option<RequestFields>,
        verdict: Option<ReportOnlyVerdict>,
        forms_refusals: bool,
    ) -> Option<Box<Self>> {
        if claims.is_none() && fields.is_none() && verdict.is_none() && forms_refusals {
            return None;
        }
        Some(Box::new(Self {
            claims,
            fields,
            verdict,
            forms_refusals,
        }))
    }
}

impl<R> Completion<R> {
    #[inline]
    pub(super) fn apply<B>(&mut self, response: &mut Response<B>)
    where
        R: RejectionResponse<B>,
    {
        if self.rare.is_some() {
            return self.apply_rare(response);
        }
        if PendingRefusal::is_in(response) {
            self.form(response, None);
        }
    }

    #[inline(never)]
    fn apply_rare<B>(&mut self, response: &mut Response<B>)
    where
        R: RejectionResponse<B>,
    {
        let Some(mut rare) = self.rare.take() else { return };
        if rare.forms_refusals && PendingRefusal::is_in(response) {
            self.form(response, Some(&rare));
        }
        if let Some(verdict) = rare.verdict.take()
            && let Some(refused) = verdict.record(response)
        {
            self.report(&refused, Enforcement::ReportOnly, Some(&rare));
        }
        if let Some(claims) = rare.claims
            && self.rules.claims_in_response
        {
            response.extensions_mut().insert(claims);
        }
    }

    fn report(&self, refused: &AuthError, enforcement: Enforcement, rare: Option<&Rare>) {
        let verdict = Verdict {
            finding: Finding::Refused(refused),
            enforcement,
            claims: rare.and_then(|rare| rare.claims.as_ref()),
            inside: true,
        };
        report(&verdict, &self.rules.observers);
    }

    /// Forms a refusal from inside as one of the layer's own.
    #[cold]
    fn form<B>(&self, response: &mut Response<B>, rare: Option<&Rare>)
    where
        R: RejectionResponse<B>,
    {
        let Some(pending) = PendingRefusal::take(response) else {
            return;
        };
        let challenges = &self.rules.challenges;
        let (error, scopes) = pending.complete(challenges.required());
        if error != AuthError::MissingLayer {
            self.report(&error, Enforcement::Enforce, rare);
        }
        let challenge = challenges.with_scopes(&error, scopes.as_ref());
        let head = RequestHead {
            method: &self.method,
            fields: rare.and_then(|rare| rare.fields.as_ref()),
        };
        let formed = form(&self.rules.rejection, challenge.as_deref(), head, error);
        let placeholder = mem::replace(response, formed);
        keep_what_was_added(response, placeholder);
    }
}
