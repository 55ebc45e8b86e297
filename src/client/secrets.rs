//! The secrets of an app client, in the order in which they are tried.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    secret::ClientSecret,
    secret_source::{ClientSecrets, SecretSource, SecretUnavailable},
};
use crate::config_error::ConfigError;

/// Where the secrets come from, and those that are known.
pub(super) struct Secrets {
    sources: Vec<NamedSource>,
    /// A std mutex: it is never held across an await. `None` before the first one was fetched.
    known: Mutex<Option<KnownSecrets>>,
}

/// A source, and the builder method or environment variable that gave it.
#[derive(Debug)]
pub(super) struct NamedSource {
    pub(super) setting: &'static str,
    pub(super) source: SecretSource,
}

/// The one that worked last is first.
#[derive(Clone)]
pub(super) struct KnownSecrets(Vec<Arc<ClientSecret>>);

impl Secrets {
    /// Reads what can be read without waiting, so that a mistake is noticed at the start.
    pub(super) fn new(secret: NamedSource, next: Option<NamedSource>) -> Result<Self, ConfigError> {
        let mut sources = vec![secret];
        sources.extend(next);
        let mut known = Some(KnownSecrets(Vec::new()));
        for source in &sources {
            match source.source.read_now() {
                Some(Ok(secrets)) => {
                    if let Some(known) = &mut known {
                        known.add(source.setting, &secrets)?;
                    }
                }
                Some(Err(unavailable)) => {
                    return Err(ConfigError::ClientSecretUnavailable {
                        setting: source.setting,
                        reason: unavailable.to_string(),
                    });
                }
                None => known = None,
            }
        }
        Ok(Self {
            sources,
            known: Mutex::new(known),
        })
    }

    pub(super) async fn current(&self) -> Result<KnownSecrets, SecretUnavailable> {
        let known = self.known().clone();
        match known {
            Some(known) => Ok(known),
            None => self.read().await,
        }
    }

    /// The secrets that the sources have and these are not. None if the sources cannot change or
    /// cannot be read: the issuer's rejection is then the error to report.
    pub(super) async fn read_again(&self, rejected: &KnownSecrets) -> Vec<Arc<ClientSecret>> {
        if !self.sources.iter().any(|source| source.source.can_change()) {
            return Vec::new();
        }
        match self.read().await {
            Ok(read) => read
                .0
                .into_iter()
                .filter(|secret| !rejected.0.contains(secret))
                .collect(),
            Err(error) => {
                tracing::warn!(%error, "client secret reload failed");
                Vec::new()
            }
        }
    }

    async fn read(&self) -> Result<KnownSecrets, SecretUnavailable> {
        let mut read = KnownSecrets(Vec::new());
        for source in &self.sources {
            let secrets = source.source.read().await?;
            read.add(source.setting, &secrets)
                .map_err(SecretUnavailable::new)?;
        }
        *self.known() = Some(read.clone());
        Ok(read)
    }

    /// Tries this one first from now on.
    pub(super) fn remember(&self, worked: &Arc<ClientSecret>) {
        if let Some(known) = &mut *self.known()
            && let Some(position) = known.0.iter().position(|secret| secret == worked)
            && let Some(head) = known.0.get_mut(..=position)
        {
            head.rotate_right(1);
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<KnownSecrets>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownSecrets {
    fn add(&mut self, setting: &'static str, secrets: &ClientSecrets) -> Result<(), ConfigError> {
        for secret in [Some(&secrets.secret), secrets.next.as_ref()]
            .into_iter()
            .flatten()
        {
            let secret = Arc::new(ClientSecret::new(setting, secret)?);
            if !self.0.contains(&secret) {
                self.0.push(secret);
            }
        }
        Ok(())
    }

    pub(super) fn in_order(&self) -> &[Arc<ClientSecret>] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(secret: &str) -> NamedSource {
        NamedSource {
            setting: "test",
            source: secret.into(),
        }
    }

    #[tokio::test]
    async fn the_secret_that_worked_is_tried_first() {
        let secrets = Secrets::new(source("one"), Some(source("two"))).unwrap();
        let order = async || {
            let known = secrets.current().await.unwrap();
            let exposed = known
                .in_order()
                .iter()
                .map(|secret| secret.expose().to_owned());
            exposed.collect::<Vec<_>>()
        };
        assert_eq!(order().await, ["one", "two"]);
        for (worked, expected) in [
            (1, ["two", "one"]),
            (0, ["two", "one"]),
            (1, ["one", "two"]),
        ] {
            let known = secrets.current().await.unwrap();
            secrets.remember(&known.in_order()[worked]);
            assert_eq!(order().await, expected);
        }
    }

    #[tokio::test]
    async fn the_same_secret_twice_is_one() {
        let secrets = Secrets::new(source("one"), Some(source("one"))).unwrap();
        assert_eq!(secrets.current().await.unwrap().in_order().len(), 1);
    }
}
