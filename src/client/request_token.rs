//! The token request, and the seam between deciding that a token is needed and getting one.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{
    AccessToken, TokenError, exchange_request::ExchangeRequest, scopes::Scopes,
    secret::ClientSecret, secrets::Secrets, shared_tokens::SharedTokens,
    token_response::TokenResponse,
};

/// What is asked of the token endpoint.
#[derive(Clone, Debug)]
pub(super) enum TokenRequest {
    /// The client's own token.
    ClientCredentials(Scopes),
    /// A token on behalf of a subject.
    Exchange(Arc<ExchangeRequest>),
}

/// What a token is held under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum SlotKey {
    Scopes(Scopes),
    /// A digest, so that the subject's token is not held.
    Exchange([u8; 32]),
}

impl TokenRequest {
    pub(super) fn scopes(&self) -> &Scopes {
        match self {
            Self::ClientCredentials(scopes) => scopes,
            Self::Exchange(request) => request.scopes(),
        }
    }

    pub(super) fn key(&self) -> SlotKey {
        match self {
            Self::ClientCredentials(scopes) => SlotKey::Scopes(scopes.clone()),
            Self::Exchange(request) => SlotKey::Exchange(request.digest()),
        }
    }
}

/// Asks the issuer once.
pub(super) trait RequestToken: Send + Sync + 'static {
    fn request_token<'a>(
        &'a self,
        secret: &'a ClientSecret,
        request: &'a TokenRequest,
    ) -> BoxedTokenRequest<'a>;
}

pub(super) type BoxedTokenRequest<'a> =
    Pin<Box<dyn Future<Output = Result<TokenResponse, TokenError>> + Send + 'a>>;

/// An app client at its issuer.
pub(super) struct AppClient {
    endpoint: Box<dyn RequestToken>,
    secrets: Secrets,
    shared: Option<SharedTokens>,
}

impl AppClient {
    pub(super) fn new(
        endpoint: Box<dyn RequestToken>,
        secrets: Secrets,
        shared: Option<SharedTokens>,
    ) -> Self {
        Self {
            endpoint,
            secrets,
            shared,
        }
    }

    /// A token other than the rejected one, from the other processes if they have one.
    ///
    /// Boxed: a request may ask for the token of an actor, which is another such request.
    pub(super) fn ask<'a>(
        &'a self,
        request: &'a TokenRequest,
        rejected: Option<&'a AccessToken>,
    ) -> BoxedTokenRequest<'a> {
        Box::pin(async move {
            match (request, &self.shared) {
                (TokenRequest::ClientCredentials(scopes), Some(shared)) => {
                    shared
                        .obtain(scopes, rejected, || self.ask_issuer(request))
                        .await
                }
                (TokenRequest::Exchange(exchange), _) => {
                    let request = TokenRequest::Exchange(exchange.with_actor_token().await?);
                    self.ask_issuer(&request).await
                }
                (TokenRequest::ClientCredentials(_), None) => self.ask_issuer(request).await,
            }
        })
    }

    /// Asks with the secret that worked last and, if the client is rejected, once with each other
    /// one; then once more with those that are new, if the secrets can be read again.
    async fn ask_issuer(&self, request: &TokenRequest) -> Result<TokenResponse, TokenError> {
        let known = self.secrets.current().await?;
        let outcome = self.try_each(request, known.in_order()).await;
        if !matches!(outcome, Err(TokenError::InvalidClient)) {
            return outcome;
        }
        let new = self.secrets.read_again(&known).await;
        if new.is_empty() {
            return outcome;
        }
        tracing::info!("app client rejected, new secret found");
        self.try_each(request, &new).await
    }

    async fn try_each(
        &self,
        request: &TokenRequest,
        secrets: &[Arc<ClientSecret>],
    ) -> Result<TokenResponse, TokenError> {
        for (rejected_before, secret) in secrets.iter().enumerate() {
            let outcome = self.endpoint.request_token(secret, request).await;
            if outcome.is_ok() {
                self.secrets.remember(secret);
                if rejected_before > 0 {
                    tracing::info!("client secret rejected, another one accepted");
                }
            }
            if !matches!(outcome, Err(TokenError::InvalidClient)) {
                return outcome;
            }
        }
        Err(TokenError::InvalidClient)
    }
}
