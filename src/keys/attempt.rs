//! One attempt to fetch the keys: that it is to begin, how it begins, how it ends.

use std::sync::Arc;

use super::{
    fetch::FetchError,
    policy::FetchReason,
    snapshot::{Fetched, Snapshot},
};
use crate::clock::Moment;

/// The number of an attempt. Attempts are numbered from 1 in the order in which they take the slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttemptNumber(u64);

impl AttemptNumber {
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// An attempt that has the slot and is to be spawned.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptOrder {
    pub(super) number: AttemptNumber,
    pub(super) reason: FetchReason,
    pub(super) claimed_at: Moment,
}

/// An attempt on its way out.
#[derive(Debug)]
pub(super) struct AttemptStart {
    pub(super) at: Moment,
    /// What the request is conditional on.
    pub(super) condition: Option<Arc<Snapshot>>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct AttemptEnd {
    pub(super) order: AttemptOrder,
    /// When it went out, if it did.
    pub(super) started_at: Option<Moment>,
    pub(super) result: AttemptResult,
}

#[derive(Debug)]
pub(super) enum AttemptResult {
    Fetched(Fetched),
    Failed(FetchError),
    /// Its runtime ended. That says nothing of the endpoint.
    Dropped,
}
