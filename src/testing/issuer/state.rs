//! What a local issuer knows, shared between the test that holds it and the thread that serves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;

use super::{client::AppClient, endpoint::Endpoint, outage::Outage, resource::ResourceParameter};
use crate::{
    clock::Clock,
    testing::{
        keys::{NamedKey, SigningKeys, jwks},
        token::{Slashes, TokenBuilder},
    },
    user_pool::UserPool,
};

pub(super) const API_PATH: &str = "/";
pub(super) const TOKEN_PATH: &str = "/oauth2/token";

pub(super) struct Shared {
    pub(super) user_pool: UserPool,
    pool_id: String,
    pub(super) base_url: String,
    pub(super) issuer: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) behaviour: Behaviour,
    /// A std mutex: it is held to read or change a little, and never across an await.
    state: Mutex<State>,
}

/// Where servers differ.
#[derive(Clone, Copy)]
pub(super) struct Behaviour {
    pub(super) cors: bool,
    pub(super) resource: ResourceParameter,
    pub(super) slashes: Slashes,
    pub(super) token_exchange: bool,
}

/// What changes while the issuer runs.
pub(super) struct State {
    keys: SigningKeys,
    published: Vec<Arc<NamedKey>>,
    pub(super) clients: BTreeMap<String, AppClient>,
    pub(super) lifetime: Duration,
    api: EndpointState,
    discovery: EndpointState,
    jwks: EndpointState,
    token: EndpointState,
}

#[derive(Default)]
pub(super) struct EndpointState {
    pub(super) outage: Outage,
    pub(super) requests: usize,
}

impl Shared {
    pub(super) const fn new(
        user_pool: UserPool,
        pool_id: String,
        base_url: String,
        issuer: String,
        clock: Arc<dyn Clock>,
        behaviour: Behaviour,
        state: State,
    ) -> Self {
        Self {
            user_pool,
            pool_id,
            base_url,
            issuer,
            clock,
            behaviour,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn endpoint_at(&self, path: &str) -> Option<Endpoint> {
        if path == API_PATH {
            Some(Endpoint::Api)
        } else if path == TOKEN_PATH {
            Some(Endpoint::Token)
        } else if path == self.jwks_path() {
            Some(Endpoint::Jwks)
        } else if path == self.discovery_path() {
            Some(Endpoint::Discovery)
        } else {
            None
        }
    }

    pub(super) fn jwks_path(&self) -> String {
        format!("/{}/.well-known/jwks.json", self.pool_id)
    }

    pub(super) fn discovery_path(&self) -> String {
        format!("/{}/.well-known/openid-configuration", self.pool_id)
    }

    pub(super) fn token(&self) -> TokenBuilder {
        let (keys, lifetime) = {
            let state = self.state();
            (state.keys.clone(), state.lifetime)
        };
        let token = TokenBuilder::new(self.issuer.clone(), keys, Arc::clone(&self.clock))
            .expires_in(lifetime);
        match self.behaviour.slashes {
            Slashes::Plain => token,
            Slashes::Escaped => token.with_escaped_slashes(),
        }
    }

    /// Generates outside the lock: requests go on meanwhile.
    pub(super) fn rotate(&self) -> String {
        let fresh = SigningKeys::generate();
        let kid = fresh.access.kid().to_owned();
        self.state().sign_with(fresh);
        kid
    }

    /// The members that Cognito's discovery document has. Of its endpoints only the token endpoint is served here.
    pub(super) fn discovery(&self) -> String {
        let base = &self.base_url;
        json!({
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": self.issuer,
            "jwks_uri": self.user_pool.jwks_url(),
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": format!("{base}{TOKEN_PATH}"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": format!("{base}/oauth2/userInfo"),
        })
        .to_string()
    }
}

impl State {
    pub(super) fn new(
        keys: SigningKeys,
        clients: BTreeMap<String, AppClient>,
        lifetime: Duration,
    ) -> Self {
        Self {
            published: vec![Arc::clone(&keys.access), Arc::clone(&keys.id)],
            keys,
            clients,
            lifetime,
            api: EndpointState::default(),
            discovery: EndpointState::default(),
            jwks: EndpointState::default(),
            token: EndpointState::default(),
        }
    }

    fn sign_with(&mut self, fresh: SigningKeys) {
        self.published
            .extend([Arc::clone(&fresh.access), Arc::clone(&fresh.id)]);
        self.keys = fresh;
    }

    pub(super) fn withdraw(&mut self, kid: &str) -> bool {
        let before = self.published.len();
        self.published.retain(|key| key.kid() != kid);
        self.published.len() < before
    }

    pub(super) fn jwks(&self) -> String {
        jwks(&self.published)
    }

    pub(super) fn published_kids(&self) -> Vec<String> {
        self.published
            .iter()
            .map(|key| key.kid().to_owned())
            .collect()
    }

    pub(super) const fn at(&self, endpoint: Endpoint) -> &EndpointState {
        match endpoint {
            Endpoint::Api => &self.api,
            Endpoint::Discovery => &self.discovery,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Token => &self.token,
        }
    }

    pub(super) const fn at_mut(&mut self, endpoint: Endpoint) -> &mut EndpointState {
        match endpoint {
            Endpoint::Api => &mut self.api,
            Endpoint::Discovery => &mut self.discovery,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Token => &mut self.token,
        }
    }
}
