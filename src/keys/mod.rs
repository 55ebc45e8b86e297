//! Keys: where they come from, how fresh they are, and what happens when they cannot be had.
//!
//! Readers take an immutable snapshot without a lock. It is replaced as a whole, by at most one
//! fetch at a time, which runs in a task of its own: a caller that disconnects does not cancel it. A fetch is caused by a
//! request that notices the age of the keys, never by a timer, so an idle process or a frozen Lambda does not poll.
//!
//! | state | when | a known kid | an unknown kid |
//! | --- | --- | --- | --- |
//! | Empty | never fetched | waits for the one fetch, then 503; 503 at once while backing off | the same |
//! | Fresh | younger than `refresh_after` | served | the gate decides |
//! | Due | younger than `expire_after` | served; the first such request starts a refresh | joins that refresh |
//! | Degraded | Due, and the last attempt failed | served | joins the next attempt; 503 while backing off |
//! | Expired | older | as Empty | as Empty |
//! | Pinned | given to the builder | served | 401 |
//!
//! The gate lets two fetches through at once and then one per `unknown_kid_interval`, whatever the kids are. While it is
//! shut, an unknown kid gets 401 if the last look succeeded, since then we know that it was not there ten seconds ago, and
//! 503 if it failed.

// One idea per file: `policy` decides, `gate` and `ledger` keep what the decision needs, `source` carries it out, `refresh`
// is one fetch, and `report` what the log says of it.

mod fetch;
mod gate;
mod jwk;
mod key_set;
mod ledger;
mod policy;
mod refresh;
mod report;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
mod snapshot;
mod source;
mod status;
mod waiting;

pub(crate) use self::{
    fetch::DynFetchJwks,
    key_set::KeySet,
    snapshot::Generation,
    source::{FoundKey, KeySource, KeySourceConfig, Keys, Lookup},
    waiting::{Waited, Waiting},
};
pub use self::{
    fetch::{FetchError, FetchJwks, JwksRequest, JwksResponse, MAX_JWKS_BYTES},
    key_set::{KeySetError, SkipReason, SkippedKey},
    status::{KeyState, KeyStatus},
};
pub use crate::error::ConnectError;
