//! Every case of `fixtures/cases/` through the real layer: the reason, the status and the header
//! text, byte for byte.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use crate::table::{
    GROUPS, all, group,
    replay::{Answer, ScopesAt, Service, request},
    row::Case,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::Value;
use tower::{ServiceExt, service_fn};
use tower_cognito::{AuthError, Claims, Principal, RequireScopesLayer, verifier::TokenCache};
use tower_layer::Layer;

#[tokio::test(start_paused = true)]
async fn every_case_gets_its_answer() {
    let mut wrong = Vec::new();
    for (name, count) in GROUPS {
        let cases = group(name);
        for case in &cases {
            let answer = Service::of(case).send(case, ScopesAt::Layer).await;
            check(case, &answer, "fresh", &mut wrong);
        }
        if cases.len() != count {
            wrong.push(format!("{name} has {} cases, not {count}", cases.len()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
}

/// One verifier sees all cases, in both orders and some of them twice: what it remembers must
/// change nothing.
#[tokio::test(start_paused = true)]
async fn what_a_verifier_has_seen_before_changes_no_answer() {
    let mut together = BTreeMap::<_, Vec<Case>>::new();
    for case in all() {
        // A pinned set may be larger than one that is fetched.
        if case.expect.reason == "keys_unavailable" {
            continue;
        }
        let key = (case.profile.clone(), case.jwks.clone());
        together.entry(key).or_default().push(case);
    }
    let (mut wrong, mut replayed) = (Vec::new(), 0);
    for ((profile, jwks), mut cases) in together {
        for cache in [TokenCache::default(), TokenCache::disabled()] {
            let Some(service) = Service::pinned(&profile, &jwks, cache) else {
                continue;
            };
            for _ in 0..2 {
                for case in &cases {
                    let answer = service.send(case, ScopesAt::Layer).await;
                    check(case, &answer, "warm", &mut wrong);
                    replayed += 1;
                }
                cases.reverse();
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(replayed > 4 * 1000, "{replayed}");
}

#[tokio::test(start_paused = true)]
async fn a_guard_on_the_route_answers_as_the_layer_does() {
    let (mut wrong, mut replayed) = (Vec::new(), 0);
    for case in all() {
        let service = Service::of(&case);
        // Only the guard knows its scopes, and a request without a token does not get as far as it.
        if service.profile.scopes.is_empty() || case.expect.reason == "missing_token" {
            continue;
        }
        let answer = service.send(&case, ScopesAt::Route).await;
        check(&case, &answer, "route", &mut wrong);
        replayed += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(replayed > 80, "{replayed}");
}

/// So that a rejection is owed to what its name says, and to nothing else.
#[test]
fn each_rejection_has_an_accepted_twin_that_differs_in_one_thing() {
    let cases = all();
    let by_name = cases
        .iter()
        .map(|case| (case.name.as_str(), case))
        .collect::<BTreeMap<_, _>>();
    assert_eq!(by_name.len(), cases.len(), "each name is given once");
    let mut without = Vec::new();
    for case in &cases {
        if matches!(case.expect.reason.as_str(), "accepted" | "anonymous") {
            assert_eq!(case.twin, None, "{}", case.name);
            continue;
        }
        let Some(twin) = &case.twin else {
            without.push(case.name.as_str());
            continue;
        };
        let twin = by_name
            .get(twin.as_str())
            .unwrap_or_else(|| panic!("{}: there is no {twin}", case.name));
        assert_eq!(twin.expect.reason, "accepted", "{}", case.name);
        let fields = |case: &Case| {
            let headers = case
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.bytes()));
            (headers.collect::<Vec<_>>(), format!("{:?}", case.request))
        };
        let differences = [
            case.profile != twin.profile,
            case.jwks != twin.jwks,
            case.clock != twin.clock,
            fields(case) != fields(twin),
        ];
        let count = differences.iter().filter(|differs| **differs).count();
        assert_eq!(count, 1, "{} and {}: {differences:?}", case.name, twin.name);
    }
    // Two faults at once: these say which of them is reported, and each fault has its own case
    // above.
    without.sort_unstable();
    assert_eq!(
        without,
        [
            "alg_none_while_keys_are_unreachable",
            "check_forbids_but_first_the_expiry",
            "check_forbids_but_first_the_signature",
            "check_revokes_but_first_the_expiry",
            "check_revokes_but_first_the_signature",
            "expired_while_keys_are_unreachable",
            "id_token_while_keys_are_unreachable",
            "malformed_token_while_keys_are_unreachable",
            "missing_token_while_keys_are_unreachable",
            "other_issuer_while_keys_are_unreachable",
            "unknown_kid_while_keys_are_unreachable",
        ]
    );
}

#[test]
fn every_reason_is_reached() {
    let source = include_str!("../../src/error/auth.rs");
    let (_, labels) = source.split_once("pub const fn reason").unwrap();
    let (labels, _) = labels.split_once("\n    }\n").unwrap();
    let reasons = labels
        .split('"')
        .skip(1)
        .step_by(2)
        .collect::<BTreeSet<_>>();
    assert!(reasons.len() >= 24, "{reasons:?}");
    let cases = all();
    let reached = cases
        .iter()
        .map(|case| case.expect.reason.as_str())
        .collect::<BTreeSet<_>>();
    let missing = reasons.difference(&reached).copied().collect::<Vec<_>>();
    // A rule of the service's own, more than one request (see `tests/keys`), a service that is put
    // together wrongly (see the test below).
    assert_eq!(
        missing,
        [
            "check_unavailable",
            "insufficient_user_authentication",
            "key_unconfirmed",
            "missing_layer"
        ]
    );
}

#[tokio::test]
async fn a_guard_without_the_layer_answers_500_and_no_challenge() {
    let guarded = RequireScopesLayer::all_of(["profiles/get"])
        .unwrap()
        .layer(service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new("inner".to_owned()))
        }));
    let response = guarded.oneshot(Request::new(String::new())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    assert_eq!(response.body(), "");
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::MissingLayer)
    );
}

fn check(case: &Case, answer: &Answer, how: &str, wrong: &mut Vec<String>) {
    let name = &case.name;
    if answer.outcome != case.expect {
        let (got, wanted) = (&answer.outcome, &case.expect);
        wrong.push(format!(
            "{name} ({how}):\n   got    {got:?}\n   wanted {wanted:?}"
        ));
    } else if let Some(claims) = &answer.claims
        && let Err(difference) = agree(claims, &payload(case))
    {
        wrong.push(format!("{name} ({how}): {difference}"));
    }
}

/// The payload of the token that was accepted, read without any of the crate's code.
fn payload(case: &Case) -> String {
    let request = request(case);
    let value = request.headers()["authorization"].to_str().unwrap();
    let part = value.split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Whether the claims say what serde_json's own reading of the payload says.
fn agree(claims: &Claims, payload: &str) -> Result<(), String> {
    let Ok(read) = serde_json::from_str::<Value>(payload) else {
        // Too deep for serde_json where it keeps what it reads, which the crate does of no claim
        // but its own.
        let unreadable = claims.custom::<Value>().is_err() && payload.contains("[[[[");
        return unreadable.then_some(()).ok_or("custom".to_owned());
    };
    let text = |name: &str| read.get(name).and_then(Value::as_str);
    let is_id = text("token_use") == Some("id");
    let username = text(if is_id {
        "cognito:username"
    } else {
        "username"
    });
    let client_id = text(if is_id { "aud" } else { "client_id" });
    let scopes = text("scope").unwrap_or_default().split(' ');
    let scopes = scopes.filter(|scope| !scope.is_empty()).collect::<Vec<_>>();
    let groups = read.get("cognito:groups").and_then(Value::as_array);
    let groups = groups.and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let principal = match (text("sub"), username) {
        (subject, Some(username)) => Principal::User { subject, username },
        (Some(subject), None) if Some(subject) == client_id => Principal::Client(subject),
        (subject, None) => Principal::Unknown { subject },
    };
    let pairs = [
        ("iss", Some(claims.issuer()) == text("iss")),
        ("sub", claims.subject() == text("sub")),
        ("client_id", Some(claims.client_id()) == client_id),
        ("jti", claims.token_id() == text("jti")),
        ("username", claims.username() == username),
        ("principal", claims.principal() == principal),
        ("scope", claims.scopes().collect::<Vec<_>>() == scopes),
        (
            "has_scope",
            scopes.iter().all(|scope| claims.has_scope(scope)),
        ),
        (
            "groups",
            claims.groups().collect::<Vec<_>>() == groups.unwrap_or_default(),
        ),
        (
            "iat",
            claims.issued_at().is_some() == read.get("iat").is_some(),
        ),
        (
            "custom",
            claims.custom::<Value>().ok().as_ref() == Some(&read),
        ),
    ];
    match pairs.iter().find(|(_, same)| !same) {
        Some((name, _)) => Err(format!("{name} is read in another way")),
        None => Ok(()),
    }
}
