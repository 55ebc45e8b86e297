//! The tables of `docs/guide/observability.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::Sample;

/// What the page says of a metric.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Documented {
    pub kind: String,
    pub unit: String,
    pub description: String,
    pub labels: BTreeMap<String, Values>,
}

/// What the page says of a label.
#[derive(Debug, PartialEq, Eq)]
pub enum Values {
    Listed(BTreeSet<String>),
    /// In words: it is the service's configuration.
    Configured,
}

/// The page, by metric.
pub fn documented() -> BTreeMap<String, Documented> {
    let mut page: BTreeMap<String, Documented> = BTreeMap::new();
    let rows = include_str!("../../../docs/guide/observability.md")
        .lines()
        .filter(|line| line.starts_with("| `tower_cognito_"));
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let metric = page.entry(unquoted(cells[0])).or_default();
        match cells[1..] {
            [kind, unit, description] => {
                metric.kind = kind.to_owned();
                metric.unit = unit.to_owned();
                metric.description = description.to_owned();
            }
            [label, values] => {
                let listed: BTreeSet<_> = quoted(values).collect();
                let values = if listed.is_empty() {
                    Values::Configured
                } else {
                    Values::Listed(listed)
                };
                assert_eq!(metric.labels.insert(unquoted(label), values), None, "{row}");
            }
            _ => panic!("a row of neither table: {row}"),
        }
    }
    page
}

fn unquoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Asserts that the page has this metric, with this type and unit, these labels, and these values
/// of them.
#[track_caller]
pub fn assert_lists(page: &BTreeMap<String, Documented>, sample: &Sample) {
    let metric = page
        .get(&sample.name)
        .unwrap_or_else(|| panic!("not on the page: {sample:?}"));
    assert_eq!(metric.kind, sample.kind, "{}", sample.name);
    // What was described to another recorder is not known to this one.
    if !sample.description.is_empty() {
        assert_eq!(metric.unit, sample.unit, "{}", sample.name);
        assert_eq!(metric.description, sample.description, "{}", sample.name);
    }
    let labels: Vec<_> = sample.labels.iter().map(|(label, _)| label).collect();
    assert!(labels.into_iter().eq(metric.labels.keys()), "{sample:?}");
    for (label, value) in &sample.labels {
        if let Values::Listed(listed) = &metric.labels[label] {
            assert!(listed.contains(value), "{label}={value} of {}", sample.name);
        }
    }
}
