//! From an `Authorization` field to claims: one file per step, in the order in which a token passes
//! them.

pub(crate) mod audience;
pub(crate) mod bearer;
pub mod claims;
pub(crate) mod expectations;
pub(crate) mod jws;
pub(crate) mod members;
pub(crate) mod numeric_date;
mod registered;
pub(crate) mod token_use;
