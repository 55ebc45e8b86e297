//! What a handler can rely on of claims, and who may see what of a payload that is not as the service expected.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde::Deserialize;
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
    assert!(format!("{error:?}").starts_with("CustomClaimsError { wanted: "));
    let shown = format!("{odd:?}");
    assert_eq!(shown, "Claims { .. }");
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
