//! A denylist in Redis, for a fleet: an entry takes effect in every process within a second.
//!
//! | key | type | holds |
//! | --- | --- | --- |
//! | `denylist:version` | string | changes with every change, and shows that the store has its data |
//! | `denylist:clients` | set | app clients that are denied |
//! | `denylist:tokens` | sorted set | revoked `jti`s, each with the Unix time at which it expires |
//!
//! To deny a client everywhere, and to drop the tokens that have expired since:
//!
//! ```text
//! MULTI
//! SADD denylist:clients 2leaked23456789
//! ZREMRANGEBYSCORE denylist:tokens 0 1735689600
//! INCR denylist:version
//! PUBLISH denylist changed
//! EXEC
//! ```

use std::{error::Error, sync::Arc, time::Duration};

use redis::{AsyncCommands, Client, RedisError, pipe};
use tokio_stream::StreamExt;
use tower_cognito::denylist::{DeniedCallers, Denylist, DenylistBuilder, Loaded};

/// A denylist that is loaded from this server.
///
/// `max_age` is the longest outage of Redis that the service survives, and the longest time that a
/// revoked token works during one.
pub fn denylist(redis: &Client, max_age: Duration) -> DenylistBuilder {
    let redis = redis.clone();
    Denylist::builder(max_age, move |current| load(redis.clone(), current))
        .load_timeout(Duration::from_secs(1))
}

async fn load(
    redis: Client,
    current: Option<Arc<DeniedCallers>>,
) -> Result<Loaded, Box<dyn Error + Send + Sync>> {
    // A connection for each load: none is kept that could be broken unnoticed.
    let mut redis = redis.get_multiplexed_async_connection().await?;
    let version: Option<String> = redis.get("denylist:version").await?;
    // A server that lost its data has an empty list. Without this line the service would use it.
    let version = version.ok_or("denylist:version is missing: the store has lost its data")?;
    if current.is_some_and(|current| current.version() == Some(&version)) {
        return Ok(Loaded::Unchanged);
    }
    // One transaction, so that the version is the one of these entries.
    let (version, clients, tokens): (String, Vec<String>, Vec<String>) = pipe()
        .atomic()
        .get("denylist:version")
        .smembers("denylist:clients")
        .zrange("denylist:tokens", 0, -1)
        .query_async(&mut redis)
        .await?;
    let denied = DeniedCallers::new()
        .deny_clients(clients)
        .revoke_tokens(tokens);
    Ok(denied.with_version(version).into())
}

/// Refreshes the list with every message on the channel `denylist`, until the connection ends. What
/// is published while there is none is seen by the next poll.
pub async fn follow(redis: &Client, denylist: &Denylist) -> Result<(), RedisError> {
    let mut subscription = redis.get_async_pubsub().await?;
    subscription.subscribe("denylist").await?;
    // What was published before the subscription.
    denylist.refresh();
    let mut messages = subscription.on_message();
    while messages.next().await.is_some() {
        denylist.refresh();
    }
    Ok(())
}
