//! A fleet that shares tokens through a store.

use std::{
    collections::HashSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::runtime;
use tower_cognito::{
    client::{ClientCredentials, InProcessStore, TokenLock, TokenStore, TokenStoreError},
    testing::{Endpoint, LocalIssuer, ManualClock},
};

const ID: &str = "1example23456789";
const OTHER_ID: &str = "2example23456789";
const SECRET: &str = "one-secret-of-this-test";
const KEY: [u8; 32] = [7; 32];
const HOUR: Duration = Duration::from_secs(3600);

/// A store that can be out of order, and lets a test look inside.
#[derive(Clone)]
struct Store {
    inner: InProcessStore,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    down: AtomicBool,
    hangs: AtomicBool,
    calls: AtomicUsize,
    values: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Store {
    fn new(clock: &ManualClock) -> Self {
        Self {
            inner: InProcessStore::with_clock(clock.clone()),
            state: Arc::default(),
        }
    }

    async fn works(&self) -> Result<(), TokenStoreError> {
        self.state.calls.fetch_add(1, Ordering::Relaxed);
        if self.state.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        if self.state.down.load(Ordering::Relaxed) {
            return Err(TokenStoreError::new("down, as the test says"));
        }
        Ok(())
    }
}

impl TokenStore for Store {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TokenStoreError> {
        self.works().await?;
        self.inner.get(name).await
    }

    async fn put(
        &self,
        name: &str,
        value: &[u8],
        lives_for: Duration,
    ) -> Result<(), TokenStoreError> {
        self.works().await?;
        let put = (name.to_owned(), value.to_vec());
        self.state.values.lock().unwrap().push(put);
        self.inner.put(name, value, lives_for).await
    }

    async fn lock(&self, name: &str, lasts_for: Duration) -> Result<TokenLock, TokenStoreError> {
        self.works().await?;
        self.inner.lock(name, lasts_for).await
    }
}

struct World {
    clock: ManualClock,
    issuer: LocalIssuer,
    store: Store,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let issuer = LocalIssuer::builder()
            .client(ID, SECRET, ["a/b", "c/d"])
            .client(OTHER_ID, SECRET, ["a/b", "c/d"])
            .clock(clock.clone())
            .start()
            .unwrap();
        Self {
            store: Store::new(&clock),
            clock,
            issuer,
        }
    }

    /// The client of one process of the fleet.
    fn process(&self) -> ClientCredentials {
        self.process_with(&KEY)
    }

    fn process_with(&self, key: &[u8; 32]) -> ClientCredentials {
        self.process_of(ID, key)
    }

    fn process_of(&self, client_id: &str, key: &[u8; 32]) -> ClientCredentials {
        ClientCredentials::builder(self.issuer.token_url(), client_id, SECRET)
            .share_tokens(self.store.clone(), key)
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    fn requests(&self) -> usize {
        self.issuer.requests(Endpoint::Token)
    }
}

/// Requests a token in all of these processes at the same time, each on its own thread and runtime.
fn ask_at_once(processes: Vec<ClientCredentials>) -> HashSet<String> {
    let threads = processes.into_iter().map(|process| {
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let token = runtime.block_on(process.token());
            token.unwrap().as_str().to_owned()
        })
    });
    let threads = threads.collect::<Vec<_>>();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

async fn token(process: &ClientCredentials) -> String {
    process.token().await.unwrap().as_str().to_owned()
}

#[test]
fn a_hundred_processes_make_one_token_request() {
    let world = World::new();
    let processes = (0..100).map(|_| world.process()).collect();
    assert_eq!(ask_at_once(processes).len(), 1);
    assert_eq!(world.requests(), 1);
}

#[test]
fn without_the_store_each_process_makes_its_own_and_only_one() {
    for hangs in [false, true] {
        let world = World::new();
        world.store.state.down.store(!hangs, Ordering::Relaxed);
        world.store.state.hangs.store(hangs, Ordering::Relaxed);
        let processes = (0..10).map(|_| world.process()).collect::<Vec<_>>();
        assert_eq!(ask_at_once(processes.clone()).len(), 10);
        assert_eq!(world.requests(), 10);
        // They hold what they obtained.
        assert_eq!(ask_at_once(processes).len(), 10);
        assert_eq!(world.requests(), 10);
    }
}

#[tokio::test]
async fn a_process_that_starts_later_takes_the_token_that_is_there_with_its_age() {
    let world = World::new();
    let first = token(&world.process()).await;
    world.clock.advance(HOUR / 2);
    let late = world.process().token().await.unwrap();
    assert_eq!(late.as_str(), first);
    assert_eq!(late.expires_at(), ManualClock::start() + HOUR);
    assert_eq!(world.requests(), 1);

    // Past the time of renewal the next one obtains a token for all.
    world.clock.advance(HOUR / 4);
    let renewed = token(&world.process()).await;
    assert_ne!(renewed, first);
    assert_eq!(token(&world.process()).await, renewed);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_token_of_another_process_is_not_used_beyond_its_end() {
    let world = World::new();
    let first = world.process();
    let other = world.process();
    let shared = token(&first).await;
    world.clock.advance(HOUR / 2);
    assert_eq!(token(&other).await, shared);
    world.clock.advance(HOUR / 2);
    let renewed = token(&other).await;
    assert_ne!(renewed, shared);
    assert_eq!(token(&first).await, renewed);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn two_app_clients_of_one_store_share_nothing() {
    let world = World::new();
    let token = async |client_id| {
        let process = world.process_of(client_id, &KEY);
        process.token().await.unwrap().as_str().to_owned()
    };
    let (one, other) = (token(ID).await, token(OTHER_ID).await);
    assert_ne!(one, other);
    assert_eq!(world.requests(), 2);
    assert_eq!((token(ID).await, token(OTHER_ID).await), (one, other));
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_for_all() {
    let world = World::new();
    let (one, other) = (world.process(), world.process());
    let rejected = token(&one).await;
    for process in [&one, &other] {
        let held = process.token().await.unwrap();
        assert_eq!(held.as_str(), rejected);
        process.invalidate(&held);
    }
    // The lock of the first request has to end first.
    world.clock.advance(Duration::from_secs(5));
    let replaced = token(&one).await;
    assert_ne!(replaced, rejected);
    assert_eq!(token(&other).await, replaced);
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn a_process_that_dies_with_the_lock_holds_up_no_one_for_longer_than_it_lasts() {
    let world = World::new();
    world.issuer.endpoint(Endpoint::Token).hang();
    let dying = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let process = world.process();
    dying.spawn(async move { process.token().await });
    while world.requests() == 0 {
        tokio::task::yield_now().await;
    }
    dying.shutdown_background();
    world.issuer.endpoint(Endpoint::Token).recover();

    let waiting = world.process();
    let waiting = tokio::spawn(async move { waiting.token().await });
    let looked = || world.store.state.calls.load(Ordering::Relaxed);
    let before = looked();
    while looked() < before + 4 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    world.clock.advance(Duration::from_secs(5));
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(world.requests(), 2);
}

#[tokio::test]
async fn stored_tokens_are_encrypted_and_their_names_reveal_nothing() {
    let world = World::new();
    let process = world.process();
    let obtained = token(&process).await;
    let other = process.with_scopes(["a/b"]).unwrap();
    assert_ne!(
        token(&other).await,
        obtained,
        "each set of scopes has its own name"
    );
    let values = world.store.state.values.lock().unwrap().clone();
    let names = values.iter().map(|(name, _)| name).collect::<HashSet<_>>();
    assert_eq!(names.len(), 2);
    for (name, value) in values {
        for hush in [obtained.as_str(), SECRET, ID, "a/b"] {
            assert!(!name.contains(hush));
            let found = value
                .windows(hush.len())
                .any(|window| window == hush.as_bytes());
            assert!(!found, "{hush}");
        }
    }
}

#[tokio::test]
async fn what_another_key_sealed_or_someone_wrote_is_as_if_it_were_not_there() {
    let world = World::new();
    let first = token(&world.process()).await;
    // The lock of the first request has to end first.
    world.clock.advance(Duration::from_secs(5));
    assert_ne!(token(&world.process_with(&[8; 32])).await, first);
    assert_eq!(world.requests(), 2);

    let name = world.store.state.values.lock().unwrap()[0].0.clone();
    for forged in [&b""[..], b"forged", &[0; 64]] {
        world.store.inner.put(&name, forged, HOUR).await.unwrap();
        world.clock.advance(Duration::from_secs(5));
        assert!(world.process().token().await.is_ok());
    }
    assert_eq!(world.requests(), 5);
}
