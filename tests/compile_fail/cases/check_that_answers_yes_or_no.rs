//! A check says why it refuses; true and false do not.
use tower_cognito::{AllowedClients, UserPool, Verifier};

fn verifier(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).check(|claims| claims.has_scope("profiles/get"));
}

fn main() {}
