//! The kinds of error: a configuration that cannot be right, a connection that cannot be made, and a request that is refused.

mod auth;
mod config;
mod connect;
mod denied;

pub use self::{
    auth::AuthError,
    config::ConfigError,
    connect::ConnectError,
    denied::{Denied, StepUp},
};
