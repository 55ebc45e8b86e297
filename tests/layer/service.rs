//! The layer around any service: which service is called, what reaches it, and what comes back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "time is paused")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::fetching::fetching;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, BearerAuthLayer, Claims, RequireClaimsLayer, RequireScopesLayer, ScopePolicy,
    bearer_auth::{ReportOnlyVerdict, Verdict},
    keys::{ConnectError, JwksResponse},
    rejection::Rejection,
    testing::{ScriptedFetcher, TestPool, WithClaims},
};
use tower_test::mock;

/// A body type that only this test knows.
#[derive(Debug, PartialEq, Eq)]
struct OwnBody(&'static str);

/// An answer without a body of meaning, which the default rejection can make.
#[derive(Debug, Default, PartialEq, Eq)]
struct OwnAnswer(Option<Bytes>);

fn request(pool: &TestPool) -> Request<OwnBody> {
    let mut request = Request::new(OwnBody("question"));
    let token = pool.token().scopes(["profiles/get"]);
    request
        .headers_mut()
        .insert(AUTHORIZATION, token.authorization());
    request
}

fn without_token() -> Request<OwnBody> {
    Request::new(OwnBody("question"))
}

/// Answers with the client id of the claims it finds, or with nothing.
async fn echo_client(request: Request<OwnBody>) -> Result<Response<OwnAnswer>, Infallible> {
    let client = request
        .extensions()
        .get::<Claims>()
        .map(|claims| claims.client_id().to_owned());
    Ok(Response::new(OwnAnswer(client.map(Bytes::from))))
}

async fn answer<R>(layer: BearerAuthLayer<R>, request: Request<OwnBody>) -> Response<OwnAnswer>
where
    R: tower_cognito::rejection::RejectionResponse<OwnAnswer>,
{
    ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(echo_client))
        .oneshot(request)
        .await
        .unwrap()
}

#[tokio::test]
async fn bodies_of_any_type_pass_untouched() {
    let pool = TestPool::new();
    let response = answer(pool.verifier().layer(), request(&pool)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.into_body(),
        OwnAnswer(Some(Bytes::from("test-client")))
    );
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    let pool = TestPool::new();
    let layer = pool.verifier().layer();
    let (mut service, mut handle) = mock::spawn_with(
        move |inner: mock::Mock<Request<OwnBody>, Response<OwnAnswer>>| layer.layer(inner),
    );

    handle.allow(0);
    assert!(
        service.poll_ready().is_pending(),
        "the inner service is not ready"
    );
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let response = service.call(request(&pool));
    assert_eq!(format!("{response:?}"), "ResponseFuture { .. }");
    let (reached, reply) = handle.next_request().await.unwrap();
    assert_eq!(reached.into_body(), OwnBody("question"));
    reply.send_response(Response::new(OwnAnswer(None)));
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
}

