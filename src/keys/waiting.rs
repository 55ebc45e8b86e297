//! A request that waits for a fetch, and one that has waited.

use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{attempt::AttemptNumber, outcome::WaitRecord, sync};

/// A request that waits for a fetch: bounded in time and, if strangers can cause it, in number.
pub(crate) struct Waiting {
    pub(super) record: WaitRecord,
    pub(super) ended: watch::Receiver<AttemptNumber>,
    pub(super) longest: Duration,
    pub(super) deadline: Option<sync::Deadline>,
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// A request that has waited. Only a wait makes one, so a lookup that takes it cannot be the first.
pub(crate) struct Waited {
    pub(super) record: WaitRecord,
    pub(super) deadline: Option<sync::Deadline>,
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    /// Returns when the fetch has ended or `fetch_timeout` has passed. Without a runtime to wait in
    /// it returns at once.
    pub(crate) async fn wait(mut self) -> Waited {
        let attempt = self.record.attempt;
        let is_over = if sync::has_runtime() {
            let deadline = *self
                .deadline
                .get_or_insert_with(|| sync::deadline(self.longest));
            // A source that is gone needs no handling: the lookup that follows has the answer.
            sync::wait_until(deadline, self.ended.wait_for(|ended| *ended >= attempt)).await
        } else {
            false
        };
        self.record.gave_up = !is_over;
        Waited {
            record: self.record,
            deadline: self.deadline,
            place: self.place,
        }
    }
}
