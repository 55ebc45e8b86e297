//! Where client secrets come from.

use std::{env, fmt, fs::File, future::Future, io::Read, path::PathBuf, pin::Pin, sync::Arc};

use tokio::task::spawn_blocking;

use crate::error_debug::debug_as_display;

/// More than a secret takes, and little enough for a wrong path not to matter.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where a client secret comes from: what the constructors of
/// [`ClientCredentials`](super::ClientCredentials) and
/// [`next_secret`](super::ClientCredentialsBuilder::next_secret) take.
///
/// A string is the secret itself. The other sources are read when they are needed: a file at the
/// start and again each time the issuer rejects the client, so that a rotated secret is picked up
/// without a restart. Secrets are held in memory only, and no `Debug` form, error or log line shows
/// them.
///
/// # Examples
///
/// ```no_run
/// use tower_cognito::client::{ClientCredentials, SecretSource};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let from_environment = ClientCredentials::builder_for_domain(
///     "my-app",
///     "eu-west-1",
///     "1example23456789",
///     SecretSource::from_env("CLIENT_SECRET"),
/// )
/// .build()?;
///
/// // Two mounted files, of which the second exists only while the secret is being rotated.
/// let from_files = ClientCredentials::builder_for_domain(
///     "my-app",
///     "eu-west-1",
///     "1example23456789",
///     SecretSource::from_file("/run/secrets/client-secret"),
/// )
/// .next_secret(SecretSource::from_file("/run/secrets/next-client-secret"))
/// .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SecretSource(Origin);

#[derive(Clone)]
enum Origin {
    Given(String),
    Environment(String),
    File(PathBuf),
    Fetched(Arc<dyn DynFetchSecrets>),
}

impl SecretSource {
    /// This environment variable. A line break at its end is left out.
    pub fn from_env(variable: impl Into<String>) -> Self {
        Self(Origin::Environment(variable.into()))
    }

    /// This file, as a secret that Kubernetes, Docker or systemd mounts. A line break at its end is
    /// left out. At most 64 KiB are read.
    ///
    /// It is read by [`build`](super::ClientCredentialsBuilder::build), and again when the issuer
    /// rejects the client.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(path.into()))
    }

    /// A secret store, see [`FetchSecrets`]. It is asked before the first token request, and again
    /// when the issuer rejects the client.
    pub fn fetched_by(fetcher: impl FetchSecrets) -> Self {
        Self(Origin::Fetched(Arc::new(fetcher)))
    }

    /// Whether it may have another secret when it is read again.
    pub(super) const fn can_change(&self) -> bool {
        match self.0 {
            Origin::Given(_) | Origin::Environment(_) => false,
            Origin::File(_) | Origin::Fetched(_) => true,
        }
    }

    /// What can be read without waiting: `None` for a fetcher.
    pub(super) fn read_now(&self) -> Option<Result<ClientSecrets, SecretUnavailable>> {
        match &self.0 {
            Origin::Given(secret) => Some(Ok(ClientSecrets::new(secret))),
            Origin::Environment(variable) => Some(
                env::var(variable)
                    .map(|secret| ClientSecrets::new(without_line_break(&secret)))
                    // The error of a variable that is not UTF-8 quotes it.
                    .map_err(|error| match error {
                        env::VarError::NotPresent => {
                            SecretUnavailable::new(format_args!("`{variable}` is not set"))
                        }
                        env::VarError::NotUnicode(_) => {
                            SecretUnavailable::new(format_args!("`{variable}` is not UTF-8"))
                        }
                    }),
            ),
            Origin::File(path) => Some(read_file(path)),
            Origin::Fetched(_) => None,
        }
    }

    pub(super) async fn read(&self) -> Result<ClientSecrets, SecretUnavailable> {
        match &self.0 {
            Origin::Fetched(fetcher) => fetcher.fetch_secrets().await,
            Origin::File(path) => {
                let path = path.clone();
                spawn_blocking(move || read_file(&path))
                    .await
                    .unwrap_or_else(|_| Err(SecretUnavailable::new("reading it was cancelled")))
            }
            Origin::Given(_) | Origin::Environment(_) => self
                .read_now()
                .unwrap_or_else(|| Err(SecretUnavailable::new("it is read by its fetcher only"))),
        }
    }
}

