//! The threads, locks and tasks that [`source`](super::source) uses, and nothing else does.
//!
//! A build with `--cfg shuttle` puts those in their place that a model checker controls; see `source/shuttle.rs`.

#[cfg(not(shuttle))]
mod real {
    use std::{future::Future, time::Duration};

    pub(in super::super) use std::sync::{Mutex, atomic::AtomicU64};
    use tokio::{
        runtime::Handle,
        time::{Instant, timeout_at},
    };

    /// When a wait ends, by tokio's clock.
    pub(in super::super) type Deadline = Instant;

    pub(in super::super) const fn switch_point() {}

    /// Whether tasks can be spawned here, and waited for.
    pub(in super::super) fn has_runtime() -> bool {
        Handle::try_current().is_ok()
    }

    /// Spawns a task, or drops it if there is no runtime.
    pub(in super::super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(task));
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "tokio's own clock bounds the wait; a test can pause it"
    )]
    pub(in super::super) fn deadline(longest: Duration) -> Deadline {
        Instant::now() + longest
    }

    /// Waits until the deadline at most, and says whether the future was ready by then.
    pub(in super::super) async fn wait_until<T>(
        deadline: Deadline,
        future: impl Future<Output = T>,
    ) -> bool {
        timeout_at(deadline, future).await.is_ok()
    }
}

#[cfg(not(shuttle))]
pub(super) use self::real::*;
