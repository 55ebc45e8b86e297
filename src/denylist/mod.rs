//! A denylist that is changed at run time and takes effect everywhere within seconds.
//!
//! A token is good until it expires, and Cognito cannot take back a client-credentials token. A
//! denylist is the way to stop a leaked client, a revoked token or a closed tenant before that. A
//! [`Denylist`] keeps a copy of the list in memory, as an immutable snapshot that a task replaces:
//! it loads the list from its source every few seconds, and whenever
//! [`refresh`](Denylist::refresh) is called.
//!
//! ```
//! use std::{io, time::Duration};
//!
//! use tower_cognito::{
//!     AllowedClients, UserPool, Verifier,
//!     denylist::{DeniedCallers, Denylist},
//! };
//!
//! /// Any source: Redis, DynamoDB, S3, a file.
//! async fn load() -> Result<DeniedCallers, io::Error> {
//!     let clients = tokio::fs::read_to_string("denied-clients").await?;
//!     Ok(DeniedCallers::new().deny_clients(clients.lines()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = UserPool::new("eu-west-1_AbCdEf123")?;
//! let denylist = Denylist::builder(Duration::from_secs(60), |_| load()).spawn()?;
//! let verifier = Verifier::builder(pool, AllowedClients::only(["1example23456789"])?)
//!     .check(denylist.to_check())
//!     .build()?;
//! # let _ = verifier;
//! # Ok(())
//! # }
//! ```
//!
//! # When the source is down
//!
//! The last snapshot stays in use until it is older than the *maximum age*, 60 seconds above. From
//! then on every request gets 503 with `Retry-After`: the service no longer knows whom to deny, and
//! neither accepting (a revoked token would work) nor 401 (good callers would discard their tokens)
//! is right. The first successful load ends it. Until the first load the response is 503 as well;
//! [`warm_up`](Denylist::warm_up) waits for it.
//!
//! The age counts from when the load *started*, and it is the larger of what the wall clock and the
//! monotonic clock say, so neither a suspended machine nor a clock set back stretches the bound.
//!
//! **An empty list is a list.** A store that was restarted without its data answers correctly that
//! nothing is denied. Keep a marker in it (a version, for example), and return an error when the
//! marker is missing. `examples/denylist-redis` does so, and shows it with a real server.
//!
//! # How soon an entry takes effect
//!
//! Within the [poll interval](DenylistBuilder::poll_interval) (5 seconds by default) plus the time
//! that a load takes. Where the source can notify, call [`refresh`](Denylist::refresh) for each
//! notification: polling then only makes up for lost ones.
//!
//! # Deployment caveats
//!
//! * **Lambda.** The task does not run while the function is frozen. Call
//!   [`warm_up`](Denylist::warm_up) before each event: it returns at once while the snapshot is
//!   younger than the poll interval.
//! * **Runtime.** The task runs on the tokio runtime that [`spawn`](DenylistBuilder::spawn) is
//!   called in. It ends when the last clone of the [`Denylist`] is dropped, or with that runtime;
//!   the bound on the age holds regardless.
//! * **Report-only layers** and [`verify`](crate::Verifier::verify) apply the check like any other.

mod builder;
mod compact_set;
mod entries;
mod snapshot;
mod status;
mod task;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, oneshot};

pub use self::{
    builder::DenylistBuilder,
    entries::DeniedCallers,
    status::DenylistStatus,
    task::{LoadError, Loaded},
};
use self::{
    snapshot::Snapshot,
    task::{Limits, Outcome},
};
use crate::{
    clock::{Clock, Moment},
    error::Denied,
    metrics,
    token::claims::Claims,
};

/// A copy of a denylist in memory that a task keeps up to date. See the [module](self).
///
/// A clone is one reference count and shares the snapshot and the task.
#[derive(Clone)]
pub struct Denylist {
    shared: Arc<Shared>,
    /// Asks the task for a load. The task ends when the last sender is dropped.
    requests: mpsc::UnboundedSender<oneshot::Sender<Outcome>>,
}

