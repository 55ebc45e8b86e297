//! An attempt to fetch keys, as the key source sees it: started under the lock, carried out beside it, taken in when it ends.

use std::sync::{Arc, atomic::Ordering};

use tokio::runtime::Handle;

use super::{KeySource, nanos, reading};
use crate::{
    clock::{Moment, jitter},
    keys::{
        FetchError, KeyState,
        fetch::DynFetchJwks,
        ledger::{AttemptNumber, Ledger},
        policy::{self, FetchReason},
        refresh::{Fetched, KeyChange, Refresh},
        report::{FetchOutcome, FetchReport, StateChange},
    },
    metrics::{self, KeySetReading},
};

/// There is no runtime to fetch in, nothing to fetch with, or another attempt has the slot.
pub(super) struct FetchNotStarted;

/// What is left to do once the lock is released: a runtime that is shut down ends a task while it is being spawned, and a
/// log subscriber may ask for the key status, and both need the lock.
#[derive(Default)]
pub(super) struct Afterwards {
    pub(super) change: Option<StateChange>,
    /// For the gauges, when the state changed or a fetch ended. Two threads may set them in the wrong order; then they are
    /// wrong until the next such moment, or until somebody asks for the key status.
    pub(super) reading: Option<KeySetReading>,
    fetch: Option<Fetch>,
}

/// A fetch that has the slot and is to be spawned.
struct Fetch {
    refresh: Refresh,
    fetcher: Arc<dyn DynFetchJwks>,
    runtime: Handle,
}

impl KeySource {
    /// Takes the slot for a fetch, which is then carried out in a task of its own on the runtime of whoever caused it.
    pub(super) fn start(
        self: &Arc<Self>,
        ledger: &mut Ledger,
        reason: FetchReason,
        now: &Moment,
        afterwards: &mut Afterwards,
    ) -> Result<AttemptNumber, FetchNotStarted> {
        let (Ok(runtime), Some(fetcher)) = (Handle::try_current(), self.config.fetcher.clone())
        else {
            return Err(FetchNotStarted);
        };
        let number = ledger
            .claim(ledger.started(), reason, now.monotonic)
            .ok_or(FetchNotStarted)?;
        self.be_quiet(ledger, KeyState::Due);
        afterwards.fetch = Some(Fetch {
            refresh: Refresh::new(Arc::clone(self), number, reason, *now),
            fetcher,
            runtime,
        });
        Ok(number)
    }

    /// Does what had to wait for the lock to be released. A fetch comes last, so that what led to it is told before how it
    /// ended.
    pub(super) fn carry_out(&self, afterwards: Afterwards) {
        let Afterwards {
            change,
            reading,
            fetch,
        } = afterwards;
        if let Some(change) = change {
            change.report(self.config.jwks_url.label());
        }
        if let Some(reading) = reading {
            metrics::key_set(self.config.jwks_url.label(), reading);
        }
        if let Some(Fetch {
            refresh,
            fetcher,
            runtime,
        }) = fetch
        {
            drop(runtime.spawn(refresh.run(fetcher, self.config.fetch_timeout)));
        }
    }

    /// The time at which the task of an attempt got to run, unless the attempt has been given up by then.
    pub(in crate::keys) fn set_off(&self, number: AttemptNumber) -> Option<Moment> {
        let now = Moment::read(&*self.config.clock);
        let mut ledger = self.lock();
        let still_wanted = ledger.set_off(number, now.monotonic);
        self.be_quiet(&ledger, KeyState::Due);
        still_wanted.then_some(now)
    }

    /// Takes in how a fetch ended.
    pub(in crate::keys) fn end(&self, refresh: &Refresh, result: Result<Fetched, FetchError>) {
        let now = Moment::read(&*self.config.clock);
        let mut afterwards = Afterwards::default();
        let mut ledger = self.lock();
        let held_slot = ledger.release(refresh.number);
        let outcome = match result {
            Ok(fetched) if ledger.is_current(refresh.number) => {
                let change = self.publish(fetched, refresh.started);
                if !change.is_none() {
                    ledger.missing.clear();
                }
                ledger.succeed(refresh.number);
                FetchOutcome::Succeeded(change)
            }
            Err(error) if held_slot => {
                ledger.fail(error.clone(), now.monotonic, jitter());
                FetchOutcome::Failed(error)
            }
            Ok(_) | Err(_) => FetchOutcome::Superseded,
        };
        let snapshot = self.snapshot();
        let view = self.view(&mut ledger, snapshot.as_deref(), &now, &mut afterwards);
        self.be_quiet(&ledger, view.state);
        afterwards.reading = Some(reading(view.state, snapshot.as_deref(), &now));
        drop(ledger);
        // Whoever waited finds the ledger as it is now, or as something later left it.
        self.ended
            .send_modify(|ended| *ended = refresh.number.max(*ended));
        let report = FetchReport {
            reason: refresh.reason,
            duration: now.monotonic.saturating_sub(refresh.started.monotonic),
            outcome,
        };
        report.report(self.config.jwks_url.label());
        self.carry_out(afterwards);
    }

    /// Replaces the snapshot. The caller holds the lock.
    fn publish(&self, fetched: Fetched, at: Moment) -> KeyChange {
        let before = self.snapshot();
        let refresh_after =
            policy::refresh_after(self.config.refresh_after, fetched.max_age, jitter());
        let (snapshot, change) = fetched.follow(before.as_deref(), at, refresh_after);
        self.published.store(Some(Arc::new(snapshot)));
        change
    }

    /// Lets requests that find their key pass without the lock for as long as no refresh could be started. The caller holds
    /// the lock.
    fn be_quiet(&self, ledger: &Ledger, state: KeyState) {
        self.quiet_until
            .store(nanos(ledger.quiet_until(state)), Ordering::Relaxed);
    }
}
