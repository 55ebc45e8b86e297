//! A long policy, as an index of its scopes.

use std::collections::HashMap;

use super::Scope;

/// The scopes of a long policy by their names.
pub(super) struct Index {
    numbers: HashMap<Scope, usize, foldhash::fast::RandomState>,
    /// A bit for each length that one of them has. Most scopes of a token that are not named differ
    /// in length from all that are.
    lengths: u64,
    /// The alternatives by the numbers of their scopes.
    alternatives: Box<[Box<[usize]>]>,
}

impl Index {
    /// So many scopes are compared one by one.
    const FEW: usize = 4;

    pub(super) fn of(list: &[Box<[Scope]>]) -> Option<Self> {
        if list.iter().map(|scopes| scopes.len()).sum::<usize>() <= Self::FEW {
            return None;
        }
        let mut numbers = HashMap::default();
        let mut lengths = 0;
        let mut number = |scope: &Scope| {
            lengths |= Self::bit(scope.len());
            let next = numbers.len();
            *numbers.entry(scope.clone()).or_insert(next)
        };
        let alternatives = list
            .iter()
            .map(|scopes| scopes.iter().map(&mut number).collect())
            .collect();
        Some(Self {
            numbers,
            lengths,
            alternatives,
        })
    }

    pub(super) fn is_met_by<'a>(&self, granted: impl Iterator<Item = &'a str>) -> bool {
        let mut is_granted = Flags::new(self.numbers.len());
        for scope in granted {
            if self.lengths & Self::bit(scope.len()) != 0
                && let Some(&number) = self.numbers.get(scope)
            {
                is_granted.set(number);
            }
        }
        self.alternatives
            .iter()
            .any(|required| required.iter().all(|&number| is_granted.get(number)))
    }

    const fn bit(length: usize) -> u64 {
        1 << (length % 64)
    }
}

/// A flag for each of some scopes, on the stack unless they are more than 256.
struct Flags {
    few: [u64; 4],
    many: Vec<u64>,
}

impl Flags {
    fn new(count: usize) -> Self {
        let words = count.div_ceil(64);
        Self {
            few: [0; 4],
            many: vec![0; if words > 4 { words } else { 0 }],
        }
    }

    fn set(&mut self, number: usize) {
        let words = if self.many.is_empty() {
            &mut self.few[..]
        } else {
            &mut self.many
        };
        if let Some(word) = words.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn get(&self, number: usize) -> bool {
        let words = if self.many.is_empty() {
            &self.few[..]
        } else {
            &self.many
        };
        words
            .get(number / 64)
            .is_some_and(|word| word & 1 << (number % 64) != 0)
    }
}
