//! A verifier that has to fetch its keys, and remembers no token: for tests of what happens
//! meanwhile.

use tower_cognito::{
    AllowedClients, Verifier,
    testing::{ScriptedFetcher, TestPool},
    verifier::TokenCache,
};

pub(crate) fn fetching(pool: &TestPool, fetcher: &ScriptedFetcher) -> Verifier {
    Verifier::builder(pool.user_pool(), AllowedClients::any())
        .clock(pool.clock())
        .fetcher(fetcher.clone())
        .token_cache(TokenCache::disabled())
        .build()
        .unwrap()
}
