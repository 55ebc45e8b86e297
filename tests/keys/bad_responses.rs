//! A refresh can only improve: what is not a good JWK Set keeps the keys we have.

use http::StatusCode;
use serde_json::{Value, json};
use tower_cognito::{
    keys::{
        ConnectError, FetchError, JwksResponse, KeySetError, KeyState, MAX_JWKS_BYTES, SkipReason,
    },
    testing::{Key, TestPool},
};

use crate::rig::{HOUR, Rig, SECOND, assert_unavailable, bounded, settle};

fn entries(keys: impl IntoIterator<Item = Key>) -> Vec<Value> {
    let document: Value = serde_json::from_str(&TestPool::new().jwks_of(keys)).unwrap();
    document["keys"].as_array().unwrap().clone()
}

fn set(entries: &[Value]) -> JwksResponse {
    JwksResponse::document(json!({ "keys": entries }).to_string())
}

fn with(mut entry: Value, name: &str, value: Value) -> Value {
    entry[name] = value;
    entry
}

fn access() -> Value {
    entries([Key::Access]).remove(0)
}

fn status(code: u16) -> FetchError {
    FetchError::Status {
        status: StatusCode::from_u16(code).unwrap(),
        retry_after: None,
    }
}

/// Every bad response, with what `KeyStatus` says of it.
fn bad_responses() -> Vec<(&'static str, Result<JwksResponse, FetchError>, FetchError)> {
    let not_a_set = FetchError::KeySet(KeySetError::NotAJwkSet);
    let nothing_usable = FetchError::KeySet(KeySetError::NoUsableKey);
    let whole = TestPool::new().jwks();
    let truncated = whole.split_at(whole.len() / 2).0;
    let document = |text: &str| Ok(JwksResponse::document(text));
    let padded = format!("{whole}{}", " ".repeat(MAX_JWKS_BYTES + 1 - whole.len()));
    let many = vec![with(access(), "kid", json!("the same")); 101];
    vec![
        ("404", Err(status(404)), status(404)),
        ("500", Err(status(500)), status(500)),
        ("301", Err(status(301)), status(301)),
        (
            "a lost connection",
            Err(FetchError::Connect(ConnectError::Refused)),
            FetchError::Connect(ConnectError::Refused),
        ),
        ("an empty body", document(""), not_a_set.clone()),
        (
            "HTML",
            document("<!doctype html><p>hello"),
            not_a_set.clone(),
        ),
        ("half of it", document(truncated), not_a_set.clone()),
        (
            "something behind it",
            document(&format!("{whole}x")),
            not_a_set.clone(),
        ),
        ("a list", document("[]"), not_a_set.clone()),
        ("null", document("null"), not_a_set.clone()),
        ("no keys", document("{}"), not_a_set.clone()),
        (
            "keys that are not a list",
            document(r#"{"keys":{}}"#),
            not_a_set,
        ),
        (
            "an empty set",
            document(r#"{"keys":[]}"#),
            nothing_usable.clone(),
        ),
        ("a byte too long", document(&padded), FetchError::TooLarge),
        (
            "101 keys",
            Ok(set(&many)),
            FetchError::KeySet(KeySetError::TooManyKeys),
        ),
        (
            "10 000 entries",
            document(&json!({ "keys": vec![json!({}); 10_000] }).to_string()),
            FetchError::KeySet(KeySetError::TooManyKeys),
        ),
        (
            "no key for signatures",
            Ok(set(&[with(access(), "use", json!("enc"))])),
            nothing_usable.clone(),
        ),
        (
            "the same kid twice and nothing else",
            Ok(set(&[
                access(),
                with(
                    entries([Key::Id]).remove(0),
                    "kid",
                    json!("test-only-access"),
                ),
            ])),
            nothing_usable,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_bad_response_keeps_the_last_good_set_and_is_visible() {
    for (name, reply, expected) in bad_responses() {
        let rig = Rig::warm().await;
        let seen = rig.token();
        assert!(rig.verify(&seen).await.is_ok());
        rig.advance(HOUR);
        match reply {
            Ok(reply) => rig.fetcher.respond(reply),
            Err(error) => rig.fetcher.fail(error),
        };
        for _ in 0..3 {
            assert!(rig.verify(&seen).await.is_ok(), "{name}");
            assert!(rig.verify(&rig.token()).await.is_ok(), "{name}");
            settle().await;
        }
        rig.assert_calls(2);
        let status = rig.verifier.key_status();
        assert_eq!(status.last_error(), Some(&expected), "{name}");
        assert_eq!(status.state(), KeyState::Degraded, "{name}");
        assert_eq!(status.age(), Some(HOUR), "{name}");
        assert_eq!(
            status.kids().collect::<Vec<_>>(),
            ["test-only-access", "test-only-id"],
            "{name}"
        );

        // Its good twin is taken.
        rig.advance(SECOND);
        rig.fetcher.respond(rig.keys_of([Key::Access]));
        assert!(rig.verify(&seen).await.is_ok());
        settle().await;
        let status = rig.verifier.key_status();
        assert_eq!(
            (status.state(), status.last_error()),
            (KeyState::Fresh, None)
        );
        assert_eq!(status.kids().collect::<Vec<_>>(), ["test-only-access"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_first_response_leaves_no_key_set() {
    for (name, reply, expected) in bad_responses() {
        let rig = Rig::new();
        match reply {
            Ok(reply) => rig.fetcher.respond(reply),
            Err(error) => rig.fetcher.fail(error),
        };
        assert_unavailable(&rig.verify(&rig.token()).await);
        assert_eq!(rig.last_error(), Some(expected), "{name}");
        assert_eq!(rig.state(), KeyState::Empty, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_set_and_a_hundred_keys_are_taken() {
    let whole = TestPool::new().jwks();
    let padded = format!("{whole}{}", " ".repeat(MAX_JWKS_BYTES - whole.len()));
    let hundred = (0..100)
        .map(|number| with(access(), "kid", json!(format!("kid-{number}"))))
        .collect::<Vec<_>>();
    for (reply, kids) in [(JwksResponse::document(padded), 2), (set(&hundred), 100)] {
        let rig = Rig::new();
        rig.fetcher.respond(reply);
        assert_eq!(bounded(rig.verifier.warm_up()).await, Ok(()));
        assert_eq!(rig.verifier.key_status().kids().count(), kids);
    }
}

#[tokio::test(start_paused = true)]
async fn an_odd_entry_beside_a_good_one_is_skipped_and_listed() {
    let other = |name, value| with(with(access(), "kid", json!("odd")), name, value);
    for (entry, kid, reason) in [
        (
            other("use", json!("enc")),
            Some("odd"),
            SkipReason::NotForVerifying,
        ),
        (
            other("key_ops", json!(["sign"])),
            Some("odd"),
            SkipReason::NotForVerifying,
        ),
        (
            other("alg", json!("RS512")),
            Some("odd"),
            SkipReason::Algorithm,
        ),
        (
            other("alg", json!("HS256")),
            Some("odd"),
            SkipReason::Algorithm,
        ),
        (other("e", json!("AQ")), Some("odd"), SkipReason::Exponent),
        (other("n", json!("AQAB")), Some("odd"), SkipReason::Modulus),
        (with(access(), "kid", json!("")), None, SkipReason::NoKid),
        (
            json!({"kty": "unheard-of", "kid": "odd"}),
            Some("odd"),
            SkipReason::NotRsa,
        ),
        (json!(7), None, SkipReason::Malformed),
        (
            json!({"kty": "oct", "kid": "odd", "k": "c2VjcmV0"}),
            Some("odd"),
            SkipReason::NotRsa,
        ),
    ] {
        let rig = Rig::new();
        rig.fetcher.respond(set(&[entry.clone(), access()]));
        assert!(rig.verify(&rig.token()).await.is_ok(), "{entry}");
        let status = rig.verifier.key_status();
        let skipped = status
            .skipped()
            .iter()
            .map(|skipped| (skipped.kid(), skipped.reason()))
            .collect::<Vec<_>>();
        assert_eq!(skipped, [(kid, reason)], "{entry}");
        assert_eq!(status.kids().collect::<Vec<_>>(), ["test-only-access"]);
        assert_eq!(status.last_error(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_names_two_different_keys_names_none() {
    let rig = Rig::new();
    let twin = with(
        entries([Key::Unpublished]).remove(0),
        "kid",
        json!("test-only-access"),
    );
    let id = entries([Key::Id]).remove(0);
    rig.fetcher
        .respond(set(&[access(), twin.clone(), id.clone()]));
    assert!(rig.verify(&rig.token_by(Key::Id)).await.is_ok());
    let status = rig.verifier.key_status();
    assert_eq!(status.kids().collect::<Vec<_>>(), ["test-only-id"]);
    assert_eq!(status.skipped().len(), 2);
    for skipped in status.skipped() {
        assert_eq!(skipped.kid(), Some("test-only-access"));
        assert_eq!(skipped.reason(), SkipReason::AmbiguousKid);
    }
    rig.fetcher.always_respond(set(&[access(), twin, id]));
    assert!(rig.verify(&rig.token()).await.is_err());

    // The same key twice is one key.
    rig.fetcher.always_respond(set(&[access(), access()]));
    rig.advance(HOUR);
    assert!(rig.verify(&rig.token()).await.is_ok());
    assert_eq!(rig.verifier.key_status().skipped(), []);
}

/// Whatever the order, and however often one of them comes: two keys under one name are none.
#[tokio::test(start_paused = true)]
async fn three_entries_of_one_name_are_one_key_only_if_they_are_the_same() {
    let named = |key| {
        let entry = entries([key]).remove(0);
        with(entry, "kid", json!("test-only-access"))
    };
    let (a, b, c) = (Key::Access, Key::Unpublished, Key::Id);
    for (keys, skipped) in [
        ([a, a, a], 0),
        ([a, a, b], 2),
        ([a, b, a], 3),
        ([b, a, a], 3),
        ([b, a, b], 3),
        ([b, b, a], 2),
        ([a, b, b], 3),
        ([a, b, c], 3),
        ([b, a, c], 3),
        ([b, c, a], 3),
    ] {
        let rig = Rig::new();
        let other = entries([Key::Id]).remove(0);
        let [first, second, third] = keys.map(named);
        rig.fetcher
            .always_respond(set(&[first, second, third, other]));
        assert!(rig.verify(&rig.token_by(Key::Id)).await.is_ok());
        let status = rig.verifier.key_status();
        assert_eq!(status.skipped().len(), skipped, "{keys:?}");
        assert_eq!(status.kids().count(), if skipped == 0 { 2 } else { 1 });
        for key in [a, b, c] {
            let token = rig.pool.token().signed_with(key).kid("test-only-access");
            let accepted = rig.verify(&token.build()).await.is_ok();
            assert_eq!(accepted, skipped == 0 && key == a, "{keys:?} {key:?}");
        }
    }
}
