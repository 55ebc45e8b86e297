//! Claims come from a token that was verified, and from nowhere else.
use tower_cognito::Claims;

fn claims() -> Claims {
    Claims::default()
}

fn forged() -> Claims {
    Claims { subject: "admin" }
}

fn main() {}
