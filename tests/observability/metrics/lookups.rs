//! One count per look into the token cache.

use std::time::Duration;

use tower_cognito::{
    testing::{Key, TestPool},
    verifier::TokenCache,
};

use crate::{
    recorded::Recorded,
    rig::{HOUR, Rig, settle},
};

const LOOKUPS: &str = "tower_cognito_token_cache_lookups_total";

fn counted(recorded: &Recorded) -> Vec<String> {
    recorded.take_rows(LOOKUPS, &["outcome"])
}

#[tokio::test]
async fn a_token_misses_once_and_then_hits() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let verifier = pool.verifier();
    let token = pool.token().build();
    for expected in ["miss 1", "hit 1", "hit 1"] {
        assert!(verifier.verify(&token).await.is_ok());
        assert_eq!(counted(&recorded), [expected]);
    }
}

#[tokio::test]
async fn what_is_rejected_misses_every_time() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let verifier = pool.verifier();
    for token in [pool.token().tampered().build(), "garbage".to_owned()] {
        for _ in 0..2 {
            assert!(verifier.verify(&token).await.is_err());
            assert_eq!(counted(&recorded), ["miss 1"]);
        }
    }
    assert!(verifier.verify(&"x".repeat(20_000)).await.is_err());
    assert_eq!(
        counted(&recorded),
        Vec::<String>::new(),
        "a token that is too long is not looked up"
    );
}

#[tokio::test]
async fn a_token_that_expired_meanwhile_is_answered_by_the_cache_once() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let verifier = pool.verifier();
    let token = pool.token().build();
    assert!(verifier.verify(&token).await.is_ok());
    pool.clock().advance(Duration::from_secs(24 * 60 * 60));
    recorded.take();
    for expected in ["hit 1", "miss 1"] {
        assert!(verifier.verify(&token).await.is_err());
        assert_eq!(counted(&recorded), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_keys_changed_is_stale_once() {
    let rig = Rig::warm().await;
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let token = rig.token();
    assert!(rig.verify(&token).await.is_ok());
    rig.advance(HOUR);
    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Unpublished]));
    assert!(rig.verify(&token).await.is_ok());
    settle().await;
    recorded.take();
    for expected in ["stale 1", "hit 1"] {
        assert!(rig.verify(&token).await.is_ok());
        assert_eq!(counted(&recorded), [expected]);
    }
}

#[tokio::test]
async fn a_cache_that_is_off_is_not_counted() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let verifier = pool
        .verifier_builder()
        .token_cache(TokenCache::disabled())
        .build()
        .unwrap();
    assert!(verifier.verify(&pool.token().build()).await.is_ok());
    assert_eq!(counted(&recorded), Vec::<String>::new());
}
