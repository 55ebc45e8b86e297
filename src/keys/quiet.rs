//! How requests pass the lock while nothing could be decided under it.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use super::sync::AtomicU64;
use crate::clock::Moment;

/// Until when no refresh could be started: lets a request whose key is due for a refresh pass without the lock. In nanoseconds
/// of each clock, because the monotonic one may stand still while the machine sleeps. Written under the lock.
#[derive(Default)]
pub(super) struct Quiet {
    monotonic: AtomicU64,
    wall: AtomicU64,
}

impl Quiet {
    pub(super) fn holds(&self, now: &Moment) -> bool {
        monotonic_nanos(now) < self.monotonic.load(Ordering::Relaxed)
            && wall_nanos(now) < self.wall.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, until: &Moment) {
        self.monotonic
            .store(monotonic_nanos(until), Ordering::Relaxed);
        self.wall.store(wall_nanos(until), Ordering::Relaxed);
    }
}

fn monotonic_nanos(moment: &Moment) -> u64 {
    nanos(moment.monotonic)
}

fn wall_nanos(moment: &Moment) -> u64 {
    nanos(
        moment
            .wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
