//! Late rejections that the caller does not get are logged, once.

use std::convert::Infallible;

use http::{Extensions, Request, Response};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, Claims,
    late_rejection::{LateRejection, LateRejectionLayer},
    testing::TestPool,
};
use tracing::Level;

use crate::tracing_events::seen::{Seen, handler};

fn warnings(seen: &Seen) -> Vec<String> {
    let events = seen.take_events().into_iter();
    events
        .filter(|(level, _)| *level == Level::WARN)
        .map(|(_, fields)| fields["message"].clone())
        .collect()
}

async fn status<S>(service: S) -> u16
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    let mut request = Request::new(());
    let token = TestPool::new().token().authorization();
    request.headers_mut().insert("authorization", token);
    service.oneshot(request).await.unwrap().status().as_u16()
}

fn forbid(_: &Claims) -> Result<(), AuthError> {
    Err(AuthError::Forbidden)
}

async fn framework(request: Request<()>) -> Result<Response<String>, Infallible> {
    let outcome = LateRejection::authorize(request.extensions(), forbid);
    assert_eq!(outcome.err(), Some(AuthError::Forbidden));
    Ok(Response::default())
}

#[tokio::test]
async fn a_late_rejection_that_no_layer_looks_for_is_logged_once() {
    let (seen, _guard) = Seen::listen();
    // This has its own report: no verifier's layer is there to form any response.
    let unlayered = Extensions::new();
    let outcome = LateRejection::authorize(&unlayered, forbid);
    assert_eq!(outcome.err(), Some(AuthError::MissingLayer));
    assert_eq!(warnings(&seen), [""; 0]);

    let layer = TestPool::new().verifier().layer();
    let seen_by_layer = layer.layer(LateRejectionLayer.layer(service_fn(framework)));
    assert_eq!(status(seen_by_layer).await, 403);
    assert_eq!(warnings(&seen), [""; 0]);

    for logged in [1, 0] {
        assert_eq!(status(layer.layer(service_fn(framework))).await, 200);
        let warned = warnings(&seen);
        assert_eq!(warned.len(), logged);
        assert!(
            warned
                .iter()
                .all(|message| message.contains("no LateRejectionLayer"))
        );
    }
}

#[tokio::test]
async fn a_rejection_after_the_response_had_begun_is_logged_once() {
    let (seen, _guard) = Seen::listen();
    for (after_response, logged) in [(false, 0), (true, 1), (true, 0)] {
        let (sender, receiver) = std::sync::mpsc::channel();
        let framework = service_fn(move |request: Request<()>| {
            let rejection = request.extensions().get::<LateRejection>().unwrap();
            match after_response {
                true => sender.send(rejection.clone()).unwrap(),
                false => rejection.reject(AuthError::Forbidden),
            }
            handler(request)
        });
        let layer = TestPool::new().verifier().layer();
        let service = layer.layer(LateRejectionLayer.layer(framework));
        assert_eq!(
            status(service).await,
            if after_response { 200 } else { 403 }
        );
        if let Ok(rejection) = receiver.try_recv() {
            rejection.reject(AuthError::Forbidden);
            rejection.reject(AuthError::Forbidden);
        }
        let warned = warnings(&seen);
        assert_eq!(warned.len(), logged);
        assert!(
            warned
                .iter()
                .all(|message| message.contains("the response had begun"))
        );
    }
}
