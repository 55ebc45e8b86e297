//! Layers in layers, and settings that are given twice: nothing that was demanded is lost.

use axum::{Router, body::Body, response::Response, routing::get};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use tower::ServiceExt;
use tower_cognito::{
    AllowedClients, AuthError, BearerAuthLayer, Claims, Denied, RequireScopesLayer, ScopePolicy,
    Verifier, bearer_auth::ReportOnlyVerdict, testing::TestPool,
};

fn policy(scope: &str) -> ScopePolicy {
    ScopePolicy::all_of([scope]).unwrap()
}

/// A guarded route, and one with claims as an argument, within these layers, the inner one first.
async fn send<const N: usize>(
    layers: [BearerAuthLayer; N],
    path: &str,
    authorization: &[HeaderValue],
) -> Response {
    let guard = RequireScopesLayer::new(policy("admin/write"));
    let mut app = Router::new()
        .route("/guarded", get(|| async { "secret" }).route_layer(guard))
        .route(
            "/claims",
            get(|claims: Claims| async move { claims.client_id().to_owned() }),
        )
        .route("/open", get(|| async {}));
    for layer in layers {
        app = app.route_layer(layer);
    }
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for value in authorization {
        request.headers_mut().append(AUTHORIZATION, value.clone());
    }
    app.oneshot(request).await.unwrap()
}

/// The claims of a token that is seen again remember a policy that they met.
#[tokio::test]
async fn a_token_that_met_one_policy_is_still_checked_against_another() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let layer = |scope| verifier.layer().require(policy(scope));
    let (reads, writes) = (layer("profiles/get"), layer("profiles/post"));
    let authorization = [pool.token().scopes(["profiles/get"]).authorization()];
    for _ in 0..2 {
        for (layer, path, status) in [
            (&reads, "/open", 200),
            (&writes, "/open", 403),
            (&reads, "/guarded", 403),
            (&reads, "/open", 200),
        ] {
            let response = send([layer.clone()], path, &authorization).await;
            assert_eq!(response.status(), status, "{path}");
        }
    }
}

#[tokio::test]
async fn a_report_only_layer_inside_switches_nothing_off() {
    let pool = TestPool::new();
    let rejects_all = pool
        .verifier_builder()
        .check(|_| Err(Denied::revoked()))
        .build()
        .unwrap();
    let trial = || rejects_all.layer().report_only();
    let layers = || [trial(), trial(), pool.verifier().layer()];
    let fit = [pool.token().scopes(["admin/write"]).authorization()];
    let unfit = [pool.token().authorization()];
    for (path, authorization, status) in [
        ("/guarded", &fit[..], 200),
        ("/guarded", &unfit, 403),
        ("/guarded", &[], 401),
        ("/claims", &unfit, 200),
        ("/claims", &[], 401),
    ] {
        let response = send(layers(), path, authorization).await;
        assert_eq!(response.status(), status, "{path}");
        // The trial has its own finding nevertheless, where the request came so far.
        let verdict = response.extensions().get::<ReportOnlyVerdict>();
        let found = verdict.and_then(ReportOnlyVerdict::error);
        let expected = (!authorization.is_empty()).then_some(&AuthError::Revoked);
        assert_eq!(found, expected, "{path}");
    }

    // Outside an optional layer the guard enforces as well, and the rejection has the outer layer's
    // realm.
    let outer = pool.verifier().layer().optional().realm("outer").unwrap();
    let inner = trial().realm("trial").unwrap();
    let response = send([inner, outer], "/guarded", &[]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer realm=\"outer\", scope=\"admin/write\""
    );
}

#[tokio::test]
async fn inside_report_only_layers_alone_nothing_enforces() {
    let pool = TestPool::new();
    let trial = || pool.verifier().layer().report_only();
    let unfit = [pool.token().authorization()];
    for (authorization, rejected) in [(&unfit[..], "insufficient_scope"), (&[], "missing_token")] {
        let response = send([trial(), trial()], "/guarded", authorization).await;
        assert_eq!(response.status(), StatusCode::OK);
        let verdict = response.extensions().get::<ReportOnlyVerdict>().unwrap();
        assert_eq!(verdict.error().unwrap().reason(), rejected);
    }
}

/// A handler has the claims that the nearest layer found, and none if that found none.
#[tokio::test]
async fn of_two_report_only_layers_the_inner_one_says_whether_there_are_claims() {
    let pool = TestPool::new();
    let of_clients = |clients| {
        let verifier = Verifier::builder(pool.pinned_user_pool(), clients)
            .clock(pool.clock())
            .build()
            .unwrap();
        verifier.layer().report_only()
    };
    let accepts = || of_clients(AllowedClients::only(["test-client"]).unwrap());
    let refuses = || of_clients(AllowedClients::only(["another-client"]).unwrap());
    let good = [pool.token().authorization()];
    for (layers, status) in [
        ([accepts(), accepts()], 200),
        ([accepts(), refuses()], 200),
        ([refuses(), accepts()], 401),
        ([refuses(), refuses()], 401),
    ] {
        assert_eq!(send(layers, "/claims", &good).await.status(), status);
    }
}

