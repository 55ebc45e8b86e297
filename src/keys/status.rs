//! What an operator sees of a key source.

use std::{fmt, time::Duration};

use super::{fetch::FetchError, key_set::SkippedKey};

/// The state of a verifier's keys. The crate page says what each means for a request, under *Key
/// freshness*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Due for a refresh, and the last attempt failed. Known keys serve; tokens with an unknown
    /// `kid` get 503.
    Degraded,
    /// Due for a refresh. Known keys serve.
    Due,
    /// There have never been keys. Requests wait for the first fetch, or get 503.
    Empty,
    /// The keys are too old to be trusted. Requests wait for a fetch, or get 503.
    Expired,
    /// The keys are current.
    Fresh,
    /// The keys were given to the builder and are never fetched.
    Pinned,
}

impl KeyState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Degraded,
        Self::Due,
        Self::Empty,
        Self::Expired,
        Self::Fresh,
        Self::Pinned,
    ];

    /// Whether requests can be decided in this state: every one but [`Empty`](Self::Empty) and
    /// [`Expired`](Self::Expired).
    #[must_use]
    pub const fn is_ready(self) -> bool {
        !matches!(self, Self::Empty | Self::Expired)
    }

    /// A fixed label: fit for a metric or a log field.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Due => "due",
            Self::Empty => "empty",
            Self::Expired => "expired",
            Self::Fresh => "fresh",
            Self::Pinned => "pinned",
        }
    }

    /// The label of each state, and whether it is this one.
    pub(super) fn among_all(self) -> [(&'static str, bool); 6] {
        Self::ALL.map(|state| (state.label(), state == self))
    }

    /// How far from well this is, to find the worst of several.
    pub(crate) const fn severity(self) -> u8 {
        match self {
            Self::Pinned => 0,
            Self::Fresh => 1,
            Self::Due => 2,
            Self::Degraded => 3,
            Self::Expired => 4,
            Self::Empty => 5,
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The keys went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateChange {
    pub(super) from: KeyState,
    pub(super) to: KeyState,
}

/// How a verifier's keys are doing at the moment: a copy that is not updated.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use tower_cognito::Verifier;
///
/// /// For a readiness probe.
/// fn readyz(verifier: &Verifier) -> StatusCode {
///     if verifier.key_status().is_ready() {
///         StatusCode::OK
///     } else {
///         StatusCode::SERVICE_UNAVAILABLE
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub(super) jwks_url: String,
    pub(super) state: KeyState,
    pub(super) age: Option<Duration>,
    pub(super) kids: Vec<String>,
    pub(super) skipped: Vec<SkippedKey>,
    pub(super) last_error: Option<FetchError>,
    pub(super) next_attempt: Option<Duration>,
    pub(super) unfinished_attempts: u32,
}

impl KeyStatus {
    /// Where the keys are from, without the query of the URL, which may hold a secret.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.state
    }

    /// Whether requests can be decided: `false` only in [`KeyState::Empty`] and
    /// [`KeyState::Expired`].
    ///
    /// A process without requests does not fetch, so a probe that waits for readiness before it
    /// lets requests through must call [`Verifier::warm_up`](crate::Verifier::warm_up) first.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// How long ago the endpoint last confirmed the keys.
    #[must_use]
    pub const fn age(&self) -> Option<Duration> {
        self.age
    }

    /// The `kid` of each usable key.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.kids.iter().map(String::as_str)
    }

    /// The entries of the set that are not used, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Why the last attempt failed, or `None` if it succeeded.
    #[must_use]
    pub const fn last_error(&self) -> Option<&FetchError> {
        self.last_error.as_ref()
    }

    /// How long until the next attempt may start, while backing off from a failure: a scheduled
    /// refresh or, without usable keys, any attempt. A token with an unknown `kid` can cause one
    /// earlier, within `unknown_kid_interval`.
    #[must_use]
    pub const fn next_attempt(&self) -> Option<Duration> {
        self.next_attempt
    }

    /// How many attempts in a row did not end, because the runtime that they were spawned on stood
    /// still or was shut down.
    ///
    /// More than one or two means that this program drives its runtime only now and then, as with
    /// one `block_on` per token. A request then waits for a refresh before the keys are twice
    /// `refresh_after` old.
    #[must_use]
    pub const fn unfinished_attempts(&self) -> u32 {
        self.unfinished_attempts
    }
}
