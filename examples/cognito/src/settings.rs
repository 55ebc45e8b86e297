use std::{error::Error, net::SocketAddr};

use clap::Parser;
use tower_cognito::{AllowedClients, UserPool, Verifier};

/// Serves a guarded API on an Amazon Cognito user pool, or on any other issuer.
///
/// Logs go to standard error; RUST_LOG=tower_cognito=debug adds the reason of each rejection. One
/// line on standard output says when and where the service listens.
#[derive(Debug, Parser)]
#[command(after_help = "\
Routes:
  GET  /healthz    200 while the process runs
  GET  /readyz     200 while tokens can be verified, else 503; the state of the keys as JSON
  GET  /whoami     any valid access token; the caller as JSON
  GET  /profiles   the read scope
  POST /profiles   the write scope
  GET  /both       both scopes")]
pub(crate) struct Settings {
    /// The user pool, such as eu-west-1_AbCdEf123
    #[arg(long, env = "COGNITO_USER_POOL_ID", value_name = "ID")]
    pub(crate) pool: Option<String>,
    /// The app clients that may call, separated by commas, or `any`
    #[arg(
        long,
        env = "COGNITO_CLIENT_IDS",
        value_name = "ID,ID,…",
        required = true
    )]
    pub(crate) clients: String,
    /// Also accept tokens that are bound to this audience; may be repeated
    #[arg(
        long,
        env = "COGNITO_AUDIENCE",
        value_delimiter = ',',
        value_name = "URI"
    )]
    pub(crate) audience: Vec<String>,
    /// Reject tokens that are not bound to one of the audiences
    #[arg(long, env = "COGNITO_REQUIRE_AUDIENCE", requires = "audience")]
    pub(crate) require_audience: bool,
    /// The scope of GET /profiles
    #[arg(
        long,
        env = "COGNITO_READ_SCOPE",
        default_value = "profiles/get",
        value_name = "SCOPE"
    )]
    pub(crate) read_scope: String,
    /// The scope of POST /profiles
    #[arg(
        long,
        env = "COGNITO_WRITE_SCOPE",
        default_value = "profiles/post",
        value_name = "SCOPE"
    )]
    pub(crate) write_scope: String,
    /// Also accept tokens of the pool's replica in this region
    #[arg(long, env = "COGNITO_REPLICA_REGION", value_name = "REGION")]
    pub(crate) replica: Option<String>,
    /// Accept exactly this issuer; without --pool, --jwks-url is required as well
    #[arg(long, env = "COGNITO_ISSUER", value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Where the keys are: https, or http on this machine
    #[arg(long, env = "COGNITO_JWKS_URL", value_name = "URL")]
    pub(crate) jwks_url: Option<String>,
    /// Where to listen; port 0 takes a free one
    #[arg(
        long,
        env = "LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub(crate) listen: SocketAddr,
}

impl Settings {
    pub(crate) fn verifier(&self) -> Result<Verifier, Box<dyn Error>> {
        let mut builder = Verifier::builder(self.user_pool()?, self.allowed_clients()?);
        for audience in self.audience.iter().filter(|audience| !audience.is_empty()) {
            builder = if self.require_audience {
                builder.require_audience(audience)
            } else {
                builder.accept_audience(audience)
            };
        }
        Ok(builder.build()?)
    }

    fn user_pool(&self) -> Result<UserPool, Box<dyn Error>> {
        let issuer = given(&self.issuer);
        let jwks_url = given(&self.jwks_url);
        let mut pool = match (given(&self.pool), issuer, jwks_url) {
            (Some(pool), ..) => UserPool::new(pool)?,
            (None, Some(issuer), Some(jwks_url)) => UserPool::external(issuer, jwks_url)?,
            _ => return Err("--pool is required, or both --issuer and --jwks-url".into()),
        };
        if let Some(region) = given(&self.replica) {
            pool = pool.with_replica_region(region)?;
        }
        if let Some(issuer) = issuer {
            pool = pool.with_exact_issuer(issuer)?;
        }
        if let Some(jwks_url) = jwks_url {
            pool = pool.with_jwks_url(jwks_url)?;
        }
        Ok(pool)
    }

    /// Which clients may call has no default: Cognito leaves that decision to the service.
    fn allowed_clients(&self) -> Result<AllowedClients, Box<dyn Error>> {
        match self.clients.as_str() {
            "any" => Ok(AllowedClients::any()),
            ids => Ok(AllowedClients::only(ids.split(',').map(str::trim))?),
        }
    }
}

/// An empty variable counts as none.
fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().filter(|value| !value.is_empty())
}
