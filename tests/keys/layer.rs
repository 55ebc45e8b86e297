//! The same through the layer: statuses, `Retry-After`, and clients that hang up.

use std::{convert::Infallible, time::Duration};

use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{keys::FetchError, testing::Key};

use crate::rig::{HOUR, Rig, SECOND, bounded, settle};

type Reply = Response<String>;

fn service(
    rig: &Rig,
) -> impl Service<Request<()>, Response = Reply, Error = Infallible, Future: Send> + Clone + use<> {
    ServiceBuilder::new()
        .layer(rig.verifier.layer())
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new("hello".to_owned()))
        }))
}

fn request(token: &str) -> Request<()> {
    Request::get("/")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap()
}

async fn answer(rig: &Rig, token: &str) -> Reply {
    bounded(service(rig).oneshot(request(token))).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn unavailable_keys_give_503_with_retry_after_and_no_challenge() {
    let rig = Rig::new();
    rig.fetcher.fail(FetchError::Status {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(Duration::from_secs(10)),
    });
    let _ = answer(&rig, &rig.token()).await;
    rig.advance(Duration::from_millis(2_500));
    let rejected = answer(&rig, &rig.token()).await;
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejected.headers()[RETRY_AFTER], "8", "7.5 s, rounded up");
    assert!(!rejected.headers().contains_key(WWW_AUTHENTICATE));

    rig.advance(Duration::from_millis(7_500));
    rig.fetcher.respond(rig.keys());
    assert_eq!(answer(&rig, &rig.token()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_401_if_the_endpoint_lacks_it_and_503_if_it_is_unreachable() {
    let rig = Rig::warm().await;
    let unknown = rig.token_by(Key::Unpublished);
    rig.fetcher.respond(rig.keys());
    let rejected = answer(&rig, &unknown).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert!(rejected.headers().contains_key(WWW_AUTHENTICATE));

    // The budget allows one more look now, and then one in ten seconds.
    rig.fetcher.respond(rig.keys());
    let forger = crate::rig::Forger::new(&rig);
    let _ = answer(&rig, &forger.token("invented")).await;
    let rejected = answer(&rig, &forger.token("another")).await;
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejected.headers()[RETRY_AFTER], "10");
    assert!(!rejected.headers().contains_key(WWW_AUTHENTICATE));

    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Connect(
        tower_cognito::keys::ConnectError::Refused,
    ));
    let rejected = answer(&rig, &unknown).await;
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer(&rig, &rig.token()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_does_not_cancel_the_fetch() {
    let rig = Rig::new();
    let reply = rig.fetcher.hold(rig.keys());
    let leader = tokio::spawn(service(&rig).oneshot(request(&rig.token())));
    rig.fetcher.wait_for_calls(1).await;
    let follower = tokio::spawn(service(&rig).oneshot(request(&rig.token())));
    settle().await;
    leader.abort();
    reply.release();
    assert_eq!(
        bounded(follower).await.unwrap().unwrap().status(),
        StatusCode::OK
    );
    rig.assert_calls(1);
}

#[tokio::test(start_paused = true)]
async fn a_key_in_memory_is_answered_in_the_first_poll_whatever_is_in_flight() {
    let rig = Rig::warm().await;
    rig.advance(HOUR);
    rig.fetcher.hang();
    for _ in 0..3 {
        let mut service = service(&rig);
        let future = service.ready().await.unwrap().call(request(&rig.token()));
        let polled = poll_once(future).expect("in the first poll");
        assert_eq!(polled.unwrap().status(), StatusCode::OK);
        settle().await;
    }
    rig.assert_calls(2);
    rig.advance(SECOND);
}

/// What a future says when it is polled once.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
