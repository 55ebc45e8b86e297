//! The seam between deciding that a token is needed and getting one.

use std::{future::Future, pin::Pin};

use super::{
    TokenError,
    scopes::Scopes,
    secret::{ClientSecret, Secrets},
    token_response::TokenResponse,
};

/// Asks the token endpoint once.
pub(super) trait RequestToken: Send + Sync + 'static {
    fn request_token<'a>(
        &'a self,
        secret: &'a ClientSecret,
        scopes: &'a Scopes,
    ) -> BoxedTokenRequest<'a>;
}

pub(super) type BoxedTokenRequest<'a> =
    Pin<Box<dyn Future<Output = Result<TokenResponse, TokenError>> + Send + 'a>>;

/// An app client at its token endpoint.
pub(super) struct AppClient {
    endpoint: Box<dyn RequestToken>,
    secrets: Secrets,
}

impl AppClient {
    pub(super) fn new(endpoint: impl RequestToken, secrets: Secrets) -> Self {
        Self {
            endpoint: Box::new(endpoint),
            secrets,
        }
    }

    /// Asks with the secret that worked last and, if the client is refused, once with the other one.
    pub(super) async fn ask(&self, scopes: &Scopes) -> Result<TokenResponse, TokenError> {
        let (first, second) = self.secrets.in_order();
        let outcome = self.endpoint.request_token(first, scopes).await;
        let (Err(TokenError::ClientRefused), Some(second)) = (&outcome, second) else {
            return outcome;
        };
        let outcome = self.endpoint.request_token(second, scopes).await;
        if outcome.is_ok() {
            self.secrets.remember(second);
            tracing::info!("one of the app client's two secrets is refused, the other one works");
        }
        outcome
    }
}
