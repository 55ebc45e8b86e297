//! The real key source and token cache under a scheduler that tries out where one thread gets in
//! between another.
//!
//! Each test runs thousands of schedules, with a switch at every lock, every publication and every
//! look at what is published. A request that waits for ever is a deadlock, which the scheduler
//! reports.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use shuttle::{
    check_pct, check_random, future,
    sync::{Mutex, atomic::AtomicBool},
    thread,
};
use tower_cognito::{
    AllowedClients, AuthError, Verifier,
    keys::{FetchError, FetchJwks, JwksRequest, JwksResponse},
    testing::{Key, ManualClock, TestPool},
};

const HOUR: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Runs this under two schedulers: one that picks any thread, and one that favours some over others
/// for a while.
fn explore(test: fn()) {
    check_random(test, 2_000);
    check_pct(test, 2_000, 3);
}

/// Signing takes longer than a schedule, so it is done once.
struct Fixture {
    access: String,
    id: String,
    key_sets: [String; 2],
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let pool = TestPool::new();
        let token = |key| pool.token().expires_in(48 * HOUR).signed_with(key).build();
        Fixture {
            access: token(Key::Access),
            id: token(Key::Id),
            key_sets: [pool.jwks_of([Key::Access]), pool.jwks_of([Key::Id])],
        }
    })
}

/// The endpoint. What it publishes is an index into the fixture's key sets.
#[derive(Default)]
struct Endpoint {
    published: Mutex<usize>,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    ended: AtomicUsize,
    /// The first call is answered only once this is set.
    hold_first: Option<AtomicBool>,
    overlap: bool,
}

struct Fetcher(Arc<Endpoint>);

impl FetchJwks for Fetcher {
    async fn fetch(&self, _: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        let endpoint = &*self.0;
        let call = endpoint.calls.fetch_add(1, Ordering::SeqCst);
        let in_flight = endpoint.in_flight.fetch_add(1, Ordering::SeqCst);
        assert!(endpoint.overlap || in_flight == 0, "two fetches at once");
        let published = *endpoint.published.lock().unwrap();
        future::yield_now().await;
        if let Some(released) = &endpoint.hold_first {
            if call == 0 {
                while !released.load(Ordering::SeqCst) {
                    future::yield_now().await;
                }
            } else {
                released.store(true, Ordering::SeqCst);
                future::yield_now().await;
            }
        }
        endpoint.in_flight.fetch_sub(1, Ordering::SeqCst);
        endpoint.ended.fetch_add(1, Ordering::SeqCst);
        let document = fixture().key_sets[published].clone();
        Ok(JwksResponse::document(document))
    }
}

fn verifier(endpoint: &Arc<Endpoint>) -> (Verifier, ManualClock) {
    let pool = TestPool::new();
    let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
        .fetcher(Fetcher(Arc::clone(endpoint)))
        .clock(pool.clock())
        .build()
        .unwrap();
    (verifier, pool.clock())
}

#[test]
fn requests_that_come_at_once_share_one_fetch_and_each_is_woken() {
    explore(|| {
        let endpoint = Arc::new(Endpoint::default());
        let (verifier, _) = verifier(&endpoint);
        let requests = [0, 1, 2].map(|_| {
            let verifier = verifier.clone();
            thread::spawn(move || future::block_on(verifier.verify(&fixture().access)))
        });
        for request in requests {
            assert!(request.join().unwrap().is_ok());
        }
        assert_eq!(endpoint.calls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_late_response_never_overwrites_a_newer_one() {
    explore(|| {
        let endpoint = Arc::new(Endpoint {
            hold_first: Some(AtomicBool::new(false)),
            overlap: true,
            ..Endpoint::default()
        });
        let (verifier, clock) = verifier(&endpoint);
        let first = {
            let verifier = verifier.clone();
            thread::spawn(move || future::block_on(verifier.verify(&fixture().access)))
        };
        while endpoint.calls.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        // The first fetch is given up, and a second one asks an endpoint that has rotated its key.
        *endpoint.published.lock().unwrap() = 1;
        clock.advance(HOUR);
        assert!(future::block_on(verifier.verify(&fixture().id)).is_ok());
        let _ = first.join().unwrap();
        // The task of the first fetch has ended once its thread's wait has, or soon after.
        while Arc::strong_count(&endpoint) > 2 || endpoint.ended.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        for _ in 0..20 {
            thread::yield_now();
        }
        assert!(future::block_on(verifier.verify(&fixture().id)).is_ok());
        let error = future::block_on(verifier.verify(&fixture().access)).unwrap_err();
        assert_eq!(error, AuthError::UnknownKey);
    });
}

#[test]
fn a_token_in_the_cache_is_rejected_once_its_key_is_known_to_be_withdrawn() {
    explore(|| {
        let endpoint = Arc::new(Endpoint::default());
        let (verifier, clock) = verifier(&endpoint);
        future::block_on(verifier.warm_up()).unwrap();
        let withdrawn = Arc::new(AtomicBool::new(false));
        let reader = {
            let (verifier, withdrawn) = (verifier.clone(), Arc::clone(&withdrawn));
            thread::spawn(move || {
                for _ in 0..3 {
                    let known = withdrawn.load(Ordering::SeqCst);
                    let verdict = future::block_on(verifier.verify(&fixture().access));
                    assert!(!(known && verdict.is_ok()), "withdrawn, and accepted");
                }
            })
        };
        *endpoint.published.lock().unwrap() = 1;
        clock.advance(HOUR);
        future::block_on(verifier.warm_up()).unwrap();
        if future::block_on(verifier.verify(&fixture().id)).is_ok() {
            withdrawn.store(true, Ordering::SeqCst);
        }
        reader.join().unwrap();
        // A token that the reader cached in the meantime does not count either.
        if withdrawn.load(Ordering::SeqCst) {
            let verdict = verifier.try_verify(&fixture().access);
            assert!(
                matches!(verdict, None | Some(Err(_))),
                "withdrawn, and accepted"
            );
        }
    });
}