#[tokio::test]
async fn inside_a_report_only_layer_claims_are_an_argument_of_a_good_token() {
    let pool = TestPool::new();
    let layer = || {
        [pool
            .verifier()
            .layer()
            .report_only()
            .realm("trial")
            .unwrap()]
    };
    let good = [pool.token().authorization()];
    assert_eq!(send(layer(), "/claims", &good).await.status(), 200);
    let expired = [pool.token().expired().authorization()];
    for (authorization, reason) in [(&expired[..], "expired"), (&[], "missing_token")] {
        let rejected = send(layer(), "/claims", authorization).await;
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        let challenge = rejected.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer realm=\"trial\""));
        let error = rejected.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.reason(), reason);
        assert_eq!(send(layer(), "/open", authorization).await.status(), 200);
    }
}

#[tokio::test]
async fn a_report_only_layer_finds_what_it_would_have_rejected_and_no_more() {
    let pool = TestPool::new();
    let good = pool.token().authorization();
    let layer = || pool.verifier().layer().report_only();
    let basic = HeaderValue::from_static("Basic eA==");
    for (layer, authorization, reason) in [
        (layer(), vec![], Some("missing_token")),
        (layer().optional(), vec![], None),
        (layer().optional(), vec![basic.clone()], None),
        (layer(), vec![basic], Some("missing_token")),
        (layer(), vec![good.clone()], None),
        (
            layer(),
            vec![good.clone(), good.clone()],
            Some("multiple_credentials"),
        ),
        (
            layer().optional(),
            vec![good.clone(), good],
            Some("multiple_credentials"),
        ),
        (
            layer().optional().require(policy("admin/write")),
            vec![],
            Some("missing_token"),
        ),
    ] {
        let response = send([layer], "/open", &authorization).await;
        assert_eq!(response.status(), StatusCode::OK);
        let verdict = response.extensions().get::<ReportOnlyVerdict>().unwrap();
        assert_eq!(verdict.error().map(AuthError::reason), reason);
    }
}

#[tokio::test]
async fn a_second_require_adds_to_the_first() {
    let pool = TestPool::new();
    let layer = || {
        pool.verifier()
            .layer()
            .require(policy("a"))
            .require(policy("b"))
    };
    for (scopes, status) in [(vec!["a", "b"], 200), (vec!["a"], 403), (vec!["b"], 403)] {
        let token = [pool.token().scopes(scopes).authorization()];
        let response = send([layer()], "/open", &token).await;
        assert_eq!(response.status(), status);
        if status == 403 {
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("scope=\"a b\""), "{challenge}");
        }
    }
}

#[tokio::test]
async fn an_optional_layer_with_scopes_demands_them_and_so_a_token() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer();
    let fit = [pool.token().scopes(["a"]).authorization()];
    let unfit = [pool.token().authorization()];
    for layer in [
        layer().optional().require(policy("a")),
        layer().require(policy("a")).optional(),
    ] {
        for (token, status) in [(&fit[..], 200), (&unfit, 403), (&[], 401)] {
            let response = send([layer.clone()], "/open", token).await;
            assert_eq!(response.status(), status);
        }
    }
    let response = send([layer().optional()], "/open", &[]).await;
    assert_eq!(response.status(), StatusCode::OK, "without scopes");
}

/// What a layer of a stack does without a good token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Enforcing,
    Optional,
    ReportOnly,
    OptionalReportOnly,
}

const KINDS: [Kind; 4] = [
    Kind::Enforcing,
    Kind::Optional,
    Kind::ReportOnly,
    Kind::OptionalReportOnly,
];

impl Kind {
    fn layer(self, pool: &TestPool) -> BearerAuthLayer {
        let layer = pool.verifier().layer();
        match self {
            Self::Enforcing => layer,
            Self::Optional => layer.optional(),
            Self::ReportOnly => layer.report_only(),
            Self::OptionalReportOnly => layer.optional().report_only(),
        }
    }

    const fn enforces(self) -> bool {
        matches!(self, Self::Enforcing | Self::Optional)
    }

    const fn demands_token(self) -> bool {
        matches!(self, Self::Enforcing | Self::ReportOnly)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Expired,
    Twice,
    WithoutScope,
    WithScope,
}

impl Sent {
    fn fields(self, pool: &TestPool) -> Vec<HeaderValue> {
        let good = || pool.token().scopes(["admin/write"]).authorization();
        match self {
            Self::Nothing => vec![],
            Self::Expired => vec![pool.token().expired().authorization()],
            Self::Twice => vec![good(), good()],
            Self::WithoutScope => vec![pool.token().authorization()],
            Self::WithScope => vec![good()],
        }
    }

