//! What keeps unknown kids from causing fetches at will: a budget, and a memory of kids that are not there.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Fetches that may follow one another at once.
const BURST: u32 = 2;
/// Missing kids that are remembered.
const MISSING_KIDS: usize = 64;
/// How long a kid that was found missing is refused without another look, at first and at most.
const FIRST_MEMORY: Duration = Duration::from_secs(10);
const LONGEST_MEMORY: Duration = Duration::from_secs(5 * 60);

/// A token bucket: two fetches at once, then one per interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    interval: Duration,
    left: u32,
    /// When the bucket was last filled up or began to refill.
    since: Duration,
}

impl Budget {
    pub(super) const fn new(interval: Duration) -> Self {
        Self {
            interval,
            left: BURST,
            since: Duration::ZERO,
        }
    }

    /// Whether a fetch may be spent now, or how long until one may.
    pub(super) fn available(&self, now: Duration) -> Result<(), Duration> {
        if self.refilled(now).left > 0 {
            return Ok(());
        }
        Err(self.since.saturating_add(self.interval).saturating_sub(now))
    }

    /// Spends a fetch. Without one to spend it changes nothing: callers ask [`available`](Self::available) first.
    pub(super) fn spend(&mut self, now: Duration) {
        let mut refilled = self.refilled(now);
        if refilled.left == BURST {
            // A full bucket starts to refill only now.
            refilled.since = now;
        }
        refilled.left = refilled.left.saturating_sub(1);
        *self = refilled;
    }

    fn refilled(&self, now: Duration) -> Self {
        let mut refilled = *self;
        while refilled.left < BURST && now.saturating_sub(refilled.since) >= refilled.interval {
            refilled.left += 1;
            refilled.since = refilled.since.saturating_add(refilled.interval);
        }
        refilled
    }
}

/// Kids that a fetch did not find, for a while. Bounded, and keyed by a seeded hash, so that strangers can neither make it
/// grow nor aim at an entry.
#[derive(Debug, Default)]
pub(super) struct MissingKids {
    entries: Vec<Missing>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    hash: u64,
    until: Duration,
    memory: Duration,
}

impl MissingKids {
    pub(super) fn contains(&self, kid: &str, now: Duration) -> bool {
        let hash = self.hasher.hash_one(kid);
        self.entries
            .iter()
            .any(|entry| entry.hash == hash && now < entry.until)
    }

    /// Remembers that a fetch did not find the kid: for ten seconds, and for twice as long each time it is found
    /// missing again. An entry outlives its time until its place is needed, so that the doubling is remembered.
    pub(super) fn note(&mut self, kid: &str, now: Duration) {
        let hash = self.hasher.hash_one(kid);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.hash == hash) {
            if now >= entry.until {
                entry.memory = entry.memory.saturating_mul(2).min(LONGEST_MEMORY);
                entry.until = now.saturating_add(entry.memory);
            }
            return;
        }
        let noted = Missing {
            hash,
            until: now.saturating_add(FIRST_MEMORY),
            memory: FIRST_MEMORY,
        };
        if self.entries.len() < MISSING_KIDS {
            self.entries.push(noted);
        } else if let Some(soonest) = self.entries.iter_mut().min_by_key(|entry| entry.until) {
            *soonest = noted;
        }
    }

    /// Forgets everything: the key set changed.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_budget_is_two_at_once_and_then_one_per_interval() {
        let mut budget = Budget::new(s(10));
        let mut spent_at = Vec::new();
        for second in 100..160 {
            while budget.available(s(second)).is_ok() {
                budget.spend(s(second));
                spent_at.push(second);
            }
        }
        assert_eq!(spent_at, [100, 100, 110, 120, 130, 140, 150]);
    }

    #[test]
    fn an_empty_budget_says_when_it_refills() {
        let mut budget = Budget::new(s(10));
        budget.spend(s(100));
        budget.spend(s(103));
        assert_eq!(budget.available(s(103)), Err(s(7)));
        assert_eq!(budget.available(s(109)), Err(s(1)));
        assert_eq!(budget.available(s(110)), Ok(()));
        budget.spend(s(110));
        assert_eq!(budget.available(s(110)), Err(s(10)));
    }

    #[test]
    fn a_budget_does_not_save_up_more_than_its_burst() {
        let mut budget = Budget::new(s(10));
        budget.spend(s(0));
        budget.spend(s(1_000_000));
        budget.spend(s(1_000_000));
        assert!(budget.available(s(1_000_000)).is_err());
    }

    #[test]
    fn a_missing_kid_is_remembered_for_ten_seconds_doubling_to_five_minutes() {
        let mut missing = MissingKids::default();
        let mut now = s(50);
        for memory in [10, 20, 40, 80, 160, 300, 300] {
            missing.note("gone", now);
            missing.note("gone", now + s(1));
            assert!(
                missing.contains("gone", now + s(memory) - Duration::from_nanos(1)),
                "{memory}"
            );
            now += s(memory);
            assert!(!missing.contains("gone", now), "{memory}");
        }
        assert!(!missing.contains("other", s(50)));
        missing.clear();
        missing.note("gone", now);
        assert!(!missing.contains("gone", now + s(10)));
    }

    #[test]
    fn the_memory_of_missing_kids_is_bounded() {
        let mut missing = MissingKids::default();
        for index in 0..10_000 {
            missing.note(&format!("kid-{index}"), Duration::from_millis(index));
        }
        assert_eq!(missing.len(), MISSING_KIDS);
        assert!(missing.contains("kid-9999", s(10)));
    }
}
