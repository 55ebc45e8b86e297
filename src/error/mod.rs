//! The errors of a running service: a request that is rejected, and a connection that cannot be
//! made.

mod auth;
mod connect;
mod denied;
mod rejection_kind;

pub(crate) use self::rejection_kind::RejectionKind;
pub use self::{
    auth::AuthError,
    connect::ConnectError,
    denied::{Denied, StepUp},
};
