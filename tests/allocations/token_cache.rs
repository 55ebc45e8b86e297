//! What the token cache keeps, for tokens of every shape.

use std::hint::black_box;

use allocation_counter::measure;
use tower_cognito::{
    Verifier,
    testing::{TestPool, TokenBuilder},
    verifier::TokenCache,
};

const MAX_BYTES: usize = 512 * 1024;

type Shape<'a> = Box<dyn Fn(usize) -> TokenBuilder + 'a>;

fn verifier(pool: &TestPool, cache: TokenCache) -> Verifier {
    pool.verifier_builder()
        .max_token_bytes(64 * 1024)
        .token_cache(cache)
        .build()
        .unwrap()
}

/// Bytes of heap that a verifier keeps for the tokens it has seen, over `MAX_BYTES`.
#[allow(clippy::cast_precision_loss, reason = "bytes of a small cache")]
fn kept(pool: &TestPool, token: impl Fn(usize) -> TokenBuilder) -> f64 {
    let length = token(0).build().len();
    // Enough to fill the cache twice.
    let tokens = 2 * MAX_BYTES / length + 100;
    let tokens: Vec<String> = (0..tokens)
        .map(|number| token(number).claim("jti", format!("{number:08}")).build())
        .collect();
    let keep = |cache: TokenCache| {
        let mut filled = None;
        let counted = measure(|| {
            let verifier = verifier(pool, cache);
            for token in &tokens {
                verifier.try_verify(token).unwrap().unwrap();
            }
            filled = Some(black_box(verifier));
        });
        counted.bytes_current
    };
    let bytes = keep(TokenCache::with_max_bytes(MAX_BYTES)) - keep(TokenCache::disabled());
    bytes as f64 / MAX_BYTES as f64
}

#[test]
fn the_token_cache_keeps_what_it_was_given_whatever_the_tokens_look_like() {
    let pool = TestPool::new();
    let numbered = |prefix: &'static str, count: usize| {
        (0..count).map(move |number| format!("{prefix}{number}"))
    };
    let own_client = |pool: &TestPool, count| {
        let claims = pool.claims(&pool.token());
        vec![claims.client_id().to_owned(); count]
    };
    let shapes: [(&str, Shape<'_>); 7] = [
        ("plain", Box::new(|_| pool.token())),
        (
            "escaped slashes",
            Box::new(|_| {
                pool.token()
                    .scopes(numbered("https://api.example.com/a/", 50))
                    .with_escaped_slashes()
            }),
        ),
        (
            "groups",
            Box::new(|_| pool.token().user("u").groups(numbered("g", 500))),
        ),
        (
            "groups with escapes",
            Box::new(|_| {
                pool.token()
                    .user("u")
                    .groups(numbered("a/b/c/", 500))
                    .with_escaped_slashes()
            }),
        ),
        (
            "long audience",
            Box::new(|_| pool.token().claim("aud", own_client(&pool, 1000))),
        ),
        (
            "scopes",
            Box::new(|_| pool.token().scopes(numbered("profiles/", 1000))),
        ),
        (
            "long unread claim",
            Box::new(|_| pool.token().claim("note", "x".repeat(8000))),
        ),
    ];
    for (name, token) in shapes {
        let kept = kept(&pool, token);
        eprintln!("{name}: {kept:.3} of what the cache may keep");
        assert!((0.5..=1.05).contains(&kept), "{name}: {kept:.3}");
    }
}
