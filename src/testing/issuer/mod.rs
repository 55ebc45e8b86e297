//! A user pool that serves HTTP on loopback.

mod api;
mod authorization;
mod body;
mod builder;
mod client;
mod code_grant;
mod codes;
mod cors;
mod credentials;
mod endpoint;
mod endpoint_switch;
mod form;
mod outage;
mod registration;
mod reply;
mod resource;
mod server;
mod state;
mod token_endpoint;
mod token_error;
mod token_exchange;

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;

pub use self::{
    builder::{LocalIssuerBuilder, StartError},
    client::random_secret,
    endpoint::Endpoint,
    endpoint_switch::EndpointSwitch,
};
use self::{client::AppClient, outage::Outage, server::Server, state::Shared};
use super::token::TokenBuilder;
use crate::{string_list::StringList, user_pool::UserPool};

/// A user pool on a free port of the loopback interface, with the endpoints that a guarded service
/// and its callers use.
///
/// | endpoint | path |
/// | --- | --- |
/// | JWK Set | `/{pool}/.well-known/jwks.json` |
/// | discovery | `/{pool}/.well-known/openid-configuration` |
/// | token endpoint, for client credentials, and token exchange if it is [turned on](LocalIssuerBuilder::with_token_exchange) | `/oauth2/token` |
/// | user pools API: `GetClientToken`, and `GetDerivedToken` if token exchange is turned on | `/` |
/// | authorization, if a user is [signed in](LocalIssuerBuilder::sign_in_as) | `/oauth2/authorize` |
/// | registration, if it is [open](LocalIssuerBuilder::open_registration) | `/oauth2/register` |
/// | metadata of RFC 8414, if it is [turned on](LocalIssuerBuilder::with_oauth_metadata) | `/.well-known/oauth-authorization-server/{pool}` |
///
/// It has its own thread and runtime, so it works in any kind of test and in a program without
/// tokio, and it serves while the test's tokio time is paused. The test's own time-outs pass at
/// once then, unless it [holds the time](super::hold_paused_time) while it waits. When the issuer
/// is dropped, its port is closed and its thread has ended.
///
/// Its tokens carry the issuer that the pool would have on AWS, while its keys are on loopback;
/// [`user_pool`](Self::user_pool) knows both. It signs with the published fixture keys unless it
/// was built with [`fresh_keys`](LocalIssuerBuilder::fresh_keys), so nothing but tests may trust
/// it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use tower_cognito::{AllowedClients, Verifier, testing::{Endpoint, LocalIssuer}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = LocalIssuer::builder()
///     .client("caller", "a-secret-for-this-test", ["profiles/get"])
///     .start()?;
/// let clients = AllowedClients::only(["caller"])?;
/// let verifier = Verifier::builder(issuer.user_pool(), clients).build()?;
///
/// // As a caller gets it.
/// let response = reqwest::Client::new()
///     .post(issuer.token_url())
///     .basic_auth("caller", Some("a-secret-for-this-test"))
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body("grant_type=client_credentials&scope=profiles/get")
///     .send()
///     .await?;
/// let response: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
/// let token = response["access_token"].as_str().unwrap_or_default();
/// assert!(verifier.verify(token).await?.has_scope("profiles/get"));
///
/// // Or in one line, for any user and client.
/// let token = issuer.token().user("user-1").client_id("caller").build();
/// assert_eq!(verifier.verify(&token).await?.username(), Some("user-1"));
/// assert_eq!(issuer.requests(Endpoint::Jwks), 1);
/// # Ok(())
/// # }
/// ```
pub struct LocalIssuer {
    shared: Arc<Shared>,
    _server: Server,
}

impl LocalIssuer {
    /// Starts the pool `eu-west-1_TestOnly1` with fixture keys, the system's clock and no app
    /// client.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the system gives no port or no thread.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Begins the configuration of an issuer.
    pub fn builder() -> LocalIssuerBuilder {
        LocalIssuerBuilder::new()
    }

    /// The pool for a verifier: this issuer's name, and its keys on loopback.
    #[must_use]
    pub fn user_pool(&self) -> UserPool {
        self.shared.user_pool.clone()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// The value of `iss`: the pool's URL on AWS, unless the issuer was built with
    /// [`issuer_on_loopback`](LocalIssuerBuilder::issuer_on_loopback).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Where the JWK Set is.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        self.shared.user_pool.jwks_url()
    }

