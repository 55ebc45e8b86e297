//! A key set and when it was fetched: immutable, replaced as a whole.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    fetch::{FetchError, JwksResponse, MAX_JWKS_BYTES},
    key_set::{KeyChange, KeySet},
    policy::{self, Windows},
    status::KeyState,
};
use crate::clock::Moment;

/// Counts the changes of a key source's keys. A refresh that brings the same keys does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(super) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    pub(super) const fn number(self) -> u64 {
        self.0
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
        /// When the document itself was fetched. A 304 confirms it without a look at it.
        document_at: Moment,
        etag: Option<String>,
        /// The configured interval less jitter, or what the response's `max-age` shortened it to.
        refresh_after: Duration,
    },
}

impl Snapshot {
    /// What a key source starts with.
    pub(super) fn initial(keys: KeySet, kind: Kind) -> Self {
        Self {
            keys: Arc::new(keys),
            generation: Generation::default(),
            kind,
        }
    }

    pub(super) fn age(&self, now: &Moment) -> Option<Duration> {
        match &self.kind {
            Kind::Pinned => None,
            Kind::Seeded { at } | Kind::Fetched { at, .. } => Some(now.since(at)),
        }
    }

    /// When the keys are due for a refresh. `None` for those that never are.
    pub(super) fn due_at(&self) -> Option<Moment> {
        match &self.kind {
            Kind::Pinned => None,
            Kind::Seeded { at } => Some(*at),
            Kind::Fetched {
                at, refresh_after, ..
            } => Some(at.plus(*refresh_after)),
        }
    }

    /// When the keys are too old to be trusted. `None` for those that never are.
    pub(super) fn expires_at(&self, expire_after: Duration) -> Option<Moment> {
        match &self.kind {
            Kind::Pinned => None,
            Kind::Seeded { at } | Kind::Fetched { at, .. } => Some(at.plus(expire_after)),
        }
    }

    /// When the request was made that last confirmed the keys.
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

    /// The `ETag` to ask with whether the document is still current, unless the document is older
    /// than this.
    pub(super) fn etag(&self, now: &Moment, expire_after: Duration) -> Option<&str> {
        match &self.kind {
            // A cache that goes on answering 304 with a stale document must not keep a withdrawn
            // key for ever.
            Kind::Fetched {
                document_at, etag, ..
            } if now.since(document_at) < expire_after => etag.as_deref(),
            Kind::Fetched { .. } | Kind::Pinned | Kind::Seeded { .. } => None,
        }
    }
}

/// A response that may replace the snapshot.
#[derive(Debug)]
pub(super) struct Fetched {
    /// What the response brought or, with 304, the keys that the request was about. Those need not
    /// be the published ones by now.
    pub(super) keys: Arc<KeySet>,
    /// When the document was fetched, if not by this response.
    document_at: Option<Moment>,
    etag: Option<String>,
    pub(super) max_age: Option<Duration>,
    /// Why the first URL failed, if this is a response of the second.
    pub(super) first_url_failed: Option<FetchError>,
}

impl Fetched {
    /// `condition` is what the request was conditional on.
    pub(super) fn read(
        response: JwksResponse,
        condition: Option<&Snapshot>,
    ) -> Result<Self, FetchError> {
        let Some(document) = response.document else {
            return Self::not_modified(response, condition);
        };
        // A custom fetcher may not have counted.
        if document.len() > MAX_JWKS_BYTES {
            return Err(FetchError::TooLarge);
        }
        Ok(Self {
            keys: Arc::new(KeySet::parse(&document)?),
            document_at: None,
            etag: response.etag,
            max_age: response.max_age,
            first_url_failed: None,
        })
    }

    /// Only the response to a conditional request says anything about the keys that are there.
    fn not_modified(
        response: JwksResponse,
        condition: Option<&Snapshot>,
    ) -> Result<Self, FetchError> {
        let Some(Snapshot {
            keys,
            kind: Kind::Fetched {
                document_at, etag, ..
            },
            ..
        }) = condition
        else {
            return Err(FetchError::UnexpectedNotModified);
        };
        Ok(Self {
            keys: Arc::clone(keys),
            document_at: Some(*document_at),
            etag: response.etag.or_else(|| etag.clone()),
            max_age: response.max_age,
            first_url_failed: None,
        })
    }

    /// Whether every key of the snapshot is still there.
    pub(super) fn keeps(&self, current: &Snapshot) -> bool {
        self.keys.change_since(Some(&current.keys)).removed == 0
    }

    /// The snapshot that follows `before`: a whole replacement, never a merge, so that a withdrawn
    /// key is gone.
    pub(super) fn follow(
        self,
        before: Option<&Snapshot>,
        at: Moment,
        refresh_after: Duration,
    ) -> (Snapshot, KeyChange) {
        let change = self.keys.change_since(before.map(|before| &*before.keys));
        let generation = match before.map(|before| before.generation) {
            Some(generation) if change.is_none() => generation,
            Some(generation) => generation.next(),
            None => Generation::default(),
        };
        // An ETag belongs to the URL that it came from, and the second URL is never asked with one.
        let etag = self.etag.filter(|_| self.first_url_failed.is_none());
        let snapshot = Snapshot {
            keys: self.keys,
            generation,
            kind: Kind::Fetched {
                at,
                document_at: self.document_at.unwrap_or(at),
                etag,
                refresh_after,
            },
        };
        (snapshot, change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Key, TestPool};

    /// A new generation makes every cached token be verified again.
    #[test]
    fn a_generation_ends_when_the_keys_change() {
        let pool = TestPool::new();
        let follow = |keys: &[Key], before: Option<&Snapshot>| {
            let document = pool.jwks_of(keys.iter().copied());
            let fetched = Fetched::read(JwksResponse::document(document), None).unwrap();
            let at = Moment::after_start(Duration::ZERO);
            fetched.follow(before, at, Duration::from_secs(3600)).0
        };
        let first = follow(&[Key::Access], None);
        let same = follow(&[Key::Access], Some(&first));
        assert_eq!(same.generation, first.generation);
        let added = follow(&[Key::Access, Key::Id], Some(&same));
        assert_ne!(added.generation, same.generation);
        let withdrawn = follow(&[Key::Id], Some(&added));
        assert_ne!(withdrawn.generation, added.generation);
    }
}
