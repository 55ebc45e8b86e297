//! Common mistakes do not compile, and the compiler's message names the mistake.

use std::{collections::BTreeSet, fs};

mod accepted;

/// `just compile-fail` runs it; `TRYBUILD=overwrite just compile-fail` writes the messages again.
/// Each says which compiler's they are.
#[test]
fn common_mistakes_are_named() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}

/// So that a case fails for its mistake, and for nothing else.
#[test]
fn each_mistake_has_an_accepted_twin() {
    let cases: BTreeSet<String> = fs::read_dir("cases")
        .expect("the cases")
        .map(|case| case.expect("a case").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let twins: BTreeSet<String> = include_str!("accepted.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("async ")
                .unwrap_or(line)
                .strip_prefix("fn ")
        })
        .filter_map(|line| Some(line.split_once('(')?.0.to_owned()))
        .collect();
    assert_eq!(cases, twins);
}