/// The mock panics when a service that was not polled ready is called.
#[tokio::test(start_paused = true)]
async fn a_request_that_waited_for_a_key_calls_a_service_that_is_ready() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let held = fetcher.hold(JwksResponse::document(pool.jwks()));
    let layer = fetching(&pool, &fetcher).layer();
    let (mut service, mut handle) = mock::spawn_with(
        move |inner: mock::Mock<Request<OwnBody>, Response<OwnAnswer>>| layer.layer(inner),
    );

    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let mut response = tokio_test::task::spawn(service.call(request(&pool)));
    assert!(response.poll().is_pending());
    held.release();
    let served = tokio::spawn(response.into_inner());
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Response::new(OwnAnswer(None)));
    assert_eq!(served.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_rejected_request_never_reaches_the_inner_service() {
    let pool = TestPool::new();
    let layer = pool.verifier().layer();
    let (mut service, mut handle) = mock::spawn_with(
        move |inner: mock::Mock<Request<OwnBody>, Response<OwnAnswer>>| layer.layer(inner),
    );
    handle.allow(2);
    assert!(service.poll_ready().is_ready());
    let rejected = service.call(without_token()).await.unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);

    // The next thing that arrives is the good one.
    assert!(service.poll_ready().is_ready());
    let served = tokio::spawn(service.call(request(&pool)));
    let (reached, reply) = handle.next_request().await.unwrap();
    assert!(reached.extensions().get::<Claims>().is_some());
    reply.send_response(Response::new(OwnAnswer(None)));
    assert_eq!(served.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_error_of_the_inner_service_stays_its_own() {
    let pool = TestPool::new();
    let failing =
        service_fn(|_: Request<OwnBody>| async { Err::<Response<OwnAnswer>, _>("its own error") });
    let service = pool.verifier().layer().layer(failing);
    assert_eq!(
        service.oneshot(request(&pool)).await.unwrap_err(),
        "its own error"
    );
}

#[tokio::test]
async fn claims_from_outside_are_removed() {
    let pool = TestPool::new();
    let smuggled = pool.claims(&pool.token().client_credentials("smuggled"));
    let optional = pool.verifier().layer().optional();
    let response = answer(
        optional.clone(),
        without_token().with_claims(smuggled.clone()),
    )
    .await;
    assert_eq!(response.into_body(), OwnAnswer(None));
    let response = answer(optional, request(&pool).with_claims(smuggled)).await;
    assert_eq!(
        response.into_body(),
        OwnAnswer(Some(Bytes::from("test-client")))
    );
}

#[tokio::test]
async fn every_authorization_value_is_marked_sensitive_for_everything_inside() {
    async fn shown(request: Request<OwnBody>) -> Result<Response<OwnAnswer>, Infallible> {
        let debugged = format!("{:?}", request.headers());
        Ok(Response::new(OwnAnswer(Some(Bytes::from(debugged)))))
    }
    let pool = TestPool::new();
    let layer = || pool.verifier().layer();
    let good = pool.token().authorization();
    let forged = pool.token().tampered().authorization();
    let basic = HeaderValue::from_static("Basic aHVzaDpodXNo");
    let proof = HeaderValue::from_static("DPoP a.b.c");
    for (layer, values) in [
        (layer(), vec![good.clone()]),
        (layer().optional(), vec![basic.clone()]),
        (layer().optional(), vec![proof.clone()]),
        (layer().pass_cors_preflight(), vec![proof]),
        (layer().report_only(), vec![forged]),
        (layer().report_only(), vec![basic, good.clone(), good]),
    ] {
        let mut question = without_token();
        *question.method_mut() = Method::OPTIONS;
        let headers = question.headers_mut();
        headers.insert("origin", HeaderValue::from_static("x"));
        headers.insert(
            "access-control-request-method",
            HeaderValue::from_static("x"),
        );
        let sent = values.len();
        for mut value in values {
            value.set_sensitive(false);
            headers.append(AUTHORIZATION, value);
        }
        let response = layer.layer(service_fn(shown)).oneshot(question).await;
        let shown = response.unwrap().into_body().0.unwrap();
        let shown = String::from_utf8(shown.to_vec()).unwrap();
        assert_eq!(shown.matches("Sensitive").count(), sent, "{shown}");
    }
}

#[tokio::test]
async fn a_form_sees_no_token_of_a_rejected_request() {
    let pool = TestPool::new();
    let debugging = |rejection: Rejection<'_>| {
        let debugged = format!("{rejection:?}");
        rejection.into_response(OwnAnswer(Some(Bytes::from(debugged))))
    };
    let mut question = without_token();
    let token = pool.token().expired().build();
    let value = format!("Bearer {token}").parse().unwrap();
    question.headers_mut().insert(AUTHORIZATION, value);
    let response = answer(pool.verifier().layer().rejection(debugging), question).await;
    let debugged = response.into_body().0.unwrap();
    let debugged = String::from_utf8(debugged.to_vec()).unwrap();
    assert!(debugged.contains("error: the token expired"), "{debugged}");
    assert!(!debugged.contains(&token), "{debugged}");
}

#[tokio::test]
async fn claims_are_in_the_response_where_they_are_wanted() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer();
    let client = |response: &Response<OwnAnswer>| {
        let claims = response.extensions().get::<Claims>();
        claims.map(|claims| claims.client_id().to_owned())
    };
    // What an observer gets is not in the response.
    for layer in [layer(), layer().on_verdict(|_| ())] {
        let response = answer(layer, request(&pool)).await;
        assert_eq!(client(&response), None);
    }
    for layer in [
        layer().claims_in_response(),
        layer().claims_in_response().report_only(),
    ] {
        let response = answer(layer, request(&pool)).await;
        assert_eq!(client(&response).as_deref(), Some("test-client"));
    }
    let rejected = answer(layer().claims_in_response(), without_token()).await;
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(client(&rejected), None);
    let anonymous = answer(layer().claims_in_response().optional(), without_token()).await;
    assert_eq!(anonymous.status(), StatusCode::OK);
    assert_eq!(client(&anonymous), None);
}

