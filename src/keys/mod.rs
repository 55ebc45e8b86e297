//! Where keys come from, how fresh they are, and what happens when they are unavailable.
//!
//! Readers take an immutable key set without a lock. It is replaced as a whole, by at most one
//! fetch at a time, which runs in a separate task: a caller that disconnects does not cancel it. A
//! request that notices the age of the keys causes the fetch, never a timer, so an idle process or
//! a frozen Lambda does not poll.
//!
//! | state | when | a known `kid` | an unknown `kid` |
//! | --- | --- | --- | --- |
//! | `empty` | never fetched | waits for the one fetch, then 503; 503 at once while backing off | the same |
//! | `fresh` | younger than `refresh_after` | served | waits for a fetch, within a budget |
//! | `due` | younger than `expire_after` | served; the first such request starts a refresh | waits for that refresh |
//! | `degraded` | due, and the last attempt failed | served | waits for the next attempt; 503 while backing off |
//! | `expired` | older | as `empty` | as `empty` |
//! | `pinned` | given to the builder | served | 401 |
//!
//! **401 means that the issuer does not have the key.** The verifier says so only if the issuer was
//! asked after the request came, or was asked for this very `kid` within the last
//! `unknown_kid_interval`, and the set that it returned lacks the `kid`; or if an earlier set had
//! the `kid` and the current one does not. In every other case it cannot tell a newly rotated key
//! from a forged one, and the response is 503 with `Retry-After`:
//! [`KeyUnconfirmed`](crate::AuthError::KeyUnconfirmed) if the budget is spent,
//! [`KeysUnavailable`](crate::AuthError::KeysUnavailable) if the endpoint does not return keys. A
//! wrong 401 makes every good caller discard its token and buy another.
//!
//! Unknown `kid`s may cause two fetches at once and then one per `unknown_kid_interval`, whatever
//! the `kid`s are. Each brings the whole set, so a new key works within that interval of its
//! publication, no matter who asked before.
//!
//! `guide::keys` is for operators of such a service.

// Events go in at the top, and effects come out at the bottom. Only `source` locks, spawns, waits
// and reads the clock.
//
//     lookup   warm_up   attempt_started   attempt_ended
//        │ │ │ │ ┌────▼────────▼─────────────▼────────────────▼────┐ │ source: KeySource::step
//        locks │ │ ┌───────────────────────────────────────────┐ │ │ │ state: RefreshState │ │
//        policy view, kid → decision │ │ snapshot · slot · history · unknown ────┼──┼─▶ back_off
//        failures → delays │ └───────────────────┬───────────────────────┘ │ unknown_kids budget,
//        missing, withdrawn │ ▼ Effects publishes, then unlocks
//        └──────────────────────┬──────────────────────────┘ ▼ wake who waits · report · gauges ·
//        spawn the attempt ──▶ endpoints, fetch ──▶ attempt_ended
//
// One slot, because two fetches at once could only disagree. Degraded apart from due, because an
// outage is to be seen before it hurts. Expired apart from empty only for the operator: both mean
// that nothing can be verified.

mod attempt;
mod back_off;
mod endpoints;
mod fetch;
mod jwk;
mod key_set;
mod outcome;
mod policy;
mod quiet;
mod report;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
mod snapshot;
mod source;
mod state;
mod status;
mod sync;
mod unknown_kids;
mod waiting;

pub(crate) use self::{
    endpoints::{KeyEndpoint, KeyEndpoints},
    fetch::DynFetchJwks,
    key_set::KeySet,
    outcome::FoundKey,
    snapshot::Generation,
    source::{KeySource, KeySourceConfig, Keys, Lookup},
    waiting::{Waited, Waiting},
};
pub use self::{
    fetch::{FetchError, FetchJwks, JwksRequest, JwksResponse, MAX_JWKS_BYTES},
    key_set::{KeySetError, SkipReason, SkippedKey},
    status::{KeyState, KeyStatus},
};
pub use crate::error::ConnectError;
