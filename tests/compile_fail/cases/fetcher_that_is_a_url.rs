//! A fetcher fetches; the URL belongs to the pool.
use tower_cognito::{AllowedClients, UserPool, Verifier};

fn verifier(pool: UserPool) {
    let _ = Verifier::builder(pool, AllowedClients::any()).fetcher("https://example.com/jwks.json");
}

fn main() {}
