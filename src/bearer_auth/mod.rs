//! The layer that lets in requests with a good token, and puts the token's claims into their extensions.

mod future;
mod layer;
mod outer_layer;
mod report;
mod rules;
mod service;

pub use self::{
    future::ResponseFuture, layer::BearerAuthLayer, outer_layer::ReportOnlyVerdict,
    service::BearerAuth,
};
pub(crate) use self::{
    outer_layer::{Enforcement, OuterLayer},
    report::guard_refused,
};
