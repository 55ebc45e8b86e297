//! The layer in front of and behind services that are not always ready: none is called before it is
//! ready, and a rejection uses no capacity.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, sync::Arc};

use crate::fetching::fetching;
use axum::body::Body;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::sync::Semaphore;
use tokio_test::{assert_pending, assert_ready_ok, task::spawn};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer},
    load_shed::error::Overloaded,
    util::{BoxCloneService, BoxCloneServiceLayer, BoxCloneSyncService, BoxService},
};
use tower_cognito::{
    keys::JwksResponse,
    testing::{Key, ScriptedFetcher, TestPool},
};
use tower_test::mock::Spawn;

async fn ok(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::default())
}

fn without_token() -> Request<Body> {
    Request::new(Body::empty())
}

fn with_token(pool: &TestPool) -> Request<Body> {
    Request::get("/")
        .header(AUTHORIZATION, pool.token().authorization())
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_rejection_gives_the_place_in_a_concurrency_limit_back() {
    let pool = TestPool::new();
    let places = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&places));
    let layer = pool.verifier().layer();
    let inside = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(limit.clone())
        .service_fn(ok);
    let outside = ServiceBuilder::new()
        .layer(limit)
        .layer(layer)
        .service_fn(ok);
    for service in [BoxCloneService::new(inside), BoxCloneService::new(outside)] {
        for _ in 0..3 {
            let rejected = service.clone().oneshot(without_token()).await.unwrap();
            assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
            let accepted = service.clone().oneshot(with_token(&pool)).await.unwrap();
            assert_eq!(accepted.status(), StatusCode::OK);
        }
        drop(service);
        assert_eq!(places.available_permits(), 1);
    }
}

/// One service, called again and again as a connection does: the place that a rejected request did
/// not need is the next one's.
#[tokio::test]
async fn a_place_that_a_rejected_request_did_not_need_is_kept_for_the_next() {
    let pool = TestPool::new();
    let places = Arc::new(Semaphore::new(1));
    let mut service = ServiceBuilder::new()
        .layer(pool.verifier().layer())
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
            &places,
        )))
        .service_fn(ok);
    for (request, status) in [
        (without_token(), StatusCode::UNAUTHORIZED),
        (without_token(), StatusCode::UNAUTHORIZED),
        (with_token(&pool), StatusCode::OK),
        (without_token(), StatusCode::UNAUTHORIZED),
    ] {
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
    assert_eq!(places.available_permits(), 0, "reserved by `ready`");
    drop(service);
    assert_eq!(places.available_permits(), 1);
}

/// Strangers whose keys have to be fetched cannot take the places of those whose tokens are known.
#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_key_hold_no_place() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().respond(JwksResponse::document(pool.jwks()));
    let places = Arc::new(Semaphore::new(1));
    let service = ServiceBuilder::new()
        .layer(fetching(&pool, &fetcher).layer())
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
            &places,
        )))
        .service_fn(ok);
    let known = service.clone().oneshot(with_token(&pool)).await.unwrap();
    assert_eq!(known.status(), StatusCode::OK);

    let held = fetcher.hold(JwksResponse::document(pool.jwks()));
    let mut forged = with_token(&pool);
    let token = pool.token().kid("stranger").tampered();
    forged
        .headers_mut()
        .insert(AUTHORIZATION, token.authorization());
    let mut waiting = spawn(service.clone().oneshot(forged));
    assert_pending!(waiting.poll());
    assert_eq!(places.available_permits(), 1);

    let known = service.oneshot(with_token(&pool)).await.unwrap();
    assert_eq!(known.status(), StatusCode::OK);
    held.release();
    assert_ne!(waiting.await.unwrap().status(), StatusCode::OK);
}

/// A caller may keep the service that it readied until its response is there: the request must not
/// wait for the place that this service has reserved.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_key_does_not_wait_for_its_own_place() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().respond(JwksResponse::document(pool.jwks()));
    let mut service = ServiceBuilder::new()
        .layer(fetching(&pool, &fetcher).layer())
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(ok);
    let response = service
        .ready()
        .await
        .unwrap()
        .call(with_token(&pool))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop(service);
}

/// Once the token is accepted, the request queues for a place like any other.
#[tokio::test(start_paused = true)]
async fn a_request_that_waited_for_a_key_is_served_in_a_place_and_gives_it_back() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let held = fetcher.hold(JwksResponse::document(pool.jwks()));
    let places = Arc::new(Semaphore::new(1));
    let layer = fetching(&pool, &fetcher).layer();
    let inner = ServiceBuilder::new()
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
            &places,
        )))
        .service_fn(ok);
    let mut service = Spawn::new(layer.layer(inner));

    assert_ready_ok!(service.poll_ready());
    let mut served = spawn(service.call(with_token(&pool)));
    assert_pending!(served.poll());
    assert_ready_ok!(service.poll_ready(), "the place is free");
    let mut given_up = spawn(service.call(with_token(&pool)));
    assert_pending!(given_up.poll());

    let taken = places.try_acquire().unwrap();
    held.release();
    fetcher.wait_for_calls(1).await;
    tokio::task::yield_now().await;
    assert_pending!(served.poll(), "accepted, and there is no place");
    assert_pending!(given_up.poll());
    drop(given_up);
    drop(taken);
    assert_eq!(served.await.unwrap().status(), StatusCode::OK);
    assert_eq!(places.available_permits(), 1);
}

