//! Tokens that were verified a moment ago.
//!
//! A hit is exactly equivalent to verifying again, because everything that could make the answer
//! differ is checked again: the dates, the service's own check, the generation of the keys and
//! whether they may still be used. What is not checked again is a function of the token's bytes
//! and the configuration, and the bytes are compared whole.

use std::hash::{Hash, Hasher};

use quick_cache::{Equivalent, OptionsBuilder, Weighter, sync::Cache};

use crate::{
    keys::Generation,
    metrics::{self, TokenLookup},
    token::{claims::Claims, expectations::PoolIndex},
};

/// 8 MiB.
const DEFAULT_MAX_BYTES: usize = 8 * 1024 * 1024;

/// What an entry costs beside the token and its claims: the table's slot, its links and the
/// allocations' headers.
const ENTRY_OVERHEAD: usize = 128;

/// How much memory verified tokens may take.
///
/// A caller sends the same token for as long as it lives. The cache spares the RSA verification of
/// all but the first request, and gives the same answers as without it. It is on by default.
///
/// # Examples
///
/// ```
/// use tower_cognito::verifier::TokenCache;
///
/// // Room for some ten thousand tokens instead of some three thousand.
/// let roomy = TokenCache::with_max_bytes(32 * 1024 * 1024);
/// let off = TokenCache::disabled();
/// # let _ = (roomy, off);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCache {
    max_bytes: usize,
}

impl TokenCache {
    /// Verifies every token again.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { max_bytes: 0 }
    }

    /// Keeps at most so many bytes of tokens and claims. The default is 8 MiB.
    #[must_use]
    pub const fn with_max_bytes(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::with_max_bytes(DEFAULT_MAX_BYTES)
    }
}

/// The cache itself. It contains accepted tokens only.
pub(crate) struct VerifiedTokens {
    entries: Option<Cache<Token, VerifiedToken, Bytes, foldhash::fast::RandomState>>,
}

/// What is known of a token in the cache.
#[derive(Clone)]
pub(crate) struct VerifiedToken {
    pub(crate) claims: Claims,
    pub(crate) pool: PoolIndex,
    /// The keys that it was verified with.
    pub(crate) generation: Generation,
}

impl VerifiedTokens {
    pub(crate) fn new(config: TokenCache) -> Self {
        let TokenCache { max_bytes } = config;
        // The options can only be rejected for lack of a capacity, and both are given.
        let options = OptionsBuilder::new()
            .weight_capacity(max_bytes as u64)
            .estimated_items_capacity(max_bytes / 3072)
            .build()
            .ok()
            .filter(|_| max_bytes > 0);
        Self {
            entries: options.map(|options| {
                Cache::with_options(
                    options,
                    Bytes,
                    foldhash::fast::RandomState::default(),
                    Default::default(),
                )
            }),
        }
    }

    #[inline]
    pub(crate) fn get(&self, token: &[u8]) -> Option<VerifiedToken> {
        let known = self.entries.as_ref()?.get(&Seen(token));
        if known.is_none() {
            metrics::token_looked_up(TokenLookup::Miss);
        }
        known
    }

    pub(crate) fn insert(&self, token: &[u8], verified: VerifiedToken) {
        if let Some(entries) = &self.entries {
            entries.insert(Token(token.into()), verified);
        }
    }

    pub(crate) fn remove(&self, token: &[u8]) {
        if let Some(entries) = &self.entries {
            entries.remove(&Seen(token));
        }
    }
}

/// A whole compact token. Equality is of all its bytes.
#[derive(PartialEq, Eq)]
struct Token(Box<[u8]>);

/// A token to look up.
struct Seen<'a>(&'a [u8]);

/// Only the end of the signature is hashed. A stranger cannot choose it: every token in the cache
/// carries a signature that verified, so its bytes are as good as random. The hash decides where to
/// look, and equality whether it was found.
#[inline(always)]
fn hash_tail<H: Hasher>(token: &[u8], state: &mut H) {
    let Some(last) = token.last_chunk::<16>() else {
        return state.write(token);
    };
    // As a number, which takes a third of the instructions that a slice of bytes takes.
    state.write_u128(u128::from_ne_bytes(*last));
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_tail(&self.0, state);
    }
}

impl Hash for Seen<'_> {
    // So that the hasher's state stays in registers.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_tail(self.0, state);
    }
}

impl Equivalent<Token> for Seen<'_> {
    #[inline]
    fn equivalent(&self, token: &Token) -> bool {
        *self.0 == *token.0
    }
}

