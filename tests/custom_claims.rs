//! A payload that does not have the shape that a service asked for: who may see what of it.

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
    let shown = format!("{odd:?}");
    assert_eq!(shown, "Claims { .. }");
}
