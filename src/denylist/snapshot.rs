//! A list and when it was requested: immutable, replaced as a whole.

use std::{sync::Arc, time::Duration};

use super::entries::DeniedCallers;
use crate::clock::Moment;

pub(super) struct Snapshot {
    pub(super) entries: Arc<DeniedCallers>,
    /// When the load that brought or confirmed it started. What the source said later than that is
    /// not in it.
    pub(super) asked_at: Moment,
}

impl Snapshot {
    pub(super) fn age(&self, now: &Moment) -> Duration {
        now.since(&self.asked_at)
    }
}
