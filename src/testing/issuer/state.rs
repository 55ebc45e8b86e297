//! What a local issuer knows, shared between the test that holds it and the thread that serves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;

use super::{client::AppClient, endpoint::Endpoint, outage::Outage};
use crate::{
    clock::Clock,
    testing::{
        keys::{NamedKey, SigningKeys, jwks},
        token::TokenBuilder,
    },
    user_pool::UserPool,
};

pub(super) const TOKEN_PATH: &str = "/oauth2/token";

pub(super) struct Shared {
    pub(super) user_pool: UserPool,
    pool_id: String,
    pub(super) base_url: String,
    pub(super) issuer: String,
    clock: Arc<dyn Clock>,
    /// A std mutex: it is held to read or change a little, and never across an await.
    state: Mutex<State>,
}

/// What changes while the issuer runs.
pub(super) struct State {
    keys: SigningKeys,
    published: Vec<Arc<NamedKey>>,
    pub(super) clients: BTreeMap<String, AppClient>,
    pub(super) lifetime: Duration,
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
        state: State,
    ) -> Self {
        Self {
            user_pool,
            pool_id,
            base_url,
            issuer,
            clock,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn endpoint_at(&self, path: &str) -> Option<Endpoint> {
        if path == TOKEN_PATH {
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
        TokenBuilder::new(self.issuer.clone(), keys, Arc::clone(&self.clock)).expires_in(lifetime)
    }

    /// Generates outside of the lock: requests go on meanwhile.
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
            Endpoint::Discovery => &self.discovery,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Token => &self.token,
        }
    }

    pub(super) const fn at_mut(&mut self, endpoint: Endpoint) -> &mut EndpointState {
        match endpoint {
            Endpoint::Discovery => &mut self.discovery,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Token => &mut self.token,
        }
    }
}
