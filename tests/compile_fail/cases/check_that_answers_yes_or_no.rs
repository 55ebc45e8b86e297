//! A check says why it rejects; true and false do not.
use tower_cognito::{AllowedClients, UserPool, Verifier};

fn verifier(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).check(|claims| claims.has_scope("profiles/get"));
}

fn main() {}
