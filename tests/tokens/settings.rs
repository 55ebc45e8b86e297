//! What a verifier can be built with: each setting up to its bound, and not a step beyond.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::time::Duration;

use http::StatusCode;
use tower_cognito::{
    AllowedClients, ConfigError, UserPool, Verifier,
    keys::{ConnectError, FetchError, JwksRequest, KeySetError, KeyState},
    testing::TestPool,
    verifier::VerifierBuilder,
};

const NANOSECOND: Duration = Duration::from_nanos(1);
const MINUTE: Duration = Duration::from_secs(60);

fn pool(id: &str) -> UserPool {
    UserPool::new(id).unwrap()
}

fn builder() -> VerifierBuilder {
    Verifier::builder(pool("eu-west-1_AbCdEf123"), AllowedClients::any())
}

#[track_caller]
fn built(with: impl FnOnce(VerifierBuilder) -> VerifierBuilder) {
    assert!(with(builder()).build().is_ok());
}

/// The error names the setting and quotes what was given.
#[track_caller]
fn out_of_range(setting: &str, given: &str, with: impl FnOnce(VerifierBuilder) -> VerifierBuilder) {
    let error = with(builder()).build().unwrap_err();
    let ConfigError::OutOfRange { setting: named, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*named, setting);
    assert!(error.to_string().contains(given), "{error}");
}

#[test]
fn the_leeway_is_at_most_five_minutes() {
    built(|builder| builder.leeway(Duration::ZERO));
    built(|builder| builder.leeway(5 * MINUTE));
    out_of_range("leeway", "300.000000001s", |builder| {
        builder.leeway(5 * MINUTE + NANOSECOND)
    });
}

#[test]
fn an_age_is_longer_than_zero() {
    built(|builder| builder.max_token_age(NANOSECOND));
    out_of_range("max_token_age", "0ns", |builder| {
        builder.max_token_age(Duration::ZERO)
    });
}

#[test]
fn a_token_has_a_byte_at_least_and_a_mebibyte_at_most() {
    built(|builder| builder.max_token_bytes(1));
    built(|builder| builder.max_token_bytes(1 << 20));
    out_of_range("max_token_bytes", "0", |builder| builder.max_token_bytes(0));
    out_of_range("max_token_bytes", "1048577", |builder| {
        builder.max_token_bytes((1 << 20) + 1)
    });
}

#[test]
fn keys_are_not_refreshed_without_end() {
    built(|builder| builder.refresh_after(NANOSECOND));
    out_of_range("refresh_after", "0ns", |builder| {
        builder.refresh_after(Duration::ZERO)
    });
}

#[test]
fn keys_expire_after_they_are_due_for_a_refresh() {
    let durations = |refresh, expire| builder().refresh_after(refresh).expire_after(expire);
    assert!(durations(MINUTE, MINUTE + NANOSECOND).build().is_ok());
    for expire in [MINUTE, MINUTE - NANOSECOND, Duration::ZERO] {
        let error = durations(MINUTE, expire).build().unwrap_err();
        let expected = ConfigError::DurationOrder {
            shorter: "refresh_after",
            shorter_value: MINUTE,
            longer: "expire_after",
            longer_value: expire,
        };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("refresh_after (60s)"), "{error}");
    }
}

#[test]
fn strangers_cannot_cause_more_than_a_fetch_a_second() {
    let second = Duration::from_secs(1);
    built(|builder| builder.unknown_kid_interval(second));
    out_of_range("unknown_kid_interval", "999.999999ms", |builder| {
        builder.unknown_kid_interval(second - NANOSECOND)
    });
}

#[test]
fn a_fetch_takes_a_minute_at_most() {
    built(|builder| builder.fetch_timeout(NANOSECOND));
    built(|builder| builder.fetch_timeout(MINUTE));
    out_of_range("fetch_timeout", "0ns", |builder| {
        builder.fetch_timeout(Duration::ZERO)
    });
    out_of_range("fetch_timeout", "60.000000001s", |builder| {
        builder.fetch_timeout(MINUTE + NANOSECOND)
    });
}