    /// What keeps the request from passing a layer, and what keeps it from passing the guard.
    const fn rejected(self, demands_token: bool) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Nothing if demands_token => (Some("missing_token"), Some("missing_token")),
            Self::Nothing => (None, Some("missing_token")),
            Self::Expired => (Some("expired"), Some("expired")),
            Self::Twice => (Some("multiple_credentials"), Some("multiple_credentials")),
            Self::WithoutScope => (None, Some("insufficient_scope")),
            Self::WithScope => (None, None),
        }
    }
}

/// Every stack of one, two and three layers, the outer one first.
fn stacks() -> Vec<Vec<Kind>> {
    let one = KINDS.map(|kind| vec![kind]).to_vec();
    let mut all = one.clone();
    let mut last = one;
    for _ in 0..2 {
        last = last
            .iter()
            .flat_map(|stack| KINDS.map(|kind| [&stack[..], &[kind]].concat()))
            .collect();
        all.extend(last.clone());
    }
    all
}

/// The rule, without the steps by which the layers come to it: one layer that enforces is enough
/// for everything inside and outside it to count; where none does, everything passes, and the
/// outermost finding is reported.
#[tokio::test]
async fn every_stack_of_three_layers_enforces_what_one_of_them_does() {
    let pool = TestPool::new();
    let mut cases = 0;
    for stack in stacks() {
        for sent in [
            Sent::Nothing,
            Sent::Expired,
            Sent::Twice,
            Sent::WithoutScope,
            Sent::WithScope,
        ] {
            for path in ["/guarded", "/open"] {
                let guard = (path == "/guarded")
                    .then(|| sent.rejected(true).1)
                    .flatten();
                let enforced = stack.iter().any(|kind| kind.enforces());
                let by_layer = stack
                    .iter()
                    .filter(|kind| kind.enforces())
                    .find_map(|kind| sent.rejected(kind.demands_token()).0);
                let rejected = by_layer.or(guard.filter(|_| enforced));
                let status = match rejected {
                    None => 200,
                    Some("insufficient_scope") => 403,
                    Some("multiple_credentials") => 400,
                    Some(_) => 401,
                };

                let guard_layer = RequireScopesLayer::new(policy("admin/write"));
                let seen = |claims: Option<axum::Extension<Claims>>| async move {
                    if claims.is_some() { "claims" } else { "none" }
                };
                let mut app = Router::new()
                    .route("/guarded", get(seen).route_layer(guard_layer))
                    .route("/open", get(seen));
                for kind in stack.iter().rev() {
                    app = app.route_layer(kind.layer(&pool));
                }
                let mut request = Request::get(path).body(Body::empty()).unwrap();
                for value in sent.fields(&pool) {
                    request.headers_mut().append(AUTHORIZATION, value);
                }
                let response = app.oneshot(request).await.unwrap();
                let case = format!("{stack:?} {sent:?} {path}");
                assert_eq!(response.status(), status, "{case}");
                if let Some(reason) = rejected {
                    let error = response.extensions().get::<AuthError>();
                    assert_eq!(error.map(AuthError::reason), Some(reason), "{case}");
                }
                if !enforced {
                    let reported = stack
                        .iter()
                        .find_map(|kind| sent.rejected(kind.demands_token()).0)
                        .or(guard);
                    let verdict = response.extensions().get::<ReportOnlyVerdict>().unwrap();
                    let found = verdict.error().map(AuthError::reason);
                    assert_eq!(found, reported, "{case}");
                }
                if status == 200 {
                    let body = axum::body::to_bytes(response.into_body(), 16).await;
                    let is_good = matches!(sent, Sent::WithoutScope | Sent::WithScope);
                    let expected = if is_good { "claims" } else { "none" };
                    assert_eq!(body.unwrap(), expected, "{case}");
                }
                cases += 1;
            }
        }
    }
    assert_eq!(cases, (4 + 16 + 64) * 5 * 2);
}

#[tokio::test]
async fn of_report_only_layers_the_outermost_that_rejects_is_reported() {
    let pool = TestPool::new();
    let revoking = pool
        .verifier_builder()
        .check(|_| Err(Denied::revoked()))
        .build()
        .unwrap();
    let passes = || pool.verifier().layer().report_only();
    let revokes = || revoking.layer().report_only();
    let demands = || passes().require(policy("a"));
    let token = [pool.token().authorization()];
    // The inner one first.
    for (layers, reason) in [
        ([demands(), passes(), revokes()], Some("revoked")),
        ([revokes(), passes(), demands()], Some("insufficient_scope")),
        ([demands(), revokes(), passes()], Some("revoked")),
        ([passes(), revokes(), demands()], Some("insufficient_scope")),
        ([revokes(), passes(), passes()], Some("revoked")),
        ([passes(), passes(), passes()], None),
    ] {
        let response = send(layers, "/open", &token).await;
        assert_eq!(response.status(), StatusCode::OK);
        let verdict = response.extensions().get::<ReportOnlyVerdict>().unwrap();
        assert_eq!(verdict.error().map(AuthError::reason), reason);
    }
}
