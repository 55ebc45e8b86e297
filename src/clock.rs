//! Time as the crate sees it: the one place that reads a real clock.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant, SystemTime},
};

/// Where the crate gets its time from.
///
/// A token's `exp`, `nbf` and `iat` are compared with [`now`](Self::now). The age of the key set is
/// the larger of what [`now`](Self::now) and [`monotonic`](Self::monotonic) say has passed, so that
/// neither a wall clock set back nor a suspended process keeps old keys in use.
///
/// Services use [`SystemClock`], the default. Tests use `testing::ManualClock`.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use tower_cognito::clock::Clock;
///
/// /// A clock that does not advance.
/// struct Frozen(SystemTime);
///
/// impl Clock for Frozen {
///     fn now(&self) -> SystemTime {
///         self.0
///     }
///
///     fn monotonic(&self) -> Duration {
///         Duration::ZERO
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a clock",
    note = "implement `Clock` for it, or take `SystemClock`, or in tests `testing::ManualClock`"
)]
pub trait Clock: Send + Sync + 'static {
    /// The wall-clock time.
    fn now(&self) -> SystemTime;

    /// Time since an origin of the clock's own choice. It must never run backwards.
    fn monotonic(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "this type is the sanctioned reader of the real clock"
    )]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this type is the sanctioned reader of the real clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemClock")
    }
}

/// A random share in `0.0..1.0`, from the seed that std draws for each hasher: enough to spread a
/// fleet.
#[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
pub(crate) fn jitter() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Nanoseconds since the epoch. They saturate in the years 1677 and 2262.
#[inline]
pub(crate) fn unix_nanos(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => nanos(before.duration()).saturating_neg(),
    }
}

/// A duration in nanoseconds. It saturates at 292 years.
#[inline]
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) monotonic: Duration,
}

impl Moment {
    pub(crate) fn read(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    /// The larger of what both clocks say: a wall clock may be set back, and a monotonic clock may
    /// stop while the machine sleeps. Erring towards "longer" refreshes too early, which
    /// does no harm.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        wall.max(self.monotonic.saturating_sub(earlier.monotonic))
    }

    /// The moment this much later. A wall-clock time that `SystemTime` cannot hold stays as it is.
    pub(crate) fn plus(&self, by: Duration) -> Self {
        Self {
            wall: self.wall.checked_add(by).unwrap_or(self.wall),
            monotonic: self.monotonic.saturating_add(by),
        }
    }

    /// The earlier time of each clock.
    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            monotonic: self.monotonic.min(other.monotonic),
        }
    }

    /// A moment for tests of pure code.
    #[cfg(test)]
    pub(crate) fn after_start(by: Duration) -> Self {
        let start = Self {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600),
            monotonic: Duration::ZERO,
        };
        start.plus(by)
    }
}

/// A span of time that begins at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    pub(crate) from: Moment,
    pub(crate) length: Duration,
}

impl Delay {
    pub(crate) fn remaining(&self, now: &Moment) -> Duration {
        self.length.saturating_sub(now.since(&self.from))
    }

    pub(crate) fn is_over(&self, now: &Moment) -> bool {
        self.remaining(now).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "it is compared with the real clock"
    )]
    fn the_system_clock_reads_both_clocks() {
        let before = (SystemTime::now(), Instant::now());
        let clock = SystemClock::new();
        assert_eq!(format!("{clock:?}"), "SystemClock");
        assert!(clock.now() >= before.0);
        let reading = (0..1_000_000)
            .map(|_| clock.monotonic())
            .find(|reading| !reading.is_zero())
            .expect("the monotonic clock advances");
        assert!(reading <= before.1.elapsed());
    }
}
