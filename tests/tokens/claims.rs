//! What a handler can rely on of claims, and who may see what of a payload that is not as the
//! service expected.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::json;
use tower_cognito::testing::TestPool;

#[derive(Debug, Deserialize)]
struct Tenant {
    tenant_id: u64,
}

#[test]
fn only_the_detail_quotes_a_claim() {
    let pool = TestPool::new();
    let good = pool.claims(&pool.token().claim("tenant_id", 7));
    assert_eq!(good.custom::<Tenant>().unwrap().tenant_id, 7);

    let odd = pool.claims(&pool.token().claim("tenant_id", "a-private-value"));
    let error = odd.custom::<Tenant>().unwrap_err();
    assert!(
        error.detail().contains("a-private-value"),
        "{}",
        error.detail()
    );
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("Tenant") && !shown.contains("a-private-value"),
        "{shown}"
    );
    let shown = format!("{odd:?}");
    assert_eq!(shown, "Claims { .. }");
}

#[test]
fn the_actor_is_the_outermost_one_and_what_is_not_readable_is_an_error() {
    let pool = TestPool::new();
    let with = |act: &str| {
        let act = serde_json::from_str::<serde_json::Value>(act).unwrap();
        pool.claims(&pool.token().user("jane").claim("act", act))
            .actor()
    };
    assert_eq!(pool.claims(&pool.token()).actor(), Ok(None));

    let chain = r#"{"sub":"gateway","client_id":"g","iss":"https://id.example.com","act":{"sub":"agent"},"more":[1]}"#;
    let actor = with(chain).unwrap().unwrap();
    assert_eq!(actor.subject(), Some("gateway"));
    assert_eq!(actor.client_id(), Some("g"));
    assert_eq!(actor.issuer(), Some("https://id.example.com"));
    let prior = actor.prior().unwrap();
    assert_eq!((prior.subject(), prior.prior()), (Some("agent"), None));
    assert_eq!(format!("{actor:?}"), "Actor { .. }");
    assert_eq!(with("{}").unwrap().unwrap().subject(), None);

    for odd in [
        "null",
        "\"gateway\"",
        "[]",
        r#"{"sub":7}"#,
        r#"{"sub":null}"#,
        r#"{"act":"agent"}"#,
    ] {
        let error = with(odd).unwrap_err();
        assert!(error.to_string().contains("Actor"), "{odd}: {error}");
    }
}

#[test]
fn what_a_step_up_rule_asks_for_is_there_or_is_none() {
    let pool = TestPool::new();
    let token = pool.token().user("jane");
    let claims = pool.claims(
        &token
            .clone()
            .claim("acr", "urn:example:mfa")
            .claim("auth_time", 1_735_689_000),
    );
    assert_eq!(claims.acr(), Some("urn:example:mfa"));
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_000);
    assert_eq!(claims.authenticated_at(), Some(at));
    for odd in [json!(null), json!([1]), json!({}), json!(true)] {
        let claims = pool.claims(
            &token
                .clone()
                .claim("acr", odd.clone())
                .claim("auth_time", odd),
        );
        assert_eq!((claims.acr(), claims.authenticated_at()), (None, None));
    }
}

#[test]
fn a_second_actor_is_not_preferred_to_the_first() {
    let pool = TestPool::new();
    let payload = format!(
        r#"{{"iss":"{}","token_use":"access","exp":1735693200,"client_id":"c","act":{{"sub":"a"}},"act":{{"sub":"b"}}}}"#,
        pool.user_pool().issuers().next().unwrap()
    );
    assert!(
        pool.claims(&pool.token().raw_payload(payload))
            .actor()
            .is_err()
    );
}

#[test]
fn a_scope_is_there_only_as_a_whole() {
    let pool = TestPool::new();
    let claims = pool.claims(&pool.token().scopes(["profiles/get", "orders/post"]));
    for scope in ["profiles/get", "orders/post"] {
        assert!(claims.has_scope(scope), "{scope:?}");
    }
    for scope in [
        "",
        " ",
        "profiles",
        "profiles/ge",
        "profiles/get ",
        "Profiles/get",
        "profiles/get orders/post",
    ] {
        assert!(!claims.has_scope(scope), "{scope:?}");
    }
    let none = pool.claims(&pool.token().without_claim("scope"));
    assert!(!none.has_scope("profiles/get"));
}
