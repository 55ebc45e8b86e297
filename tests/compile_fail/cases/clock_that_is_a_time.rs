//! A clock tells the time again and again; a time does not.
use std::time::SystemTime;

use tower_cognito::{AllowedClients, UserPool, Verifier};

fn verifier(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).clock(SystemTime::UNIX_EPOCH);
}

fn main() {}
