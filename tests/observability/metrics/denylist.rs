//! A denylist: one count and one duration per load, and gauges of age and size.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_cognito::{
    denylist::{DeniedCallers, Denylist, Loaded},
    testing::ManualClock,
};

use crate::recorded::{Recorded, rows};

const LOADS: &str = "tower_cognito_denylist_loads_total";
const DURATIONS: &str = "tower_cognito_denylist_load_duration_seconds";
const ENTRIES: &str = "tower_cognito_denylist_entries";
const AGE: &str = "tower_cognito_denylist_age_seconds";

#[tokio::test(start_paused = true)]
async fn each_load_counts_once_and_the_gauges_show_the_list_in_use() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let clock = ManualClock::new();
    let next = Arc::new(Mutex::new(Err("down")));
    let load = {
        let next = Arc::clone(&next);
        move |_| {
            let next = next.lock().unwrap().clone();
            async move { next.map_err(io::Error::other) }
        }
    };
    let denylist = Denylist::builder(Duration::from_secs(60), load)
        .clock(clock.clone())
        .name("leaked")
        .spawn()
        .unwrap();
    let seen = || {
        let samples = recorded.take();
        [LOADS, DURATIONS, ENTRIES, AGE].map(|name| {
            let labels: &[&str] = match name {
                LOADS | DURATIONS => &["denylist", "outcome"],
                _ => &["denylist"],
            };
            rows(&samples, name, labels).join(",")
        })
    };

    denylist.warm_up().await.unwrap_err();
    assert_eq!(seen(), ["leaked failed 1", "leaked failed 0", "", ""]);

    let list = DeniedCallers::new().deny_clients(["a", "b"]);
    *next.lock().unwrap() = Ok(Loaded::from(list));
    denylist.warm_up().await.unwrap();
    assert_eq!(
        seen(),
        ["leaked loaded 1", "leaked loaded 0", "leaked 2", "leaked 0"]
    );

    clock.advance(Duration::from_secs(30));
    denylist.record_metrics();
    assert_eq!(seen(), ["", "", "leaked 2", "leaked 30"]);

    *next.lock().unwrap() = Ok(Loaded::Unchanged);
    denylist.warm_up().await.unwrap();
    assert_eq!(
        seen(),
        [
            "leaked unchanged 1",
            "leaked unchanged 0",
            "leaked 2",
            "leaked 0"
        ]
    );

    clock.advance(Duration::from_secs(40));
    *next.lock().unwrap() = Err("down");
    denylist.warm_up().await.unwrap_err();
    assert_eq!(
        seen(),
        [
            "leaked failed 1",
            "leaked failed 0",
            "leaked 2",
            "leaked 40"
        ]
    );
}
