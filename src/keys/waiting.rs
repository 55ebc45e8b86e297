//! Waiting for a fetch: once, bounded in time and in number.

use std::time::Duration;

use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};

use super::ledger::AttemptNumber;

/// A place among those who wait for a fetch.
pub(crate) struct Waiting {
    pub(super) attempt: AttemptNumber,
    /// The number of the latest attempt that ended.
    pub(super) ended: watch::Receiver<AttemptNumber>,
    pub(super) longest: Duration,
    pub(super) _place: OwnedSemaphorePermit,
}

/// The attempt that was waited for. Only a wait makes one, so a lookup that takes it cannot be the first.
pub(crate) struct Waited(AttemptNumber);

impl Waiting {
    /// Returns when the fetch has ended or `fetch_timeout` has passed.
    pub(crate) async fn wait(mut self) -> Waited {
        let attempt = self.attempt;
        // Neither a timeout nor a source that is gone needs handling: the snapshot has the answer.
        let _ = timeout(self.longest, self.ended.wait_for(|ended| *ended >= attempt)).await;
        Waited(attempt)
    }
}

impl Waited {
    pub(super) const fn attempt(&self) -> AttemptNumber {
        self.0
    }
}
