use tower_cognito::testing::{TestPool, TokenBuilder};

use crate::{axum_scopes, get};

#[tokio::test]
async fn each_route_requires_its_scopes_and_each_argument_is_what_it_says() {
    let pool = TestPool::new();
    let app = axum_scopes::app(&pool.verifier()).unwrap();
    let caller = |scopes: &[&str]| pool.token().client_credentials("caller").scopes(scopes);
    let rows: [(&str, Option<TokenBuilder>, u16, &str); 15] = [
        (
            "/all",
            Some(caller(&["orders/get", "orders/export"])),
            200,
            "caller\n",
        ),
        ("/all", Some(caller(&["orders/get"])), 403, ""),
        ("/all", None, 401, ""),
        ("/any", Some(caller(&["orders/post"])), 200, "caller\n"),
        ("/any", Some(caller(&["orders/export"])), 403, ""),
        (
            "/or",
            Some(caller(&["orders/get", "orders/refund"])),
            200,
            "caller\n",
        ),
        ("/or", Some(caller(&["admin/orders"])), 200, "caller\n"),
        ("/or", Some(caller(&["orders/refund"])), 403, ""),
        ("/principal", Some(caller(&[])), 200, "the service caller\n"),
        (
            "/principal",
            Some(pool.token().user("u-1")),
            200,
            "the user u-1\n",
        ),
        (
            "/tenant",
            Some(pool.token().claim("tenant_id", "t-1")),
            200,
            "t-1\n",
        ),
        ("/tenant", Some(caller(&[])), 403, ""),
        ("/greeting", Some(caller(&[])), 200, "hello caller\n"),
        ("/greeting", None, 200, "hello stranger\n"),
        ("/greeting", Some(pool.token().expired()), 401, ""),
    ];
    for (number, (path, token, status, body)) in rows.into_iter().enumerate() {
        let response = get(&app, path, token).await;
        assert_eq!(response, (status, body.to_owned()), "row {number}: {path}");
    }
}
