//! What keeps tokens with an unknown `kid` from causing fetches at will, and what is known of such
//! a `kid`.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use super::key_set::KeySet;
use crate::clock::Moment;

/// Fetches that may follow one another at once.
const BURST: u32 = 2;
/// Kids that the issuer was asked for and did not have.
const MAX_MISSING: usize = 64;
/// Kids that were in an earlier set.
const MAX_WITHDRAWN: usize = 128;

/// The budget for fetches that unknown kids cause, and a bounded memory of kids that are known to
/// be missing. Kids are kept as seeded hashes, so that a stranger can neither make it grow nor aim
/// at an entry.
#[derive(Debug)]
pub(super) struct UnknownKids {
    interval: Duration,
    budget: Budget,
    missing: Vec<Missing>,
    withdrawn: VecDeque<u64>,
    hasher: RandomState,
}

/// A token bucket: two fetches at once, then one per interval.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: u32,
    /// When the bucket was last full or last gained a fetch.
    since: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    hash: u64,
    asked_at: Moment,
}

impl UnknownKids {
    pub(super) fn new(interval: Duration, now: Moment) -> Self {
        Self {
            interval,
            budget: Budget {
                left: BURST,
                since: now,
            },
            missing: Vec::new(),
            withdrawn: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// How long until an unknown kid may cause a fetch. Zero means now.
    pub(super) fn fetch_allowed_in(&self, now: &Moment) -> Duration {
        let budget = self.refilled(now);
        if budget.left > 0 {
            return Duration::ZERO;
        }
        self.interval.saturating_sub(now.since(&budget.since))
    }

    /// Counts a fetch that goes out for an unknown kid.
    pub(super) fn spend(&mut self, now: &Moment) {
        let mut budget = self.refilled(now);
        if budget.left == BURST {
            // A full bucket starts to refill only now.
            budget.since = *now;
        }
        budget.left = budget.left.saturating_sub(1);
        self.budget = budget;
    }

    fn refilled(&self, now: &Moment) -> Budget {
        let mut budget = self.budget;
        while budget.left < BURST && now.since(&budget.since) >= self.interval {
            budget.left += 1;
            budget.since = budget.since.plus(self.interval);
        }
        budget
    }

    /// Whether the issuer was asked for this kid within the last interval, and did not have it.
    pub(super) fn is_missing(&self, kid: &str, now: &Moment) -> bool {
        let hash = self.hasher.hash_one(kid);
        self.missing
            .iter()
            .any(|missing| missing.hash == hash && self.is_recent(missing, now))
    }

    /// Remembers that a set that was asked for at this time, for a request with this kid, lacks it.
    pub(super) fn note_missing(&mut self, kid: &str, asked_at: Moment, now: &Moment) {
        let hash = self.hasher.hash_one(kid);
        let noted = Missing { hash, asked_at };
        if let Some(known) = self.missing.iter_mut().find(|known| known.hash == hash) {
            *known = noted;
        } else if self.missing.len() < MAX_MISSING {
            self.missing.push(noted);
        } else if let Some(oldest) = self
            .missing
            .iter_mut()
            .max_by_key(|known| now.since(&known.asked_at))
        {
            *oldest = noted;
        }
    }

    fn is_recent(&self, missing: &Missing, now: &Moment) -> bool {
        now.since(&missing.asked_at) < self.interval
    }

    /// Whether an earlier set had this kid and a later one did not.
    pub(super) fn is_withdrawn(&self, kid: &str) -> bool {
        self.withdrawn.contains(&self.hasher.hash_one(kid))
    }

    /// Takes note of the kids that one set replaced with another.
    pub(super) fn replaced(&mut self, before: &KeySet, after: &KeySet) {
        let present = |hash: &u64| after.kids().any(|kid| self.hasher.hash_one(kid) == *hash);
        self.withdrawn.retain(|hash| !present(hash));
        for kid in before.kids().filter(|kid| after.get(kid).is_none()) {
            if self.withdrawn.len() == MAX_WITHDRAWN {
                self.withdrawn.pop_front();
            }
            self.withdrawn.push_back(self.hasher.hash_one(kid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Key, TestPool};

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn unknown_kids() -> UnknownKids {
        UnknownKids::new(INTERVAL, at(0))
    }

    #[test]
    fn the_budget_is_two_at_once_and_then_one_per_interval() {
        let mut kids = unknown_kids();
        let mut spent_at = Vec::new();
        for second in 100..160 {
            while kids.fetch_allowed_in(&at(second)).is_zero() {
                kids.spend(&at(second));
                spent_at.push(second);
            }
        }
        assert_eq!(spent_at, [100, 100, 110, 120, 130, 140, 150]);
    }

    #[test]
    fn an_empty_budget_says_when_it_refills() {
        let mut kids = unknown_kids();
        kids.spend(&at(100));
        kids.spend(&at(103));
        for (second, expected) in [(103, 7), (109, 1), (110, 0)] {
            let allowed_in = kids.fetch_allowed_in(&at(second));
            assert_eq!(allowed_in, Duration::from_secs(expected), "{second}");
        }
        kids.spend(&at(110));
        assert_eq!(kids.fetch_allowed_in(&at(110)), INTERVAL);
    }

    #[test]
    fn a_budget_does_not_save_up_more_than_its_burst() {
        let mut kids = unknown_kids();
        kids.spend(&at(0));
        kids.spend(&at(1_000_000));
        kids.spend(&at(1_000_000));
        assert!(!kids.fetch_allowed_in(&at(1_000_000)).is_zero());
    }

    #[test]
    fn a_budget_refills_while_the_machine_sleeps_and_not_when_the_wall_clock_is_set_back() {
        let mut kids = unknown_kids();
        kids.spend(&at(100));
        kids.spend(&at(100));
        let mut now = at(100);
        now.wall -= INTERVAL;
        assert_eq!(kids.fetch_allowed_in(&now), INTERVAL);
        now.wall += INTERVAL * 2;
        assert_eq!(kids.fetch_allowed_in(&now), Duration::ZERO);
    }

    #[test]
    fn a_missing_kid_is_remembered_for_the_interval_from_when_the_issuer_was_asked() {
        let mut kids = unknown_kids();
        for _ in 0..5 {
            // The response took three seconds.
            kids.note_missing("gone", at(50), &at(53));
            assert!(kids.is_missing("gone", &at(59)));
            assert!(!kids.is_missing("gone", &at(60)), "it does not grow");
        }
        assert!(!kids.is_missing("other", &at(53)));
        kids.note_missing("gone", at(60), &at(60));
        assert!(kids.is_missing("gone", &at(69)));
    }

    #[test]
    fn the_memory_of_missing_kids_is_bounded() {
        let mut kids = unknown_kids();
        for index in 0..10_000 {
            let now = Moment::after_start(Duration::from_micros(index));
            kids.note_missing(&format!("kid-{index}"), now, &now);
        }
        assert_eq!(kids.missing.len(), MAX_MISSING);
        assert!(kids.is_missing("kid-9999", &at(1)));
        assert!(!kids.is_missing("kid-1", &at(1)));
    }

    #[test]
    fn a_withdrawn_kid_is_remembered_until_it_is_published_again() {
        let pool = TestPool::new();
        let set = |keys: &[Key]| KeySet::parse(&pool.jwks_of(keys.iter().copied())).unwrap();
        let (both, one) = (set(&[Key::Access, Key::Id]), set(&[Key::Id]));
        let mut kids = unknown_kids();
        kids.replaced(&both, &one);
        assert!(kids.is_withdrawn("test-only-access"));
        assert!(!kids.is_withdrawn("test-only-id"));
        assert!(!kids.is_withdrawn("never-seen"));
        kids.replaced(&one, &both);
        assert!(!kids.is_withdrawn("test-only-access"));
        for _ in 0..1000 {
            kids.replaced(&both, &one);
        }
        assert_eq!(kids.withdrawn.len(), MAX_WITHDRAWN);

        // Of several, each by itself.
        let mut kids = unknown_kids();
        kids.replaced(&set(&[Key::Access, Key::Id, Key::Unpublished]), &one);
        kids.replaced(&one, &both);
        assert!(!kids.is_withdrawn("test-only-access"));
        assert!(kids.is_withdrawn("test-only-unpublished"));
        kids.replaced(&both, &one);
        assert!(kids.is_withdrawn("test-only-access"));
        assert!(kids.is_withdrawn("test-only-unpublished"));
    }
}
