//! One count per request and layer; a guard counts what it rejects.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, BearerAuthLayer, Denied, RequireScopesLayer, ScopePolicy,
    bearer_auth::ReportOnlyVerdict,
    keys::{ConnectError, FetchError},
    testing::{TestPool, TokenBuilder},
};

use crate::{
    recorded::{Recorded, rows},
    rig::{Rig, settle},
};

const REQUESTS: &str = "tower_cognito_requests_total";
const REJECTIONS: &str = "tower_cognito_inner_rejections_total";
const LOOKUPS: &str = "tower_cognito_token_cache_lookups_total";
const LABELS: [&str; 3] = ["reason", "verified", "enforcement"];

pub async fn handler(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("handled".to_owned()))
}

pub fn request(token: Option<&TokenBuilder>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(token) = token {
        request
            .headers_mut()
            .insert(AUTHORIZATION, token.authorization());
    }
    request
}

async fn status<S>(service: S, token: Option<&TokenBuilder>) -> StatusCode
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    service.oneshot(request(token)).await.unwrap().status()
}

async fn through(layer: &BearerAuthLayer, token: Option<&TokenBuilder>) -> StatusCode {
    status(layer.layer(service_fn(handler)), token).await
}

/// What the layers and guards counted, one after the other.
fn counted(recorded: &Recorded) -> (Vec<String>, Vec<String>) {
    let samples = recorded.take();
    (
        rows(&samples, REQUESTS, &LABELS),
        rows(&samples, REJECTIONS, &LABELS),
    )
}

fn guard(scope: &str) -> RequireScopesLayer {
    RequireScopesLayer::all_of([scope]).unwrap()
}

#[tokio::test]
async fn each_request_counts_once_by_what_the_layer_found() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer();
    let scoped = layer
        .clone()
        .require(ScopePolicy::all_of(["profiles/get"]).unwrap());
    let checked = pool
        .verifier_builder()
        .check(|claims| match claims.client_id() {
            "revoked" => Err(Denied::revoked()),
            _ => Err(Denied::forbidden()),
        })
        .build()
        .unwrap()
        .layer();
    let token = pool.token();
    for (layer, token, expected, row) in [
        (&layer, Some(token.clone()), 200, "accepted true"),
        (&layer, None, 401, "missing_token false"),
        (&layer, Some(token.clone().expired()), 401, "expired false"),
        (
            &layer,
            Some(token.clone().tampered()),
            401,
            "invalid_signature false",
        ),
        (
            &layer,
            Some(token.clone().unknown_key()),
            401,
            "unknown_key false",
        ),
        (&scoped, Some(token.clone()), 403, "insufficient_scope true"),
        (
            &scoped,
            Some(token.clone().scopes(["profiles/get"])),
            200,
            "accepted true",
        ),
        (&checked, Some(token.clone()), 403, "forbidden true"),
        (
            &checked,
            Some(token.clone().client_credentials("revoked")),
            401,
            "revoked true",
        ),
    ] {
        assert_eq!(through(layer, token.as_ref()).await, expected, "{row}");
        let row = format!("{row} enforced 1");
        assert_eq!(counted(&recorded), (vec![row], vec![]));
    }
}

#[tokio::test]
async fn a_token_counts_the_same_whether_it_is_in_the_cache_or_not() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer();
    let sent = pool.token().authorization();
    let day = Duration::from_secs(24 * 60 * 60);
    for (advance, expected, lookup, row) in [
        (Duration::ZERO, 200, "miss 1", "accepted true enforced 1"),
        (Duration::ZERO, 200, "hit 1", "accepted true enforced 1"),
        (day, 401, "hit 1", "expired false enforced 1"),
        (Duration::ZERO, 401, "miss 1", "expired false enforced 1"),
    ] {
        pool.clock().advance(advance);
        let mut request = request(None);
        request.headers_mut().insert(AUTHORIZATION, sent.clone());
        let response = layer.layer(service_fn(handler)).oneshot(request).await;
        assert_eq!(response.unwrap().status(), expected);
        let samples = recorded.take();
        assert_eq!(rows(&samples, LOOKUPS, &["outcome"]), [lookup]);
        assert_eq!(rows(&samples, REQUESTS, &LABELS), [row]);
    }
}

#[tokio::test]
async fn a_request_that_passes_without_a_token_is_anonymous() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer().optional();
    assert_eq!(through(&layer, None).await, 200);
    assert_eq!(counted(&recorded).0, ["anonymous false enforced 1"]);
    assert_eq!(through(&layer, Some(&pool.token())).await, 200);
    assert_eq!(counted(&recorded).0, ["accepted true enforced 1"]);
    assert_eq!(through(&layer.report_only(), None).await, 200);
    assert_eq!(counted(&recorded).0, ["anonymous false report_only 1"]);
}

