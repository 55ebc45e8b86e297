//! The layer that lets in requests with a good token, and puts the token's claims into their extensions.

mod future;
mod layer;
mod rules;
mod service;
mod standing;

pub(crate) use self::standing::{Enforcement, Standing};
pub use self::{
    future::ResponseFuture, layer::BearerAuthLayer, service::BearerAuth, standing::Verdict,
};
