//! What a document says of its resource to people.

use serde_json::Value;

use crate::{
    config_error::ConfigError,
    protected_url::{self, ProtectedUrl, Unencrypted},
};

/// The members of RFC 9728 §2 that decide nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Description {
    pub(super) name: Option<Box<str>>,
    pub(super) documentation: Option<Box<str>>,
    pub(super) policy: Option<Box<str>>,
    pub(super) terms: Option<Box<str>>,
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

pub(super) fn name(name: &str) -> Result<Box<str>, ConfigError> {
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
pub(super) fn page(member: &'static str, url: &str) -> Result<Box<str>, ConfigError> {
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
