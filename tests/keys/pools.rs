//! Several pools: each has its keys, and pools behind one endpoint share them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_cognito::{
    AllowedClients, AuthError, UserPool, Verifier,
    keys::{ConnectError, FetchError, FetchJwks, JwksRequest, JwksResponse, KeyState},
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
async fn pools_share_a_fetch_if_their_second_url_is_the_same_too() {
    const ONE: Option<&str> = Some("https://one.example/jwks.json");
    const OTHER: Option<&str> = Some("https://other.example/jwks.json");
    for (fallbacks, fetches) in [
        ([None, None], 1),
        ([ONE, ONE], 1),
        ([ONE, OTHER], 2),
        ([ONE, None], 2),
        ([None, ONE], 2),
    ] {
        let pool = TestPool::new();
        let with_fallback = |pool: UserPool, url: Option<&str>| match url {
            Some(url) => pool.with_fallback_jwks_url(url).unwrap(),
            None => pool,
        };
        let second = pool.user_pool();
        let second = second.with_exact_issuer("https://issuer.example").unwrap();
        let [first, second] = [
            with_fallback(pool.user_pool(), fallbacks[0]),
            with_fallback(second, fallbacks[1]),
        ];
        let fetcher = ScriptedFetcher::new();
        for _ in 0..fetches {
            fetcher.respond(JwksResponse::document(pool.jwks()));
        }
        let verifier = Verifier::builder(first, AllowedClients::any())
            .add_pool(second, AllowedClients::any())
            .fetcher(fetcher.clone())
            .clock(pool.clock())
            .build()
            .unwrap();
        assert_eq!(bounded(verifier.warm_up()).await, Ok(()));
        fetcher.assert_used_up();
        assert_eq!(fetcher.calls(), fetches, "{fallbacks:?}");
    }
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

/// The documents of several pools by their URL. A URL without one is down.
#[derive(Clone, Default)]
struct Endpoints(Arc<Mutex<HashMap<String, String>>>);

impl Endpoints {
    fn publish(&self, pool: &TestPool, document: String) {
        let url = pool.user_pool().jwks_url().to_owned();
        self.0.lock().unwrap().insert(url, document);
    }

    fn break_down(&self, pool: &TestPool) {
        self.0.lock().unwrap().remove(pool.user_pool().jwks_url());
    }
}

impl FetchJwks for Endpoints {
    async fn fetch(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let document = self.0.lock().unwrap().get(request.url).cloned();
        document
            .map(JwksResponse::document)
            .ok_or(FetchError::Connect(ConnectError::Refused))
    }
}

fn three_pools() -> ([TestPool; 3], Endpoints, Verifier) {
    let pools = ["eu-west-1_A", "eu-west-1_B", "eu-west-1_C"];
    let pools = pools.map(|id| TestPool::with_id(id).unwrap());
    let endpoints = Endpoints::default();
    let [first, second, third] = pools.each_ref().map(TestPool::user_pool);
    let verifier = Verifier::builder(first, AllowedClients::any())
        .add_pool(second, AllowedClients::any())
        .add_pool(third, AllowedClients::any())
        .fetcher(endpoints.clone())
        .clock(pools[0].clock())
        .build()
        .unwrap();
    (pools, endpoints, verifier)
}

/// The token cache keeps which pool a token is of, and a pool's generation of keys says nothing of
/// another pool's.
#[tokio::test(start_paused = true)]
async fn a_seen_token_stops_working_when_its_own_pool_withdraws_its_key() {
    for withdrawn in 0..3 {
        let (pools, endpoints, verifier) = three_pools();
        for pool in &pools {
            endpoints.publish(pool, pool.jwks());
        }
        assert_eq!(bounded(verifier.warm_up()).await, Ok(()));
        let tokens = pools
            .each_ref()
            .map(|pool| pool.token().expires_in(24 * HOUR).build());
        for token in &tokens {
            assert!(verifier.try_verify(token).unwrap().is_ok());
        }
        let publish = [Key::Id, Key::Access].map(|key| pools[withdrawn].jwks_of([key]));
        for (document, is_there) in publish.into_iter().zip([false, true]) {
            endpoints.publish(&pools[withdrawn], document);
            pools[0].clock().advance(HOUR);
            for pool in &pools {
                // Each of these makes its pool refresh.
                let by_id = pool.token().expires_in(24 * HOUR).signed_with(Key::Id);
                let _ = bounded(verifier.verify(&by_id.build())).await;
            }
            settle().await;
            for (index, token) in tokens.iter().enumerate() {
                let rejected = bounded(verifier.verify(token)).await.err();
                let expected = (index == withdrawn && !is_there).then_some(AuthError::UnknownKey);
                assert_eq!(rejected, expected, "{withdrawn} {index} {is_there}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_pool_does_not_sign_for_another_under_the_same_name() {
    let (pools, endpoints, verifier) = three_pools();
    let keys = [Key::Access, Key::Id, Key::Unpublished];
    let names = ["test-only-access", "test-only-id", "test-only-unpublished"];
    for (index, pool) in pools.iter().enumerate() {
        let document = pool.jwks_of([keys[index]]).replace(names[index], "key");
        endpoints.publish(pool, document);
    }
    for (index, pool) in pools.iter().enumerate() {
        for (signer, key) in keys.into_iter().enumerate() {
            let token = pool.token().signed_with(key).kid("key").build();
            for _ in 0..2 {
                let rejected = bounded(verifier.verify(&token)).await.err();
                let expected = (index != signer).then_some(AuthError::InvalidSignature);
                assert_eq!(rejected, expected, "{index} {signer}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whichever_pool_is_down_its_own_callers_alone_get_503_and_it_is_the_worst() {
    for down in 0..3 {
        let (pools, endpoints, verifier) = three_pools();
        for pool in &pools {
            endpoints.publish(pool, pool.jwks());
        }
        endpoints.break_down(&pools[down]);
        let outcome = bounded(verifier.warm_up()).await;
        assert_eq!(
            outcome,
            Err(FetchError::Connect(ConnectError::Refused)),
            "{down}"
        );
        assert!(verifier.is_ready());
        assert_eq!(verifier.key_status(), verifier.key_statuses()[down]);
        for (index, pool) in pools.iter().enumerate() {
            let rejected = bounded(verifier.verify(&pool.token().build())).await.err();
            let is_503 = matches!(rejected, Some(AuthError::KeysUnavailable { .. }));
            assert_eq!(is_503, index == down, "{down} {index} {rejected:?}");
            assert_eq!(rejected.is_some(), index == down, "{down} {index}");
        }
    }
}
