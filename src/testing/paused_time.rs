//! Paused tokio time with real sockets.

use std::{
    fmt,
    sync::mpsc::{self, Sender},
};

use tokio::runtime::Handle;

/// Keeps paused tokio time from running ahead; made by [`hold_paused_time`].
#[must_use = "time is held until this is dropped"]
pub struct HeldTime(Option<Sender<()>>);

/// Keeps the paused time of the current tokio runtime where it is until the result is dropped.
///
/// While tokio's time is paused, a runtime that only waits for a socket jumps to its next timer. A
/// request to a [`LocalIssuer`](super::LocalIssuer), which responds from another thread, then times
/// out before the response has come. Hold the time around such requests, and release it where the
/// test needs a time-out to pass.
///
/// `tokio::time::advance` still works. On a runtime whose time is not paused this has no
/// effect.
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Examples
///
/// ```
/// use tower_cognito::{AllowedClients, Verifier, testing::{LocalIssuer, hold_paused_time}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // As `#[tokio::test(start_paused = true)]` makes it; needs tokio's feature `test-util`.
/// let runtime = tokio::runtime::Builder::new_current_thread()
///     .enable_all()
///     .start_paused(true)
///     .build()?;
/// runtime.block_on(async {
///     let issuer = LocalIssuer::start()?;
///     let clients = AllowedClients::only(["test-client"])?;
///     let verifier = Verifier::builder(issuer.user_pool(), clients).build()?;
///     {
///         let _held = hold_paused_time();
///         verifier.warm_up().await?;
///     }
///     assert!(verifier.verify(&issuer.token().build()).await.is_ok());
///     Ok(())
/// })
/// # }
/// ```
pub fn hold_paused_time() -> HeldTime {
    let (release, released) = mpsc::channel();
    // While a blocking task runs, tokio does not advance paused time by itself.
    drop(Handle::current().spawn_blocking(move || {
        // An error is the release: the sender is gone.
        let _ = released.recv();
    }));
    HeldTime(Some(release))
}

impl Drop for HeldTime {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl fmt::Debug for HeldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldTime").finish_non_exhaustive()
    }
}