/// What the handles and the task share.
struct Shared {
    name: String,
    snapshot: ArcSwapOption<Snapshot>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Denylist {
    /// Whether the list accepts a caller. It never waits.
    ///
    /// # Errors
    ///
    /// 1. [`Denied::unavailable`] if the snapshot is older than the maximum age, or there is none
    ///    yet.
    /// 2. As [`DeniedCallers::check`].
    pub fn check(&self, claims: &Claims) -> Result<(), Denied> {
        let snapshot = self.shared.snapshot.load();
        let snapshot = self.shared.usable(snapshot.as_deref())?;
        snapshot.entries.check(claims)
    }

    /// [`check`](Self::check) as a function, for
    /// [`VerifierBuilder::check`](crate::verifier::VerifierBuilder::check).
    pub fn to_check(&self) -> impl Fn(&Claims) -> Result<(), Denied> + Clone + Send + Sync + use<> {
        let denylist = self.clone();
        move |claims| denylist.check(claims)
    }

    /// The current list, for your own check.
    ///
    /// # Errors
    ///
    /// [`Denied::unavailable`] if the snapshot is older than the maximum age, or there is none yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tower_cognito::{Claims, Denied, denylist::Denylist};
    ///
    /// #[derive(Deserialize)]
    /// struct Tenant {
    ///     tenant_id: String,
    /// }
    ///
    /// /// Denies the callers on the list, and those of a closed tenant.
    /// fn check(denylist: &Denylist, claims: &Claims) -> Result<(), Denied> {
    ///     let denied = denylist.current()?;
    ///     denied.check(claims)?;
    ///     let tenant: Tenant = claims.custom().map_err(|_| Denied::forbidden())?;
    ///     if denied.contains("closed tenant", &tenant.tenant_id) {
    ///         return Err(Denied::forbidden());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn current(&self) -> Result<Arc<DeniedCallers>, Denied> {
        let snapshot = self.shared.snapshot.load();
        let snapshot = self.shared.usable(snapshot.as_deref())?;
        Ok(Arc::clone(&snapshot.entries))
    }

    /// Asks for a load without waiting for it: for a source that notifies of changes.
    ///
    /// Loads never overlap. Any number of calls during one load cause one more.
    pub fn refresh(&self) {
        // No caller waits for the outcome; without a task there is none.
        let _ = self.requests.send(oneshot::channel().0);
    }

    /// Loads the list now, unless the snapshot is younger than the poll interval.
    ///
    /// Call it at start-up, to learn of a wrong address before the first request, and before each
    /// event in Lambda.
    ///
    /// # Errors
    ///
    /// [`LoadError`] of the load that was waited for. The task tries again on its own.
    pub async fn warm_up(&self) -> Result<(), LoadError> {
        let age = self.status().age();
        if age.is_some_and(|age| age < self.shared.limits.poll_interval) {
            return Ok(());
        }
        let (outcome, outcome_receiver) = oneshot::channel();
        self.requests
            .send(outcome)
            .map_err(|_| LoadError::Stopped)?;
        outcome_receiver.await.unwrap_or(Err(LoadError::Stopped))
    }

    /// How the list is at the moment: a copy that is not updated.
    #[must_use]
    pub fn status(&self) -> DenylistStatus {
        self.shared.status()
    }

    /// Sets the gauges of age and size to what they are now. The task sets them after each load;
    /// call it when you are scraped. Without the feature `metrics` it does nothing.
    pub fn record_metrics(&self) {
        self.shared.record_metrics();
    }
}

impl Shared {
    fn usable<'s>(&self, snapshot: Option<&'s Snapshot>) -> Result<&'s Snapshot, Denied> {
        let now = Moment::read(&*self.clock);
        snapshot
            .filter(|snapshot| snapshot.age(&now) <= self.limits.max_age)
            .ok_or_else(|| Denied::unavailable(self.limits.retry_after()))
    }

    fn status(&self) -> DenylistStatus {
        let snapshot = self.snapshot.load();
        let now = Moment::read(&*self.clock);
        DenylistStatus::new(snapshot.as_deref(), &now, self.limits.max_age)
    }

    fn record_metrics(&self) {
        let status = self.status();
        metrics::denylist(&self.name, status.entries(), status.age());
    }
}

impl fmt::Debug for Denylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denylist")
            .field("name", &self.shared.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
