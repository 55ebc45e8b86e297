//! A JWKS endpoint that follows a script.

use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use crate::keys::{FetchError, FetchJwks, JwksRequest, JwksResponse};

/// A [`FetchJwks`] that returns what the test says: each call takes the next step of the script,
/// and after the last one the response that was set by [`always_respond`](Self::always_respond) or
/// [`always_fail`](Self::always_fail).
///
/// All clones share the script, so a test keeps one and gives another to the verifier. Steps can be
/// added at any time. A call without a response panics in its task, which a verifier
/// takes for a failed fetch, and is counted in [`unexpected_calls`](Self::unexpected_calls).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use tower_cognito::{
///     AllowedClients, Verifier, keys::{FetchError, JwksResponse},
///     testing::{ScriptedFetcher, TestPool},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = TestPool::new();
/// let fetcher = ScriptedFetcher::new()
///     .fail(FetchError::Connect(tower_cognito::keys::ConnectError::Refused))
///     .respond(JwksResponse::document(pool.jwks()));
/// let verifier = Verifier::builder(pool.user_pool(), AllowedClients::only(["caller"])?)
///     .fetcher(fetcher.clone())
///     .clock(pool.clock())
///     .build()?;
///
/// let refused = FetchError::Connect(tower_cognito::keys::ConnectError::Refused);
/// assert_eq!(verifier.warm_up().await, Err(refused));
/// pool.clock().advance(Duration::from_secs(1));
/// assert_eq!(verifier.warm_up().await, Ok(()));
/// fetcher.assert_used_up();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedFetcher {
    /// A std mutex: it is held to take a step, and never across an await.
    script: Arc<Mutex<Script>>,
    calls: watch::Sender<usize>,
}

#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    afterwards: Option<Result<JwksResponse, FetchError>>,
    requests: Vec<(String, Option<String>)>,
    unexpected: usize,
}

enum Step {
    End(Result<JwksResponse, FetchError>),
    After(Duration, JwksResponse),
    Hang,
    Held(oneshot::Receiver<()>, JwksResponse),
    Panic,
}

/// A response that [`hold`](ScriptedFetcher::hold) keeps back until this is released or dropped.
#[must_use = "the response is sent when this is dropped"]
pub struct HeldResponse(oneshot::Sender<()>);

impl HeldResponse {
    /// Sends the response.
    pub fn release(self) {
        drop(self.0);
    }
}

impl ScriptedFetcher {
    /// A fetcher that expects no call.
    #[must_use]
    pub fn new() -> Self {
        Self {
            script: Arc::default(),
            calls: watch::Sender::new(0),
        }
    }

    /// The next call returns this response.
    pub fn respond(&self, response: JwksResponse) -> Self {
        self.then(Step::End(Ok(response)))
    }

    /// The next call returns this response after a time of tokio's clock, which a test can pause.
    pub fn respond_after(&self, delay: Duration, response: JwksResponse) -> Self {
        self.then(Step::After(delay, response))
    }

    /// The next call returns this response once the test releases it.
    pub fn hold(&self, response: JwksResponse) -> HeldResponse {
        let (release, released) = oneshot::channel();
        self.then(Step::Held(released, response));
        HeldResponse(release)
    }

    /// The next call fails.
    pub fn fail(&self, error: FetchError) -> Self {
        self.then(Step::End(Err(error)))
    }

    /// The next call never ends.
    pub fn hang(&self) -> Self {
        self.then(Step::Hang)
    }

    /// The next call panics.
    pub fn panic(&self) -> Self {
        self.then(Step::Panic)
    }

    /// Every call after the last step returns this response.
    pub fn always_respond(&self, response: JwksResponse) -> Self {
        self.script().afterwards = Some(Ok(response));
        self.clone()
    }

    /// Every call after the last step fails.
    pub fn always_fail(&self, error: FetchError) -> Self {
        self.script().afterwards = Some(Err(error));
        self.clone()
    }

    /// How many calls there have been.
    #[must_use]
    pub fn calls(&self) -> usize {
        *self.calls.borrow()
    }

    /// Waits until there have been this many calls in total: a fetch runs in a separate task.
    pub async fn wait_for_calls(&self, calls: usize) {
        // It fails only when the sender is gone, which `self` holds.
        let _ = self
            .calls
            .subscribe()
            .wait_for(|count| *count >= calls)
            .await;
    }

    /// The URL that each call asked for.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.recorded(|(url, _)| url.clone())
    }

    /// The `ETag` that each call sent.
    #[must_use]
    pub fn etags(&self) -> Vec<Option<String>> {
        self.recorded(|(_, etag)| etag.clone())
    }

    /// How many calls came for which there was no response.
    #[must_use]
    pub fn unexpected_calls(&self) -> usize {
        self.script().unexpected
    }

    /// Asserts that every step was taken and that no call was unexpected.
    ///
    /// # Panics
    ///
    /// If that is not so.
    #[track_caller]
    pub fn assert_used_up(&self) {
        let (left, unexpected) = {
            let script = self.script();
            (script.steps.len(), script.unexpected)
        };
        assert!(
            left == 0 && unexpected == 0,
            "{left} steps were not taken, and {unexpected} calls were not expected"
        );
    }

    fn then(&self, step: Step) -> Self {
        self.script().steps.push_back(step);
        self.clone()
    }

    fn take_step(&self, request: JwksRequest<'_>) -> Option<Step> {
        let mut script = self.script();
        script
            .requests
            .push((request.url.to_owned(), request.etag.map(str::to_owned)));
        let step = match script.steps.pop_front() {
            None => script.afterwards.clone().map(Step::End),
            step => step,
        };
        if step.is_none() {
            script.unexpected += 1;
        }
        self.calls.send_modify(|calls| *calls += 1);
        step
    }

    fn recorded<T>(&self, read: impl Fn(&(String, Option<String>)) -> T) -> Vec<T> {
        self.script().requests.iter().map(read).collect()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ScriptedFetcher {
    fn default() -> Self {
        Self::new()
    }
}

impl FetchJwks for ScriptedFetcher {
    async fn fetch(&self, request: JwksRequest<'_>) -> Result<JwksResponse, FetchError> {
        match self.take_step(request) {
            Some(Step::End(answer)) => answer,
            Some(Step::After(delay, response)) => {
                tokio::time::sleep(delay).await;
                Ok(response)
            }
            Some(Step::Hang) => pending().await,
            Some(Step::Held(released, response)) => {
                // An error means that the test dropped it, which releases it as well.
                let _ = released.await;
                Ok(response)
            }
            Some(Step::Panic) => panic!("the script says that this fetch panics"),
            None => panic!("a fetch that the script does not expect"),
        }
    }
}

impl fmt::Debug for ScriptedFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps_left = self.script().steps.len();
        f.debug_struct("ScriptedFetcher")
            .field("calls", &self.calls())
            .field("steps_left", &steps_left)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HeldResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldResponse")
    }
}
