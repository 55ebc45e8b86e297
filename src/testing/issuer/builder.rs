//! How a local issuer is configured.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    time::Duration,
};

use super::{
    LocalIssuer,
    client::AppClient,
    resource::ResourceParameter,
    server::Server,
    state::{Behaviour, Shared, State},
};
use crate::{
    clock::{Clock, SystemClock},
    config_error::ConfigError,
    testing::{keys::SigningKeys, pool::TestPool, token::Slashes},
    user_pool::UserPool,
};

/// Configures a [`LocalIssuer`].
#[must_use = "a builder does nothing until `start` is called"]
pub struct LocalIssuerBuilder {
    pool_id: String,
    clients: BTreeMap<String, AppClient>,
    lifetime: Duration,
    port: u16,
    clock: Arc<dyn Clock>,
    keys: KeyOrigin,
    naming: Naming,
    behaviour: Behaviour,
}

#[derive(Clone, Copy)]
enum KeyOrigin {
    Fixtures,
    Generated,
}

/// The value of `iss`.
#[derive(Clone, Copy)]
enum Naming {
    Aws,
    Loopback,
}

/// Why a local issuer did not start. `Debug` writes the same sentence as `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is unavailable, or no thread could be started.
    #[error("the local issuer cannot listen on loopback: {0}")]
    Io(#[from] io::Error),
    /// The pool id has no form that Cognito uses.
    #[error(transparent)]
    PoolId(#[from] ConfigError),
}

/// As `Display`.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl LocalIssuerBuilder {
    pub(super) fn new() -> Self {
        Self {
            pool_id: TestPool::ID.to_owned(),
            clients: BTreeMap::new(),
            lifetime: Duration::from_secs(60 * 60),
            port: 0,
            clock: Arc::new(SystemClock::new()),
            keys: KeyOrigin::Fixtures,
            naming: Naming::Aws,
            behaviour: Behaviour {
                cors: true,
                resource: ResourceParameter::Refused,
                slashes: Slashes::Plain,
                token_exchange: false,
            },
        }
    }

    /// The user pool id. The default is `eu-west-1_TestOnly1`.
    pub fn pool_id(mut self, pool_id: impl Into<String>) -> Self {
        self.pool_id = pool_id.into();
        self
    }

    /// Registers an app client with a secret and the scopes that it may ask for. May be called several times.
    pub fn client(
        mut self,
        id: impl Into<String>,
        secret: impl Into<String>,
        scopes: impl IntoIterator<Item: AsRef<str>>,
    ) -> Self {
        self.clients
            .insert(id.into(), AppClient::new(secret.into(), scopes));
        self
    }

    /// How long tokens live, in whole seconds. The default is 1 hour, as Cognito's; Cognito accepts 5 minutes to 1 day, and
    /// this any.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The port to listen on. The default is any that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where the dates in tokens come from. The default is the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Signs with keys that are generated at the start, instead of the fixture keys, which everybody has. That takes some
    /// tenths of a second.
    pub fn fresh_keys(mut self) -> Self {
        self.keys = KeyOrigin::Generated;
        self
    }

    /// Writes `http://127.0.0.1:PORT/{pool}` into `iss`, instead of the pool's URL on AWS: for services whose library looks
    /// for discovery and keys below the issuer.
    pub fn issuer_on_loopback(mut self) -> Self {
        self.naming = Naming::Loopback;
        self
    }

    /// Writes every `/` in tokens as `\/`, as Cognito also does: see
    /// [`TokenBuilder::with_escaped_slashes`](crate::testing::TokenBuilder::with_escaped_slashes). Off by default.
    pub fn with_escaped_slashes(mut self) -> Self {
        self.behaviour.slashes = Slashes::Escaped;
        self
    }

    /// Binds a client-credentials token to the `resource` of the request (RFC 8707 §2): it becomes `aud`. Other issuers do so, and
    /// MCP clients send `resource` with every request. By default such a request is refused as `invalid_request`, as by Cognito.
    pub fn bind_resource(mut self) -> Self {
        self.behaviour.resource = ResourceParameter::Bound;
        self
    }

    /// Sends no CORS fields from the token endpoint, and refuses its preflight requests. By default it sends
    /// `Access-Control-Allow-Origin: *`, as Cognito's does.
    pub fn without_cors(mut self) -> Self {
        self.behaviour.cors = false;
        self
    }

    /// Lets every app client exchange tokens at the token endpoint (RFC 8693), in the form that AWS documents for Cognito: the
    /// scopes that subject, client and request have in common, at most one `audience` or `resource`, and `act` if an
    /// `actor_token` was sent. Off by default, as at Cognito: then the client is refused as `unauthorized_client`.
    ///
    /// **This form is known from documents only.** It has not been compared with a response of Cognito.
    pub fn with_token_exchange(mut self) -> Self {
        self.behaviour.token_exchange = true;
        self
    }

    /// Starts the issuer. It serves when this returns.
    ///
    /// # Errors
    ///
    /// 1. [`StartError::Io`] if the port is taken, or the system gives no thread.
    /// 2. [`StartError::PoolId`] for a pool id that [`UserPool::new`] refuses.
    pub fn start(self) -> Result<LocalIssuer, StartError> {
        let pool = UserPool::new(&self.pool_id)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let pool = match self.naming {
            Naming::Aws => pool,
            Naming::Loopback => pool.with_exact_issuer(&format!("{base_url}/{}", self.pool_id))?,
        };
        let issuer = pool.issuers().next().unwrap_or_default().to_owned();
        let jwks_path = format!("/{}/.well-known/jwks.json", self.pool_id);
        let keys = match self.keys {
            KeyOrigin::Fixtures => SigningKeys::fixtures(),
            KeyOrigin::Generated => SigningKeys::generate(),
        };
        let shared = Arc::new(Shared::new(
            pool.with_jwks_url(&format!("{base_url}{jwks_path}"))?,
            self.pool_id,
            base_url,
            issuer,
            self.clock,
            self.behaviour,
            State::new(keys, self.clients, self.lifetime),
        ));
        let server = Server::start(listener, Arc::clone(&shared))?;
        Ok(LocalIssuer {
            shared,
            _server: server,
        })
    }
}

impl fmt::Debug for LocalIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIssuerBuilder")
            .field("pool_id", &self.pool_id)
            .field("clients", &self.clients.keys().collect::<Vec<_>>())
            .field("lifetime", &self.lifetime)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
