//! What holds of every token, every policy and every field value, and not only of those in the
//! tables.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};
use tower::{ServiceExt, service_fn};
use tower_cognito::{
    AuthError, Claims, ScopePolicy, Verifier,
    testing::{ManualClock, TestPool},
    verifier::TokenCache,
};
use tower_layer::Layer;

/// One for all cases: keys are parsed once.
static POOL: LazyLock<TestPool> = LazyLock::new(TestPool::new);
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let builder = POOL.verifier_builder().token_cache(TokenCache::disabled());
    builder.max_token_bytes(1024 * 1024).build().unwrap()
});

fn verify(token: &str) -> Result<Claims, AuthError> {
    VERIFIER
        .try_verify(token)
        .expect("pinned keys are never fetched")
}

/// Names that the crate does not read.
fn unread_name() -> impl Strategy<Value = String> {
    const READ: [&str; 14] = [
        "iss",
        "token_use",
        "exp",
        "nbf",
        "iat",
        "client_id",
        "aud",
        "sub",
        "jti",
        "username",
        "cognito:username",
        "scope",
        "cognito:groups",
        "auth_time",
    ];
    any::<String>().prop_filter("a name that is read", |name| !READ.contains(&name.as_str()))
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |x| x.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn scope_token() -> impl Strategy<Value = String> {
    "[!#-\\[\\]-~]{1,12}".prop_filter("not a list, which is rejected", |scope| {
        !(scope.contains(',') && scope.contains('/'))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a trigger adds comes out as it went in.
    #[test]
    fn arbitrary_claims_come_through_unchanged(
        custom in vec((unread_name(), json_value()), 0..8),
        subject: String,
        username in prop::option::of(any::<String>()),
        scopes in vec(scope_token(), 0..6),
        groups in vec(any::<String>(), 0..6),
    ) {
        let mut token = POOL.token().scopes(&scopes).groups(&groups).claim("sub", subject.clone());
        if let Some(name) = &username {
            token = token.claim("username", name.clone());
        }
        for (name, value) in &custom {
            token = token.claim(name.clone(), value.clone());
        }
        let claims = verify(&token.build()).unwrap();
        prop_assert_eq!(claims.subject(), Some(subject.as_str()));
        prop_assert_eq!(claims.username(), username.as_deref());
        prop_assert_eq!(claims.scopes().collect::<Vec<_>>(), scopes);
        prop_assert_eq!(claims.groups().collect::<Vec<_>>(), groups);
        let payload = claims.custom::<Map<String, Value>>().unwrap();
        for (name, value) in custom.into_iter().collect::<Map<_, _>>() {
            prop_assert!(same(&payload[&name], &value), "{} is {}", payload[&name], value);
        }
    }

    /// Any byte of a token to any other: nothing is accepted. The cache is on, and contains the
    /// good one.
    #[test]
    fn a_changed_byte_is_rejected(at: prop::sample::Index, byte: u8) {
        let verifier = POOL.verifier();
        let token = POOL.token().build();
        prop_assert!(verifier.try_verify(&token).unwrap().is_ok());
        let mut changed = token.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        let Ok(changed) = String::from_utf8(changed) else {
            return Ok(());
        };
        prop_assert_eq!(verifier.try_verify(&changed).unwrap().is_ok(), changed == token);
    }

    /// A policy asks for whole scopes: it is what sets say, however the scopes are ordered and
    /// repeated.
    #[test]
    fn a_policy_is_an_or_of_subsets(
        alternatives in vec(vec("[abc]{1,2}", 1..4), 1..4),
        granted in vec("[abc]{1,2}", 0..5),
    ) {
        let policy = alternatives
            .iter()
            .map(|scopes| ScopePolicy::all_of(scopes).unwrap())
            .reduce(ScopePolicy::or)
            .unwrap();
        let set = |scopes: &[String]| scopes.iter().cloned().collect::<BTreeSet<_>>();
        let expected = alternatives.iter().any(|scopes| set(scopes).is_subset(&set(&granted)));
        let met = |scopes: &[String]| policy.is_met_by(scopes.iter().map(String::as_str));
        prop_assert_eq!(met(&granted), expected);
        let mut reversed = granted.clone();
        reversed.reverse();
        prop_assert_eq!(met(&reversed), expected);
        prop_assert_eq!(met(&[granted.clone(), granted.clone()].concat()), expected);
        // More rights never remove one, and a caller with the scopes of the challenge is accepted.
        prop_assert!(!expected || met(&[granted.clone(), vec!["more".to_owned()]].concat()));
        prop_assert!(policy.is_met_by(policy.challenge_scopes().collect::<Vec<_>>()));
        prop_assert!(!policy.is_met_by([]));
    }

    #[test]
    fn any_of_is_met_by_each_and_all_of_only_by_all(scopes in prop::collection::btree_set(scope_token(), 1..6)) {
        let (any, all) = (ScopePolicy::any_of(&scopes).unwrap(), ScopePolicy::all_of(&scopes).unwrap());
        prop_assert!(all.is_met_by(scopes.iter().map(String::as_str)));
        for scope in &scopes {
            prop_assert!(any.is_met_by([scope.as_str()]));
            let others = scopes.iter().filter(|other| *other != scope).map(String::as_str);
            prop_assert!(!all.is_met_by(others));
        }
    }

    /// The edges of the dates are at the leeway, to the second.
    #[test]
    fn a_date_holds_to_the_second_of_its_leeway(leeway in 0_u64..=300, at in 0_u64..4_000_000_000, lifetime in 1_u64..100_000) {
        let clock = ManualClock::new();
        let verifier = POOL.verifier_builder().clock(clock.clone()).leeway(Duration::from_secs(leeway)).build().unwrap();
        let accepts = |token: &str, seconds: Option<u64>| {
            seconds.map(|seconds| {
                clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
                verifier.try_verify(token).unwrap().err()
            })
        };
        let exp = at + lifetime;
        let token = POOL.token().claim("exp", exp).claim("iat", 0).build();
        prop_assert_eq!(accepts(&token, (exp + leeway).checked_sub(1)), Some(None));
        prop_assert_eq!(accepts(&token, Some(exp + leeway)), Some(Some(AuthError::Expired)));
        prop_assert_eq!(accepts(&token, Some(exp + leeway + 1)), Some(Some(AuthError::Expired)));
        // `iat` may be ahead by a day, whatever the leeway.
        for (claim, rejection, leeway) in [("nbf", AuthError::NotYetValid, leeway), ("iat", AuthError::IssuedInFuture, 86_400)] {
            let start = at + 86_401;
            let token = POOL.token().claim("exp", start + 1000).claim("iat", 0).claim(claim, start).build();
            prop_assert_eq!(accepts(&token, Some(start - leeway)), Some(None));
            prop_assert_eq!(accepts(&token, Some(start - leeway + 1)), Some(None));
            prop_assert_eq!(accepts(&token, Some(start - leeway - 1)), Some(Some(rejection)));
        }
    }
}

/// serde_json reads a float back to within its last digit, unless its feature `float_roundtrip` is
/// on.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            // serde_json reads a float within a few units in the last place, which also holds of
            // the tiniest.
            one == other || one.to_bits().abs_diff(other.to_bits()) <= 4
        }
        _ => one == other,
    }
}

