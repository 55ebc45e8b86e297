//! The seam between deciding that a token is needed and getting one.

use std::{future::Future, pin::Pin};

use super::{
    TokenError,
    reply::TokenReply,
    scopes::Scopes,
    secret::{ClientSecret, Secrets},
};

/// Asks the token endpoint once.
pub(super) trait Exchange: Send + Sync + 'static {
    fn exchange<'a>(&'a self, secret: &'a ClientSecret, scopes: &'a Scopes) -> BoxedExchange<'a>;
}

pub(super) type BoxedExchange<'a> =
    Pin<Box<dyn Future<Output = Result<TokenReply, TokenError>> + Send + 'a>>;

/// An app client at its token endpoint.
pub(super) struct AppClient {
    endpoint: Box<dyn Exchange>,
    secrets: Secrets,
}

impl AppClient {
    pub(super) fn new(endpoint: impl Exchange, secrets: Secrets) -> Self {
        Self {
            endpoint: Box::new(endpoint),
            secrets,
        }
    }

    /// Asks with the secret that worked last and, if the client is refused, once with the other one.
    pub(super) async fn ask(&self, scopes: &Scopes) -> Result<TokenReply, TokenError> {
        let (first, second) = self.secrets.in_order();
        let outcome = self.endpoint.exchange(first, scopes).await;
        let (Err(TokenError::ClientRefused), Some(second)) = (&outcome, second) else {
            return outcome;
        };
        let outcome = self.endpoint.exchange(second, scopes).await;
        if outcome.is_ok() {
            self.secrets.remember(second);
            tracing::info!("one of the app client's two secrets is refused, the other one works");
        }
        outcome
    }
}
