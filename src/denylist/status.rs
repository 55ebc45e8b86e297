//! What an operator sees of a denylist.

use std::time::Duration;

use super::snapshot::Snapshot;
use crate::clock::Moment;

/// How a denylist is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenylistStatus {
    entries: usize,
    age: Option<Duration>,
    ready: bool,
}

impl DenylistStatus {
    pub(super) fn new(snapshot: Option<&Snapshot>, now: &Moment, max_age: Duration) -> Self {
        let age = snapshot.map(|snapshot| snapshot.age(now));
        Self {
            entries: snapshot.map_or(0, |snapshot| snapshot.entries.len()),
            age,
            ready: age.is_some_and(|age| age <= max_age),
        }
    }

    /// The number of entries. 0 before the first load.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// How long ago the last successful load started. `None` before the first.
    #[must_use]
    pub const fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Whether requests are judged by the list. If not, they get 503.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }
}
