//! The task that loads the list, publishes it, and says what happened.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{Shared, entries::DeniedCallers, snapshot::Snapshot};
use crate::{
    clock::{Moment, jitter},
    error_debug::debug_as_display,
    metrics,
};

/// What a load brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Loaded {
    /// The whole list, which replaces the one before.
    List(Box<DeniedCallers>),
    /// The list in use, which the load was given, is still the current one. It counts as loaded
    /// now.
    ///
    /// Compare the source's version with that list's ([`DeniedCallers::version`]), and not with one
    /// that the closure remembers: a load that timed out was never in use.
    Unchanged,
}

impl From<DeniedCallers> for Loaded {
    fn from(list: DeniedCallers) -> Self {
        Self::List(Box::new(list))
    }
}

/// Why a load brought no list.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source failed.
    #[error("the denylist's source failed: {0}")]
    Failed(Arc<dyn Error + Send + Sync>),
    /// The function that loads panicked.
    #[error("the function that loads the denylist panicked")]
    Panicked,
    /// The task has ended, because the runtime that it ran on has.
    #[error("the runtime that `spawn` was called in has ended; call `spawn` in one that lasts")]
    Stopped,
    /// The source took longer than `load_timeout`.
    #[error("loading the denylist took longer than `load_timeout`")]
    TimedOut,
    /// The first load said that nothing has changed.
    #[error("the first load returned `Loaded::Unchanged`; it must return the list")]
    UnexpectedUnchanged,
}

debug_as_display!(LoadError);

impl LoadError {
    /// A fixed label: fit for a metric or a log field.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
            Self::TimedOut => "timed_out",
            Self::UnexpectedUnchanged => "unexpected_unchanged",
        }
    }
}

/// What the waiters of a load get.
pub(super) type Outcome = Result<(), LoadError>;

type Loading =
    Pin<Box<dyn Future<Output = Result<Loaded, Box<dyn Error + Send + Sync>>> + Send + 'static>>;

pub(super) trait Load: FnMut(Option<Arc<DeniedCallers>>) -> Loading + Send {}

impl<F: FnMut(Option<Arc<DeniedCallers>>) -> Loading + Send> Load for F {}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_age: Duration,
    pub(super) poll_interval: Duration,
    pub(super) load_timeout: Duration,
}

impl Limits {
    /// When it is worth coming back: the next load has started by then.
    pub(super) fn retry_after(&self) -> Duration {
        self.poll_interval.max(Duration::from_secs(1))
    }
}

pub(super) struct Task {
    load: Box<dyn Load>,
    shared: Arc<Shared>,
    requests: mpsc::UnboundedReceiver<oneshot::Sender<Outcome>>,
    /// A load that was aborted. If it blocks its thread it is still running.
    aborted: Option<JoinHandle<Result<Loaded, Box<dyn Error + Send + Sync>>>>,
    /// What was logged last, so that only changes are logged.
    reported: Reported,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reported {
    Fresh,
    Failing,
    Expired,
}

impl Task {
    pub(super) fn new(
        load: Box<dyn Load>,
        shared: Arc<Shared>,
        requests: mpsc::UnboundedReceiver<oneshot::Sender<Outcome>>,
    ) -> Self {
        Self {
            load,
            shared,
            requests,
            aborted: None,
            reported: Reported::Fresh,
        }
    }

    /// Loads, answers those who asked before the load started, and pauses until the next poll or
    /// request. It ends when the last [`Denylist`](super::Denylist) is dropped.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::new();
        loop {
            while let Ok(request) = self.requests.try_recv() {
                waiting.push(request);
            }
            let outcome = self.load_and_report().await;
            for request in waiting.drain(..) {
                // A caller that no longer waits does not need the outcome.
                let _ = request.send(outcome.clone());
            }
            match timeout(self.pause(), self.requests.recv()).await {
                Ok(Some(request)) => waiting.push(request),
                Ok(None) => return,
                Err(_elapsed) => {}
            }
        }
    }

    fn pause(&self) -> Duration {
        self.shared
            .limits
            .poll_interval
            .mul_f64(1.0 - 0.1 * jitter())
    }

    async fn load_and_report(&mut self) -> Outcome {
        let asked_at = Moment::read(&*self.shared.clock);
        let outcome = match self.load().await {
            Ok(loaded) => self.publish(loaded, asked_at),
            Err(error) => Err(error),
        };
        let took = Moment::read(&*self.shared.clock).since(&asked_at);
        let label = match &outcome {
            Ok(label) => label,
            Err(error) => error.reason(),
        };
        metrics::denylist_loaded(&self.shared.name, label, took);
        self.shared.record_metrics();
        let outcome = outcome.map(|_| ());
        self.log(&outcome);
        outcome
    }

    /// One call of the source, which can neither end nor delay this task.
    async fn load(&mut self) -> Result<Loaded, LoadError> {
        if let Some(aborted) = &self.aborted
            && !aborted.is_finished()
        {
            return Err(LoadError::TimedOut);
        }
        let current = self.shared.snapshot.load_full();
        let current = current.map(|snapshot| Arc::clone(&snapshot.entries));
        let loading = catch_unwind(AssertUnwindSafe(|| (self.load)(current)))
            .map_err(|_| LoadError::Panicked)?;
        let mut loading = tokio::spawn(loading);
        let Ok(ended) = timeout(self.shared.limits.load_timeout, &mut loading).await else {
            loading.abort();
            self.aborted = Some(loading);
            return Err(LoadError::TimedOut);
        };
        match ended {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(error)) => Err(LoadError::Failed(error.into())),
            Err(error) if error.is_panic() => Err(LoadError::Panicked),
            Err(_cancelled) => Err(LoadError::Stopped),
        }
    }

    fn publish(&self, loaded: Loaded, asked_at: Moment) -> Result<&'static str, LoadError> {
        let (entries, label) = match loaded {
            Loaded::List(mut list) => {
                list.shrink_to_fit();
                (Arc::from(list), "loaded")
            }
            Loaded::Unchanged => {
                let last = self.shared.snapshot.load();
                let last = last.as_deref().ok_or(LoadError::UnexpectedUnchanged)?;
                (Arc::clone(&last.entries), "unchanged")
            }
        };
        let snapshot = Snapshot { entries, asked_at };
        self.shared.snapshot.store(Some(Arc::new(snapshot)));
        Ok(label)
    }

    fn log(&mut self, outcome: &Outcome) {
        let denylist = self.shared.name.as_str();
        let status = self.shared.status();
        let reported = match outcome {
            Ok(()) => Reported::Fresh,
            Err(_) if status.is_ready() => Reported::Failing,
            Err(_) => Reported::Expired,
        };
        let changed = reported != self.reported;
        self.reported = reported;
        match (outcome, reported) {
            (Ok(()), _) if changed => {
                tracing::info!(denylist, entries = status.entries(), "denylist recovered");
            }
            (Ok(()), _) => {
                tracing::debug!(denylist, entries = status.entries(), "denylist loaded");
            }
            (Err(error), Reported::Expired) if changed => {
                tracing::error!(denylist, %error, "denylist unavailable; requests get 503");
            }
            (Err(error), _) if changed => {
                tracing::warn!(denylist, %error, "denylist load failed");
            }
            (Err(error), _) => {
                tracing::debug!(denylist, %error, "denylist load failed again");
            }
        }
    }
}
