//! A guard that knows by the path what a request needs.

use std::{collections::BTreeSet, convert::Infallible};

use http::{Request, Response, header::AUTHORIZATION};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, ScopePolicy,
    guard::RequireScopesByPathLayer,
    testing::{TestPool, TokenBuilder},
};

fn scopes(scope: &str) -> ScopePolicy {
    ScopePolicy::all_of([scope]).unwrap()
}

fn guard() -> RequireScopesByPathLayer {
    RequireScopesByPathLayer::new()
        .require("/shop.Orders/Get", scopes("orders/get"))
        .any_token("/shop.Health/Check")
}

/// The response to a request for this target, behind a layer.
async fn send(
    guard: &RequireScopesByPathLayer,
    target: &str,
    token: Option<TokenBuilder>,
) -> Response<String> {
    let mut request = Request::post(target).body(()).unwrap();
    if let Some(token) = token {
        request
            .headers_mut()
            .insert(AUTHORIZATION, token.authorization());
    }
    ServiceBuilder::new()
        .layer(TestPool::new().verifier().layer())
        .layer(guard)
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new("inner".to_owned()))
        }))
        .oneshot(request)
        .await
        .unwrap()
}

fn with_scopes<const N: usize>(scopes: [&str; N]) -> Option<TokenBuilder> {
    Some(TestPool::new().token().scopes(scopes))
}

#[tokio::test]
async fn a_path_that_is_not_listed_is_forbidden_whatever_the_token_may_do() {
    let guard = guard();
    let every_scope = || with_scopes(["orders/get", "orders/delete"]);
    let listed = send(&guard, "/shop.Orders/Get", every_scope()).await;
    assert_eq!((listed.status().as_u16(), &**listed.body()), (200, "inner"));
    for target in [
        "/shop.Orders/Delete",
        "/shop.Orders/Ge",
        "/shop.Orders/Gets",
        "/shop.Orders/get",
        "/shop.Orders/Get/",
        "//shop.Orders/Get",
        "/shop.Orders/%47et",
        "/x/../shop.Orders/Get",
        "/",
    ] {
        let response = send(&guard, target, every_scope()).await;
        assert_eq!(response.status(), 403, "{target}");
        assert_eq!(
            response.extensions().get::<AuthError>(),
            Some(&AuthError::Forbidden),
            "{target}"
        );
        assert_eq!(response.body(), "", "{target}");
    }
}

#[tokio::test]
async fn a_query_and_a_host_are_not_part_of_the_path() {
    for target in [
        "/shop.Orders/Get?x=/shop.Orders/Delete",
        "http://shop.example.com/shop.Orders/Get",
    ] {
        let response = send(&guard(), target, with_scopes(["orders/get"])).await;
        assert_eq!(response.status(), 200, "{target}");
    }
    let guard = guard();
    let target = "/shop.Orders/Delete?/shop.Orders/Get";
    let response = send(&guard, target, with_scopes(["orders/get"])).await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn a_listed_path_needs_its_own_scopes() {
    let both = guard().require("/shop.Orders/Delete", scopes("orders/delete"));
    for (target, scope, status) in [
        ("/shop.Orders/Get", "orders/get", 200),
        ("/shop.Orders/Get", "orders/delete", 403),
        ("/shop.Orders/Delete", "orders/delete", 200),
        ("/shop.Orders/Delete", "orders/get", 403),
    ] {
        let response = send(&both, target, with_scopes([scope])).await;
        assert_eq!(response.status(), status, "{target} with {scope}");
        let rejected = response.extensions().get::<AuthError>();
        assert_eq!(
            matches!(rejected, Some(AuthError::InsufficientScope { .. })),
            status == 403,
            "{target} with {scope}"
        );
    }
}

#[tokio::test]
async fn any_token_is_enough_where_the_list_says_so_but_one_is_required() {
    let target = "/shop.Health/Check";
    let without_scopes = send(&guard(), target, with_scopes([])).await;
    assert_eq!(without_scopes.status(), 200);
    let expired = Some(TestPool::new().token().expired());
    assert_eq!(send(&guard(), target, expired).await.status(), 401);
    assert_eq!(send(&guard(), target, None).await.status(), 401);
}

/// What is said last of a path holds, and a clone that is changed does not change the guard it was
/// made of.
#[tokio::test]
async fn a_second_entry_for_a_path_replaces_the_first() {
    let first = guard();
    let second = first
        .clone()
        .any_token("/shop.Orders/Get")
        .require("/shop.Health/Check", scopes("health/check"));
    for (guard, target, status) in [
        (&first, "/shop.Orders/Get", 403),
        (&first, "/shop.Health/Check", 200),
        (&second, "/shop.Orders/Get", 200),
        (&second, "/shop.Health/Check", 403),
    ] {
        let response = send(guard, target, with_scopes(["other"])).await;
        assert_eq!(response.status(), status, "{target}");
    }
}

#[test]
fn the_listed_paths_can_be_compared_with_those_of_a_service() {
    let guard = guard().any_token("/shop.Orders/Get");
    assert_eq!(
        guard.paths().collect::<BTreeSet<_>>(),
        BTreeSet::from(["/shop.Health/Check", "/shop.Orders/Get"])
    );
    assert_eq!(RequireScopesByPathLayer::new().paths().count(), 0);
}

#[test]
fn the_inner_service_is_at_hand() {
    let mut service = guard().layer(1);
    assert_eq!(*service.get_ref(), 1);
    *service.get_mut() = 2;
    assert_eq!(service.into_inner(), 2);
}
