//! A denylist in DynamoDB, for a fleet: an entry takes effect in every process within a poll
//! interval.
//!
//! One table with the partition key `kind` and the sort key `id`, both strings:
//!
//! | `kind` | `id` | other attributes |
//! | --- | --- | --- |
//! | `version` | `version` | `value`, a number that grows with every change |
//! | `client` | an app client that is denied | |
//! | `token` | a revoked `jti` | `expires`, the table's TTL attribute: the token's `exp` |
//!
//! A change writes its entry and `ADD value 1` in one `TransactWriteItems`. What the TTL deletes
//! has expired, so it needs no new version.
//!
//! The process needs `dynamodb:GetItem` and `dynamodb:Query` on the table. A poll that finds no
//! change reads one item, strongly consistent: one read unit.

use std::{error::Error, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tower_cognito::denylist::{DeniedCallers, Denylist, DenylistBuilder, Loaded};

type BoxError = Box<dyn Error + Send + Sync>;

/// A denylist that is loaded from this table.
///
/// `max_age` is the longest outage of DynamoDB that the service survives, and the longest time that
/// a revoked token works during one.
pub fn denylist(client: &Client, table: &str, max_age: Duration) -> DenylistBuilder {
    let (client, table): (Client, Arc<str>) = (client.clone(), table.into());
    Denylist::builder(max_age, move |current| {
        load(client.clone(), Arc::clone(&table), current)
    })
}

async fn load(
    client: Client,
    table: Arc<str>,
    current: Option<Arc<DeniedCallers>>,
) -> Result<Loaded, BoxError> {
    // Read before the entries: a change that comes between is loaded again, and never missed.
    let version = version(&client, &table).await?;
    if current.is_some_and(|current| current.version() == Some(&version)) {
        return Ok(Loaded::Unchanged);
    }
    let denied = DeniedCallers::new()
        .deny_clients(ids(&client, &table, "client").await?)
        .revoke_tokens(ids(&client, &table, "token").await?);
    Ok(denied.with_version(version).into())
}

/// An error if it is missing: a table that was restored empty denies no caller, and must not be
/// believed.
async fn version(client: &Client, table: &str) -> Result<String, BoxError> {
    let key = || AttributeValue::S("version".to_owned());
    let request = client.get_item().table_name(table).consistent_read(true);
    let item = request.key("kind", key()).key("id", key()).send().await?;
    let value = item.item().and_then(|item| item.get("value")?.as_n().ok());
    Ok(value.ok_or("the table has no version")?.clone())
}

/// All pages.
async fn ids(client: &Client, table: &str, kind: &str) -> Result<Vec<String>, BoxError> {
    let request = client.query().table_name(table).consistent_read(true);
    let mut items = request
        .key_condition_expression("kind = :kind")
        .expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()))
        .projection_expression("id")
        .into_paginator()
        .items()
        .send();
    let mut ids = Vec::new();
    while let Some(item) = items.next().await {
        let mut item = item?;
        match item.remove("id") {
            Some(AttributeValue::S(id)) => ids.push(id),
            // The key schema says that there is none. What cannot be read must not be skipped.
            _ => return Err("an entry without an id".into()),
        }
    }
    Ok(ids)
}