#[tokio::test]
async fn a_cors_preflight_that_passes_is_anonymous_too() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer().pass_cors_preflight();
    for (method, status, row) in [
        ("OPTIONS", 200, "anonymous false enforced 1"),
        ("GET", 401, "missing_token false enforced 1"),
    ] {
        let request = Request::builder()
            .method(method)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
            .body(())
            .unwrap();
        let answer = layer.layer(service_fn(handler)).oneshot(request).await;
        assert_eq!(answer.unwrap().status(), status);
        assert_eq!(counted(&recorded).0, [row]);
    }
}

#[tokio::test]
async fn a_report_only_layer_counts_what_it_would_have_rejected() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer().report_only();
    for (token, row) in [
        (Some(pool.token()), "accepted true report_only 1"),
        (None, "missing_token false report_only 1"),
        (Some(pool.token().expired()), "expired false report_only 1"),
    ] {
        assert_eq!(through(&layer, token.as_ref()).await, 200);
        assert_eq!(counted(&recorded), (vec![row.to_owned()], vec![]));
    }
}

#[tokio::test]
async fn a_guard_counts_what_it_rejects_and_nothing_else() {
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let layer = pool.verifier().layer();
    let guarded = |layer: BearerAuthLayer| {
        ServiceBuilder::new()
            .layer(layer)
            .layer(guard("profiles/get"))
            .service(service_fn(handler))
    };
    let token = pool.token().scopes(["profiles/get"]);
    let accepted = vec!["accepted true enforced 1".to_owned()];

    assert_eq!(status(guarded(layer.clone()), Some(&token)).await, 200);
    assert_eq!(counted(&recorded), (accepted.clone(), vec![]));

    let unmet = token.clone().scopes(["profiles/post"]);
    assert_eq!(status(guarded(layer.clone()), Some(&unmet)).await, 403);
    let rejected = vec!["insufficient_scope true enforced 1".to_owned()];
    assert_eq!(counted(&recorded), (accepted, rejected));

    // What the layer rejects never gets there.
    assert_eq!(status(guarded(layer.clone()), None).await, 401);
    let rejected = vec!["missing_token false enforced 1".to_owned()];
    assert_eq!(counted(&recorded), (rejected, vec![]));

    assert_eq!(status(guarded(layer.optional()), None).await, 401);
    let passed = vec!["anonymous false enforced 1".to_owned()];
    let rejected = vec!["missing_token false enforced 1".to_owned()];
    assert_eq!(counted(&recorded), (passed, rejected));
}

/// An extractor under an optional layer, a handler, and a guard whose claims the layer did not
/// make.
#[tokio::test]
async fn a_rejection_of_a_handler_counts_once_and_without_a_layer_as_a_missing_one() {
    async fn reject(_: Request<()>) -> Result<Response<String>, Infallible> {
        Ok(Response::from(AuthError::Forbidden))
    }
    let pool = TestPool::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let rejected = |row: &str| vec![format!("{row} enforced 1")];

    let layer = pool.verifier().layer();
    let nested = layer.layer(layer.layer(service_fn(reject)));
    assert_eq!(status(nested, Some(&pool.token())).await, 403);
    let accepted = vec!["accepted true enforced 2".to_owned()];
    assert_eq!(counted(&recorded), (accepted, rejected("forbidden true")));

    // Formed by a report-only layer, it is a rejection nevertheless.
    let trial = layer.clone().report_only().layer(service_fn(reject));
    assert_eq!(status(trial, Some(&pool.token())).await, 403);
    let accepted = vec!["accepted true report_only 1".to_owned()];
    assert_eq!(counted(&recorded), (accepted, rejected("forbidden true")));

    assert_eq!(status(service_fn(reject), None).await, 500);
    assert_eq!(
        counted(&recorded),
        (vec![], rejected("missing_layer false"))
    );
}

#[tokio::test]
async fn a_guard_without_a_layer_counts_a_request_that_no_layer_counted() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let alone = guard("profiles/get").layer(service_fn(handler));
    assert_eq!(status(alone, None).await, 500);
    let rejected = vec!["missing_layer false enforced 1".to_owned()];
    assert_eq!(counted(&recorded), (vec![], rejected));
}

