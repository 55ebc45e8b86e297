//! A key set and when it was fetched: immutable, replaced as a whole.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    KeyState,
    key_set::KeySet,
    policy::{self, Windows},
};
use crate::clock::Moment;

/// Counts the changes of a key source's keys. A refresh that brings the same keys does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(super) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) keys: Arc<KeySet>,
    pub(super) generation: Generation,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Given to the builder for good.
    Pinned,
    /// Given to the builder to start with: due for a refresh at once, and aging from then on.
    Seeded { at: Moment },
    Fetched {
        at: Moment,
        etag: Option<String>,
        /// The configured interval less jitter, or what the reply's `max-age` shortened it to.
        refresh_after: Duration,
    },
}

impl Snapshot {
    pub(super) fn age(&self, now: &Moment) -> Option<Duration> {
        match &self.kind {
            Kind::Pinned => None,
            Kind::Seeded { at } | Kind::Fetched { at, .. } => Some(now.since(at)),
        }
    }

    /// When the endpoint was asked for the keys that it last confirmed.
    pub(super) fn confirmed_at(&self) -> Option<SystemTime> {
        match &self.kind {
            Kind::Pinned | Kind::Seeded { .. } => None,
            Kind::Fetched { at, .. } => Some(at.wall),
        }
    }

    pub(super) fn state(
        &self,
        now: &Moment,
        expire_after: Duration,
        last_failed: bool,
    ) -> KeyState {
        let (at, refresh_after) = match &self.kind {
            Kind::Pinned => return KeyState::Pinned,
            Kind::Seeded { at } => (at, Duration::ZERO),
            Kind::Fetched {
                at, refresh_after, ..
            } => (at, *refresh_after),
        };
        let windows = Windows {
            refresh_after,
            expire_after,
        };
        policy::state(Some(now.since(at)), windows, last_failed)
    }

    pub(super) fn etag(&self) -> Option<&str> {
        match &self.kind {
            Kind::Fetched { etag, .. } => etag.as_deref(),
            Kind::Pinned | Kind::Seeded { .. } => None,
        }
    }
}
