//! One fetch, from the request to what it changes.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    FetchError, JwksRequest, JwksResponse, MAX_JWKS_BYTES,
    fetch::DynFetchJwks,
    key_set::KeySet,
    ledger::AttemptNumber,
    policy::FetchReason,
    snapshot::{Generation, Kind, Snapshot},
    source::KeySource,
};
use crate::clock::Moment;

/// A fetch that is running. It ends when it is dropped, so that neither a panic nor a runtime that is shut down can keep
/// the slot.
pub(super) struct Refresh {
    source: Arc<KeySource>,
    pub(super) number: AttemptNumber,
    pub(super) reason: FetchReason,
    pub(super) started: Moment,
    result: Result<Fetched, FetchError>,
}

impl Refresh {
    pub(super) fn new(
        source: Arc<KeySource>,
        number: AttemptNumber,
        reason: FetchReason,
        started: Moment,
    ) -> Self {
        Self {
            source,
            number,
            reason,
            started,
            result: Err(FetchError::Aborted),
        }
    }

    pub(super) async fn run(mut self, fetcher: Arc<dyn DynFetchJwks>, longest: Duration) {
        // On a runtime that is driven only now and then, a task may get to run long after it was spawned. Those that were
        // given up meanwhile must not all fetch at once.
        match self.source.set_off(self.number) {
            Some(now) => self.started = now,
            None => return,
        }
        let current = self.source.snapshot();
        let request = JwksRequest {
            url: self.source.jwks_url().as_str(),
            etag: current.as_deref().and_then(Snapshot::etag),
        };
        let result = match timeout(longest, fetcher.fetch_boxed(request)).await {
            Ok(reply) => reply.and_then(|reply| Fetched::read(reply, current.as_deref())),
            Err(_) => Err(FetchError::Timeout),
        };
        self.end_with(result);
    }

    fn end_with(mut self, result: Result<Fetched, FetchError>) {
        self.result = result;
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Err(FetchError::Aborted));
        self.source.end(self, result);
    }
}

/// A reply that may replace the snapshot.
pub(super) struct Fetched {
    /// What the reply brought or, with 304, the keys that the request was about. Those need not be the published ones by
    /// now.
    keys: Arc<KeySet>,
    etag: Option<String>,
    pub(super) max_age: Option<Duration>,
}

impl Fetched {
    fn read(reply: JwksResponse, current: Option<&Snapshot>) -> Result<Self, FetchError> {
        let Some(document) = reply.document else {
            // Only an answer to a conditional request says anything about what we have.
            let (current, etag) = current
                .and_then(|current| Some((current, current.etag()?)))
                .ok_or(FetchError::UnexpectedNotModified)?;
            return Ok(Self {
                keys: Arc::clone(&current.keys),
                etag: reply.etag.or_else(|| Some(etag.to_owned())),
                max_age: reply.max_age,
            });
        };
        // A fetcher that was handed in may not have counted.
        if document.len() > MAX_JWKS_BYTES {
            return Err(FetchError::TooLarge);
        }
        Ok(Self {
            keys: Arc::new(KeySet::parse(&document)?),
            etag: reply.etag,
            max_age: reply.max_age,
        })
    }

    /// The snapshot that follows `before`: a whole replacement, never a merge, so that a withdrawn key is gone.
    pub(super) fn follow(
        self,
        before: Option<&Snapshot>,
        at: Moment,
        refresh_after: Duration,
    ) -> (Snapshot, KeyChange) {
        let change = KeyChange::between(before.map(|before| &*before.keys), &self.keys);
        let generation = match before.map(|before| before.generation) {
            Some(generation) if change.is_none() => generation,
            Some(generation) => generation.next(),
            None => Generation::default(),
        };
        let snapshot = Snapshot {
            keys: self.keys,
            generation,
            kind: Kind::Fetched {
                at,
                etag: self.etag,
                refresh_after,
            },
        };
        (snapshot, change)
    }
}

/// How many keys a refresh added and removed. A key that changed under its name counts as both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyChange {
    pub(super) added: usize,
    pub(super) removed: usize,
}

impl KeyChange {
    fn between(before: Option<&KeySet>, after: &KeySet) -> Self {
        Self {
            added: after.count_missing_in(before),
            removed: before.map_or(0, |before| before.count_missing_in(Some(after))),
        }
    }

    pub(super) const fn is_none(self) -> bool {
        self.added == 0 && self.removed == 0
    }
}
