//! What a local issuer knows, shared between the test that holds it and the thread that serves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    client::AppClient, codes::Codes, endpoint::Endpoint, outage::Outage,
    resource::ResourceParameter,
};
use crate::{
    clock::Clock,
    testing::{
        keys::{NamedKey, SigningKeys, jwks},
        token::{Slashes, TokenBuilder},
    },
    user_pool::UserPool,
};

pub(super) const API_PATH: &str = "/";
pub(super) const AUTHORIZATION_PATH: &str = "/oauth2/authorize";
pub(super) const REGISTRATION_PATH: &str = "/oauth2/register";
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
pub(super) struct Behaviour {
    pub(super) cors: bool,
    /// Whether the discovery document is also that of RFC 8414.
    pub(super) oauth_metadata: bool,
    /// What a client that registers itself may ask for. `None`: none can.
    pub(super) registration: Option<Vec<String>>,
    pub(super) resource: ResourceParameter,
    /// The user whom the authorization endpoint signs in. `None`: there is no such endpoint.
    pub(super) signed_in: Option<String>,
    pub(super) slashes: Slashes,
    pub(super) token_exchange: bool,
}

/// What changes while the issuer runs.
pub(super) struct State {
    keys: SigningKeys,
    published: Vec<Arc<NamedKey>>,
    pub(super) clients: BTreeMap<String, AppClient>,
    pub(super) codes: Codes,
    pub(super) lifetime: Duration,
    api: EndpointState,
    authorization: EndpointState,
    discovery: EndpointState,
    jwks: EndpointState,
    registration: EndpointState,
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
        let behaviour = &self.behaviour;
        match path {
            API_PATH => Some(Endpoint::Api),
            TOKEN_PATH => Some(Endpoint::Token),
            AUTHORIZATION_PATH if behaviour.signed_in.is_some() => Some(Endpoint::Authorization),
            REGISTRATION_PATH if behaviour.registration.is_some() => Some(Endpoint::Registration),
            path if path == self.jwks_path() => Some(Endpoint::Jwks),
            path if path == self.discovery_path() => Some(Endpoint::Discovery),
            path if behaviour.oauth_metadata && path == self.oauth_metadata_path() => {
                Some(Endpoint::Discovery)
            }
            _ => None,
        }
    }

    pub(super) fn jwks_path(&self) -> String {
        format!("/{}/.well-known/jwks.json", self.pool_id)
    }

    pub(super) fn discovery_path(&self) -> String {
        format!("/{}/.well-known/openid-configuration", self.pool_id)
    }

    /// RFC 8414 §3.1: the well-known part precedes the issuer's path.
    fn oauth_metadata_path(&self) -> String {
        format!("/.well-known/oauth-authorization-server/{}", self.pool_id)
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

    /// Generates outside the lock, so that requests continue.
    pub(super) fn rotate(&self) -> String {
        let fresh = SigningKeys::generate();
        let kid = fresh.access.kid().to_owned();
        self.state().sign_with(fresh);
        kid
    }

    /// The members that Cognito's discovery document has, and those that switches add. Of its
    /// endpoints those of tokens and keys are always served here.
    pub(super) fn discovery(&self) -> String {
        let base = &self.base_url;
        let mut document = json!({
            "authorization_endpoint": format!("{base}{AUTHORIZATION_PATH}"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": self.issuer,
            "jwks_uri": self.user_pool.jwks_url(),
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": format!("{base}{TOKEN_PATH}"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": format!("{base}/oauth2/userInfo"),
        });
        let mut set = |member: &str, value: Value| {
            if let Value::Object(members) = &mut document {
                members.insert(member.to_owned(), value);
            }
        };
        if self.behaviour.registration.is_some() {
            let endpoint = format!("{base}{REGISTRATION_PATH}");
            set("registration_endpoint", json!(endpoint));
        }
        if self.behaviour.oauth_metadata {
            set("code_challenge_methods_supported", json!(["S256"]));
            set(
                "grant_types_supported",
                json!(["authorization_code", "client_credentials"]),
            );
            set(
                "token_endpoint_auth_methods_supported",
                json!(["client_secret_basic", "client_secret_post", "none"]),
            );
            // RFC 9207 §3.
            set(
                "authorization_response_iss_parameter_supported",
                json!(true),
            );
        }
        document.to_string()
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
            codes: Codes::default(),
            lifetime,
            api: EndpointState::default(),
            authorization: EndpointState::default(),
            discovery: EndpointState::default(),
            jwks: EndpointState::default(),
            registration: EndpointState::default(),
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
            Endpoint::Authorization => &self.authorization,
            Endpoint::Discovery => &self.discovery,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Registration => &self.registration,
            Endpoint::Token => &self.token,
        }
    }

    pub(super) const fn at_mut(&mut self, endpoint: Endpoint) -> &mut EndpointState {
        match endpoint {
            Endpoint::Api => &mut self.api,
            Endpoint::Authorization => &mut self.authorization,
            Endpoint::Discovery => &mut self.discovery,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Registration => &mut self.registration,
            Endpoint::Token => &mut self.token,
        }
    }
}