    /// Where the discovery document is.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        format!("{}{}", self.base_url(), self.shared.discovery_path())
    }

    /// Where tokens are.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{}", self.base_url(), state::TOKEN_PATH)
    }

    /// Where the user pools API is: `GetClientToken`, and `GetDerivedToken` if token exchange is
    /// turned on.
    ///
    /// **Its form is known from AWS's service model only.** It has not been compared with a
    /// response of Cognito.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{}", self.base_url(), state::API_PATH)
    }

    /// A token signed with the keys of this moment, without a request.
    pub fn token(&self) -> TokenBuilder {
        self.shared.token()
    }

    /// The JWK Set of this moment, without a request.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.shared.state().jwks()
    }

    /// The `kid`s that are published at this moment.
    #[must_use]
    pub fn published_kids(&self) -> Vec<String> {
        self.shared.state().published_kids()
    }

    /// Signs with two new keys from now on, and publishes them with the old ones. Returns the `kid`
    /// of the one that signs access tokens.
    ///
    /// The keys are generated on the calling thread, which takes some tenths of a second.
    pub fn rotate(&self) -> String {
        self.shared.rotate()
    }

    /// Publishes this key no longer, and says whether it was. Tokens can still be signed with it.
    pub fn withdraw(&self, kid: &str) -> bool {
        self.shared.state().withdraw(kid)
    }

    /// Sets the lifetime of the tokens from now on, in whole seconds.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.shared.state().lifetime = lifetime;
    }

    /// Registers an app client, or replaces the one of this id, with one secret and the scopes that
    /// it may ask for.
    pub fn add_client(
        &self,
        id: impl Into<String>,
        secret: impl Into<String>,
        scopes: impl StringList,
    ) {
        let client = AppClient::new(secret.into(), scopes);
        self.shared.state().clients.insert(id.into(), client);
    }

    /// Forgets an app client, and says whether there was one.
    pub fn remove_client(&self, id: &str) -> bool {
        self.shared.state().clients.remove(id).is_some()
    }

    /// Gives an app client a second secret, so that callers can change over.
    ///
    /// # Panics
    ///
    /// If there is no such client, or it has two secrets, which is as many as Cognito allows.
    #[track_caller]
    pub fn add_secret(&self, client_id: &str, secret: impl Into<String>) {
        let added = self
            .shared
            .state()
            .clients
            .get_mut(client_id)
            .is_some_and(|client| client.add_secret(secret.into()));
        assert!(
            added,
            "there is no app client {client_id:?}, or it has two secrets already"
        );
    }

    /// Takes a secret from an app client, and says whether it had it.
    pub fn remove_secret(&self, client_id: &str, secret: &str) -> bool {
        self.shared
            .state()
            .clients
            .get_mut(client_id)
            .is_some_and(|client| client.remove_secret(secret))
    }

    /// The switches of one endpoint. Those of [`LocalIssuer`] itself are for all endpoints.
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> EndpointSwitch<'_> {
        EndpointSwitch::new(&self.shared, endpoint)
    }

    /// How many requests an endpoint has received, whatever it did with them.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.shared.state().at(endpoint).requests
    }

    /// Outage: every request gets this status and an empty body.
    pub fn fail_with(&self, status: StatusCode) {
        self.set_outage(&Outage::Status(status));
    }

    /// Outage: every request gets 429 with this `Retry-After`, in whole seconds.
    pub fn throttle(&self, retry_after: Duration) {
        self.set_outage(&Outage::Throttled(retry_after));
    }

    /// Outage: requests are accepted and get no response.
    pub fn hang(&self) {
        self.set_outage(&Outage::Hanging);
    }

    /// Outage: responses are correct, but the body comes one byte a second.
    pub fn drip(&self) {
        self.set_outage(&Outage::Dripping);
    }

    /// Outage: the connection is closed when a request has come.
    pub fn close(&self) {
        self.set_outage(&Outage::Closing);
    }

    /// Ends every outage. A request that hangs or drips goes on doing so.
    pub fn recover(&self) {
        self.set_outage(&Outage::None);
    }

    fn set_outage(&self, outage: &Outage) {
        let mut state = self.shared.state();
        for endpoint in Endpoint::ALL {
            state.at_mut(endpoint).outage = outage.clone();
        }
    }
}

impl fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIssuer")
            .field("base_url", &self.shared.base_url)
            .field("issuer", &self.shared.issuer)
            .finish_non_exhaustive()
    }
}
