//! `fixtures/divergences.json`: where another implementation decides otherwise, and why that is
//! right.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::fixtures;

/// Implementation, then reason, then the names of the cases.
type Divergences = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Fails for a difference that is not listed, and for a listed one that is no more.
#[track_caller]
pub(crate) fn assert_listed(implementation: &str, found: &BTreeSet<String>) {
    let text = fs::read_to_string(fixtures().join("divergences.json")).unwrap();
    let all = serde_json::from_str::<Divergences>(&text).unwrap();
    let listed = all[implementation].values().flatten().cloned();
    let listed = listed.collect::<BTreeSet<_>>();
    let unlisted = found.difference(&listed).collect::<Vec<_>>();
    let vanished = listed.difference(found).collect::<Vec<_>>();
    assert!(
        unlisted.is_empty() && vanished.is_empty(),
        "{implementation}: not listed {unlisted:#?}, listed and gone {vanished:#?}"
    );
}
