//! Which scopes the metadata of a resource lists, shared by what enforces them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{scope::ScopePolicy, troubleshooting};

/// A handler can make a policy of what a request contains, so the warnings have a bound.
const MAX_WARNINGS: usize = 32;

/// The scopes that the metadata of a resource lists. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishedScopes {
    /// A std mutex: held for single insertions and for one walk, never across an await.
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    listed: BTreeSet<Box<str>>,
    /// Demanded, not listed, and logged.
    warned_of: BTreeSet<Box<str>>,
}

impl PublishedScopes {
    pub(crate) fn list(&self, policy: &ScopePolicy) {
        self.lock().listed.extend(policy.scopes().map(Box::from));
    }

    /// In alphabetical order.
    pub(crate) fn listed(&self) -> BTreeSet<Box<str>> {
        self.lock().listed.clone()
    }

    /// Logs each scope of a rejection that is not listed, once. Rejected requests must not queue
    /// for the lock, so the warning is left to a later one if it is taken.
    pub(super) fn warn_of_unlisted(&self, required: &ScopePolicy, metadata: Option<&str>) {
        let Ok(mut shared) = self.shared.try_lock() else {
            return;
        };
        let Shared { listed, warned_of } = &mut *shared;
        for scope in required.scopes() {
            let is_new = !listed.contains(scope) && warned_of.len() < MAX_WARNINGS;
            if is_new && warned_of.insert(scope.into()) {
                tracing::warn!(
                    scope,
                    metadata,
                    advice = "make the guard with `ResourceMetadata::guard`, or list the policy with `ResourceMetadata::enforce`",
                    help = troubleshooting::MISSING_SCOPE,
                    "scope demanded that the published metadata does not list"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
