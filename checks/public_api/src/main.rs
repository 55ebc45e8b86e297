//! Prints the public API that rustdoc's JSON describes, one item a line.

use std::{env, error::Error};

use public_api::Builder;

/// The auto traits that a user can name and so rely on.
const AUTO_TRAITS: [&str; 3] = ["core::marker::Send", "core::marker::Sync", "core::marker::Unpin"];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os()
        .nth(1)
        .ok_or("the argument is the path of rustdoc's JSON")?;
    let all = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .build()?;
    let without_auto_traits = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let plain = without_auto_traits
        .items()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    for item in all.items().map(ToString::to_string) {
        let relied_on = AUTO_TRAITS
            .iter()
            .any(|name| item.contains(&format!("{name} for ")));
        if relied_on || plain.contains(&item) {
            println!("{item}");
        }
    }
    Ok(())
}
