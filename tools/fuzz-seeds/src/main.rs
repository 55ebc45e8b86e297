//! Writes the seeds of the fuzz targets to where libFuzzer reads them:
//! `cargo run -p fuzz-seeds -- DIRECTORY`, as `just fuzz` does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it stops at the first surprise"
)]

#[path = "../../../tests/support/seeds.rs"]
mod seeds;
#[path = "../../../tests/support/table/mod.rs"]
mod table;

use std::{env, fs, path::Path};

fn main() {
    let root = env::args().nth(1).expect("the directory is named");
    for (target, seeds) in seeds::seeds() {
        let directory = Path::new(&root).join(target);
        fs::create_dir_all(&directory).unwrap();
        for (index, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("fixture-{index}")), seed).unwrap();
        }
    }
}
