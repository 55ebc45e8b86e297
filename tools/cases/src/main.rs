//! Writes `fixtures/cases/` and `fixtures/jwks/`: the tables that the tests replay, made from the
//! fixture keys.
//!
//! `cargo run -p cases` writes them, `-- --check` fails if they differ. RS256 has no randomness, so
//! a run on any machine writes the same bytes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a program for maintainers, for which a panic is the clearest failure"
)]

mod accepted;
mod claims;
mod constants;
mod header;
mod http;
mod issuer;
mod jwks;
mod key_sets;
mod profiles;
#[path = "../../../tests/support/table/row.rs"]
mod row;
mod scopes;
mod settings;
mod shape;
mod signature;
mod table;
mod times;
mod token;

use std::{env, fs, path::Path, process::ExitCode};

use table::Table;

fn main() -> ExitCode {
    let check = env::args().any(|argument| argument == "--check");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut stale = Vec::new();
    let mut rows = 0;
    for (file, text) in files(&mut rows) {
        let path = fixtures.join(&file);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        if !check {
            fs::create_dir_all(path.parent().unwrap()).expect("the directory can be made");
            fs::write(&path, text).expect("the file can be written");
        }
        stale.push(file);
    }
    println!("{rows} cases, {} files differed", stale.len());
    if check && !stale.is_empty() {
        println!("run `cargo run -p cases`, and look at what changed: {stale:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Group(&'static str, fn(&mut Table));

/// Every generated file with its text.
fn files(rows: &mut usize) -> Vec<(String, String)> {
    let mut files = vec![(
        "cases/profiles.json".to_owned(),
        lines(profiles::all().iter()),
    )];
    for (name, document) in key_sets::all() {
        files.push((format!("jwks/{name}"), document));
    }
    let groups = [
        Group("accepted", accepted::cases),
        Group("claims", claims::cases),
        Group("header", header::cases),
        Group("http", http::cases),
        Group("issuer", issuer::cases),
        Group("jwks", jwks::cases),
        Group("scopes", scopes::cases),
        Group("settings", settings::cases),
        Group("shape", shape::cases),
        Group("times", times::cases),
        Group("signature", signature::cases),
    ];
    for Group(group, cases) in groups {
        let mut table = Table::default();
        cases(&mut table);
        *rows += table.cases().len();
        files.push((format!("cases/{group}.json"), lines(table.cases().iter())));
    }
    files
}

/// A JSON list with one element a line, so that a change of one case is a change of one line.
fn lines<T: serde::Serialize>(elements: impl Iterator<Item = T>) -> String {
    let lines = elements
        .map(|element| serde_json::to_string(&element).expect("a case is JSON"))
        .collect::<Vec<_>>();
    format!("[\n{}\n]\n", lines.join(",\n"))
}