fn read_file(path: &PathBuf) -> Result<ClientSecrets, SecretUnavailable> {
    let mut secret = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut secret))
        .map_err(|error| {
            SecretUnavailable::new(format_args!(
                "cannot read {}: {}",
                path.display(),
                error.kind()
            ))
        })?;
    Ok(ClientSecrets::new(without_line_break(&secret)))
}

fn without_line_break(secret: &str) -> &str {
    secret.trim_end_matches(['\r', '\n'])
}

impl From<String> for SecretSource {
    fn from(secret: String) -> Self {
        Self(Origin::Given(secret))
    }
}

impl From<&String> for SecretSource {
    fn from(secret: &String) -> Self {
        Self(Origin::Given(secret.clone()))
    }
}

impl From<&str> for SecretSource {
    fn from(secret: &str) -> Self {
        Self(Origin::Given(secret.to_owned()))
    }
}

/// Without the secret.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Given(_) => f.write_str("SecretSource(given)"),
            Origin::Environment(variable) => write!(f, "SecretSource(from_env {variable:?})"),
            Origin::File(path) => write!(f, "SecretSource(from_file {path:?})"),
            Origin::Fetched(_) => f.write_str("SecretSource(fetched)"),
        }
    }
}

/// Fetches the secrets of an app client from a secret store, such as AWS Secrets Manager.
///
/// It is called before the first token request and when the issuer rejects the client, never twice
/// at a time for one set of scopes, and within the time-out of the token request.
/// `examples/secrets-manager` in the repository is one for AWS Secrets Manager.
///
/// # Examples
///
/// ```
/// use tower_cognito::client::{
///     ClientCredentials, ClientSecrets, FetchSecrets, SecretSource, SecretUnavailable,
/// };
///
/// struct Vault {
///     // A client of the store.
/// }
///
/// impl FetchSecrets for Vault {
///     async fn fetch_secrets(&self) -> Result<ClientSecrets, SecretUnavailable> {
///         let current = self.read("client-secret").await.map_err(SecretUnavailable::new)?;
///         Ok(ClientSecrets::new(current))
///     }
/// }
/// # impl Vault {
/// #     async fn read(&self, _: &str) -> Result<String, std::io::Error> { Ok("a-secret".to_owned()) }
/// # }
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let credentials = ClientCredentials::builder(
///     "https://auth.example.com/oauth2/token",
///     "1example23456789",
///     SecretSource::fetched_by(Vault {}),
/// )
/// .build()?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fetch client secrets",
    note = "implement `FetchSecrets` for it: one `async fn fetch_secrets(&self)`"
)]
pub trait FetchSecrets: Send + Sync + 'static {
    /// The secrets of this moment.
    ///
    /// # Errors
    ///
    /// [`SecretUnavailable`], with a reason that logs may show. It must not quote a secret.
    fn fetch_secrets(
        &self,
    ) -> impl Future<Output = Result<ClientSecrets, SecretUnavailable>> + Send;
}

/// [`FetchSecrets`] that can be stored.
trait DynFetchSecrets: Send + Sync {
    fn fetch_secrets(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<ClientSecrets, SecretUnavailable>> + Send + '_>>;
}

impl<F: FetchSecrets> DynFetchSecrets for F {
    fn fetch_secrets(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<ClientSecrets, SecretUnavailable>> + Send + '_>> {
        Box::pin(FetchSecrets::fetch_secrets(self))
    }
}

/// The secrets of an app client: one, or two while it is being rotated. Its `Debug` form does not
/// show them.
#[derive(Clone)]
pub struct ClientSecrets {
    pub(super) secret: String,
    pub(super) next: Option<String>,
}

impl ClientSecrets {
    /// One secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            next: None,
        }
    }

    /// A second one, which is tried when the first is rejected.
    #[must_use]
    pub fn with_next(mut self, secret: impl Into<String>) -> Self {
        self.next = Some(secret.into());
        self
    }
}

impl fmt::Debug for ClientSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecrets")
            .field("has_next", &self.next.is_some())
            .finish_non_exhaustive()
    }
}

/// A source has no secret at the moment.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SecretUnavailable {
    reason: Arc<str>,
}

debug_as_display!(SecretUnavailable);

impl SecretUnavailable {
    /// The reason is logged: it must not quote a secret.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string().into(),
        }
    }
}
