//! `docs/DESIGN.md` and the other pages name only files that exist, and the drawings name what is
//! in them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|page| root().join(page))
        .to_vec();
    for folder in ["docs", "docs/guide"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// What a page calls by its path from the root: words that begin with one of the folders.
fn named_paths(page: &str) -> BTreeSet<&str> {
    let folders = [
        "benches/",
        "checks/",
        "docs/",
        "examples/",
        "fixtures/",
        "fuzz/",
        "src/",
        "tests/",
        "tools/",
    ];
    page.split(|character: char| {
        !(character.is_ascii_alphanumeric() || "/._-*{".contains(character))
    })
    .map(|word| {
        word.trim_end_matches('.')
            .trim_start_matches("./")
            .trim_start_matches("../")
    })
    .filter(|word| folders.iter().any(|folder| word.starts_with(folder)))
    // `{a,b}` and `*` stand for several.
    .filter(|word| !word.contains(['{', '*']))
    // A method of the Model Context Protocol.
    .filter(|word| *word != "tools/call")
    .collect()
}

/// The lines of a drawing that begin with a file: the file, and the name after it.
fn steps(page: &str) -> Vec<(&str, &str)> {
    page.lines()
        .filter(|line| line.starts_with("src/"))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[test]
fn each_file_that_a_page_names_is_there() {
    let mut missing = Vec::new();
    let mut count = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for named in named_paths(&page) {
            count += 1;
            if !root().join(named).exists() {
                missing.push(format!("{}: {named}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 50, "{count}");
}

#[test]
fn each_step_of_a_drawing_is_in_its_file() {
    let page = fs::read_to_string(root().join("docs/DESIGN.md")).unwrap();
    let steps = steps(&page);
    for (file, name) in &steps {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let is_there = ["fn ", "struct "]
            .iter()
            .any(|kind| text.contains(&format!("{kind}{name}")));
        assert!(is_there, "{file} has no {name}");
    }
    assert!(steps.len() > 25, "{steps:?}");
}

/// So that no room is forgotten when one is added.
#[test]
fn the_map_names_each_file_and_folder_of_src() {
    let page = fs::read_to_string(root().join("docs/DESIGN.md")).unwrap();
    let (_, map) = page.split_once("## Map of `src/`").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        // Compiled for the documentation only.
        let is_named = name == "guide.rs" || map.contains(&format!("`src/{name}{slash}`"));
        assert!(is_named, "the map does not name src/{name}");
    }
}