#[test]
fn debug_of_a_layer_shows_where_the_keys_come_from_and_how_many_observe() {
    let layer = TestPool::new().verifier().layer().on_verdict(|_| ());
    let shown = format!("{layer:?}");
    let verifier = "Verifier { sources: [KeySource { jwks_url: ";
    assert!(shown.contains(verifier), "{shown}");
    assert!(shown.contains("Observers(1)"), "{shown}");
}

#[tokio::test]
async fn observers_receive_each_verdict() {
    let pool = TestPool::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let write = |name: &'static str| {
        let told = Arc::clone(&told);
        move |verdict: &Verdict<'_>| {
            let client = verdict.claims().map_or("-", Claims::client_id);
            let is_passed = matches!(verdict.reason(), "accepted" | "anonymous");
            assert_eq!(verdict.error().is_none(), is_passed);
            assert_eq!(
                verdict.error().map_or(verdict.reason(), AuthError::reason),
                verdict.reason()
            );
            told.lock().unwrap().push(format!(
                "{name} {} {client} {} {}",
                verdict.reason(),
                verdict.is_enforced(),
                verdict.is_from_inside()
            ));
        }
    };
    let guard = || RequireScopesLayer::all_of(["profiles/post"]).unwrap();
    let layer = || {
        let layer = pool.verifier().layer().optional();
        layer.on_verdict(write("a")).on_verdict(write("b"))
    };
    for (layer, request, expected) in [
        (
            layer(),
            request(&pool),
            [
                "accepted test-client true false",
                "insufficient_scope test-client true true",
            ],
        ),
        (
            layer(),
            without_token(),
            ["anonymous - true false", "missing_token - true true"],
        ),
        (
            layer().report_only(),
            request(&pool),
            [
                "accepted test-client false false",
                "insufficient_scope test-client false true",
            ],
        ),
    ] {
        let service = ServiceBuilder::new()
            .layer(layer)
            .layer(guard())
            .service(service_fn(echo_client));
        service.oneshot(request).await.unwrap();
        let expected: Vec<_> = expected
            .iter()
            .flat_map(|verdict| ["a", "b"].map(|name| format!("{name} {verdict}")))
            .collect();
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), expected);
    }
}

#[test]
fn the_inner_service_can_be_reached() {
    let pool = TestPool::new();
    let rule = RequireClaimsLayer::new(|_: &Claims| Ok(()));
    let scopes = RequireScopesLayer::all_of(["a"]).unwrap();
    let mut service = pool.verifier().layer().layer(rule.layer(scopes.layer(1)));
    *service.get_mut().get_mut().get_mut() = 2;
    assert_eq!(*service.get_ref().get_ref().get_ref(), 2);
    assert_eq!(service.into_inner().into_inner().into_inner(), 2);
}

