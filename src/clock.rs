//! Time as the crate sees it: the one place that reads a real clock.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

/// Where the crate gets its time from.
///
/// A token's `exp`, `nbf` and `iat` are compared with [`now`](Self::now). The age of the key set is the larger of what
/// [`now`](Self::now) and [`monotonic`](Self::monotonic) say has passed, so that neither a wall clock set back nor a
/// suspended process keeps old keys in use.
///
/// Services use [`SystemClock`], the default. Tests use `testing::ManualClock`.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use tower_cognito::Clock;
///
/// /// A clock that stands still.
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
    message = "`{Self}` is no clock",
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
