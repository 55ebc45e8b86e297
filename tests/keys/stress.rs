//! Real threads and the real clock of the scheduler: readers, a rotator and strangers at once, for
//! a bounded number of requests. Whatever the order, no answer is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tower_cognito::{
    AllowedClients, AuthError, Verifier,
    keys::{ConnectError, FetchError, FetchJwks, JwksRequest, JwksResponse},
    testing::{Key, TestPool, TokenBuilder},
};

const AT_MOST: Duration = Duration::from_secs(120);
const ROTATIONS: usize = 300;
const STRANGERS: usize = 4_000;
const INTERVAL: Duration = Duration::from_secs(10);

/// What the endpoint publishes. The ID key always stays; the other two come and go.
struct Endpoint {
    pool: TestPool,
    published: Mutex<Option<Vec<Key>>>,
    calls: AtomicUsize,
}

struct Fetcher(Arc<Endpoint>);

impl FetchJwks for Fetcher {
    async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let Self(endpoint) = self;
        endpoint.calls.fetch_add(1, Ordering::SeqCst);
        let published = endpoint.published.lock().unwrap().clone();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let keys = published.ok_or(FetchError::Connect(ConnectError::Refused))?;
        Ok(JwksResponse::document(endpoint.pool.jwks_of(keys)))
    }
}

/// Longer than all that the rotator lets pass.
fn lasting(pool: &TestPool) -> TokenBuilder {
    pool.token().expires_in(Duration::from_secs(365 * 86_400))
}

fn token(pool: &TestPool, key: Key) -> String {
    lasting(pool).signed_with(key).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_a_rotator_and_strangers_at_once_get_no_wrong_answer() {
    let pool = TestPool::new();
    let endpoint = Arc::new(Endpoint {
        pool: pool.clone(),
        published: Mutex::new(Some(vec![Key::Id, Key::Access])),
        calls: AtomicUsize::new(0),
    });
    let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
        .fetcher(Fetcher(Arc::clone(&endpoint)))
        .clock(pool.clock())
        .unknown_kid_interval(INTERVAL)
        .build()
        .unwrap();
    timeout(AT_MOST, verifier.warm_up()).await.unwrap().unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let (mut readers, mut strangers) = (JoinSet::new(), JoinSet::new());

    // A key that is always published is always accepted, without a wait.
    for _ in 0..2 {
        let (verifier, done, token) = (verifier.clone(), Arc::clone(&done), token(&pool, Key::Id));
        readers.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let verdict = verifier.try_verify(&token);
                assert!(matches!(verdict, Some(Ok(_))), "{verdict:?}");
                tokio::task::yield_now().await;
            }
        });
    }

    // Strangers are never accepted, and never cause more than the budget.
    let kids = Arc::new(AtomicUsize::new(0));
    let forged = lasting(&pool).signed_with(Key::Unpublished);
    let template = (0..8)
        .map(|number| forged.clone().kid(format!("stranger-{number}")).build())
        .collect::<Vec<_>>();
    let forged = forged.kid("test-only-id").build();
    for _ in 0..2 {
        let (verifier, kids) = (verifier.clone(), Arc::clone(&kids));
        let (template, forged) = (template.clone(), forged.clone());
        strangers.spawn(async move {
            while kids.fetch_add(1, Ordering::SeqCst) < STRANGERS {
                for token in &template {
                    let verdict = verifier.verify(token).await;
                    assert!(
                        matches!(
                            verdict,
                            Err(AuthError::UnknownKey
                                | AuthError::KeyUnconfirmed { .. }
                                | AuthError::KeysUnavailable { .. })
                        ),
                        "{verdict:?}"
                    );
                }
                let verdict = verifier.verify(&forged).await;
                assert_eq!(verdict.unwrap_err(), AuthError::InvalidSignature);
            }
        });
    }

    // The rotator moves time on, changes the keys, sees to it that they are fetched, and knows what
    // must hold then.
    let mut refreshes = 1;
    for round in 0..ROTATIONS {
        let (comes, goes) = if round % 2 == 0 {
            (Key::Unpublished, Key::Access)
        } else {
            (Key::Access, Key::Unpublished)
        };
        let (coming, going) = (token(&pool, comes), token(&pool, goes));
        // Unavailable for a moment, in every fifth round.
        if round % 5 == 0 {
            *endpoint.published.lock().unwrap() = None;
            pool.clock().advance(Duration::from_secs(3600));
            assert!(timeout(AT_MOST, verifier.warm_up()).await.unwrap().is_err());
            let error = verifier.verify(&coming).await.unwrap_err();
            // Later it is a key that was withdrawn, and is not known to have come back.
            if round == 0 {
                assert!(
                    matches!(error, AuthError::KeysUnavailable { .. }),
                    "{error:?}"
                );
            } else {
                assert_eq!(error, AuthError::UnknownKey);
            }
        }
        *endpoint.published.lock().unwrap() = Some(vec![Key::Id, comes]);
        // An attempt may have begun before the change: it is at most the next but one that brings
        // it.
        for _ in 0..3 {
            pool.clock().advance(Duration::from_secs(3600));
            timeout(AT_MOST, verifier.warm_up()).await.unwrap().unwrap();
            refreshes += 1;
        }
        let verdict = verifier.verify(&coming).await;
        assert!(verdict.is_ok(), "round {round}: {verdict:?}");
        let verdict = verifier.verify(&going).await;
        assert!(verdict.is_err(), "round {round}: withdrawn, and accepted");
    }
    timeout(AT_MOST, strangers.join_all()).await.unwrap();
    done.store(true, Ordering::SeqCst);
    timeout(AT_MOST, readers.join_all()).await.unwrap();

    // One for each hour, one for each failure, and what the strangers may cause between two of
    // them.
    let calls = endpoint.calls.load(Ordering::SeqCst);
    let bound = 3 * (refreshes + ROTATIONS / 5) + 2;
    assert!(calls <= bound, "{calls} calls, {bound} allowed");
}
