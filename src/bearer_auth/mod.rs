//! The layer that lets in requests with a good token, and puts the token's claims into their extensions.

mod future;
mod layer;
mod rules;
mod service;

use crate::error::AuthError;

pub use self::{future::ResponseFuture, layer::BearerAuthLayer, service::BearerAuth};

/// What a report-only layer found. It is in the extensions of the request and of the response.
///
/// A guard beneath such a layer lets everything through, too, and adds its own finding to the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request would have been let in.
    Accepted,
    /// The request would have been refused.
    Refused(AuthError),
}

/// In the extensions of a request that an optional layer let pass without a token. It tells a guard or an extractor that
/// there is a layer, and no claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;
