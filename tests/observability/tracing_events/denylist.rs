//! The log of a denylist: what changes is visible at the default level, and nothing else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_cognito::{
    denylist::{DeniedCallers, Denylist, Loaded},
    testing::ManualClock,
};
use tracing::Level;

use crate::tracing_events::seen::Seen;

#[tokio::test(start_paused = true)]
async fn a_denylist_logs_that_its_source_fails_that_it_expired_and_that_it_recovered() {
    const UNAVAILABLE: (Level, &str) = (Level::ERROR, "denylist unavailable; requests get 503");
    const FAILED: (Level, &str) = (Level::WARN, "denylist load failed");
    const FAILED_AGAIN: (Level, &str) = (Level::DEBUG, "denylist load failed again");
    const RECOVERED: (Level, &str) = (Level::INFO, "denylist recovered");
    const LOADED: (Level, &str) = (Level::DEBUG, "denylist loaded");

    let (seen, _guard) = Seen::listen();
    let clock = ManualClock::new();
    let is_up = Arc::new(AtomicBool::new(false));
    let load = {
        let is_up = Arc::clone(&is_up);
        move |_| {
            let loaded = match is_up.load(Ordering::Relaxed) {
                true => Ok(Loaded::from(DeniedCallers::new().deny_clients(["a"]))),
                false => Err(io::Error::other("down")),
            };
            std::future::ready(loaded)
        }
    };
    let denylist = Denylist::builder(Duration::from_secs(60), load)
        .poll_interval(Duration::from_secs(5))
        .clock(clock.clone())
        .spawn()
        .unwrap();
    for (step, (seconds, up, (level, message))) in [
        (0, false, UNAVAILABLE),
        (0, false, FAILED_AGAIN),
        (0, true, RECOVERED),
        (5, true, LOADED),
        (5, false, FAILED),
        (5, false, FAILED_AGAIN),
        (5, true, RECOVERED),
        (5, false, FAILED),
        (60, false, UNAVAILABLE),
        (5, false, FAILED_AGAIN),
        (0, true, RECOVERED),
    ]
    .into_iter()
    .enumerate()
    {
        clock.advance(Duration::from_secs(seconds));
        is_up.store(up, Ordering::Relaxed);
        assert_eq!(denylist.warm_up().await.is_ok(), up, "step {step}");
        let events = seen.take_events();
        let [(logged, fields)] = &events[..] else {
            panic!("step {step}: {events:?}")
        };
        assert_eq!((*logged, &*fields["message"]), (level, message), "{step}");
        assert_eq!(fields["denylist"], "default");
        assert_eq!(fields.contains_key("error"), !up, "step {step}");
    }
}