/// All 2^13 and more of them: of a signed token no single bit can be another.
#[test]
fn any_single_flipped_bit_is_rejected() {
    let verifier = POOL.verifier();
    let token = POOL.token().scopes(["profiles/get"]).build();
    assert!(verifier.try_verify(&token).unwrap().is_ok());
    let mut flipped = 0;
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= 1 << bit;
            // A byte of 0x80 or more is neither token68 nor text.
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            assert!(
                verifier.try_verify(&changed).unwrap().is_err(),
                "bit {bit} of byte {at}"
            );
            flipped += 1;
        }
    }
    assert_eq!(flipped, token.len() * 7);
}

/// The flips again, of what is decoded: here the encoding is always right.
#[test]
fn any_single_flipped_bit_of_the_signature_or_the_payload_is_rejected() {
    let token = POOL.token().build();
    let parts = token.split('.').collect::<Vec<_>>();
    for part in 0..3 {
        let bytes = URL_SAFE_NO_PAD.decode(parts[part]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(bytes);
            let mut parts = parts.clone();
            parts[part] = &changed;
            assert!(
                verify(&parts.join(".")).is_err(),
                "bit {bit} of part {part}"
            );
        }
    }
}

/// `credentials` of RFC 6750 §2.1, written down a second time: scheme, at least one space,
/// b64token.
fn is_in_the_grammar(value: &[u8]) -> bool {
    let Some((scheme, rest)) = value.split_at_checked(6) else {
        return false;
    };
    let token = rest
        .iter()
        .skip_while(|byte| **byte == b' ')
        .copied()
        .collect::<Vec<_>>();
    let spaces = rest.len() - token.len();
    let body = token
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    scheme.eq_ignore_ascii_case(b"bearer")
        && spaces > 0
        && body > 0
        && token[..body]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}

