//! A guard says why it rejects; the layer outside has the form.
use tower_cognito::{ConfigError, RequireScopesLayer, rejection::ProblemJson};

fn guard() -> Result<(), ConfigError> {
    let _ = RequireScopesLayer::all_of(["profiles/get"])?.rejection(ProblemJson);
    Ok(())
}

fn main() {}
