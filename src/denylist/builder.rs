//! The configuration of a denylist.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tokio::sync::mpsc;

use super::{
    DeniedCallers, Denylist, Shared,
    task::{Limits, Load, Loaded, Task},
};
use crate::{
    clock::{Clock, SystemClock},
    config_error::ConfigError,
    metrics,
};

const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);
const SHORTEST_POLL_INTERVAL: Duration = Duration::from_millis(100);
const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Configures a [`Denylist`]. Made by [`Denylist::builder`].
#[must_use = "a denylist does nothing until `spawn` is called"]
pub struct DenylistBuilder {
    load: Box<dyn Load>,
    name: String,
    limits: Limits,
    clock: Option<Arc<dyn Clock>>,
}

impl Denylist {
    /// Begins the configuration of a denylist.
    ///
    /// `max_age` is how long the service may go on with a list that it could not reload: the
    /// longest time that a revoked token can work while the source is down, and the longest outage
    /// of the source that the service survives. It has no default, because it is that trade.
    ///
    /// `load` asks the source. It is called for each load with the list in use, and returns the
    /// whole list, or [`Loaded::Unchanged`] if that is still the one in use. Its error is logged
    /// with `Display`, so it must not show a secret. It is given
    /// [5 seconds](DenylistBuilder::load_timeout).
    pub fn builder<F, Fut, L, E>(max_age: Duration, mut load: F) -> DenylistBuilder
    where
        F: FnMut(Option<Arc<DeniedCallers>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: Into<Loaded>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        DenylistBuilder {
            load: Box::new(move |current| {
                let loading = load(current);
                Box::pin(async move { loading.await.map(Into::into).map_err(Into::into) })
            }),
            name: "default".to_owned(),
            limits: Limits {
                max_age,
                poll_interval: DEFAULT_POLL_INTERVAL,
                load_timeout: DEFAULT_LOAD_TIMEOUT,
            },
            clock: None,
        }
    }
}

impl DenylistBuilder {
    /// How long the task pauses between loads, less up to a tenth at random so that a fleet does
    /// not ask in step. The default is 5 seconds; at least 100 milliseconds, and shorter than the
    /// maximum age.
    pub const fn poll_interval(mut self, interval: Duration) -> Self {
        self.limits.poll_interval = interval;
        self
    }

    /// How long a load may take. Then it is dropped, and counts as failed. The default is 5
    /// seconds; longer than zero.
    pub const fn load_timeout(mut self, timeout: Duration) -> Self {
        self.limits.load_timeout = timeout;
        self
    }

    /// The label `denylist` of this list's metrics and the field of its events, for a service with
    /// several. The default is `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Measures the age with this clock. The default is [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Starts the task, and with it the first load.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] and [`ConfigError::DurationOrder`] for settings outside the
    /// bounds named above.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as [`tokio::spawn`].
    pub fn spawn(self) -> Result<Denylist, ConfigError> {
        self.limits.check()?;
        metrics::describe();
        let (requests, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            name: self.name,
            snapshot: ArcSwapOption::empty(),
            limits: self.limits,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
        });
        tokio::spawn(Task::new(self.load, Arc::clone(&shared), received).run());
        Ok(Denylist { shared, requests })
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let out_of_range = |setting, given: Duration, accepted| ConfigError::OutOfRange {
            setting,
            given: format!("{given:?}"),
            accepted,
        };
        if self.poll_interval < SHORTEST_POLL_INTERVAL {
            let accepted = "at least 100 milliseconds";
            return Err(out_of_range("poll_interval", self.poll_interval, accepted));
        }
        if self.load_timeout.is_zero() {
            return Err(out_of_range(
                "load_timeout",
                self.load_timeout,
                "longer than zero",
            ));
        }
        if self.poll_interval >= self.max_age {
            return Err(ConfigError::DurationOrder {
                shorter: "poll_interval",
                shorter_value: self.poll_interval,
                longer: "max_age",
                longer_value: self.max_age,
            });
        }
        Ok(())
    }
}

impl fmt::Debug for DenylistBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenylistBuilder")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
