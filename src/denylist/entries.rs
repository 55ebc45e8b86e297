//! Who and what is denied: plain data, and the decision over it.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use super::compact_set::CompactSet;
use crate::{error::Denied, string_list::StringList, token::claims::Claims};

/// Which callers and tokens are denied, as a denylist's source says at one moment.
///
/// The two verbs differ in what the caller has to do:
///
/// * `deny_…`: a new token does not help. 403, and the caller keeps its token.
/// * `revoke_…`: this token is no longer good. 401, and the caller gets a new one.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use tower_cognito::{Denied, denylist::DeniedCallers, testing::TestPool};
///
/// let denied = DeniedCallers::new()
///     .deny_clients(["2leaked23456789"])
///     .revoke_tokens(["6d9f3f4a-4c5e-4a0b-9a7e-0c2f8f3b1d11"])
///     .revoke_client_tokens("3rotated3456789", SystemTime::UNIX_EPOCH);
///
/// let pool = TestPool::new();
/// let leaked = pool.claims(&pool.token().client_credentials("2leaked23456789"));
/// let other = pool.claims(&pool.token().client_credentials("1example23456789"));
/// assert_eq!(denied.check(&leaked), Err(Denied::forbidden()));
/// assert_eq!(denied.check(&other), Ok(()));
/// ```
#[derive(Clone, Default)]
pub struct DeniedCallers {
    clients: CompactSet,
    subjects: CompactSet,
    token_ids: CompactSet,
    /// By `client_id`: tokens issued before this are revoked.
    client_cutoffs: HashMap<Box<str>, SystemTime>,
    /// The same by `sub`.
    subject_cutoffs: HashMap<Box<str>, SystemTime>,
    /// By a kind that the service names.
    values: HashMap<Box<str>, CompactSet>,
    version: Option<Box<str>>,
}

impl DeniedCallers {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Denies app clients, by `client_id`: 403. For a client whose secret has leaked and is not
    /// rotated yet, or a customer who is locked out.
    #[must_use]
    pub fn deny_clients(mut self, ids: impl StringList) -> Self {
        extend(&mut self.clients, ids);
        self
    }

    /// Denies users, by `sub`: 403. The `sub` of a client-credentials token is its client id.
    #[must_use]
    pub fn deny_subjects(mut self, subjects: impl StringList) -> Self {
        extend(&mut self.subjects, subjects);
        self
    }

    /// Revokes single tokens, by `jti`: 401.
    ///
    /// An entry is needed only until its token expires, which is at most 24 hours after it was
    /// issued (the longest life of a Cognito access token).
    #[must_use]
    pub fn revoke_tokens(mut self, token_ids: impl StringList) -> Self {
        extend(&mut self.token_ids, token_ids);
        self
    }

    /// Revokes the tokens of an app client that were issued before a time: 401. For a client whose
    /// secret has been rotated: the tokens that the old secret obtained stop working, and its owner
    /// gets new ones with the new secret.
    ///
    /// It compares `iat`, in whole seconds; a token without `iat` is revoked. Of two times for one
    /// client, the later one counts.
    #[must_use]
    pub fn revoke_client_tokens(mut self, client_id: &str, issued_before: SystemTime) -> Self {
        raise(&mut self.client_cutoffs, client_id, issued_before);
        self
    }

    /// Revokes the tokens of a user, by `sub`, that were issued before a time: 401. It signs the
    /// user out everywhere. `iat` is compared as in
    /// [`revoke_client_tokens`](Self::revoke_client_tokens).
    #[must_use]
    pub fn revoke_subject_tokens(mut self, subject: &str, issued_before: SystemTime) -> Self {
        raise(&mut self.subject_cutoffs, subject, issued_before);
        self
    }

    /// Lists values of another kind, for your own check: closed tenants, blocked groups.
    /// [`check`](Self::check) does not look at them; [`contains`](Self::contains) does.
    #[must_use]
    pub fn list_values(mut self, kind: &str, values: impl StringList) -> Self {
        extend(self.values.entry(kind.into()).or_default(), values);
        self
    }

    /// The source's name for this state of the list, so that the next load can tell whether it has
    /// changed: see [`Loaded::Unchanged`](super::Loaded::Unchanged).
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Box<str>>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// What [`with_version`](Self::with_version) was given.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether a value was listed under this kind with [`list_values`](Self::list_values).
    #[must_use]
    pub fn contains(&self, kind: &str, value: &str) -> bool {
        self.values
            .get(kind)
            .is_some_and(|values| values.contains(value))
    }

    /// Whether the list accepts a caller.
    ///
    /// # Errors
    ///
    /// 1. [`Denied::forbidden`] if the client or the subject is denied: a new token does not help,
    ///    so this comes first.
    /// 2. [`Denied::revoked`] if the token is revoked.
    pub fn check(&self, claims: &Claims) -> Result<(), Denied> {
        if self.clients.contains(claims.client_id()) || self.denies_subject(claims) {
            return Err(Denied::forbidden());
        }
        if self.revokes(claims) {
            return Err(Denied::revoked());
        }
        Ok(())
    }

    /// The number of entries, of all kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        let sets = [&self.clients, &self.subjects, &self.token_ids];
        let sets = sets.into_iter().chain(self.values.values());
        sets.map(CompactSet::len).sum::<usize>()
            + self.client_cutoffs.len()
            + self.subject_cutoffs.len()
    }

    /// Whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives back the memory that growing reserved: the list is only read from now on.
    pub(super) fn shrink_to_fit(&mut self) {
        let sets = [&mut self.clients, &mut self.subjects, &mut self.token_ids];
        for set in sets.into_iter().chain(self.values.values_mut()) {
            set.shrink_to_fit();
        }
    }

    fn denies_subject(&self, claims: &Claims) -> bool {
        self.subjects.len() > 0
            && claims
                .subject()
                .is_some_and(|subject| self.subjects.contains(subject))
    }

    fn revokes(&self, claims: &Claims) -> bool {
        let by_id = || {
            claims
                .token_id()
                .is_some_and(|id| self.token_ids.contains(id))
        };
        let by_client = || cut_off(&self.client_cutoffs, Some(claims.client_id()), claims);
        let by_subject = || cut_off(&self.subject_cutoffs, claims.subject(), claims);
        by_id() || by_client() || by_subject()
    }
}

fn extend(set: &mut CompactSet, values: impl StringList) {
    for value in values {
        set.insert(value.as_ref());
    }
}

/// The time is rounded down to whole seconds, as `iat` is: a token that was issued within the
/// second of the cut-off is kept, because it may be the first of the new secret.
fn raise(cutoffs: &mut HashMap<Box<str>, SystemTime>, name: &str, issued_before: SystemTime) {
    let since_epoch = issued_before.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since_epoch.unwrap_or_default().as_secs();
    let issued_before = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let cutoff = cutoffs.entry(name.into()).or_insert(issued_before);
    *cutoff = issued_before.max(*cutoff);
}

fn cut_off(cutoffs: &HashMap<Box<str>, SystemTime>, name: Option<&str>, claims: &Claims) -> bool {
    if cutoffs.is_empty() {
        return false;
    }
    let cutoff = name.and_then(|name| cutoffs.get(name));
    cutoff.is_some_and(|cutoff| claims.issued_at().is_none_or(|issued| issued < *cutoff))
}

/// The number of entries, and none of them: they name callers.
impl fmt::Debug for DeniedCallers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeniedCallers")
            .field("entries", &self.len())
            .finish_non_exhaustive()
    }
}