#[test]
fn an_issuer_belongs_to_one_pool() {
    built(|builder| builder.add_pool(pool("eu-west-1_Other"), AllowedClients::any()));
    let twice = builder().add_pool(pool("eu-west-1_AbCdEf123"), AllowedClients::any());
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123".to_owned();
    assert_eq!(
        twice.build().unwrap_err(),
        ConfigError::IssuerTwice { issuer }
    );
    // The host of a replica is another pool's, too.
    let replica = pool("us-east-1_Shared")
        .with_replica_region("eu-west-1")
        .unwrap();
    let exact = pool("eu-west-1_Other")
        .with_exact_issuer("https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_Shared")
        .unwrap();
    let error = Verifier::builder(replica, AllowedClients::any())
        .add_pool(exact, AllowedClients::any())
        .build()
        .unwrap_err();
    assert!(matches!(error, ConfigError::IssuerTwice { .. }));
}

#[test]
fn keys_that_are_handed_in_must_be_usable() {
    let good = TestPool::new().jwks();
    pool("eu-west-1_A").with_pinned_jwks(&good).unwrap();
    pool("eu-west-1_A").with_seed_jwks(&good).unwrap();
    for document in ["", "{}", r#"{"keys":[]}"#] {
        let named = [
            (
                "with_pinned_jwks",
                pool("eu-west-1_A").with_pinned_jwks(document),
            ),
            (
                "with_seed_jwks",
                pool("eu-west-1_A").with_seed_jwks(document),
            ),
        ];
        for (expected, configured) in named {
            let error = configured.unwrap_err();
            let ConfigError::InvalidJwks { setting, reason } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(*setting, expected);
            assert!(!reason.is_empty() && error.to_string().contains(reason));
        }
    }
}

#[test]
fn a_builder_shows_its_pools() {
    let shown = format!("{:?}", builder());
    assert!(shown.contains("eu-west-1_AbCdEf123"), "{shown}");
}

/// The labels are for metrics, and the sentences for the operator.
#[test]
fn every_failure_of_a_fetch_has_a_label_and_says_what_happened() {
    let status = |code: u16| FetchError::Status {
        status: StatusCode::from_u16(code).unwrap(),
        retry_after: None,
    };
    let table = [
        (FetchError::Aborted, "aborted", "ended without a result"),
        (FetchError::Body, "body", "broke off"),
        (
            FetchError::Connect(ConnectError::TimedOut),
            "connect",
            "NAT gateway or a proxy",
        ),
        (
            FetchError::KeySet(KeySetError::NoUsableKey),
            "key_set",
            "none of its keys",
        ),
        (
            FetchError::UnexpectedNotModified,
            "unexpected_not_modified",
            "304",
        ),
        (FetchError::NoResponse, "no_response", "scheme and port"),
        (FetchError::NoRuntime, "no_runtime", "no tokio runtime"),
        (FetchError::Timeout, "timeout", "`fetch_timeout`"),
        (FetchError::TooLarge, "too_large", "150000 bytes"),
        (
            status(404),
            "status",
            "check that the pool id and region match",
        ),
        (
            status(400),
            "status",
            "check that the pool id and region match",
        ),
        (
            status(403),
            "status",
            "check that the pool id and region match",
        ),
        (status(302), "status", "redirects are not followed"),
    ];
    for (error, label, says) in table {
        assert_eq!(error.reason(), label);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(
        status(500)
            .to_string()
            .ends_with("500 Internal Server Error")
    );
}

#[test]
fn every_state_of_the_keys_has_a_label() {
    let table = [
        (KeyState::Empty, "empty"),
        (KeyState::Fresh, "fresh"),
        (KeyState::Due, "due"),
        (KeyState::Degraded, "degraded"),
        (KeyState::Expired, "expired"),
        (KeyState::Pinned, "pinned"),
    ];
    for (state, label) in table {
        assert_eq!(state.label(), label);
    }
}

/// For tests of a custom fetcher.
#[test]
fn a_request_for_keys_is_conditional_when_there_is_an_etag() {
    let request = JwksRequest::new("https://example.com/jwks.json");
    assert_eq!(
        (request.url, request.etag),
        ("https://example.com/jwks.json", None)
    );
    assert_eq!(request.with_etag("\"1\"").etag, Some("\"1\""));
}
