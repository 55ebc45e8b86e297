//! A rule says why it denies; true and false do not.
use tower_cognito::{Claims, RequireClaimsLayer};

fn guard() {
    let _ = RequireClaimsLayer::new(|claims: &Claims| claims.groups().any(|group| group == "admins"));
}

fn main() {}
