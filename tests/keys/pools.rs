//! Several pools: each has its keys, and pools behind one endpoint share them.

use std::time::Duration;

use tower_cognito::{
    AllowedClients, UserPool, Verifier,
    keys::{ConnectError, FetchError, JwksResponse, KeyState},
    testing::{Key, ScriptedFetcher, TestPool},
};

use crate::rig::{HOUR, bounded, settle};

fn two_pools(second: UserPool, fetcher: &ScriptedFetcher) -> (TestPool, Verifier) {
    let pool = TestPool::new();
    let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
        .add_pool(second, AllowedClients::any())
        .fetcher(fetcher.clone())
        .clock(pool.clock())
        .build()
        .unwrap();
    (pool, verifier)
}

#[tokio::test(start_paused = true)]
async fn pools_behind_one_url_share_one_fetch() {
    let first = TestPool::new();
    let second =
        UserPool::external("https://issuer.example", first.user_pool().jwks_url()).unwrap();
    let fetcher = ScriptedFetcher::new().respond(JwksResponse::document(first.jwks()));
    let (pool, verifier) = two_pools(second, &fetcher);
    assert_eq!(bounded(verifier.warm_up()).await, Ok(()));
    assert!(verifier.try_verify(&pool.token().build()).unwrap().is_ok());
    let other = pool.token().claim("iss", "https://issuer.example").build();
    assert!(verifier.try_verify(&other).unwrap().is_ok());
    assert_eq!(fetcher.calls(), 1);
    fetcher.assert_used_up();
}

#[tokio::test(start_paused = true)]
async fn pools_of_different_urls_have_keys_and_troubles_of_their_own() {
    let other = TestPool::with_id("eu-west-1_TestOnly2").unwrap();
    let fetcher = ScriptedFetcher::new();
    let (pool, verifier) = two_pools(other.user_pool(), &fetcher);
    // In the order of the pools.
    fetcher
        .respond(JwksResponse::document(pool.jwks_of([Key::Access])))
        .fail(FetchError::Connect(ConnectError::Refused));
    assert_eq!(
        bounded(verifier.warm_up()).await,
        Err(FetchError::Connect(ConnectError::Refused))
    );
    assert_eq!(
        fetcher.urls(),
        [pool.user_pool().jwks_url(), other.user_pool().jwks_url()]
    );
    let states = verifier.key_statuses();
    assert_eq!(states[0].state(), KeyState::Fresh);
    assert_eq!(states[1].state(), KeyState::Empty);
    assert_eq!(
        verifier.key_status(),
        states[1],
        "the one that is doing worst"
    );

    assert!(verifier.try_verify(&pool.token().build()).unwrap().is_ok());
    pool.clock().advance(HOUR);
    fetcher.respond(JwksResponse::document(other.jwks_of([Key::Access])));
    let of_other = other
        .token()
        .issued_at(tower_cognito::clock::Clock::now(&pool.clock()));
    assert!(bounded(verifier.verify(&of_other.build())).await.is_ok());
    settle().await;
    assert_eq!(verifier.key_statuses()[0].state(), KeyState::Due);
}

#[tokio::test(start_paused = true)]
async fn warming_up_tries_every_pool() {
    let other = TestPool::with_id("eu-west-1_TestOnly2").unwrap();
    let fetcher = ScriptedFetcher::new();
    let (pool, verifier) = two_pools(other.user_pool(), &fetcher);
    fetcher
        .fail(FetchError::Timeout)
        .respond(JwksResponse::document(pool.jwks()));
    assert_eq!(bounded(verifier.warm_up()).await, Err(FetchError::Timeout));
    assert_eq!(verifier.key_statuses()[1].state(), KeyState::Fresh);
    fetcher.assert_used_up();
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "tokio's clock is paused")]
async fn pools_are_warmed_up_at_the_same_time() {
    for hangs in [false, true] {
        let fetcher = ScriptedFetcher::new();
        let pool = UserPool::new("eu-west-1_A0").unwrap();
        let mut builder = Verifier::builder(pool, AllowedClients::any());
        for number in 0..5 {
            if hangs {
                fetcher.hang();
            } else {
                let keys = JwksResponse::document(TestPool::new().jwks());
                fetcher.respond_after(Duration::from_secs(2), keys);
            }
            if number > 0 {
                let pool = UserPool::new(&format!("eu-west-1_A{number}")).unwrap();
                builder = builder.add_pool(pool, AllowedClients::any());
            }
        }
        let verifier = builder.fetcher(fetcher.clone()).build().unwrap();
        let started = tokio::time::Instant::now();
        assert_eq!(bounded(verifier.warm_up()).await.is_err(), hangs);
        let longest = Duration::from_secs(if hangs { 5 } else { 2 });
        let took = started.elapsed();
        assert!(took < longest + Duration::from_millis(100), "{took:?}");
        assert_eq!(fetcher.calls(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_whose_endpoint_is_down_does_not_make_the_service_unready() {
    let other = TestPool::with_id("eu-west-1_TestOnly2").unwrap();
    let fetcher = ScriptedFetcher::new();
    let (pool, verifier) = two_pools(other.user_pool(), &fetcher);
    assert!(!verifier.is_ready(), "none has keys");
    fetcher
        .respond(JwksResponse::document(pool.jwks()))
        .fail(FetchError::TooLarge);
    assert!(bounded(verifier.warm_up()).await.is_err());
    assert!(verifier.is_ready());
    let ready = verifier.key_statuses();
    assert_eq!([ready[0].is_ready(), ready[1].is_ready()], [true, false]);
    assert!(!verifier.key_status().is_ready(), "the worst");

    fetcher.always_fail(FetchError::TooLarge);
    pool.clock().advance(24 * HOUR);
    assert!(!verifier.is_ready(), "all have expired");
}
