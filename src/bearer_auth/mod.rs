//! The layer that lets in requests with a good token, and puts the token's claims into their extensions.

mod future;
mod layer;
mod report;
mod rules;
mod service;
mod standing;

pub use self::{
    future::ResponseFuture, layer::BearerAuthLayer, service::BearerAuth, standing::Verdict,
};
pub(crate) use self::{
    report::guard_refused,
    standing::{Enforcement, Standing},
};
