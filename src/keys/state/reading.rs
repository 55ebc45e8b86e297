//! What the state says of itself at a moment: to the policy, to operators, to the source.

use std::time::Duration;

use super::{MAX_WAITS, RefreshState};
use crate::{
    clock::Moment,
    keys::{
        outcome::WaitRecord,
        policy::{Attempt, PolicyView},
        quiet::QuietUntil,
        snapshot::Generation,
        status::{KeyState, KeyStatus},
    },
    metrics::KeySetReading,
};

impl RefreshState {
    pub(in crate::keys) fn status(&self, jwks_url: &str, now: &Moment) -> KeyStatus {
        let state = self.state(now);
        let keys = self.snapshot.as_ref().map(|snapshot| &snapshot.keys);
        KeyStatus {
            jwks_url: jwks_url.to_owned(),
            state,
            age: self.age(now),
            kids: keys
                .map(|keys| keys.kids().map(str::to_owned).collect())
                .unwrap_or_default(),
            skipped: keys.map(|keys| keys.skipped().to_vec()).unwrap_or_default(),
            last_error: self.history.last_error().cloned(),
            next_attempt: self.history.has_failed().then(|| {
                if state.is_ready() {
                    self.scheduled_in(now)
                } else {
                    self.history.needed_in(now)
                }
            }),
            unfinished_attempts: self.history.unfinished(),
        }
    }

    pub(in crate::keys) fn reading(&self, now: &Moment) -> KeySetReading {
        let snapshot = self.snapshot.as_ref();
        KeySetReading {
            states: self.state(now).among_all(),
            age: self.age(now),
            confirmed_at: snapshot.and_then(|snapshot| snapshot.confirmed_at()),
        }
    }

    pub(in crate::keys) fn generation(&self) -> Generation {
        self.snapshot
            .as_ref()
            .map(|snapshot| snapshot.generation)
            .unwrap_or_default()
    }

    /// Until when a request that finds its key need not ask here: its key may serve, and no refresh
    /// could be started.
    pub(in crate::keys) fn quiet_until(&self, now: &Moment) -> QuietUntil {
        let Some(snapshot) = &self.snapshot else {
            return QuietUntil::Never;
        };
        match self.state(now) {
            KeyState::Empty | KeyState::Expired => QuietUntil::Never,
            KeyState::Pinned => QuietUntil::Forever,
            KeyState::Fresh => snapshot
                .due_at()
                .map_or(QuietUntil::Forever, QuietUntil::Moment),
            KeyState::Due | KeyState::Degraded => {
                let quiet = self.slot.void_in(now);
                let until = now.plus(quiet.unwrap_or_else(|| self.scheduled_in(now)));
                let expires_at = snapshot.expires_at(self.settings.expire_after);
                QuietUntil::Moment(expires_at.map_or(until, |at| until.min(at)))
            }
        }
    }

    pub(super) fn view(
        &self,
        waited: Option<WaitRecord>,
        has_runtime: bool,
        now: &Moment,
    ) -> PolicyView {
        let gave_up = waited.is_some_and(|record| record.gave_up);
        // A look that cannot tell, because the second URL made it, is not repeated for the same
        // request.
        let may_wait = waited.is_none_or(|record| {
            record.waits < MAX_WAITS && !gave_up && self.history.last_success() <= record.arrived
        });
        let attempt = if !has_runtime || !may_wait {
            Attempt::Impossible
        } else if self.slot.is_in_flight(now) {
            Attempt::InFlight
        } else {
            Attempt::Possible
        };
        PolicyView {
            state: self.state(now),
            attempt,
            scheduled_in: self.scheduled_in(now),
            needed_in: self.history.needed_in(now),
            budget_in: self.unknown_kids.fetch_allowed_in(now),
            last_failed: gave_up || self.last_failed(now),
            overdue: waited.is_none() && self.is_overdue(now),
        }
    }

    pub(super) fn state(&self, now: &Moment) -> KeyState {
        self.snapshot.as_ref().map_or(KeyState::Empty, |snapshot| {
            snapshot.state(now, self.settings.expire_after, self.last_failed(now))
        })
    }

    /// Whether the latest attempt brought nothing. One that went out and was never heard of has not
    /// brought anything either.
    pub(super) fn last_failed(&self, now: &Moment) -> bool {
        self.history.has_failed() || self.slot.is_lost(now)
    }

    /// Whether refreshes were started and did not get to run, until half of the time was over in
    /// which they should have.
    fn is_overdue(&self, now: &Moment) -> bool {
        let stalled = self.history.unfinished() > 0 || self.slot.is_void(now);
        let age = self.age(now);
        let refresh_after = self.settings.refresh_after;
        let limit = refresh_after.saturating_add(refresh_after / 2);
        stalled && age.is_some_and(|age| age >= limit)
    }

    fn scheduled_in(&self, now: &Moment) -> Duration {
        let age = self.age(now).unwrap_or_default();
        let time_left = self.settings.expire_after.saturating_sub(age);
        self.history.scheduled_in(time_left, now)
    }

    fn age(&self, now: &Moment) -> Option<Duration> {
        self.snapshot.as_ref()?.age(now)
    }
}
