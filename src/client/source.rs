//! The token source: does what the slots decide. Clock, locks, tasks and waits are here and nowhere
//! else.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::{
    runtime::Handle,
    task::yield_now,
    time::{error::Elapsed, timeout},
};

use super::{
    AccessToken, TokenError,
    renewal::{Attempt, Ended, Join, Outcome, RenewalDecision, RenewalState},
    request_token::{AppClient, SlotKey, TokenRequest},
    scopes::Scopes,
    token_response::TokenResponse,
};
use crate::{
    clock::{Clock, Moment},
    metrics, troubleshooting,
};

/// The tokens of one app client, shared by every clone, scope set and layer.
///
/// # One request at a time
///
/// A call decides and starts a request under the lock of its slot, so a second request for the same
/// scopes cannot start while one is under way. Calls that come in the meantime wait for its
/// outcome.
///
/// # No caller waits without end
///
/// A request runs in a separate task: a caller that disconnects does not cancel it. Its task may be
/// on a runtime that is blocked or dropped, so nothing relies on its result:
///
/// * A caller waits at most one time-out, by its runtime's timer, and then gives up the request it
///   waited for.
/// * A call that finds a request older than the time-out, by the clock, gives it up and starts
///   another one.
/// * A [`RenewalPermit`] that is dropped without a result frees the slot, and those who wait look
///   again.
///
/// The slots are in moka's cache, which bounds their number. Its expiry is not used for tokens: it
/// reads the system's clock, and a token's age is a matter of ours.
pub(super) struct TokenSource {
    slots: Cache<SlotKey, Arc<Slot>>,
    client: Arc<AppClient>,
    settings: Settings,
}

/// A std mutex: it is held to decide, and never across an await.
struct Slot(Mutex<RenewalState>);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) client_id: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
    /// A random share in `0.0..1.0`.
    pub(super) jitter: fn() -> f64,
    /// How many slots are held; beyond that, the one that was not used for longest is dropped.
    pub(super) capacity: u64,
    pub(super) dropped_when_unused_for: Duration,
}

enum Lookup {
    Done(Outcome),
    Wait(Join),
}

