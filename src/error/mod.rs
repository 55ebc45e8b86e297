//! The two kinds of error: a configuration that cannot be right, and a request that is refused.

mod auth;
mod config;

pub use self::{
    auth::{AuthError, Denied},
    config::ConfigError,
};
