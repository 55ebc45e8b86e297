//! The threads, locks and tasks that [`source`](super::source) uses, and nothing else does.
//!
//! With `--cfg shuttle`, which only `checks/interleavings` sets, a model checker controls them.

#[cfg(not(shuttle))]
pub(super) use self::real::*;
#[cfg(shuttle)]
pub(super) use self::shuttled::*;

#[cfg(not(shuttle))]
mod real {
    pub(in super::super) use std::sync::{Mutex, atomic::AtomicU64};
    use std::{future::Future, time::Duration};

    use tokio::{
        runtime::Handle,
        time::{Instant, timeout, timeout_at},
    };

    /// When a wait ends, by tokio's clock.
    pub(in super::super) type Deadline = Instant;

    /// Where another thread may get in between, as the model checker sees it.
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

    /// Waits so long at most. `None`: it took longer.
    pub(in super::super) async fn within<T>(
        longest: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        timeout(longest, future).await.ok()
    }
}

/// There are no timers: what hangs is a deadlock, which the model checker reports.
#[cfg(shuttle)]
mod shuttled {
    use std::{future::Future, time::Duration};

    pub(in super::super) use shuttle::sync::{Mutex, atomic::AtomicU64};

    #[derive(Clone, Copy)]
    pub(in super::super) struct Deadline;

    pub(in super::super) fn switch_point() {
        shuttle::thread::yield_now();
    }

    pub(in super::super) const fn has_runtime() -> bool {
        true
    }

    pub(in super::super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }

    pub(in super::super) const fn deadline(_: Duration) -> Deadline {
        Deadline
    }

    pub(in super::super) async fn wait_until<T>(
        _: Deadline,
        future: impl Future<Output = T>,
    ) -> bool {
        switch_point();
        future.await;
        true
    }

    pub(in super::super) async fn within<T>(
        _: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        Some(future.await)
    }
}
