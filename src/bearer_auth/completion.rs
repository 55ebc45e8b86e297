//! What a layer does with the response of a request that it passed.

use std::{mem, sync::Arc};

use http::Response;

use super::{
    configuration::Rules, finding::Finding, outer_layer::Enforcement, report::report,
    report_only::ReportOnlyVerdict, verdict::Verdict,
};
use crate::{
    error::AuthError,
    rejection::{
        KeptMethod, PendingRejection, RejectionResponse, RequestFields, RequestHead, form,
        keep_what_was_added,
    },
    token::claims::Claims,
};

/// Kept until the response is there. Most responses are passed on after one look at their
/// extensions. It is moved with each request, so what few layers need is behind a pointer.
pub(super) struct Completion<R> {
    pub(super) rules: Arc<Rules<R>>,
    pub(super) method: KeptMethod,
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
    forms_rejections: bool,
}

impl Rare {
    #[inline]
    pub(super) fn of(
        claims: Option<Claims>,
        fields: Option<RequestFields>,
        verdict: Option<ReportOnlyVerdict>,
        forms_rejections: bool,
    ) -> Option<Box<Self>> {
        if claims.is_none() && fields.is_none() && verdict.is_none() && forms_rejections {
            return None;
        }
        Some(Box::new(Self {
            claims,
            fields,
            verdict,
            forms_rejections,
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
        if PendingRejection::is_in(response) {
            self.form(response, None);
        }
    }

    #[inline(never)]
    fn apply_rare<B>(&mut self, response: &mut Response<B>)
    where
        R: RejectionResponse<B>,
    {
        let Some(mut rare) = self.rare.take() else {
            return;
        };
        if rare.forms_rejections && PendingRejection::is_in(response) {
            self.form(response, Some(&rare));
        }
        if let Some(verdict) = rare.verdict.take()
            && let Some(rejected) = verdict.record(response)
        {
            self.report(&rejected, Enforcement::ReportOnly, Some(&rare));
        }
        if let Some(claims) = rare.claims
            && self.rules.claims_in_response
        {
            response.extensions_mut().insert(claims);
        }
    }

    fn report(&self, rejected: &AuthError, enforcement: Enforcement, rare: Option<&Rare>) {
        if let (Some(published), AuthError::InsufficientScope { required }) =
            (&self.rules.published, rejected)
        {
            let metadata = self.rules.challenges.resource_metadata();
            published.warn_of_unlisted(required, metadata);
        }
        let verdict = Verdict {
            finding: Finding::Rejected(rejected),
            enforcement,
            claims: rare.and_then(|rare| rare.claims.as_ref()),
            inside: true,
        };
        report(&verdict, &self.rules.observers);
    }

    /// Forms a rejection from inside as one of the layer's own.
    #[cold]
    fn form<B>(&self, response: &mut Response<B>, rare: Option<&Rare>)
    where
        R: RejectionResponse<B>,
    {
        let Some(pending) = PendingRejection::take(response) else {
            return;
        };
        let challenges = &self.rules.challenges;
        let (error, scopes) = pending.complete(challenges.required());
        if error != AuthError::MissingLayer {
            self.report(&error, Enforcement::Enforce, rare);
        }
        let challenge = challenges.with_scopes(&error, scopes.as_ref());
        let head = RequestHead {
            method: self.method.get(),
            fields: rare.and_then(|rare| rare.fields.as_ref()),
        };
        let formed = form(&self.rules.rejection, challenge.as_deref(), head, error);
        let placeholder = mem::replace(response, formed);
        keep_what_was_added(response, placeholder);
    }
}
