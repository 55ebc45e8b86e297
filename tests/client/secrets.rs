//! Where client secrets come from.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_cognito::{
    ConfigError,
    client::{
        ClientCredentials, ClientSecrets, FetchSecrets, SecretSource, SecretUnavailable, TokenError,
    },
    testing::{Endpoint, LocalIssuer, ManualClock},
};

const ID: &str = "1example23456789";
const OLD: &str = "old-secret-of-this-test";
const NEW: &str = "new-secret-of-this-test";
const HOUR: Duration = Duration::from_secs(3600);

struct World {
    clock: ManualClock,
    issuer: LocalIssuer,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let issuer = LocalIssuer::builder()
            .client(ID, OLD, ["profiles/get"])
            .clock(clock.clone())
            .start()
            .unwrap();
        Self { clock, issuer }
    }

    fn rotate(&self) {
        self.issuer.add_secret(ID, NEW);
        assert!(self.issuer.remove_secret(ID, OLD));
        self.clock.advance(HOUR);
    }

    fn requests(&self) -> usize {
        self.issuer.requests(Endpoint::Token)
    }

    fn caller(&self, secret: impl Into<SecretSource>) -> Result<ClientCredentials, ConfigError> {
        ClientCredentials::builder(self.issuer.token_url(), ID, secret)
            .clock(self.clock.clone())
            .build()
    }
}

/// A file that is removed when the test ends.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("tower-cognito-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        fs::write(&self.0, content).unwrap();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A secret store that counts, and has what a test puts there.
#[derive(Clone)]
struct Vault(Arc<Mutex<(Result<ClientSecrets, SecretUnavailable>, usize)>>);

impl Vault {
    fn new(secrets: ClientSecrets) -> Self {
        Self(Arc::new(Mutex::new((Ok(secrets), 0))))
    }

    fn set(&self, secrets: Result<ClientSecrets, SecretUnavailable>) {
        self.0.lock().unwrap().0 = secrets;
    }

