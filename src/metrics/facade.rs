//! The only file that names the `metrics` facade.
//!
//! Names and labels that are literals cost no memory per call. So what happens with every accepted
//! request has its labels written out; what happens less often passes them as values, for which the
//! facade allocates.

use std::time::{Duration, SystemTime};

use metrics::{
    Counter, Key, Label, Level, Metadata, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram, with_recorder,
};

use super::{FetchLabels, KeySetReading, TokenLookup, VerdictLabels};
use crate::error::AuthError;

/// Describes each metric and its unit. A recorder that is installed later misses it.
pub(crate) fn describe() {
    describe_counter!(
        "tower_cognito_requests_total",
        Unit::Count,
        "Requests that a BearerAuthLayer decided on, by its verdict."
    );
    describe_counter!(
        "tower_cognito_inner_rejections_total",
        Unit::Count,
        "Requests that a guard, an extractor or a handler rejected, or that a report-only guard would have rejected."
    );
    describe_counter!(
        "tower_cognito_token_cache_lookups_total",
        Unit::Count,
        "Token cache look-ups, by outcome."
    );
    describe_counter!(
        "tower_cognito_key_fetches_total",
        Unit::Count,
        "Completed fetches of a JWK Set, by reason and outcome."
    );
    describe_histogram!(
        "tower_cognito_key_fetch_duration_seconds",
        Unit::Seconds,
        "Duration of fetches of a JWK Set."
    );
    describe_gauge!(
        "tower_cognito_key_set_state",
        Unit::Count,
        "1 for the current state of the key set, 0 for the other states."
    );
    describe_gauge!(
        "tower_cognito_key_set_age_seconds",
        Unit::Seconds,
        "Age of the key set since it was last confirmed, at the last reading."
    );
    describe_gauge!(
        "tower_cognito_key_set_last_success_timestamp_seconds",
        Unit::Seconds,
        "Unix time at which the last successful fetch of the key set started."
    );
    describe_counter!(
        "tower_cognito_client_token_requests_total",
        Unit::Count,
        "Token requests of an app client, by outcome."
    );
    describe_histogram!(
        "tower_cognito_client_token_request_duration_seconds",
        Unit::Seconds,
        "Duration of token requests."
    );
    describe_counter!(
        "tower_cognito_denylist_loads_total",
        Unit::Count,
        "Completed loads of a denylist, by outcome."
    );
    describe_histogram!(
        "tower_cognito_denylist_load_duration_seconds",
        Unit::Seconds,
        "Duration of loads of a denylist."
    );
    describe_gauge!(
        "tower_cognito_denylist_entries",
        Unit::Count,
        "Entries of the denylist in memory."
    );
    describe_gauge!(
        "tower_cognito_denylist_age_seconds",
        Unit::Seconds,
        "Time since the last successful load of the denylist started, at the last reading."
    );
}

/// A layer judged a request.
#[inline]
pub(crate) fn request_judged(labels: VerdictLabels) {
    /// The same with literals only.
    macro_rules! counted {
        ($reason:literal, $verified:literal, $enforcement:literal) => {
            counter!(
                "tower_cognito_requests_total",
                "reason" => $reason,
                "verified" => $verified,
                "enforcement" => $enforcement
            )
        };
    }
    let counter = match (labels.reason, labels.enforcement) {
        ("accepted", "enforced") => counted!("accepted", "true", "enforced"),
        ("accepted", "report_only") => counted!("accepted", "true", "report_only"),
        ("anonymous", "enforced") => counted!("anonymous", "false", "enforced"),
        ("anonymous", "report_only") => counted!("anonymous", "false", "report_only"),
        _ => verdict_counter("tower_cognito_requests_total", labels),
    };
    counter.increment(1);
}

/// A layer passed a request whose token was in the token cache: what [`request_judged`] and
/// [`token_looked_up`] count of it, with one look-up of the recorder, which costs more than the
/// counting.
#[inline]
pub(crate) fn seen_token_accepted() {
    static ACCEPTED: [Label; 3] = [
        Label::from_static_parts("reason", "accepted"),
        Label::from_static_parts("verified", "true"),
        Label::from_static_parts("enforcement", "enforced"),
    ];
    static REQUEST: Key = Key::from_static_parts("tower_cognito_requests_total", &ACCEPTED);
    static HIT: [Label; 1] = [Label::from_static_parts("outcome", "hit")];
    static LOOKUP: Key = Key::from_static_parts("tower_cognito_token_cache_lookups_total", &HIT);
    static METADATA: Metadata<'static> =
        Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    with_recorder(|recorder| {
        recorder.register_counter(&REQUEST, &METADATA).increment(1);
        recorder.register_counter(&LOOKUP, &METADATA).increment(1);
    });
}