impl TokenSource {
    pub(super) fn new(client: Arc<AppClient>, settings: Settings) -> Self {
        Self {
            slots: Cache::builder()
                .max_capacity(settings.capacity)
                // The default policy may not admit a new entry, which then would cost a token
                // request per call.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(settings.dropped_when_unused_for)
                .build(),
            client,
            settings,
        }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    pub(super) fn client(&self) -> Arc<AppClient> {
        Arc::clone(&self.client)
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) async fn token(
        self: &Arc<Self>,
        request: &TokenRequest,
    ) -> Result<AccessToken, TokenError> {
        let slot = self.slots.get_with(request.key(), || {
            Arc::new(Slot(Mutex::new(RenewalState::new())))
        });
        match self.look_up(&slot, request) {
            Lookup::Done(outcome) => outcome,
            Lookup::Wait(join) => {
                let runtime = Handle::try_current().map_err(|_| TokenError::NoRuntime)?;
                let wait = Arc::clone(self).wait(slot, request.clone(), join);
                // A task, because a runtime without a timer would make the wait panic.
                let waited = runtime.spawn(wait).await;
                waited.unwrap_or(Err(TokenError::Aborted))
            }
        }
    }

    fn look_up(self: &Arc<Self>, slot: &Arc<Slot>, request: &TokenRequest) -> Lookup {
        let now = self.now();
        let runtime = Handle::try_current();
        let mut state = slot.lock();
        let overdue = state.give_up_overdue(self.settings.timeout, &now, self.jitter());
        let (lookup, started) = match (state.decide(&now), runtime) {
            (RenewalDecision::Serve(token), _)
            | (RenewalDecision::ServeAndRenew(token), Err(_)) => {
                // Without a runtime the token stays due, and the next call tries again.
                (Lookup::Done(Ok(token)), None)
            }
            (RenewalDecision::ServeAndRenew(token), Ok(runtime)) => {
                let (attempt, _) = state.start(now);
                (Lookup::Done(Ok(token)), Some((attempt, runtime)))
            }
            (RenewalDecision::Join(join), Ok(_)) => (Lookup::Wait(join), None),
            (RenewalDecision::Request, Ok(runtime)) => {
                let (attempt, join) = state.start(now);
                (Lookup::Wait(join), Some((attempt, runtime)))
            }
            (RenewalDecision::Join(_) | RenewalDecision::Request, Err(_)) => {
                (Lookup::Done(Err(TokenError::NoRuntime)), None)
            }
            (RenewalDecision::Fail(error), _) => (Lookup::Done(Err(error)), None),
        };
        drop(state);
        if let Some(overdue) = overdue {
            self.report_given_up(&overdue, request.scopes(), &now);
        }
        if let Some((attempt, runtime)) = started {
            let permit = RenewalPermit::new(Arc::clone(self), Arc::clone(slot), attempt, request);
            // After the lock was released: a runtime that is shut down drops the task, and with it
            // the permit, at once.
            drop(runtime.spawn(permit.run()));
        }
        lookup
    }

    /// Waits for the outcome of a request, or of the one that takes its place, for as long as one
    /// may take.
    async fn wait(self: Arc<Self>, slot: Arc<Slot>, request: TokenRequest, first: Join) -> Outcome {
        let number = first.number;
        match timeout(self.settings.timeout, self.outcome(&slot, &request, first)).await {
            Ok(outcome) => outcome,
            Err(Elapsed { .. }) => {
                let now = self.now();
                let mut state = slot.lock();
                let overdue = state.give_up(number, &now, self.jitter());
                let outcome = state.without_waiting(&now);
                drop(state);
                if let Some(overdue) = overdue {
                    self.report_given_up(&overdue, request.scopes(), &now);
                }
                outcome
            }
        }
    }

    async fn outcome(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        request: &TokenRequest,
        first: Join,
    ) -> Outcome {
        let mut join = first;
        loop {
            if let Ok(ended) = join.outcome.wait_for(Option::is_some).await
                && let Some(outcome) = &*ended
            {
                return outcome.clone();
            }
            // The request was given up, or went away with its runtime. This runtime may be on its
            // way down, too, and must not be kept from it.
            yield_now().await;
            match self.look_up(slot, request) {
                Lookup::Done(outcome) => return outcome,
                Lookup::Wait(next) => join = next,
            }
        }
    }

    fn report(
        &self,
        scopes: &Scopes,
        result: &Result<TokenResponse, TokenError>,
        duration: Duration,
    ) {
        let outcome = result
            .as_ref()
            .map_or_else(TokenError::reason, |_| "obtained");
        metrics::token_requested(&self.settings.client_id, outcome, duration);
        match result {
            Ok(response) => tracing::debug!(
                client_id = &*self.settings.client_id,
                scopes = scopes.as_str(),
                lifetime = ?response.lifetime,
                ?duration,
                "access token obtained"
            ),
            Err(error) => tracing::warn!(
                client_id = &*self.settings.client_id,
                scopes = scopes.as_str(),
                outcome,
                cause = error.cause(),
                %error,
                ?duration,
                help = troubleshooting::NO_TOKEN,
                "token request failed"
            ),
        }
    }

    fn report_given_up(&self, attempt: &Attempt, scopes: &Scopes, now: &Moment) {
        let duration = now.since(&attempt.started);
        self.report(scopes, &Err(TokenError::Timeout), duration);
    }

    fn now(&self) -> Moment {
        Moment::read(&*self.settings.clock)
    }

    fn jitter(&self) -> f64 {
        (self.settings.jitter)()
    }
}

impl Slot {
    /// A poisoned lock is acquired anyway: nothing that holds it can panic halfway through a
    /// change.
    fn lock(&self) -> MutexGuard<'_, RenewalState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make the one token request of a slot. Given back when it ends or is dropped,
/// however that comes about.
struct RenewalPermit {
    source: Arc<TokenSource>,
    slot: Arc<Slot>,
    attempt: Attempt,
    request: TokenRequest,
    has_ended: bool,
}

impl RenewalPermit {
    fn new(
        source: Arc<TokenSource>,
        slot: Arc<Slot>,
        attempt: Attempt,
        request: &TokenRequest,
    ) -> Self {
        Self {
            source,
            slot,
            attempt,
            request: request.clone(),
            has_ended: false,
        }
    }

    async fn run(mut self) {
        let rejected = self.attempt.rejected.as_ref();
        let request = self.source.client.ask(&self.request, rejected);
        let result = match timeout(self.source.settings.timeout, request).await {
            Ok(result) => result,
            Err(Elapsed { .. }) => Err(TokenError::Timeout),
        };
        self.end(&result);
    }

    fn end(&mut self, result: &Result<TokenResponse, TokenError>) {
        self.has_ended = true;
        let source = &self.source;
        let now = source.now();
        let duration = now.monotonic.saturating_sub(self.attempt.started.monotonic);
        let ended = self
            .slot
            .lock()
            .end(&self.attempt, result.clone(), &now, source.jitter());
        match ended {
            Ended::Current => source.report(self.request.scopes(), result, duration),
            // It was reported when it was given up.
            Ended::LateToken | Ended::Late => tracing::debug!(
                client_id = &*source.settings.client_id,
                scopes = self.request.scopes().as_str(),
                ?ended,
                ?duration,
                "late token request ended"
            ),
        }
    }
}

impl Drop for RenewalPermit {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if thread::panicking() {
            self.end(&Err(TokenError::Aborted));
        } else {
            self.slot.lock().lose(self.attempt.number);
        }
    }
}
