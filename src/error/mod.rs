//! The kinds of error: a configuration that cannot be right, a connection that cannot be made, and a request that is refused.

mod auth;
mod config;
mod connect;

pub use self::{
    auth::{AuthError, Denied},
    config::ConfigError,
    connect::ConnectError,
};