/// A guard, an extractor or a handler inside a layer rejected a request.
pub(crate) fn rejected_inside(labels: VerdictLabels) {
    verdict_counter("tower_cognito_inner_rejections_total", labels).increment(1);
}

/// A guard, an extractor or a handler has no layer outside.
pub(crate) fn missing_layer() {
    rejected_inside(VerdictLabels {
        reason: AuthError::MissingLayer.reason(),
        verified: false,
        enforcement: "enforced",
    });
}

#[inline(never)]
fn verdict_counter(name: &'static str, labels: VerdictLabels) -> Counter {
    let verified = if labels.verified { "true" } else { "false" };
    counter!(
        name,
        "reason" => labels.reason,
        "verified" => verified,
        "enforcement" => labels.enforcement
    )
}

/// A token was looked up among those that were verified before.
#[inline]
pub(crate) fn token_looked_up(outcome: TokenLookup) {
    macro_rules! counted {
        ($outcome:literal) => {
            counter!("tower_cognito_token_cache_lookups_total", "outcome" => $outcome)
        };
    }
    let counter = match outcome {
        TokenLookup::Hit => counted!("hit"),
        TokenLookup::Miss => counted!("miss"),
        TokenLookup::Stale => counted!("stale"),
    };
    counter.increment(1);
}

/// A fetch ended.
pub(crate) fn keys_fetched(fetch: FetchLabels<'_>) {
    counter!(
        "tower_cognito_key_fetches_total",
        "jwks_url" => fetch.jwks_url.to_owned(),
        "reason" => fetch.reason,
        "outcome" => fetch.outcome
    )
    .increment(1);
    histogram!(
        "tower_cognito_key_fetch_duration_seconds",
        "jwks_url" => fetch.jwks_url.to_owned(),
        "outcome" => fetch.outcome
    )
    .record(fetch.duration);
}

/// An app client of this process asked for a token.
#[cfg(feature = "client")]
pub(crate) fn token_requested(client_id: &str, outcome: &'static str, duration: Duration) {
    counter!(
        "tower_cognito_client_token_requests_total",
        "client_id" => client_id.to_owned(),
        "outcome" => outcome
    )
    .increment(1);
    histogram!(
        "tower_cognito_client_token_request_duration_seconds",
        "client_id" => client_id.to_owned(),
        "outcome" => outcome
    )
    .record(duration);
}

/// A key set was read. A value that does not exist, such as the age of keys that never arrived,
/// leaves its gauge unset.
pub(crate) fn key_set(jwks_url: &str, reading: KeySetReading) {
    for (state, is_current) in reading.states {
        gauge!(
            "tower_cognito_key_set_state",
            "jwks_url" => jwks_url.to_owned(),
            "state" => state
        )
        .set(if is_current { 1.0 } else { 0.0 });
    }
    if let Some(age) = reading.age {
        gauge!("tower_cognito_key_set_age_seconds", "jwks_url" => jwks_url.to_owned()).set(age);
    }
    let since_epoch = reading
        .confirmed_at
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    if let Some(since_epoch) = since_epoch {
        gauge!(
            "tower_cognito_key_set_last_success_timestamp_seconds",
            "jwks_url" => jwks_url.to_owned()
        )
        .set(since_epoch);
    }
}

/// A load of a denylist ended.
pub(crate) fn denylist_loaded(name: &str, outcome: &'static str, duration: Duration) {
    counter!(
        "tower_cognito_denylist_loads_total",
        "denylist" => name.to_owned(),
        "outcome" => outcome
    )
    .increment(1);
    histogram!(
        "tower_cognito_denylist_load_duration_seconds",
        "denylist" => name.to_owned(),
        "outcome" => outcome
    )
    .record(duration);
}

/// A denylist was read. Before the first load there is nothing to set.
#[allow(clippy::cast_precision_loss, reason = "no list has 2^52 entries")]
pub(crate) fn denylist(name: &str, entries: usize, age: Option<Duration>) {
    let Some(age) = age else { return };
    gauge!("tower_cognito_denylist_entries", "denylist" => name.to_owned()).set(entries as f64);
    gauge!("tower_cognito_denylist_age_seconds", "denylist" => name.to_owned()).set(age);
}
