//! The layer that puts tokens on outgoing requests.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    routing::get,
};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE},
};
use tokio::net::TcpListener;
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn,
    util::BoxCloneService,
};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, ScopePolicy, Verifier,
    client::{ClientCredentials, SendBearerError, TokenError},
    testing::{Endpoint, LocalIssuer, ManualClock},
};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::server::{Server, answer_with, token};

const ID: &str = "1example23456789";
const SECRET: &str = "a-secret-of-this-test";
const ORIGIN: &str = "https://profiles.example.com";
const INVALID_TOKEN: &str = r#"Bearer realm="profiles", error="invalid_token""#;

/// A caller, the issuer of its tokens, and a callee in memory.
struct World {
    issuer: LocalIssuer,
    caller: ClientCredentials,
    callee: Callee,
}

/// Answers each request with the next status of a script, and with 200 after it.
#[derive(Clone, Default)]
struct Callee(Arc<Mutex<CalleeState>>);

#[derive(Default)]
struct CalleeState {
    answers: Vec<Answer>,
    seen: Vec<Request<String>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Challenge(u16, &'static str),
    Redirect(&'static str),
}

impl World {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let issuer = LocalIssuer::builder()
            .client(ID, SECRET, ["profiles/get"])
            .start()
            .unwrap();
        let caller = ClientCredentials::builder(issuer.token_url(), ID, SECRET)
            .clock(ManualClock::new())
            .build()
            .unwrap();
        let callee = Callee::default();
        callee.0.lock().unwrap().answers = answers.into_iter().collect();
        Self {
            issuer,
            caller,
            callee,
        }
    }

    fn token_requests(&self) -> usize {
        self.issuer.requests(Endpoint::Token)
    }

    /// The `Authorization` fields of each request that the callee saw.
    fn authorizations(&self) -> Vec<Vec<String>> {
        let state = self.callee.0.lock().unwrap();
        let fields = |request: &Request<String>| {
            let fields = request.headers().get_all(AUTHORIZATION);
            fields
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect()
        };
        state.seen.iter().map(fields).collect()
    }
}

impl Callee {
    fn service(&self) -> BoxCloneService<Request<String>, Response<String>, Infallible> {
        let state = Arc::clone(&self.0);
        BoxCloneService::new(service_fn(move |request: Request<String>| {
            let mut state = state.lock().unwrap();
            state.seen.push(request);
            let answer = (!state.answers.is_empty()).then(|| state.answers.remove(0));
            let response = match answer {
                None => Response::builder(),
                Some(Answer::Challenge(status, challenge)) => Response::builder()
                    .status(status)
                    .header(WWW_AUTHENTICATE, challenge),
                Some(Answer::Redirect(location)) => Response::builder()
                    .status(StatusCode::TEMPORARY_REDIRECT)
                    .header(LOCATION, location),
            };
            let response = response.body(String::new()).unwrap();
            async move { Ok(response) }
        }))
    }
}

fn request(uri: &str) -> Request<String> {
    Request::post(uri).body("the body".to_owned()).unwrap()
}

const REJECTED: Answer = Answer::Challenge(401, INVALID_TOKEN);

#[tokio::test]
async fn a_request_to_the_origin_carries_the_token_and_nothing_else() {
    let world = World::new([]);
    let layer = world.caller.layer(ORIGIN).unwrap();
    let service = layer.layer(world.callee.service());
    let mut request = request("https://profiles.example.com/profiles?id=1");
    request
        .headers_mut()
        .append(AUTHORIZATION, "Bearer of.an.user".parse().unwrap());
    request
        .headers_mut()
        .append(AUTHORIZATION, "Basic eDp5".parse().unwrap());
    service.oneshot(request).await.unwrap();

    let expected = format!("Bearer {}", token(&world.caller).await.unwrap());
    assert_eq!(world.authorizations(), [[expected]]);
    let seen = &world.callee.0.lock().unwrap().seen[0];
    assert!(seen.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(seen.body(), "the body");
}

#[tokio::test]
async fn a_request_for_another_origin_passes_without_a_token() {
    for (uri, has_token) in [
        ("https://profiles.example.com/", true),
        ("https://profiles.example.com:443/x", true),
        ("http://profiles.example.com/", false),
        ("https://profiles.example.com:8443/", false),
        ("https://example.com/", false),
        ("https://profiles.example.com.evil.com/", false),
        ("https://profiles.example.com@evil.com/", false),
        ("/profiles", false),
    ] {
        let world = World::new([]);
        let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
        let service = layer.layer(world.callee.service());
        let mut request = request(uri);
        let own = "Basic b3duOm93bg==";
        request
            .headers_mut()
            .insert(AUTHORIZATION, own.parse().unwrap());
        service.oneshot(request).await.unwrap();
        let authorizations = world.authorizations().concat();
        assert_eq!(authorizations[0].starts_with("Bearer "), has_token, "{uri}");
        assert_eq!(authorizations == [own], !has_token, "{uri}");
        assert_eq!(world.token_requests(), usize::from(has_token), "{uri}");
    }
}

#[tokio::test]
async fn further_origins_are_named_one_by_one() {
    let world = World::new([]);
    let layer = world.caller.layer(ORIGIN).unwrap();
    let error = layer
        .clone()
        .add_origin("http://orders.svc:8080")
        .unwrap_err();
    assert!(
        matches!(&error, ConfigError::InvalidOrigin { given, .. } if given == "http://orders.svc:8080")
    );
    assert!(error.to_string().contains("`_unencrypted`"), "{error}");
    let layer = layer
        .add_origin("http://127.0.0.1:8080")
        .unwrap()
        .add_unencrypted_origin("http://orders.svc:8080")
        .unwrap();
    let mut service = layer.layer(world.callee.service());
    for uri in [
        "https://profiles.example.com/",
        "http://127.0.0.1:8080/",
        "http://orders.svc:8080/",
        "http://orders.svc/",
    ] {
        let ready = ServiceExt::<Request<String>>::ready(&mut service);
        ready.await.unwrap().call(request(uri)).await.unwrap();
    }
    let with_token = world
        .authorizations()
        .iter()
        .map(Vec::len)
        .collect::<Vec<_>>();
    assert_eq!(with_token, [1, 1, 1, 0]);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_and_the_request_sent_once_more() {
    let world = World::new([REJECTED]);
    let old = token(&world.caller).await.unwrap();
    let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
    let service = layer.layer(world.callee.service());
    let mut request = request(ORIGIN);
    request
        .headers_mut()
        .append("x-tenant", "a".parse().unwrap());
    request
        .headers_mut()
        .append("x-tenant", "b".parse().unwrap());
    request.extensions_mut().insert(7_u8);
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);

    let new = token(&world.caller).await.unwrap();
    assert_ne!(old, new);
    assert_eq!(
        world.authorizations(),
        [[format!("Bearer {old}")], [format!("Bearer {new}")]]
    );
    let state = world.callee.0.lock().unwrap();
    assert_eq!(state.seen[0].body(), state.seen[1].body());
    assert_eq!(state.seen[0].method(), state.seen[1].method());
    assert_eq!(state.seen[0].uri(), state.seen[1].uri());
    for sent in &state.seen {
        let tenants = sent.headers().get_all("x-tenant").iter();
        assert_eq!(tenants.collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sent.extensions().get::<u8>(), Some(&7));
    }
    drop(state);
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn there_is_no_third_time() {
    let world = World::new([REJECTED; 10]);
    let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
    let mut service = layer.layer(world.callee.service());
    // The first call is sent twice; while its replacement is young, each further one is sent once.
    for (sent, token_requests) in [(2, 2), (3, 2), (4, 2)] {
        let ready = ServiceExt::<Request<String>>::ready(&mut service);
        let response = ready.await.unwrap().call(request(ORIGIN)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(world.authorizations().len(), sent);
        assert_eq!(world.token_requests(), token_requests);
    }
}

#[tokio::test]
async fn only_invalid_token_is_a_reason_to_replace_the_token() {
    for (status, challenge, replaced) in [
        (401, INVALID_TOKEN, true),
        // As API Gateway documents it for its JWT authorizers.
        (
            401,
            r#"Bearer scope="" error="invalid_token" error_description="the token has expired""#,
            true,
        ),
        (401, r#"Bearer scope="" error="insufficient_scope""#, false),
        (401, "Bearer", false),
        (401, r#"Basic realm="x""#, false),
        (401, r#"Bearer error="insufficient_scope""#, false),
        (403, r#"Bearer error="insufficient_scope""#, false),
        (403, INVALID_TOKEN, false),
        (503, INVALID_TOKEN, false),
    ] {
        let world = World::new([Answer::Challenge(status, challenge)]);
        let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
        let service = layer.layer(world.callee.service());
        let response = service.oneshot(request(ORIGIN)).await.unwrap();
        let expected = if replaced { 200 } else { status };
        assert_eq!(response.status().as_u16(), expected, "{challenge}");
        assert_eq!(world.authorizations().len(), 1 + usize::from(replaced));
        assert_eq!(world.token_requests(), 1 + usize::from(replaced));
    }
}

#[tokio::test]
async fn without_retry_the_answer_is_passed_on_and_the_next_request_has_another_token() {
    let world = World::new([REJECTED]);
    let layer = world.caller.layer(ORIGIN).unwrap();
    let mut service = layer.layer(world.callee.service());
    for status in [401, 200] {
        let ready = ServiceExt::<Request<String>>::ready(&mut service);
        let response = ready.await.unwrap().call(request(ORIGIN)).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
    let authorizations = world.authorizations();
    assert_eq!(authorizations.len(), 2);
    assert_ne!(authorizations[0], authorizations[1]);
}

#[tokio::test]
async fn a_body_that_cannot_be_copied_is_sent_once() {
    for (copies, sent) in [(true, 2), (false, 1)] {
        let world = World::new([REJECTED]);
        let copy = move |body: &String| copies.then(|| body.clone());
        let layer = world.caller.layer(ORIGIN).unwrap().retry_with(copy);
        let service = layer.layer(world.callee.service());
        service.oneshot(request(ORIGIN)).await.unwrap();
        assert_eq!(world.authorizations().len(), sent);
    }
}

#[tokio::test]
async fn a_rejection_during_an_outage_of_the_issuer_is_passed_on() {
    let world = World::new([REJECTED]);
    assert!(world.caller.token().await.is_ok());
    world
        .issuer
        .endpoint(Endpoint::Token)
        .fail_with(StatusCode::BAD_GATEWAY);
    let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
    let service = layer.layer(world.callee.service());
    let response = service.oneshot(request(ORIGIN)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(world.authorizations().len(), 1);
}

#[tokio::test]
async fn without_a_token_the_request_is_not_sent() {
    let world = World::new([]);
    world.issuer.remove_client(ID);
    let layer = world.caller.layer(ORIGIN).unwrap();
    let service = layer.layer(world.callee.service());
    let error = service.oneshot(request(ORIGIN)).await.unwrap_err();
    assert_eq!(error, SendBearerError::Token(TokenError::InvalidClient));
    assert!(
        error
            .to_string()
            .starts_with("no access token for the request: "),
        "{error}"
    );
    assert!(world.authorizations().is_empty());
}

#[tokio::test]
async fn the_inner_services_error_is_passed_on() {
    let world = World::new([]);
    let failing = service_fn(|_: Request<String>| async {
        Err::<Response<String>, BoxError>("broken".into())
    });
    let service = world.caller.layer(ORIGIN).unwrap().layer(failing);
    let error = service.oneshot(request(ORIGIN)).await.unwrap_err();
    assert!(matches!(error, SendBearerError::Inner(_)));
    assert_eq!(BoxError::from(error).to_string(), "broken");
}

#[test]
fn the_inner_service_can_be_read_changed_and_taken_back() {
    let layer = ClientCredentials::builder("https://id.example.com/token", "caller", "a-secret");
    let layer = layer.build().unwrap().layer(ORIGIN).unwrap();
    let mut service = layer.layer(1);
    assert_eq!(*service.get_ref(), 1);
    *service.get_mut() = 2;
    assert_eq!(service.into_inner(), 2);
}

#[tokio::test]
async fn every_call_goes_to_a_service_that_was_polled_ready() {
    // It panics when it is called without.
    let world = World::new([REJECTED]);
    let limited = ConcurrencyLimit::new(world.callee.service(), 1);
    let layer = world.caller.layer(ORIGIN).unwrap().retry_cloned();
    let mut service = layer.layer(limited);
    for _ in 0..3 {
        let ready = ServiceExt::<Request<String>>::ready(&mut service);
        let response = ready.await.unwrap().call(request(ORIGIN)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(world.authorizations().len(), 4);
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_token_along() {
    for (location, has_token) in [
        ("https://evil.example.com/profiles", false),
        ("http://profiles.example.com/profiles", false),
        ("https://profiles.example.com/v2/profiles", true),
    ] {
        let world = World::new([Answer::Redirect(location)]);
        let service = ServiceBuilder::new()
            .layer(FollowRedirectLayer::new())
            .layer(world.caller.layer(ORIGIN).unwrap())
            .service(world.callee.service());
        service
            .oneshot(request(ORIGIN).map(|_| String::new()))
            .await
            .unwrap();
        let with_token = world
            .authorizations()
            .iter()
            .map(|fields| !fields.is_empty())
            .collect::<Vec<_>>();
        assert_eq!(with_token, [true, has_token], "{location}");
    }
}

#[tokio::test]
async fn reqwest_takes_no_token_along_to_another_origin() {
    let world = World::new([]);
    let elsewhere = Server::start(|_| answer_with(200, ("x-here", "elsewhere"))).await;
    // The same address under another name is another origin.
    let location = elsewhere.url("/").replace("127.0.0.1", "localhost");
    let profiles = Server::start(move |_| answer_with(307, ("location", &location))).await;

    let response = reqwest::Client::new()
        .get(profiles.url("/profiles"))
        .header(
            AUTHORIZATION,
            world.caller.token().await.unwrap().header_value(),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-here"], "elsewhere");
    let bearer = format!("Bearer {}", token(&world.caller).await.unwrap());
    assert_eq!(profiles.seen()[0].header("authorization"), Some(&*bearer));
    assert_eq!(elsewhere.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_withdrawn_signing_key_is_not_seen_by_the_callers_of_a_guarded_service() {
    let issuer = LocalIssuer::builder()
        .client(ID, SECRET, ["profiles/get"])
        .start()
        .unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .build()
        .unwrap();
    let guard = verifier
        .layer()
        .require(ScopePolicy::all_of(["profiles/get"]).unwrap());
    let app: Router = Router::new()
        .route(
            "/profiles",
            get(|claims: Claims| async move { claims.client_id().to_owned() }),
        )
        .route_layer(guard);
    let caller = ClientCredentials::builder(issuer.token_url(), ID, SECRET)
        .scopes(["profiles/get"])
        .build()
        .unwrap();

    let old_kid = issuer.published_kids()[0].clone();
    let first = caller.token().await.unwrap();
    let _new_kid = issuer.rotate();
    assert!(issuer.withdraw(&old_kid));

    // The service never saw the old key, so the token that was signed with it is rejected, and
    // replaced.
    let layer = caller
        .layer(ORIGIN)
        .unwrap()
        .retry_with(|body: &Body| body.is_end_stream().then(Body::empty));
    let service = layer.layer(app);
    let uri = format!("{ORIGIN}/profiles");
    let response = service
        .oneshot(Request::get(uri).body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_ne!(caller.token().await.unwrap().as_str(), first.as_str());
    assert_eq!(issuer.requests(Endpoint::Token), 2);
}

#[tokio::test]
async fn it_works_around_a_real_http_client() {
    let issuer = LocalIssuer::builder()
        .client(ID, SECRET, ["profiles/get"])
        .start()
        .unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .build()
        .unwrap();
    let app: Router = Router::new()
        .route(
            "/",
            get(|claims: Claims| async move { claims.client_id().to_owned() }),
        )
        .route_layer(verifier.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let caller = ClientCredentials::builder(issuer.token_url(), ID, SECRET)
        .build()
        .unwrap();
    let client = ServiceBuilder::new()
        .layer(caller.layer(&origin).unwrap())
        .service(
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http(),
        );
    let request = Request::get(origin).body(Body::empty()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1024)
        .await
        .unwrap();
    assert_eq!(body, ID);
    server.abort();
}
