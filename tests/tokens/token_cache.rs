//! A token cache changes no answer: two verifiers, one with and one without, are asked the same in
//! random sequences of tokens, clock moves, rotations, withdrawals, outages and changes of the
//! service's own check.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use proptest::{collection::vec, prelude::*, sample::subsequence};
use tokio::task::yield_now;
use tower_cognito::{
    AllowedClients, AuthError, Claims, Denied, Verifier,
    keys::{FetchError, JwksResponse},
    testing::{Key, ManualClock, ScriptedFetcher, TestPool},
    verifier::TokenCache,
};

const KEYS: [Key; 3] = [Key::Access, Key::Id, Key::Unpublished];

#[derive(Clone, Debug)]
enum Step {
    Ask(usize),
    AskWithoutWaiting(usize),
    Advance(u64),
    JumpForward(u64),
    JumpBack(u64),
    Publish(Vec<Key>),
    /// The access key's name for another key.
    Swap,
    Fail,
    Deny(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let seconds = || prop::sample::select(vec![1_u64, 9, 60, 250, 301, 650, 3_700, 90_000]);
    prop_oneof![
        8 => (0..TOKENS).prop_map(Step::Ask),
        4 => (0..TOKENS).prop_map(Step::AskWithoutWaiting),
        4 => seconds().prop_map(Step::Advance),
        1 => seconds().prop_map(Step::JumpForward),
        1 => seconds().prop_map(Step::JumpBack),
        2 => subsequence(KEYS.to_vec(), 1..=3).prop_map(Step::Publish),
        1 => Just(Step::Swap),
        1 => Just(Step::Fail),
        2 => any::<bool>().prop_map(Step::Deny),
    ]
}

const TOKENS: usize = 12;

/// Long and short lives, all keys, a forger, two clients.
fn tokens(pool: &TestPool) -> Vec<String> {
    let start = ManualClock::start();
    let long = pool
        .token()
        .issued_at(start - Duration::from_secs(365 * 86_400))
        .expires_in(Duration::from_secs(3650 * 86_400));
    let short = pool
        .token()
        .issued_at(start)
        .expires_in(Duration::from_secs(300));
    let swapped = long
        .clone()
        .signed_with(Key::Unpublished)
        .kid("test-only-access");
    let later = start + Duration::from_secs(400);
    let seconds = later
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    vec![
        long.build(),
        long.build(),
        long.clone().signed_with(Key::Id).build(),
        long.clone().signed_with(Key::Unpublished).build(),
        long.clone().client_id("leaked").build(),
        long.clone().tampered().build(),
        long.clone().kid("stranger").build(),
        long.clone().claim("nbf", seconds).build(),
        swapped.build(),
        swapped.client_id("leaked").build(),
        short.build(),
        short.signed_with(Key::Id).build(),
    ]
}

struct Side {
    fetcher: ScriptedFetcher,
    verifier: Verifier,
}

impl Side {
    fn new(pool: &TestPool, cache: TokenCache, denies: &Arc<AtomicBool>) -> Self {
        let fetcher = ScriptedFetcher::new();
        let denies = Arc::clone(denies);
        let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(fetcher.clone())
            .clock(pool.clock())
            .token_cache(cache)
            .max_token_age(Duration::from_secs(2 * 365 * 86_400))
            .check(move |claims: &Claims| {
                if claims.client_id() == "leaked" && denies.load(Ordering::SeqCst) {
                    return Err(Denied::revoked());
                }
                Ok(())
            })
            .build()
            .unwrap();
        Self { fetcher, verifier }
    }

    async fn ask(&self, token: &str, may_wait: bool) -> Option<Result<String, AuthError>> {
        let verdict = if may_wait {
            Some(self.verifier.verify(token).await)
        } else {
            self.verifier.try_verify(token)
        };
        for _ in 0..16 {
            yield_now().await;
        }
        verdict.map(|verdict| verdict.map(|claims| claims.token_id().unwrap().to_owned()))
    }

    fn answers(&self, reply: Result<&str, ()>) {
        // What the response says leaves nothing to the jitter, which the two sides draw for
        // themselves.
        match reply {
            Ok(document) => self.fetcher.always_respond(
                JwksResponse::document(document).with_max_age(Duration::from_secs(300)),
            ),
            Err(()) => self.fetcher.always_fail(FetchError::Status {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(Duration::from_secs(300)),
            }),
        };
    }
}

async fn compare(steps: &[Step]) {
    let pool = TestPool::new();
    let clock = pool.clock();
    let denies = Arc::new(AtomicBool::new(false));
    let sides = [TokenCache::default(), TokenCache::disabled()]
        .map(|cache| Side::new(&pool, cache, &denies));
    let answer_all = |reply: Result<&str, ()>| sides.iter().for_each(|side| side.answers(reply));
    answer_all(Ok(&pool.jwks()));
    let tokens = tokens(&pool);
    assert_eq!(tokens.len(), TOKENS);
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Ask(token) | Step::AskWithoutWaiting(token) => {
                let may_wait = matches!(step, Step::Ask(_));
                let with = sides[0].ask(&tokens[*token], may_wait).await;
                let without = sides[1].ask(&tokens[*token], may_wait).await;
                assert_eq!(with, without, "step {at} of {steps:?}");
                let statuses = [0, 1].map(|side: usize| sides[side].verifier.key_status());
                assert_eq!(statuses[0], statuses[1], "step {at} of {steps:?}");
            }
            Step::Advance(seconds) => clock.advance(Duration::from_secs(*seconds)),
            Step::JumpForward(seconds) => clock.jump_wall_forward(Duration::from_secs(*seconds)),
            Step::JumpBack(seconds) => clock.jump_wall_back(Duration::from_secs(*seconds)),
            Step::Publish(keys) => answer_all(Ok(&pool.jwks_of(keys.clone()))),
            Step::Swap => answer_all(Ok(&pool
                .jwks_of([Key::Unpublished])
                .replace("test-only-unpublished", "test-only-access"))),
            Step::Fail => answer_all(Err(())),
            Step::Deny(deny) => denies.store(*deny, Ordering::SeqCst),
        }
    }
    assert_eq!(sides[0].fetcher.calls(), sides[1].fetcher.calls());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_answers_are_the_same_with_and_without_a_token_cache(steps in vec(steps(), 1..80)) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(compare(&steps));
    }
}
