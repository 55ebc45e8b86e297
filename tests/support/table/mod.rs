//! The tables of `fixtures/cases/`, and how a case is replayed. See `fixtures/cases/README.md`.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod divergences;
pub(crate) mod replay;
pub(crate) mod row;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use self::row::{Case, Profile};

/// Each group with its number of cases: a group that loses one must say so here.
pub(crate) const GROUPS: [(&str, usize); 11] = [
    ("accepted", 65),
    ("claims", 175),
    ("header", 188),
    ("http", 133),
    ("issuer", 69),
    ("jwks", 80),
    ("scopes", 110),
    ("settings", 27),
    ("shape", 170),
    ("signature", 57),
    ("times", 187),
];

pub(crate) fn group(name: &str) -> Vec<Case> {
    read(&format!("cases/{name}.json"))
}

pub(crate) fn all() -> Vec<Case> {
    GROUPS.iter().flat_map(|(name, _)| group(name)).collect()
}

pub(crate) fn profiles() -> Vec<Profile> {
    read("cases/profiles.json")
}

pub(crate) fn profile(name: &str) -> Profile {
    let found = profiles().into_iter().find(|profile| profile.name == name);
    found.unwrap_or_else(|| panic!("there is no profile {name}"))
}

/// The text of a JWK Set, or `None` of the endpoint that cannot be reached.
pub(crate) fn jwks(name: &str) -> Option<String> {
    let path = fixtures().join(format!("jwks/{name}.json"));
    (name != "unreachable").then(|| {
        let text = fs::read_to_string(&path).unwrap();
        text.trim_end_matches('\n').to_owned()
    })
}

pub(crate) fn fixtures() -> PathBuf {
    // The manifest is the crate's, or that of a tool below `tools/`.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|directory| directory.join("fixtures"))
        .find(|directory| directory.is_dir())
        .unwrap()
}

fn read<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let text = fs::read_to_string(fixtures().join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}
