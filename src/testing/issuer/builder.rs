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
    error_debug::debug_as_display,
    string_list::StringList,
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

/// Why a local issuer did not start.
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

debug_as_display!(StartError);

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
                oauth_metadata: false,
                registration: None,
                resource: ResourceParameter::Rejected,
                signed_in: None,
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

    /// Registers an app client with a secret and the scopes that it may ask for. May be called
    /// several times.
    pub fn client(
        mut self,
        id: impl Into<String>,
        secret: impl Into<String>,
        scopes: impl StringList,
    ) -> Self {
        self.clients
            .insert(id.into(), AppClient::new(secret.into(), scopes));
        self
    }

    /// How long tokens live, in whole seconds. The default is 1 hour, as Cognito's; Cognito accepts
    /// 5 minutes to 1 day, and this any.
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

    /// Signs with keys that are generated at the start, instead of the fixture keys, which
    /// everybody has. That takes some tenths of a second.
    pub fn fresh_keys(mut self) -> Self {
        self.keys = KeyOrigin::Generated;
        self
    }

    /// Writes `http://127.0.0.1:PORT/{pool}` into `iss`, instead of the pool's URL on AWS: for
    /// services whose library looks for discovery and keys below the issuer.
    pub fn issuer_on_loopback(mut self) -> Self {
        self.naming = Naming::Loopback;
        self
    }

    /// Writes every `/` in tokens as `\/`, as Cognito also does: see
    /// [`TokenBuilder::with_escaped_slashes`](crate::testing::TokenBuilder::with_escaped_slashes).
    /// Off by default.
    pub fn with_escaped_slashes(mut self) -> Self {
        self.behaviour.slashes = Slashes::Escaped;
        self
    }

    /// Binds a client-credentials token to the `resource` of the request (RFC 8707 §2): it becomes
    /// `aud`. Other issuers do so, and MCP clients send `resource` with every request. By default
    /// such a request is rejected as `invalid_request`, as by Cognito.
    pub fn bind_resource(mut self) -> Self {
        self.behaviour.resource = ResourceParameter::Bound;
        self
    }

    /// Signs this user in: turns the authorization endpoint on, which shows no page and redirects
    /// at once to the client with an authorization code. The token endpoint gives a token of this
    /// user for the code, bound to the `resource` of the request (RFC 8707), if there is one.
    ///
    /// It is for clients that get tokens of users, such as those of the Model Context Protocol.
    /// They need an issuer that is where its name says
    /// ([`issuer_on_loopback`](Self::issuer_on_loopback)), and a client id: give them one with
    /// [`user_client`](Self::user_client), or let them register themselves
    /// ([`open_registration`](Self::open_registration)).
    ///
    /// A code is good once, for 5 minutes. Clients without a secret must use PKCE, and its method
    /// must be `S256`. There are no refresh tokens and no ID tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::testing::LocalIssuer;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = LocalIssuer::builder()
    ///     .issuer_on_loopback()
    ///     .sign_in_as("ada")
    ///     .user_client("desktop", ["http://127.0.0.1:8765/callback"], ["notes/read"])
    ///     .start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sign_in_as(mut self, user: impl Into<String>) -> Self {
        self.behaviour.signed_in = Some(user.into());
        self
    }

    /// Registers a public app client, which signs users in: it has no secret, users are sent back
    /// to exactly these URIs, and it may ask for these scopes. May be called several times. It does
    /// nothing without [`sign_in_as`](Self::sign_in_as).
    pub fn user_client(
        mut self,
        id: impl Into<String>,
        redirect_uris: impl StringList,
        scopes: impl StringList,
    ) -> Self {
        let client = AppClient::for_users(None, redirect_uris, scopes);
        self.clients.insert(id.into(), client);
        self
    }

    /// Turns dynamic client registration on, for anyone (RFC 7591): a client that registers itself
    /// signs users in, and may ask for these scopes besides those of OpenID Connect. Discovery
    /// names the endpoint. Off by default, as at Cognito.
    pub fn open_registration(mut self, scopes: impl StringList) -> Self {
        let scopes = scopes.into_iter();
        self.behaviour.registration = Some(scopes.map(|scope| scope.as_ref().to_owned()).collect());
        self
    }

    /// Also serves the discovery document where RFC 8414 has it, and adds what strict OAuth clients
    /// demand of it: `code_challenge_methods_supported`, `grant_types_supported`, the
    /// authentication method `none`, and `authorization_response_iss_parameter_supported`.
    ///
    /// Off by default: Cognito's document has none of these, and clients must work without them.
    pub fn with_oauth_metadata(mut self) -> Self {
        self.behaviour.oauth_metadata = true;
        self
    }

    /// Sends no CORS fields from the token endpoint, and rejects its preflight requests. By default
    /// it sends `Access-Control-Allow-Origin: *`, as Cognito's does.
    pub fn without_cors(mut self) -> Self {
        self.behaviour.cors = false;
        self
    }

    /// Lets every app client exchange tokens at the token endpoint (RFC 8693), in the form that AWS
    /// documents for Cognito: the scopes that subject, client and request have in common, at most
    /// one `audience` or `resource`, and `act` if an `actor_token` was sent. Off by default, as at
    /// Cognito: then the client is rejected as `unauthorized_client`.
    ///
    /// **This form is known from documents only.** It has not been compared with a response of
    /// Cognito.
    pub fn with_token_exchange(mut self) -> Self {
        self.behaviour.token_exchange = true;
        self
    }

    /// Starts the issuer. It serves when this returns.
    ///
    /// # Errors
    ///
    /// 1. [`StartError::Io`] if the port is taken, or the system gives no thread.
    /// 2. [`StartError::PoolId`] for a pool id that [`UserPool::new`] rejects.
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