    fn fetches(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl FetchSecrets for Vault {
    async fn fetch_secrets(&self) -> Result<ClientSecrets, SecretUnavailable> {
        let mut vault = self.0.lock().unwrap();
        vault.1 += 1;
        vault.0.clone()
    }
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_again_when_the_client_is_rejected() {
    let world = World::new();
    let file = TempFile::new("rotated", &format!("{OLD}\n"));
    let caller = world.caller(SecretSource::from_file(&file.0)).unwrap();
    assert!(caller.token().await.is_ok());
    assert_eq!(world.requests(), 1);

    world.rotate();
    file.write(&format!("{NEW}\r\n"));
    assert!(caller.token().await.is_ok());
    assert_eq!(world.requests(), 3, "the old secret, then the new one");

    world.clock.advance(HOUR);
    assert!(caller.token().await.is_ok());
    assert_eq!(world.requests(), 4, "the one that worked");
}

#[tokio::test]
async fn a_file_that_has_not_changed_costs_no_second_request() {
    let world = World::new();
    let file = TempFile::new("unchanged", OLD);
    let caller = world.caller(SecretSource::from_file(&file.0)).unwrap();
    world.rotate();
    assert_eq!(caller.token().await.unwrap_err(), TokenError::InvalidClient);
    assert_eq!(world.requests(), 1);
    // Nor does one that is gone: the issuer's rejection is the error to report.
    drop(file);
    world.clock.advance(HOUR);
    assert_eq!(caller.token().await.unwrap_err(), TokenError::InvalidClient);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn of_two_files_either_may_have_the_secret_that_works() {
    let world = World::new();
    let (first, second) = (
        TempFile::new("first", "stale-secret"),
        TempFile::new("second", OLD),
    );
    let caller = ClientCredentials::builder(
        world.issuer.token_url(),
        ID,
        SecretSource::from_file(&first.0),
    )
    .next_secret(SecretSource::from_file(&second.0))
    .build()
    .unwrap();
    assert!(caller.token().await.is_ok());
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_secret_comes_from_the_environment() {
    // Any variable that is there will do: its value is the secret.
    let value = std::env::var("CARGO_PKG_NAME").unwrap();
    let world = World::new();
    world
        .issuer
        .add_client(ID, value.as_str(), ["profiles/get"]);
    let caller = world.caller(SecretSource::from_env("CARGO_PKG_NAME"));
    assert!(caller.unwrap().token().await.is_ok());

    let error = world
        .caller(SecretSource::from_env("NO_SUCH_VARIABLE_OF_THIS_TEST"))
        .unwrap_err();
    let expected = "the secret given to `ClientCredentials` is unavailable: `NO_SUCH_VARIABLE_OF_THIS_TEST` is not set";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_file_that_cannot_be_read_or_holds_no_secret_is_an_error_at_the_start() {
    let world = World::new();
    let missing = std::env::temp_dir().join("no-such-file-of-this-test");
    let error = world.caller(SecretSource::from_file(&missing)).unwrap_err();
    let expected = format!(
        "the secret given to `ClientCredentials` is unavailable: cannot read {}: entity not found",
        missing.display()
    );
    assert_eq!(error.to_string(), expected);

    let empty = TempFile::new("empty", "\n");
    let error = world.caller(SecretSource::from_file(&empty.0)).unwrap_err();
    let expected = "the secret given to `ClientCredentials` is empty; 1 to 1024 printable ASCII characters are accepted";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_fetcher_is_asked_before_the_first_request_and_after_a_rejection() {
    let world = World::new();
    let vault = Vault::new(ClientSecrets::new(OLD));
    let caller = world
        .caller(SecretSource::fetched_by(vault.clone()))
        .unwrap();
    assert_eq!(vault.fetches(), 0);
    assert!(caller.token().await.is_ok());
    world.clock.advance(HOUR);
    assert!(caller.token().await.is_ok());
    assert_eq!((vault.fetches(), world.requests()), (1, 2));

    world.rotate();
    vault.set(Ok(ClientSecrets::new(NEW)));
    assert!(caller.token().await.is_ok());
    assert_eq!((vault.fetches(), world.requests()), (2, 4));
}

#[tokio::test]
async fn both_secrets_of_a_fetcher_are_tried() {
    let world = World::new();
    let vault = Vault::new(ClientSecrets::new(NEW).with_next(OLD));
    let caller = world.caller(SecretSource::fetched_by(vault)).unwrap();
    assert!(caller.token().await.is_ok());
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn without_a_secret_there_is_no_request_and_the_next_call_fetches_again() {
    let world = World::new();
    let unavailable = SecretUnavailable::new("the vault is sealed");
    let vault = Vault::new(ClientSecrets::new(OLD));
    vault.set(Err(unavailable.clone()));
    let caller = world
        .caller(SecretSource::fetched_by(vault.clone()))
        .unwrap();
    let error = caller.token().await.unwrap_err();
    assert_eq!(error, TokenError::SecretUnavailable(unavailable));
    assert_eq!(
        error.to_string(),
        "the client secret is unavailable: the vault is sealed"
    );
    assert!(error.is_temporary());
    assert_eq!(world.requests(), 0);

    vault.set(Ok(ClientSecrets::new(OLD)));
    world.clock.advance(Duration::from_secs(1));
    assert!(caller.token().await.is_ok());
}

#[test]
fn no_debug_form_shows_a_secret() {
    let source = SecretSource::from("hush");
    let secrets = ClientSecrets::new("hush").with_next("hush");
    let vault = SecretSource::fetched_by(Vault::new(secrets.clone()));
    let builder = ClientCredentials::builder("https://id.example.com/token", ID, "hush")
        .next_secret("hush")
        .share_tokens(
            tower_cognito::client::InProcessStore::new(),
            b"hush-hush-hush-hush-hush-hush-hu",
        );
    for text in [
        format!("{source:?}"),
        format!("{secrets:?}"),
        format!("{vault:?}"),
        format!("{builder:?}"),
        format!("{:?}", SecretSource::from_env("NAME")),
    ] {
        assert!(!text.contains("hush"), "{text}");
    }
}
