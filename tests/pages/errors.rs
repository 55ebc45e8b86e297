//! What a program prints whose `main` returns an error.

use std::{collections::BTreeSet, error::Error, fs, io, sync::Arc, time::Duration};

use http::StatusCode;
use tower_cognito::{
    AllowedClients, AuthError, ScopePolicy,
    client::{SecretUnavailable, SendBearerError, TokenError, TokenStoreError},
    denylist::LoadError,
    keys::{ConnectError, FetchError, KeySetError, SkipReason},
    testing::{StartError, TestPool},
};

/// `main() -> Result<(), Box<dyn Error>>` prints `Debug`.
#[test]
fn every_public_error_prints_its_sentence() {
    let none: [&str; 0] = [];
    let config = AllowedClients::only(none).unwrap_err();
    let pool = TestPool::new();
    let custom = pool.claims(&pool.token()).custom::<u8>().unwrap_err();
    let retry_after = Duration::from_secs(3);
    let shown = [
        shown(&config, ""),
        shown(&AuthError::Expired, ""),
        shown(
            &AuthError::KeysUnavailable { retry_after },
            " (retry after 3s)",
        ),
        shown(
            &AuthError::InsufficientScope {
                required: ScopePolicy::all_of(["profiles/get"]).unwrap(),
            },
            "",
        ),
        shown(&custom, ""),
        shown(&ConnectError::Dns, ""),
        shown(&FetchError::from(ConnectError::Refused), ""),
        shown(&FetchError::from(KeySetError::NotAJwkSet), ""),
        shown(
            &FetchError::Status {
                status: StatusCode::FORBIDDEN,
                retry_after: Some(retry_after),
            },
            " (retry after 3s)",
        ),
        shown(&KeySetError::NotAJwkSet, ""),
        shown(&SkipReason::NoKid, ""),
        shown(&TokenError::InvalidClient, ""),
        shown(&TokenError::from(ConnectError::Tls), ""),
        shown(
            &TokenError::Throttled {
                retry_after: Some(retry_after),
            },
            " (retry after 3s)",
        ),
        shown(&SecretUnavailable::new("the vault is sealed"), ""),
        shown(
            &SendBearerError::<io::Error>::Token(TokenError::Timeout),
            "",
        ),
        shown(&TokenStoreError::new("the store is full"), ""),
        shown(
            &LoadError::Failed(Arc::from(Box::<dyn Error + Send + Sync>::from(
                "no such key",
            ))),
            "",
        ),
        shown(&StartError::Io(io::Error::other("the port is taken")), ""),
    ];
    let shown: BTreeSet<_> = shown.into_iter().collect();
    assert_eq!(shown, listed());
}

/// The type's name, if its `Debug` is a sentence.
fn shown<E: Error + 'static>(error: &E, after: &str) -> String {
    let debug = format!("{error:?}");
    assert_eq!(debug, format!("{error}{after}"));
    assert!(debug.contains(' ') && !debug.contains("{ "), "{debug}");
    let name = std::any::type_name::<E>();
    let name = name.split('<').next().unwrap_or_default();
    name.rsplit("::").next().unwrap_or_default().to_owned()
}

/// The error types of the public API.
fn listed() -> BTreeSet<String> {
    let listing = concat!(env!("CARGO_MANIFEST_DIR"), "/checks/public_api/listing.txt");
    let listing = fs::read_to_string(listing).unwrap();
    let impls = listing.lines().filter(|line| line.starts_with("impl"));
    let names = impls.filter_map(|line| line.split_once("core::error::Error for tower_cognito::"));
    names
        .map(|(_, path)| {
            let path = path.split(['<', ' ']).next().unwrap();
            path.rsplit("::").next().unwrap().to_owned()
        })
        .collect()
}
