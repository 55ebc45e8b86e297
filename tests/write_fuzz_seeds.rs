//! Writes the seeds to where libFuzzer reads them: `cargo test --test write_fuzz_seeds -- DIRECTORY`, which `just fuzz` runs. No test,
//! and no part of `cargo test`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it stops at the first surprise"
)]

mod seeds;
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
