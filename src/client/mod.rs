#![doc = include_str!("manual.md")]

mod api_endpoint;
mod builder;
mod client_credentials;
mod domain;
mod endpoint;
mod error;
mod exchange_request;
mod from_env;
mod layer;
mod origin;
mod renewal;
mod replay;
mod request_token;
mod schedule;
mod scopes;
mod secret;
mod secret_source;
mod secrets;
mod service;
mod shared_tokens;
mod slot;
mod source;
#[cfg(test)]
mod tests;
mod token;
mod token_endpoint;
mod token_exchange;
mod token_response;
mod token_store;
pub mod unproven;
mod www_authenticate;

pub use self::{
    builder::ClientCredentialsBuilder,
    client_credentials::ClientCredentials,
    error::TokenError,
    layer::SendBearerLayer,
    replay::{CloneBody, CopyBody, NoRetry},
    secret::ClientAuthentication,
    secret_source::{ClientSecrets, FetchSecrets, SecretSource, SecretUnavailable},
    service::{SendBearer, SendBearerError, SendBearerFuture},
    token::AccessToken,
    token_store::{InProcessStore, TokenLock, TokenStore, TokenStoreError},
};
pub use crate::error::ConnectError;