fn answer(values: &[HeaderValue]) -> (StatusCode, Option<AuthError>) {
    let service = VERIFIER
        .layer()
        .layer(service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
    let mut request = Request::new(String::new());
    for value in values {
        request.headers_mut().append(AUTHORIZATION, value.clone());
    }
    // With pinned keys nothing is awaited.
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response) = pin!(service.oneshot(request)).poll(&mut cx) else {
        panic!("it waits");
    };
    let response = response.unwrap();
    (response.status(), response.extensions().get().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// What the grammar rejects never gets as far as a token, and what it allows is never called
    /// malformed.
    #[test]
    fn a_field_value_is_read_by_the_grammar(value in prop_oneof![
        "[Bb]earer[ \t:,]{0,2}[A-Za-z0-9._~+/=-]{0,20}[ ,;\"=]{0,2}[a-z]{0,2}".prop_map(String::into_bytes),
        "(Bearer|bearer|BEARER|Basic|DPoP|Bear|Bearer2) {0,2}[A-Za-z0-9._~+/=-]{0,40}={0,3}".prop_map(String::into_bytes),
        vec(prop_oneof![Just(b'\t'), 0x20_u8..=0x7e, 0x80_u8..], 0..40),
        vec(prop_oneof![Just(b'\t'), 0x20_u8..=0x7e, 0x80_u8..], 0..20)
            .prop_map(|rest| [b"Bearer ".as_slice(), &rest].concat()),
    ]) {
        let field = HeaderValue::from_bytes(&value).unwrap();
        let (status, error) = answer(std::slice::from_ref(&field));
        let is_bearer = value.len() >= 6
            && value[..6].eq_ignore_ascii_case(b"bearer")
            && !value.get(6).is_some_and(|byte| {
                // A character of a longer scheme's name (RFC 9110 §5.6.2).
                byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
            });
        let expected = match (is_in_the_grammar(&value), is_bearer) {
            (true, _) => AuthError::MalformedToken,
            (false, true) => AuthError::MalformedCredentials,
            (false, false) => AuthError::MissingToken,
        };
        prop_assert_eq!(error, Some(expected.clone()), "{:?}", field);
        prop_assert_eq!(status, expected.status());
        let (status, error) = answer(&[field.clone(), field]);
        prop_assert_eq!((status, error), (StatusCode::BAD_REQUEST, Some(AuthError::MultipleCredentials)));
    }

    /// No byte may follow a good token, and only spaces may precede it.
    #[test]
    fn nothing_can_be_added_to_a_good_token(before in "[ -~]{0,2}", after in "[ -~]{1,3}") {
        static TOKEN: LazyLock<String> = LazyLock::new(|| POOL.token().build());
        let token = TOKEN.as_str();
        let value = HeaderValue::try_from(format!("Bearer {token}{after}")).unwrap();
        prop_assert!(answer(&[value]).1.is_some());
        let value = HeaderValue::try_from(format!("Bearer {before}{token}")).unwrap();
        prop_assert_eq!(answer(&[value]).1.is_none(), before.trim_matches(' ').is_empty());
    }

    /// Whatever the parts hold, a token with them is rejected and nothing panics.
    #[test]
    fn garbage_in_the_parts_is_rejected(header in json_value(), payload in json_value(), signature: Vec<u8>) {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let good = json!({ "alg": "RS256", "kid": "test-only-access" });
        for header in [&header, &good] {
            let token = format!("{}.{}.{signature}", encode(header), encode(&payload));
            prop_assert!(verify(&token).is_err());
        }
    }
}
