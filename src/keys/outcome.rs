//! What comes out of an event: an outcome for who caused it, and effects for the source to run.

use std::sync::Arc;

use super::{
    attempt::{AttemptNumber, AttemptOrder},
    report::FetchReport,
    snapshot::{Generation, Snapshot},
    status::StateChange,
};
use crate::{crypto::VerifyingKey, error::AuthError, metrics::KeySetReading};

/// What a request has waited for. Only a wait makes one, so a lookup that takes it cannot be the
/// first.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitRecord {
    /// The latest attempt that had gone out when the request came. What later ones show is an
    /// answer to the request.
    pub(super) arrived: AttemptNumber,
    /// The attempt that it waits for now, or waited for.
    pub(super) attempt: AttemptNumber,
    pub(super) waits: u8,
    /// Whether the time for waiting is over.
    pub(super) gave_up: bool,
}

/// How far a lookup gets.
#[derive(Debug)]
pub(super) enum KeyProgress {
    Found(FoundKey),
    /// Only a fetch can tell. It is in flight, or among the effects.
    Wait {
        record: WaitRecord,
        /// The answer if there is no place to wait in. `None` if every request may wait.
        if_full: Option<AuthError>,
    },
}

#[derive(Debug)]
pub(crate) struct FoundKey {
    pub(crate) key: Arc<VerifyingKey>,
    pub(crate) generation: Generation,
}

/// What the source has to do after an event.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Publish these keys, before the lock is released.
    pub(super) publish: Option<Arc<Snapshot>>,
    /// Spawn an attempt.
    pub(super) start: Option<AttemptOrder>,
    /// Wake the requests that wait for this attempt.
    pub(super) ended: Option<AttemptNumber>,
    pub(super) fetch_report: Option<FetchReport>,
    pub(super) change: Option<StateChange>,
    /// Set the gauges. Two threads may set them in the wrong order; then they are wrong until the
    /// next such moment.
    pub(super) reading: Option<KeySetReading>,
}
