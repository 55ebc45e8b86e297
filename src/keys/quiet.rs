//! How requests pass the snapshot and the lock while nothing could be decided under it.

use std::{sync::atomic::Ordering, time::Duration};

use super::{snapshot::Generation, sync::AtomicU64};
use crate::clock::{Moment, nanos, unix_nanos};

/// Until when the keys of a generation may serve and no refresh could be started: a request that
/// finds its key passes with a look at three numbers. A stale reading costs one look under the
/// lock, where it is decided.
///
/// In nanoseconds of each clock, because the monotonic one may stop while the machine
/// sleeps. Written under the lock.
#[derive(Default)]
pub(super) struct Quiet {
    generation: AtomicU64,
    monotonic: AtomicU64,
    wall: AtomicU64,
}

/// Until when a request that finds its key need not ask the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuietUntil {
    Never,
    Moment(Moment),
    Forever,
}

impl Quiet {
    const FOREVER: u64 = u64::MAX;

    /// The monotonic clock is read only if it matters.
    ///
    /// A reading can mix two writings. Each limit was decided for keys that were published by then.
    /// The generation is written first and read last, so it is never older than a limit that was
    /// read. So what passes here would have passed at some time during the reading.
    #[inline]
    pub(super) fn holds(
        &self,
        generation: Generation,
        unix_nanos: i64,
        monotonic: impl FnOnce() -> Duration,
    ) -> bool {
        let wall_until = self.wall.load(Ordering::Acquire);
        let monotonic_until = self.monotonic.load(Ordering::Acquire);
        non_negative(unix_nanos) < wall_until
            && (monotonic_until == Self::FOREVER
                || non_negative(nanos(monotonic())) < monotonic_until)
            && self.generation.load(Ordering::Acquire) == generation.number()
    }

    pub(super) fn set(&self, generation: Generation, until: QuietUntil) {
        let (monotonic, wall) = match until {
            QuietUntil::Never => (0, 0),
            QuietUntil::Moment(until) => (
                non_negative(nanos(until.monotonic)),
                non_negative(unix_nanos(until.wall)),
            ),
            QuietUntil::Forever => (Self::FOREVER, Self::FOREVER),
        };
        self.generation
            .store(generation.number(), Ordering::Release);
        self.monotonic.store(monotonic, Ordering::Release);
        self.wall.store(wall, Ordering::Release);
    }
}

fn non_negative(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn holds(quiet: &Quiet, generation: Generation, now: &Moment) -> bool {
        quiet.holds(generation, unix_nanos(now.wall), || now.monotonic)
    }

    #[test]
    fn it_holds_before_both_limits_and_for_its_generation() {
        let quiet = Quiet::default();
        let (first, second) = (Generation::default(), Generation::default().next());
        let now = Moment::after_start(S);
        assert!(!holds(&quiet, first, &now));
        quiet.set(first, QuietUntil::Moment(now.plus(S)));
        let just_before = now.plus(S - Duration::from_nanos(1));
        assert!(holds(&quiet, first, &just_before));
        assert!(!holds(&quiet, second, &just_before));
        let after = now.plus(S);
        for late in [
            after,
            Moment {
                wall: after.wall,
                ..now
            },
            Moment {
                monotonic: after.monotonic,
                ..now
            },
        ] {
            assert!(!holds(&quiet, first, &late), "{late:?}");
        }
        quiet.set(second, QuietUntil::Moment(now.plus(S)));
        assert!(holds(&quiet, second, &just_before));
        assert!(!holds(&quiet, first, &just_before));
        quiet.set(second, QuietUntil::Never);
        assert!(!holds(&quiet, second, &now));
    }

    #[test]
    fn for_ever_takes_no_monotonic_clock() {
        let quiet = Quiet::default();
        let generation = Generation::default();
        quiet.set(generation, QuietUntil::Forever);
        assert!(quiet.holds(generation, i64::MAX, || unreachable!("read without need")));
        assert!(quiet.holds(generation, i64::MIN, || unreachable!("read without need")));
    }
}
