//! Whose tokens are accepted has to be said.
use tower_cognito::{UserPool, Verifier};

fn verifier(pool: UserPool) {
    let _ = Verifier::builder(pool);
}

fn main() {}
