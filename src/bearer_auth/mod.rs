//! The layer that accepts requests with a good token, and puts the token's claims into their extensions.

mod completion;
mod future;
mod layer;
mod outer_layer;
mod preflight;
mod report;
mod report_only;
mod rules;
mod service;
mod verdict;

pub(crate) use self::outer_layer::{Enforcement, OuterLayer, claims_of};
pub use self::{
    future::ResponseFuture, layer::BearerAuthLayer, report_only::ReportOnlyVerdict,
    service::BearerAuth, verdict::Verdict,
};
