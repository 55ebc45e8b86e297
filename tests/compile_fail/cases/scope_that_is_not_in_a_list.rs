//! Scopes are a list, also if it is one.
use tower_cognito::{RequireScopesLayer, ScopePolicy};

fn main() {
    let _ = ScopePolicy::all_of("profiles/get");
    let _ = RequireScopesLayer::all_of("profiles/get");
}
