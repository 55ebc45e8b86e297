//! What a document says of its resource to people.

use serde_json::Value;

use super::ResourceMetadata;
use crate::{
    config_error::ConfigError,
    protected_url::{self, ProtectedUrl, Unencrypted},
};

/// The members of RFC 9728 §2 that decide nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Description {
    name: Option<Box<str>>,
    documentation: Option<Box<str>>,
    policy: Option<Box<str>>,
    terms: Option<Box<str>>,
}

impl Description {
    pub(super) fn members(&self) -> impl Iterator<Item = (String, Value)> {
        [
            ("resource_name", &self.name),
            ("resource_documentation", &self.documentation),
            ("resource_policy_uri", &self.policy),
            ("resource_tos_uri", &self.terms),
        ]
        .into_iter()
        .filter_map(|(member, value)| {
            let value = value.as_deref()?;
            Some((member.to_owned(), Value::from(value)))
        })
    }
}

/// What the document says to people.
impl ResourceMetadata {
    /// The name of the resource for people (`resource_name`), which a client may show when it asks
    /// for their consent. None by default.
    ///
    /// As [`require_audience`](Self::require_audience), this and the other descriptions hold for
    /// what is made from what they return.
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, ResourceMetadata, UserPool, Verifier};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// # let pool = UserPool::new("eu-west-1_AbCdEf123")?;
    /// # let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?).build()?;
    /// let resource = ResourceMetadata::new("https://api.example.com/orders", &verifier)?
    ///     .resource_name("Orders")?
    ///     .resource_documentation("https://example.com/docs/orders")?
    ///     .resource_policy_uri("https://example.com/privacy")?
    ///     .resource_tos_uri("https://example.com/terms")?;
    /// assert!(resource.document().contains(r#""resource_name":"Orders""#));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidMetadata`] if it is empty, or has control characters.
    pub fn resource_name(self, name: &str) -> Result<Self, ConfigError> {
        let name = text(name)?;
        Ok(self.change(|shared| shared.description.name = Some(name)))
    }

    /// A page for developers (`resource_documentation`). None by default.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidMetadata`] if it is not an https URL (or http on a loopback address).
    pub fn resource_documentation(self, url: &str) -> Result<Self, ConfigError> {
        let url = page("resource_documentation", url)?;
        Ok(self.change(|shared| shared.description.documentation = Some(url)))
    }

    /// A page that says how clients may use the data (`resource_policy_uri`). None by default.
    ///
    /// # Errors
    ///
    /// As [`resource_documentation`](Self::resource_documentation).
    pub fn resource_policy_uri(self, url: &str) -> Result<Self, ConfigError> {
        let url = page("resource_policy_uri", url)?;
        Ok(self.change(|shared| shared.description.policy = Some(url)))
    }

    /// A page with the terms of service (`resource_tos_uri`). None by default.
    ///
    /// # Errors
    ///
    /// As [`resource_documentation`](Self::resource_documentation).
    pub fn resource_tos_uri(self, url: &str) -> Result<Self, ConfigError> {
        let url = page("resource_tos_uri", url)?;
        Ok(self.change(|shared| shared.description.terms = Some(url)))
    }
}

fn text(name: &str) -> Result<Box<str>, ConfigError> {
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(ConfigError::InvalidMetadata {
            member: "resource_name",
            given: name.to_owned(),
            accepted: "a text without control characters",
        });
    }
    Ok(name.into())
}

/// The URL of a page. It may have a query and a fragment.
fn page(member: &'static str, url: &str) -> Result<Box<str>, ConfigError> {
    let without_fragment = url.split_once('#').map_or(url, |(page, _)| page);
    let is_graphic = url.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_graphic || ProtectedUrl::parse(without_fragment, Unencrypted::OnLoopback).is_err() {
        return Err(ConfigError::InvalidMetadata {
            member,
            given: protected_url::without_secrets(url),
            accepted: "an https URL, or http on a loopback address, without a user name",
        });
    }
    Ok(url.into())
}
