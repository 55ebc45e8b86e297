//! Claims come from a token that was verified, and from nowhere else.
use tower_cognito::Claims;

fn claims(json: &str) -> Claims {
    serde_json::from_str(json).unwrap()
}

fn main() {}
