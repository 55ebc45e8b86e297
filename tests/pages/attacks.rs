//! `docs/ATTACKS.md` names only tests and rows that exist, and leaves out no CVE that the tables
//! cite.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{collections::BTreeSet, fs, path::Path};

use crate::table;

/// An attack, and what is said to hold against it: pairs of a file and a name in it.
struct Section {
    title: String,
    held_by: Vec<(String, String)>,
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ATTACKS.md")).unwrap()
}

/// Reads the paragraphs that begin with `Held by`: a link sets the file, and each name in backticks
/// after it is in that file.
fn sections(page: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    for text in page.split("\n### ").skip(1) {
        let (title, body) = text.split_once('\n').unwrap();
        let held_by = body
            .split("\n\n")
            .find_map(|paragraph| paragraph.trim().strip_prefix("Held by "))
            .unwrap_or_default();
        let mut file = String::new();
        let mut names = Vec::new();
        for piece in held_by.split_inclusive(['(', ')', '`']) {
            match piece.strip_suffix(')') {
                Some(target) => file = target.strip_prefix("../").unwrap_or(target).to_owned(),
                None => names.push((file.clone(), piece.trim_end_matches('`').to_owned())),
            }
        }
        // What is between two names is a comma, a line break or a link's text.
        names.retain(|(_, name)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        sections.push(Section {
            title: title.to_owned(),
            held_by: names,
        });
    }
    sections
}

/// What is wrong with a reference, if anything.
fn problem(file: &str, name: &str) -> Option<String> {
    let Ok(text) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else {
        return Some(format!("{file} does not exist"));
    };
    let stem = Path::new(file).file_stem().unwrap().to_str().unwrap();
    let exists = if file.ends_with(".json") {
        table::group(stem).iter().any(|case| case.name == name)
    } else {
        // A test, and not just any function: its attributes are between it and what comes before.
        text.split_once(&format!("fn {name}("))
            .is_some_and(|(before, _)| {
                let attributes = before.rsplit(['}', '{', ';']).next().unwrap_or_default();
                attributes.contains("#[test]") || attributes.contains("#[tokio::test")
            })
    };
    (!exists).then(|| format!("{file} has no {name}"))
}

#[test]
fn every_attack_is_held_by_tests_that_exist() {
    let mut problems = Vec::new();
    let sections = sections(&page());
    for Section { title, held_by } in &sections {
        if held_by.is_empty() {
            problems.push(format!("{title}: nothing is named that holds against it"));
        }
        for (file, name) in held_by {
            if let Some(problem) = problem(file, name) {
                problems.push(format!("{title}: {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let names = sections.iter().map(|section| section.held_by.len());
    assert!(sections.len() >= 39 && names.sum::<usize>() >= 230);
}

#[test]
fn every_cve_that_a_case_cites_is_on_the_page() {
    let page = page();
    let cited = table::all()
        .iter()
        .flat_map(|case| case.rule.split([' ', ';', ',']))
        .filter(|word| word.starts_with("CVE-"))
        .map(str::to_owned)
        .collect::<BTreeSet<_>>();
    let missing = cited
        .iter()
        .filter(|cve| !page.contains(cve.as_str()))
        .collect::<Vec<_>>();
    assert!(cited.len() > 15 && missing.is_empty(), "{missing:?}");
}

#[test]
fn a_name_that_does_not_exist_is_noticed() {
    let page = "\n### a\n\nHeld by [header.json](../fixtures/cases/header.json): `alg_none_0`,\n`no_such_row`; [layer.rs](../tests/layer/service.rs): `claims_from_outside_are_removed`.\n\n### b\n\nNothing.\n";
    let sections = sections(page);
    let names = sections[0]
        .held_by
        .iter()
        .map(|(file, name)| (file.as_str(), name.as_str()))
        .collect::<Vec<_>>();
    let header = "fixtures/cases/header.json";
    let layer = ("tests/layer/service.rs", "claims_from_outside_are_removed");
    assert_eq!(
        names,
        [(header, "alg_none_0"), (header, "no_such_row"), layer]
    );
    assert_eq!(problem(header, "alg_none_0"), None);
    assert!(problem(header, "no_such_row").is_some());
    assert_eq!(problem(layer.0, layer.1), None);
    assert!(problem(layer.0, "no_such_test").is_some());
    assert!(problem("tests/no_such_file.rs", layer.1).is_some());
    assert!(sections[1].held_by.is_empty());
}
