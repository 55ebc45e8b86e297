//! A set of strings that is built once and then only read.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The values lie one after another in one buffer, each after its length; the table holds where.
///
/// A `HashSet<Box<str>>` takes one allocation and some 90 bytes for each UUID. This takes some 55,
/// and no allocation per value: it matters because a reload holds the old list and the new one.
#[derive(Clone, Debug, Default)]
pub(super) struct CompactSet {
    bytes: Vec<u8>,
    starts: HashTable<usize>,
    hasher: RandomState,
}

impl CompactSet {
    pub(super) fn insert(&mut self, value: &str) {
        let hash = self.hasher.hash_one(value.as_bytes());
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        let is_value = |start: &usize| value_at(bytes, *start) == value.as_bytes();
        if self.starts.find(hash, is_value).is_some() {
            return;
        }
        let start = self.bytes.len();
        self.starts.insert_unique(hash, start, |start| {
            hasher.hash_one(value_at(bytes, *start))
        });
        push_length(&mut self.bytes, value.len());
        self.bytes.extend_from_slice(value.as_bytes());
    }

    pub(super) fn contains(&self, value: &str) -> bool {
        if self.starts.is_empty() {
            return false;
        }
        let hash = self.hasher.hash_one(value.as_bytes());
        let is_value = |start: &usize| value_at(&self.bytes, *start) == value.as_bytes();
        self.starts.find(hash, is_value).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Gives back the memory that growing reserved.
    pub(super) fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        self.starts
            .shrink_to_fit(|start| hasher.hash_one(value_at(bytes, *start)));
    }
}

/// Seven bits to a byte, the lowest first; the top bit says that another byte follows.
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
}

fn value_at(bytes: &[u8], start: usize) -> &[u8] {
    let mut rest = bytes.get(start..).unwrap_or_default();
    let (mut length, mut shift) = (0_usize, 0_u32);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    rest.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_exactly_what_a_hash_set_holds(
            values in prop::collection::vec("[a-c]{0,3}", 0..60),
            asked in prop::collection::vec("[a-c]{0,4}", 0..60),
            shrink in any::<bool>(),
        ) {
            let mut set = CompactSet::default();
            for value in &values {
                set.insert(value);
            }
            if shrink {
                set.shrink_to_fit();
            }
            let model: HashSet<&String> = values.iter().collect();
            prop_assert_eq!(set.len(), model.len());
            for value in values.iter().chain(&asked) {
                prop_assert_eq!(set.contains(value), model.contains(value), "{:?}", value);
            }
        }
    }

    #[test]
    fn lengths_of_one_two_and_three_bytes_are_distinct() {
        let mut set = CompactSet::default();
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 100_000] {
            set.insert(&"x".repeat(length));
        }
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 100_000] {
            assert!(set.contains(&"x".repeat(length)), "{length}");
        }
        for length in [2, 126, 130, 16_382, 16_385, 99_999] {
            assert!(!set.contains(&"x".repeat(length)), "{length}");
        }
    }

    #[test]
    fn a_part_of_a_value_and_two_values_together_are_not_in_the_set() {
        let mut set = CompactSet::default();
        set.insert("client-1");
        set.insert("client-2");
        assert!(!set.contains("client-"));
        assert!(!set.contains("client-1\u{8}client-2"));
        assert!(set.contains("client-1"));
    }
}