#[tokio::test]
async fn a_full_service_sheds_load_before_strangers_wait() {
    let pool = TestPool::new();
    let places = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&places));
    let layer = pool.verifier().layer();
    let inside = ServiceBuilder::new()
        .layer(layer.clone())
        .load_shed()
        .layer(limit.clone())
        .service_fn(ok);
    let outside = ServiceBuilder::new()
        .load_shed()
        .layer(layer)
        .layer(limit)
        .service_fn(ok);
    let taken = places.try_acquire().unwrap();

    let rejected = inside.clone().oneshot(without_token()).await.unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    let shed = inside.clone().oneshot(with_token(&pool)).await.unwrap_err();
    assert!(shed.is::<Overloaded>());
    for request in [without_token(), with_token(&pool)] {
        let shed = outside.clone().oneshot(request).await.unwrap_err();
        assert!(shed.is::<Overloaded>(), "the service was not called");
    }

    drop(taken);
    for service in [BoxCloneService::new(inside), BoxCloneService::new(outside)] {
        let rejected = service.clone().oneshot(without_token()).await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        let accepted = service.oneshot(with_token(&pool)).await.unwrap();
        assert_eq!(accepted.status(), StatusCode::OK);
    }
}

/// A buffer's worker calls one request after the other: none may hold it up until a key comes.
#[tokio::test(start_paused = true)]
async fn behind_a_buffer_a_request_that_waits_for_a_key_delays_no_other() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().respond(JwksResponse::document(pool.jwks()));
    let service = ServiceBuilder::new()
        .buffer(8)
        .layer(fetching(&pool, &fetcher).layer())
        .service_fn(ok);
    let known = service.clone().oneshot(with_token(&pool)).await.unwrap();
    assert_eq!(known.status(), StatusCode::OK);

    let held = fetcher.hold(JwksResponse::document(
        pool.jwks_of([Key::Access, Key::Unpublished]),
    ));
    let mut of_new_key = with_token(&pool);
    let token = pool.token().signed_with(Key::Unpublished);
    of_new_key
        .headers_mut()
        .insert(AUTHORIZATION, token.authorization());
    let mut waiting = spawn(service.clone().oneshot(of_new_key));
    assert_pending!(waiting.poll());
    fetcher.wait_for_calls(2).await;
    assert_pending!(waiting.poll());

    let known = service.clone().oneshot(with_token(&pool)).await.unwrap();
    assert_eq!(known.status(), StatusCode::OK);
    let rejected = service.oneshot(without_token()).await.unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    held.release();
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn in_front_of_a_buffer_rejections_do_not_fill_it() {
    let pool = TestPool::new();
    let mut service = ServiceBuilder::new()
        .layer(pool.verifier().layer())
        .buffer(1)
        .service_fn(ok);
    for (request, status) in [
        (without_token(), StatusCode::UNAUTHORIZED),
        (without_token(), StatusCode::UNAUTHORIZED),
        (with_token(&pool), StatusCode::OK),
        (without_token(), StatusCode::UNAUTHORIZED),
        (with_token(&pool), StatusCode::OK),
    ] {
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn the_service_and_the_layer_can_be_boxed() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer();
    let stack = || ServiceBuilder::new().layer(layer()).service_fn(ok);
    let erased = BoxCloneServiceLayer::new(layer()).layer(tower::service_fn(ok));
    let either = |layer: Option<_>| ServiceBuilder::new().option_layer(layer).service_fn(ok);
    for service in [
        BoxService::new(BoxCloneService::new(stack())),
        BoxService::new(BoxCloneSyncService::new(stack())),
        BoxService::new(erased),
        BoxService::new(either(Some(layer()))),
    ] {
        let mut service = service;
        let rejected = service.ready().await.unwrap().call(without_token());
        assert_eq!(rejected.await.unwrap().status(), StatusCode::UNAUTHORIZED);
        let accepted = service.ready().await.unwrap().call(with_token(&pool));
        assert_eq!(accepted.await.unwrap().status(), StatusCode::OK);
    }
    let open = either(None).oneshot(without_token()).await.unwrap();
    assert_eq!(open.status(), StatusCode::OK, "no layer, no demand");
}