/// Counts an entry in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Token, VerifiedToken> for Bytes {
    fn weight(&self, token: &Token, verified: &VerifiedToken) -> u64 {
        (token.0.len() + verified.claims.memory() + ENTRY_OVERHEAD) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;
    use crate::{
        AllowedClients, Verifier,
        json::Span,
        testing::{TestPool, TokenBuilder},
    };

    fn verified() -> (Vec<u8>, VerifiedToken) {
        let pool = TestPool::new();
        let token = pool.token();
        let verified = VerifiedToken {
            claims: pool.claims(&token),
            pool: PoolIndex(0),
            generation: Generation::default(),
        };
        (token.build().into_bytes(), verified)
    }

    #[test]
    fn a_token_is_found_again_by_all_of_its_bytes() {
        let (token, verified) = verified();
        let tokens = VerifiedTokens::new(TokenCache::default());
        assert!(tokens.get(&token).is_none());
        tokens.insert(&token, verified.clone());
        let found = tokens.get(&token).unwrap();
        assert_eq!(found.claims.token_id(), verified.claims.token_id());
        // The hash is that of the last bytes, and these are the same.
        let mut forged = token.clone();
        forged[0] ^= 1;
        assert!(tokens.get(&forged).is_none());
        assert!(tokens.get(&token[1..]).is_none());
        tokens.remove(&forged);
        assert!(tokens.get(&token).is_some());
        tokens.remove(&token);
        assert!(tokens.get(&token).is_none());
    }

    #[test]
    fn the_hash_is_that_of_the_last_16_bytes() {
        let state = foldhash::fast::RandomState::default();
        let hash = |token: &[u8]| {
            let sought = state.hash_one(Seen(token));
            assert_eq!(sought, state.hash_one(Token(token.into())));
            sought
        };
        let tail = |first| [&[first][..], &[b's'; 15]].concat();
        let token = |head, first| [head, tail(first).as_slice()].concat();
        assert_eq!(hash(&token(b"a.b.", 1)), hash(&token(b"longer.b.", 1)));
        assert_ne!(hash(&token(b"a.b.", 1)), hash(&token(b"a.b.", 2)));
        assert_ne!(hash(b"short"), hash(b"shorter"));
    }

    #[test]
    fn tokens_take_the_bytes_that_were_given_and_no_more() {
        let (_, verified) = verified();
        let token = |number: u32| format!("{number:01000}").into_bytes();
        let each = 1000 + verified.claims.memory() + ENTRY_OVERHEAD;
        let weight = Bytes.weight(&Token(token(0).into()), &verified);
        assert_eq!(weight, each as u64);

        let room = 1 << 20;
        let tokens = VerifiedTokens::new(TokenCache::with_max_bytes(room));
        for number in 0..2000 {
            tokens.insert(&token(number), verified.clone());
        }
        let entries = tokens.entries.unwrap();
        let taken = entries.len() * each;
        assert!(taken <= room && taken > room / 2, "{taken}");
    }

    #[test]
    fn the_claims_count_with_their_payload_and_their_groups() {
        let pool = TestPool::new();
        let memory = |token: &TokenBuilder| pool.claims(token).memory();
        let plain = memory(&pool.token());
        assert!((300..1000).contains(&plain), "{plain}");
        let long = memory(&pool.token().claim("note", "x".repeat(10_000)));
        assert!((10_000..15_000).contains(&(long - plain)), "{long}");

        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let user = || pool.token().user("user-1").groups([""; 0]);
        let in_groups = memory(&user().claim("cognito:groups", names));
        let not_in_groups = memory(&user().claim("cognito:grouqs", names));
        assert_eq!(in_groups - not_in_groups, 10 * size_of::<Span>());

        let token = pool.token().scopes(["orders/get", "notes/get"]);
        let narrowed = pool.pinned_user_pool().with_resource_servers(["orders"]);
        let verifier = Verifier::builder(narrowed.unwrap(), AllowedClients::any())
            .clock(pool.clock())
            .build()
            .unwrap();
        let claims = verifier.try_verify(&token.build()).unwrap().unwrap();
        assert_eq!(claims.memory() - memory(&token), "orders/get".len());
    }

    #[test]
    fn eight_mebibytes_are_kept_unless_set_and_nothing_when_disabled() {
        let default = TokenCache::with_max_bytes(8_388_608);
        assert_eq!(TokenCache::default(), default);
        let (token, verified) = verified();
        let tokens = VerifiedTokens::new(TokenCache::disabled());
        tokens.insert(&token, verified);
        assert!(tokens.get(&token).is_none());
    }
}
