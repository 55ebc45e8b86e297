//! Keeps the tests of one program from silencing each other's log.

use std::sync::Once;

/// Sets a global subscriber that is interested in everything. Call it before a test sets a
/// subscriber for its own thread.
///
/// `tracing` caches for each callsite whether anyone listens. While a process has exactly one
/// subscriber, a callsite that is reached first on a thread without one is cached as "never", for
/// all threads. A test that listens would then miss the event, depending on what runs beside it.
pub fn keep_enabled() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry())
            .expect("no other global subscriber");
    });
}
