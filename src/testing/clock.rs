//! A clock that only a test moves.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::clock::Clock;

/// A clock that a test advances. All clones show the same time.
///
/// It starts at [`start`](Self::start). The wall clock and the monotonic clock run together in
/// [`advance`](Self::advance); the other methods move the wall clock alone, as an operator or a
/// suspended machine does.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use tower_cognito::{clock::Clock, testing::ManualClock};
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now(), ManualClock::start() + Duration::from_secs(90));
/// assert_eq!(clock.monotonic(), Duration::from_secs(90));
///
/// clock.jump_wall_back(Duration::from_secs(60));
/// assert_eq!(clock.now(), ManualClock::start() + Duration::from_secs(30));
/// assert_eq!(clock.monotonic(), Duration::from_secs(90));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    /// A std mutex: it is held for a copy and never across an await.
    hands: Arc<Mutex<Hands>>,
}

#[derive(Clone, Copy)]
struct Hands {
    wall: SystemTime,
    monotonic: Duration,
}

impl ManualClock {
    /// Where every clock starts: 2025-01-01T00:00:00Z, which is 1735689600 seconds after the epoch.
    #[must_use]
    pub fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600)
    }

    /// A clock that shows [`start`](Self::start).
    #[must_use]
    pub fn new() -> Self {
        Self {
            hands: Arc::new(Mutex::new(Hands {
                wall: Self::start(),
                monotonic: Duration::ZERO,
            })),
        }
    }

    /// Lets time pass, on both clocks. A time that no `SystemTime` can hold stops at the last one
    /// that was shown.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.checked_add(by).unwrap_or(hands.wall);
        hands.monotonic = hands.monotonic.saturating_add(by);
    }

    /// Sets the wall clock, and only that: no time has passed.
    pub fn set(&self, wall: SystemTime) {
        self.hands().wall = wall;
    }

    /// Moves the wall clock forward and leaves the monotonic clock alone: a machine that was
    /// suspended, or a clock that was corrected.
    pub fn jump_wall_forward(&self, by: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.checked_add(by).unwrap_or(hands.wall);
    }

    /// Moves the wall clock back and leaves the monotonic clock alone.
    pub fn jump_wall_back(&self, by: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.checked_sub(by).unwrap_or(hands.wall);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.hands().wall
    }

    fn monotonic(&self) -> Duration {
        self.hands().monotonic
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hands = *self.hands();
        f.debug_struct("ManualClock")
            .field("wall", &hands.wall)
            .field("monotonic", &hands.monotonic)
            .finish()
    }
}