#[tokio::test]
async fn an_optional_layer_passes_only_requests_without_a_token() {
    let pool = TestPool::new();
    let layer = pool.verifier().layer().optional();
    let response = answer(layer.clone(), without_token()).await;
    assert_eq!(
        (response.status(), response.into_body()),
        (StatusCode::OK, OwnAnswer(None))
    );
    for (authorization, status) in [
        (
            pool.token().tampered().authorization(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            pool.token().expired().authorization(),
            StatusCode::UNAUTHORIZED,
        ),
        ("Bearer".parse().unwrap(), StatusCode::BAD_REQUEST),
        ("Basic eA==".parse().unwrap(), StatusCode::OK),
    ] {
        let mut question = without_token();
        question.headers_mut().insert(AUTHORIZATION, authorization);
        assert_eq!(answer(layer.clone(), question).await.status(), status);
    }
}

#[tokio::test]
async fn a_preflight_request_passes_only_where_it_may_and_only_as_what_it_is() {
    const PREFLIGHT: [(&str, &str); 2] = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "GET"),
    ];
    fn options(fields: &[(&'static str, &'static str)]) -> Request<OwnBody> {
        let mut request = without_token();
        *request.method_mut() = Method::OPTIONS;
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request
    }
    let pool = TestPool::new();
    let passing = || pool.verifier().layer().pass_cors_preflight();

    let response = answer(passing(), options(&PREFLIGHT)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*response.body(), OwnAnswer(None), "it has no claims");

    let mut posted = options(&PREFLIGHT);
    *posted.method_mut() = Method::POST;
    let mut with_a_bad_token = options(&PREFLIGHT);
    let token = pool.token().expired().authorization();
    with_a_bad_token.headers_mut().insert(AUTHORIZATION, token);
    for (what, request) in [
        ("no origin", options(&PREFLIGHT[1..])),
        ("no method asked for", options(&PREFLIGHT[..1])),
        ("another method", posted),
        ("a bad token", with_a_bad_token),
    ] {
        let response = answer(passing(), request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
    }
    let response = answer(pool.verifier().layer(), options(&PREFLIGHT)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "the default");

    // A guard inside has no claims, and rejects.
    let guard = RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    let guarded = ServiceBuilder::new()
        .layer(passing())
        .layer(guard)
        .service_fn(echo_client);
    let response = guarded.oneshot(options(&PREFLIGHT)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::MissingToken)
    );

    // What passes more already still does.
    for layer in [
        passing().optional(),
        pool.verifier().layer().optional().pass_cors_preflight(),
    ] {
        assert_eq!(
            answer(layer, without_token()).await.status(),
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn scopes_for_everything_beneath() {
    let pool = TestPool::new();
    for (required, status) in [
        ("profiles/get", StatusCode::OK),
        ("profiles/post", StatusCode::FORBIDDEN),
    ] {
        let policy = ScopePolicy::all_of([required]).unwrap();
        let response = answer(pool.verifier().layer().require(policy), request(&pool)).await;
        assert_eq!(response.status(), status, "{required}");
    }
}

#[tokio::test]
async fn the_error_is_in_the_extensions_of_the_response() {
    let pool = TestPool::new();
    let mut question = without_token();
    question
        .headers_mut()
        .insert(AUTHORIZATION, pool.token().tampered().authorization());
    let response = answer(pool.verifier().layer(), question).await;
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::InvalidSignature)
    );
    let response = answer(pool.verifier().layer(), request(&pool)).await;
    assert_eq!(response.extensions().get::<AuthError>(), None);
}

#[tokio::test]
async fn challenges_say_what_was_configured() {
    let pool = TestPool::new();
    let layer = pool
        .verifier()
        .layer()
        .require(
            ScopePolicy::all_of(["a", "b"])
                .unwrap()
                .or(ScopePolicy::all_of(["c"]).unwrap()),
        )
        .realm("the shop")
        .unwrap()
        .resource_metadata("https://shop.example/.well-known/oauth-protected-resource")
        .unwrap();
    let challenge = |response: Response<OwnAnswer>| {
        response
            .headers()
            .get(WWW_AUTHENTICATE)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        challenge(answer(layer.clone(), without_token()).await),
        "Bearer realm=\"the shop\", scope=\"a b\", \
         resource_metadata=\"https://shop.example/.well-known/oauth-protected-resource\""
    );
    assert_eq!(
        challenge(answer(layer, request(&pool)).await),
        "Bearer realm=\"the shop\", scope=\"a b\", error=\"insufficient_scope\", \
         error_description=\"the access token lacks a required scope\", \
         resource_metadata=\"https://shop.example/.well-known/oauth-protected-resource\""
    );
}

#[tokio::test(start_paused = true)]
async fn unavailable_keys_are_503_with_retry_after_and_no_challenge() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    fetcher.always_fail(tower_cognito::keys::FetchError::Connect(
        ConnectError::Refused,
    ));
    let response = answer(fetching(&pool, &fetcher).layer(), request(&pool)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "1");
    assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
    assert!(matches!(
        response.extensions().get::<AuthError>(),
        Some(AuthError::KeysUnavailable { .. })
    ));
}

#[tokio::test]
async fn the_answer_can_take_another_form() {
    let pool = TestPool::new();
    let teapot = |rejection: Rejection<'_>| {
        let reason = rejection.error().reason();
        let mut response = Response::new(OwnAnswer(Some(Bytes::from(reason))));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    };
    let response = answer(pool.verifier().layer().rejection(teapot), without_token()).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::MissingToken)
    );

    let bare_401 = |_: Rejection<'_>| {
        let mut response = Response::new(OwnAnswer(None));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    };
    let response = answer(pool.verifier().layer().rejection(bare_401), without_token()).await;
    assert_eq!(
        response.headers().get(WWW_AUTHENTICATE).unwrap(),
        "Bearer",
        "a 401 without a challenge gets one"
    );
}

