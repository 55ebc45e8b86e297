//! A token that was verified a moment ago takes a shorter way through a layer, to the same answer.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, routing::get};
use http::{
    Request,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::ServiceExt;
use tower_cognito::{
    AuthError, BearerAuthLayer, Claims, Denied, RequireScopesLayer, ScopePolicy, Verifier,
    bearer_auth::ReportOnlyVerdict,
    testing::{TestPool, TokenBuilder},
};

fn policy(scope: &str) -> ScopePolicy {
    ScopePolicy::all_of([scope]).unwrap()
}

type MakeLayer = fn(BearerAuthLayer) -> BearerAuthLayer;

const LAYERS: [(&str, MakeLayer); 9] = [
    ("plain", |layer| layer),
    ("requires a", |layer| layer.require(policy("a"))),
    ("requires a and b", |layer| {
        layer.require(policy("a")).require(policy("b"))
    }),
    ("optional", BearerAuthLayer::optional),
    ("optional, requires b", |layer| {
        layer.optional().require(policy("b"))
    }),
    ("report only", BearerAuthLayer::report_only),
    ("report only, requires b", |layer| {
        layer.report_only().require(policy("b"))
    }),
    (
        "claims in the response",
        BearerAuthLayer::claims_in_response,
    ),
    ("report only, claims in the response", |layer| {
        layer.report_only().claims_in_response()
    }),
];

/// Everything that anyone can see of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    challenge: Option<String>,
    error: Option<&'static str>,
    reported: Option<Option<&'static str>>,
    claims_in_response: bool,
    body: String,
    /// What an observer saw: reason, whether it is enforced, whether there were claims.
    observed: Vec<(&'static str, bool, bool)>,
}

async fn answer(verifier: &Verifier, make: MakeLayer, path: &str, token: &TokenBuilder) -> Answer {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&observed);
    let layer = make(verifier.layer()).on_verdict(move |verdict| {
        let seen = (
            verdict.reason(),
            verdict.is_enforced(),
            verdict.claims().is_some(),
        );
        told.lock().unwrap().push(seen);
    });
    let answer = answer_of(layer, path, token).await;
    let observed = observed.lock().unwrap().clone();
    Answer { observed, ..answer }
}

async fn answer_of(layer: BearerAuthLayer, path: &str, token: &TokenBuilder) -> Answer {
    let handler = |claims: Option<axum::Extension<Claims>>| async move {
        claims.map_or_else(String::new, |claims| {
            claims.token_id().unwrap_or_default().to_owned()
        })
    };
    let guard = RequireScopesLayer::new(policy("b"));
    let app = Router::new()
        .route("/open", get(handler))
        .route("/guarded", get(handler).route_layer(guard))
        .route_layer(layer);
    let request = Request::get(path)
        .header(AUTHORIZATION, token.authorization())
        .body(Body::empty())
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    let extensions = response.extensions();
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    Answer {
        status: response.status().as_u16(),
        challenge: challenge.map(|challenge| challenge.to_str().unwrap().to_owned()),
        error: extensions.get::<AuthError>().map(AuthError::reason),
        reported: extensions
            .get::<ReportOnlyVerdict>()
            .map(|verdict| verdict.error().map(AuthError::reason)),
        claims_in_response: extensions.get::<Claims>().is_some(),
        observed: Vec::new(),
        body: {
            let body = axum::body::to_bytes(response.into_body(), 1024)
                .await
                .unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        },
    }
}

#[tokio::test]
async fn every_layer_answers_a_token_that_was_seen_as_it_answers_a_new_one() {
    let pool = TestPool::new();
    let mut statuses = [0; 2];
    for (name, make) in LAYERS {
        for scopes in [&[][..], &["a"], &["b"], &["a", "b"]] {
            for path in ["/open", "/guarded"] {
                let case = format!("{name}, {scopes:?}, {path}");
                let token = pool
                    .token()
                    .scopes(scopes.iter().copied())
                    .claim("jti", &*case);
                let new = answer(&pool.verifier(), make, path, &token).await;

                let verifier = pool.verifier();
                verifier.verify(&token.build()).await.unwrap();
                let seen = answer(&verifier, make, path, &token).await;
                assert_eq!(seen, new, "{case}");

                // Without an observer, for whom the claims are kept.
                let unobserved = answer_of(make(verifier.layer()), path, &token).await;
                let observed = Vec::new();
                assert_eq!(unobserved, Answer { observed, ..new }, "{case}");
                statuses[usize::from(unobserved.status == 403)] += 1;
            }
        }
    }
    assert_eq!(statuses, [51, 21], "answers of 200 and of 403");
}

#[tokio::test]
async fn a_token_that_was_seen_is_rejected_as_soon_as_the_service_says_so() {
    let pool = TestPool::new();
    let revoked = Arc::new(Mutex::new(false));
    let is_revoked = Arc::clone(&revoked);
    let verifier = pool
        .verifier_builder()
        .check(move |_| match *is_revoked.lock().unwrap() {
            true => Err(Denied::revoked()),
            false => Ok(()),
        })
        .build()
        .unwrap();
    let token = pool.token().scopes(["a"]);
    for (now, status) in [
        (false, 200),
        (false, 200),
        (true, 401),
        (true, 401),
        (false, 200),
    ] {
        *revoked.lock().unwrap() = now;
        let answer = answer(
            &verifier,
            |layer| layer.require(policy("a")),
            "/open",
            &token,
        )
        .await;
        assert_eq!(answer.status, status);
    }
}