/// The numbers of a rollout are those that enforcement would give.
#[tokio::test]
async fn a_guard_does_not_count_what_enforcement_would_have_rejected_before_it() {
    let pool = TestPool::new();
    let one = |row: &str| vec![row.to_owned()];
    let token = pool.token();
    let both = token.clone().scopes(["profiles/get", "profiles/post"]);
    for (token, layer, rejections) in [
        (Some(both), one("accepted true"), vec![]),
        (
            Some(token.clone().scopes(["profiles/get"])),
            one("accepted true"),
            one("insufficient_scope true"),
        ),
        // Rejected by both guards, of which the inner one would not have been asked.
        (
            Some(token.clone()),
            one("accepted true"),
            one("insufficient_scope true"),
        ),
        (Some(token.expired()), one("expired false"), vec![]),
        (None, one("missing_token false"), vec![]),
    ] {
        for enforcement in ["enforced", "report_only"] {
            let recorded = Recorded::new();
            let _guard = recorded.listen();
            let outside = match enforcement {
                "enforced" => pool.verifier().layer(),
                _ => pool.verifier().layer().report_only(),
            };
            let service = ServiceBuilder::new()
                .layer(outside)
                .layer(guard("profiles/get"))
                .layer(guard("profiles/post"))
                .service(service_fn(handler));
            let answer = service.oneshot(request(token.as_ref())).await.unwrap();
            let suffixed = |rows: &[String]| -> Vec<String> {
                let suffixed = rows.iter().map(|row| format!("{row} {enforcement} 1"));
                suffixed.collect()
            };
            assert_eq!(
                counted(&recorded),
                (suffixed(&layer), suffixed(&rejections)),
                "{enforcement}"
            );
            if enforcement == "report_only" {
                let verdict = answer.extensions().get::<ReportOnlyVerdict>().unwrap();
                let found = verdict.error().map(|error| error.reason());
                let counted = rejections.first().or(layer.first()).unwrap();
                let counted = counted.split_whitespace().next().unwrap();
                assert_eq!(found.unwrap_or("accepted"), counted);
            }
        }
    }
}

/// A handler sees the same verdict as the response: that of the outermost layer that would reject.
#[tokio::test]
async fn a_handler_sees_why_the_request_would_have_been_rejected() {
    let pool = TestPool::new();
    let service = ServiceBuilder::new()
        .layer(
            pool.verifier()
                .layer()
                .require(ScopePolicy::all_of(["layer"]).unwrap())
                .report_only(),
        )
        .layer(guard("outer"))
        .layer(guard("inner"))
        .service(service_fn(async |request: Request<()>| {
            let verdict = request.extensions().get::<ReportOnlyVerdict>().cloned();
            Ok::<_, Infallible>(Response::new(verdict))
        }));
    let lacks = |scope| {
        let required = ScopePolicy::all_of([scope]).unwrap();
        Some(AuthError::InsufficientScope { required })
    };
    let token = pool.token();
    for (token, rejected) in [
        (token.clone().scopes(["layer", "outer", "inner"]), None),
        (token.clone().scopes(["layer", "outer"]), lacks("inner")),
        (token.clone().scopes(["layer"]), lacks("outer")),
        (token.clone(), lacks("layer")),
        (token.expired(), Some(AuthError::Expired)),
    ] {
        let response = service.clone().oneshot(request(Some(&token))).await;
        let response = response.unwrap();
        let verdict = response.body().as_ref().unwrap();
        assert_eq!(verdict.error(), rejected.as_ref());
        assert_eq!(
            response.extensions().get::<ReportOnlyVerdict>(),
            Some(verdict)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_counts_when_it_is_judged() {
    let rig = Rig::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let mut service = rig.verifier.layer().layer(service_fn(handler));
    let token = rig.pool.token();

    let reply = rig.fetcher.hold(rig.keys());
    let waiting = tokio::spawn(service.call(request(Some(&token))));
    let given_up = tokio::spawn(service.call(request(Some(&token))));
    settle().await;
    given_up.abort();
    assert_eq!(counted(&recorded).0, Vec::<String>::new());
    reply.release();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert_eq!(
        counted(&recorded).0,
        ["accepted true enforced 1"],
        "and the one whose caller went away never"
    );
}

#[tokio::test(start_paused = true)]
async fn unavailable_keys_are_a_verdict_too() {
    let rig = Rig::new();
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    let service = rig.verifier.layer().layer(service_fn(handler));
    for _ in 0..2 {
        assert_eq!(status(service.clone(), Some(&rig.pool.token())).await, 503);
        assert_eq!(
            counted(&recorded).0,
            ["keys_unavailable false enforced 1"],
            "after a wait, and without"
        );
    }
}