#[tokio::test]
async fn a_guard_without_a_layer_outside_is_the_services_own_fault() {
    let pool = TestPool::new();
    let guard = RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    let guarded = |layer: Option<BearerAuthLayer>| {
        ServiceBuilder::new()
            .option_layer(layer)
            .layer(guard.clone())
            .service(service_fn(echo_client))
    };
    let response = guarded(None).oneshot(request(&pool)).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::MissingLayer)
    );

    let response = guarded(Some(pool.verifier().layer()))
        .oneshot(request(&pool))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.into_body(),
        OwnAnswer(Some(Bytes::from("test-client"))),
        "the guard leaves the claims"
    );

    let response = guarded(Some(pool.verifier().layer().optional()))
        .oneshot(without_token())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers().get(WWW_AUTHENTICATE).unwrap(),
        "Bearer scope=\"profiles/get\""
    );
}

#[tokio::test]
async fn report_only_passes_everything_and_reports_what_it_found() {
    let pool = TestPool::new();
    let policy = ScopePolicy::all_of(["profiles/post"]).unwrap();
    let layer = pool.verifier().layer().report_only();
    let mut tampered = without_token();
    tampered
        .headers_mut()
        .insert(AUTHORIZATION, pool.token().tampered().authorization());
    for (layer, question, verdict, client) in [
        (layer.clone(), request(&pool), None, Some("test-client")),
        (
            layer.clone(),
            without_token(),
            Some(AuthError::MissingToken),
            None,
        ),
        (
            layer.clone(),
            tampered,
            Some(AuthError::InvalidSignature),
            None,
        ),
        (
            layer.require(policy.clone()),
            request(&pool),
            Some(AuthError::InsufficientScope { required: policy }),
            Some("test-client"),
        ),
    ] {
        let response = answer(layer, question).await;
        assert_eq!(response.status(), StatusCode::OK, "{verdict:?}");
        assert_eq!(found(&response), verdict);
        assert_eq!(
            response.into_body(),
            OwnAnswer(client.map(Bytes::from)),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_guard_beneath_a_report_only_layer_reports_too() {
    let pool = TestPool::new();
    let service = |scope: &str| {
        ServiceBuilder::new()
            .layer(pool.verifier().layer().report_only())
            .layer(RequireScopesLayer::all_of([scope]).unwrap())
            .service(service_fn(echo_client))
    };
    let met = service("profiles/get")
        .oneshot(request(&pool))
        .await
        .unwrap();
    assert_eq!(found(&met), None);
    let unmet = service("profiles/post")
        .oneshot(request(&pool))
        .await
        .unwrap();
    assert_eq!(unmet.status(), StatusCode::OK);
    assert!(matches!(
        found(&unmet),
        Some(AuthError::InsufficientScope { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_report_only_layer_does_not_wait_for_keys() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    fetcher.hang();
    let layer = fetching(&pool, &fetcher).layer().report_only();
    let begun = tokio::time::Instant::now();
    let response = answer(layer, request(&pool)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(matches!(
        found(&response),
        Some(AuthError::KeysUnavailable { .. })
    ));
}

#[tokio::test]
async fn a_report_only_layer_outside_does_not_loosen_the_one_inside() {
    let pool = TestPool::new();
    for (scope, status) in [
        ("profiles/get", StatusCode::OK),
        ("profiles/post", StatusCode::FORBIDDEN),
    ] {
        let service = ServiceBuilder::new()
            .layer(pool.verifier().layer().report_only())
            .layer(pool.verifier().layer())
            .layer(RequireScopesLayer::all_of([scope]).unwrap())
            .service(service_fn(echo_client));
        assert_eq!(
            service.oneshot(request(&pool)).await.unwrap().status(),
            status,
            "{scope}"
        );
    }
}

/// What a report-only layer found.
fn found(response: &Response<OwnAnswer>) -> Option<AuthError> {
    let verdict = response.extensions().get::<ReportOnlyVerdict>();
    verdict
        .expect("a report-only layer leaves a verdict")
        .error()
        .cloned()
}
