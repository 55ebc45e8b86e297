//! Rejections that look like a wrong setting are logged at the default level, and not too often.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, Claims, RequireScopesLayer, ResourceMetadata, ScopePolicy, TokenUse,
    UserPool, Verifier,
    bearer_auth::BearerAuthLayer,
    testing::{TestPool, TokenBuilder},
    verifier::VerifierBuilder,
};
use tracing::Level;

use crate::tracing_events::seen::{Fields, Seen, handler};

const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1";

/// The warnings about settings that came since the last look.
fn warnings(seen: &Seen) -> Vec<Fields> {
    let events = seen.take_events().into_iter();
    events
        .filter(|(level, _)| *level <= Level::WARN)
        .map(|(_, fields)| fields)
        .collect()
}

async fn send(verifier: &Verifier, token: &TokenBuilder) -> u16 {
    let mut request = Request::new(());
    let value = token.authorization();
    request.headers_mut().insert("authorization", value);
    let service = verifier.layer().layer(service_fn(handler));
    service.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn each_setting_that_looks_wrong_is_one_warning_with_what_came_and_what_is_accepted() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let builder = || pool.verifier_builder();
    let only = || {
        Verifier::builder(
            pool.pinned_user_pool(),
            AllowedClients::only(["known"]).unwrap(),
        )
    };
    let access = format!("an access token of {ISSUER}");
    let rows: [(
        VerifierBuilder,
        TokenBuilder,
        TokenBuilder,
        &str,
        String,
        &str,
        &str,
    ); 5] = [
        (
            builder(),
            pool.token().claim(
                "iss",
                "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other",
            ),
            pool.token(),
            "issuer_not_allowed",
            "an access token of https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"
                .to_owned(),
            ISSUER,
            "UserPool::new",
        ),
        (
            only().clock(pool.clock()),
            pool.token(),
            pool.token().client_credentials("known"),
            "client_not_allowed",
            access.clone(),
            "AllowedClients::only",
            "add its app client id",
        ),
        (
            builder().accept_audience("https://orders.example.com"),
            pool.token().claim("aud", "https://billing.example.com"),
            pool.token().claim("aud", "https://orders.example.com"),
            "audience_not_allowed",
            access.clone(),
            "https://orders.example.com",
            "tokens for this service",
        ),
        (
            builder(),
            pool.token().id_token("jane"),
            pool.token().user("jane"),
            "token_use_not_allowed",
            format!("an ID token of {ISSUER}"),
            "access tokens",
            "send its access token",
        ),
        (
            builder(),
            pool.token().not_yet_valid(),
            pool.token(),
            "not_yet_valid",
            access,
            "at most 10s ahead",
            "synchronise",
        ),
    ];
    for (builder, rejected, accepted, reason, came, expected, advice) in rows {
        let verifier = builder.build().unwrap();
        assert_eq!(send(&verifier, &accepted).await, 200, "{reason}");
        assert_eq!(warnings(&seen), [], "{reason}: a token that is accepted");

        assert_eq!(send(&verifier, &rejected).await, 401, "{reason}");
        let [first] = &warnings(&seen)[..] else {
            panic!("{reason}")
        };
        assert_eq!(first["reason"], reason);
        assert_eq!(first["came"], came);
        assert_eq!(first["rejected"], "1");
        assert!(first["accepted"].contains(expected), "{first:?}");
        assert!(first["advice"].contains(advice), "{first:?}");
    }
}

#[tokio::test]
async fn a_reason_is_logged_once_an_hour_with_the_number_since() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let token = pool
        .token()
        .id_token("jane")
        .expires_in(Duration::from_secs(86_400));
    let mut logged = Vec::new();
    for minutes in [0, 30, 29, 1, 59, 1] {
        pool.clock().advance(Duration::from_secs(60 * minutes));
        send(&verifier, &token).await;
        logged.extend(
            warnings(&seen)
                .iter()
                .map(|fields| (minutes, fields["rejected"].clone())),
        );
    }
    assert_eq!(
        logged,
        [
            (0, "1".to_owned()),
            (1, "3".to_owned()),
            (1, "2".to_owned())
        ]
    );

    // Each reason has its own hour, and so has each verifier.
    send(&verifier, &pool.token().other_issuer()).await;
    assert_eq!(warnings(&seen).len(), 1);
    send(&pool.verifier(), &token).await;
    assert_eq!(warnings(&seen).len(), 1);
}

/// These happen to good callers, or say nothing of a setting.
#[tokio::test]
async fn a_rejection_that_no_setting_causes_is_not_warned_of() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let verifier = pool.verifier();
    for token in [
        pool.token().expired(),
        pool.token().tampered(),
        pool.token().unsigned(),
    ] {
        assert_eq!(send(&verifier, &token).await, 401);
        assert_eq!(warnings(&seen), []);
    }
}

/// Anyone can write an issuer into a token.
#[tokio::test]
async fn an_issuer_of_another_form_is_not_shown() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let token = pool
        .token()
        .claim("iss", "https://example.com/a\u{1b}[31mforged");
    send(&pool.verifier(), &token).await;
    let warned = warnings(&seen);
    assert_eq!(warned.len(), 1);
    assert_eq!(
        warned[0]["came"],
        "an access token of an issuer that is not Cognito's"
    );
    assert!(!format!("{warned:?}").contains("forged"));
}

#[test]
fn an_unencrypted_key_url_is_warned_of_beyond_this_machine() {
    let (seen, _guard) = Seen::listen();
    for (url, warned) in [
        ("http://keys.internal/jwks.json", 1),
        ("http://localhost/jwks.json", 0),
        ("https://keys.internal/jwks.json", 0),
        ("https://localhost/jwks.json", 0),
    ] {
        let pool = UserPool::external_unencrypted("https://issuer.example", url).unwrap();
        let _verifier = Verifier::builder(pool, AllowedClients::any()).build();
        let logged = warnings(&seen);
        assert_eq!(logged.len(), warned, "{url}");
        assert!(
            logged
                .iter()
                .all(|fields| fields["message"].contains("unencrypted URL"))
        );
    }
}

#[test]
fn a_report_only_layer_is_logged_once_for_each_verifier() {
    let (seen, _guard) = Seen::listen();
    let verifier = TestPool::new().verifier();
    let _enforcing = verifier.layer();
    assert_eq!(warnings(&seen), []);
    for warned in [1, 0] {
        let _trial = verifier.layer().report_only();
        let logged = warnings(&seen);
        assert_eq!(logged.len(), warned);
        assert!(
            logged
                .iter()
                .all(|fields| fields["message"].contains("report-only"))
        );
    }
}

#[test]
fn metadata_for_clients_of_any_kind_is_warned_of_once_unless_the_audience_is_demanded() {
    let (seen, _guard) = Seen::listen();
    let pool = || UserPool::new("eu-west-1_AbCdEf123").unwrap();
    let resource = |clients| {
        let verifier = Verifier::builder(pool(), clients).token_uses([TokenUse::Access]);
        ResourceMetadata::new("https://mcp.example.com", &verifier.build().unwrap()).unwrap()
    };
    let open = resource(AllowedClients::any());
    for (resource, warned) in [
        (open.clone(), 1),
        (open.clone(), 0),
        (open.require_audience(), 0),
        (
            resource(AllowedClients::only(["1example23456789"]).unwrap()),
            0,
        ),
    ] {
        let _layer = resource.layer();
        let logged = warnings(&seen);
        assert_eq!(logged.len(), warned);
        assert!(
            logged
                .iter()
                .all(|fields| fields["message"].contains("require_audience"))
        );
    }
}

/// The warnings that came since the last look of scopes that metadata lacks.
fn unlisted(seen: &Seen) -> Vec<Fields> {
    let mut warned = warnings(seen);
    warned.retain(|fields| fields["message"].contains("metadata does not list"));
    warned
}

fn policy() -> ScopePolicy {
    ScopePolicy::all_of(["notes/read", "notes/write"]).unwrap()
}

async fn require_in_handler(request: Request<()>) -> Result<Response<String>, Infallible> {
    let claims = request.extensions().get::<Claims>().unwrap();
    Ok(Response::from(claims.require(&policy()).unwrap_err()))
}

/// Sends a request with a token without scopes.
async fn send_without_scopes<S>(layer: &BearerAuthLayer, inner: S) -> u16
where
    S: tower::Service<Request<()>, Response = Response<String>, Error = Infallible> + Clone,
{
    let mut request = Request::new(());
    let token = TestPool::new().token().scopes([""; 0]);
    request
        .headers_mut()
        .insert("authorization", token.authorization());
    let response = layer.layer(inner).oneshot(request).await;
    response.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_scope_that_the_metadata_lacks_is_warned_of_when_it_is_first_missing() {
    let (seen, _guard) = Seen::listen();
    let resource =
        ResourceMetadata::new("https://mcp.example.com", &TestPool::new().verifier()).unwrap();
    let layer = resource.layer();
    let report_only = resource.layer().report_only();

    let guarded = RequireScopesLayer::new(policy()).layer(service_fn(handler));
    let in_handler = service_fn(require_in_handler);
    assert_eq!(send_without_scopes(&layer, guarded.clone()).await, 403);
    let warned = unlisted(&seen);
    let scopes: Vec<_> = warned.iter().map(|fields| &*fields["scope"]).collect();
    assert_eq!(scopes, ["notes/read", "notes/write"]);
    for fields in &warned {
        assert_eq!(fields["metadata"], resource.url());
        assert!(fields["advice"].contains("`ResourceMetadata::guard`"));
        assert!(fields["help"].ends_with("#403-although-the-token-has-the-scope"));
    }
    // Once, wherever it is demanded.
    assert_eq!(send_without_scopes(&layer, guarded.clone()).await, 403);
    assert_eq!(send_without_scopes(&layer, in_handler).await, 403);
    assert_eq!(
        send_without_scopes(&report_only, guarded.clone()).await,
        200
    );
    assert_eq!(unlisted(&seen), []);

    // Each of them notices by itself; the twin lists what it demands.
    for is_listed in [false, true] {
        for place in ["handler", "report-only"] {
            let resource = ResourceMetadata::new("https://x.example", resource.verifier()).unwrap();
            if is_listed {
                let _ = resource.enforce(policy());
            }
            let layer = resource.layer();
            let status = match place {
                "handler" => send_without_scopes(&layer, in_handler).await,
                _ => send_without_scopes(&layer.report_only(), guarded.clone()).await,
            };
            assert_eq!(status, if place == "handler" { 403 } else { 200 });
            let warned = unlisted(&seen).len();
            assert_eq!(warned, if is_listed { 0 } else { 2 }, "{place}");
        }
    }

    // A layer that is not of a resource publishes nothing.
    assert_eq!(
        send_without_scopes(&resource.verifier().layer(), guarded).await,
        403
    );
    assert_eq!(unlisted(&seen), []);
}

/// A handler may make a policy of what the request contains.
#[tokio::test]
async fn warnings_of_scopes_that_the_metadata_lacks_have_a_bound() {
    let (seen, _guard) = Seen::listen();
    let resource =
        ResourceMetadata::new("https://mcp.example.com", &TestPool::new().verifier()).unwrap();
    let layer = resource.layer();
    for number in 0..40 {
        let required = ScopePolicy::all_of([format!("notes/{number}")]).unwrap();
        let rejected = AuthError::InsufficientScope { required };
        let rejects = service_fn(move |_: Request<()>| {
            std::future::ready(Ok::<_, Infallible>(Response::from(rejected.clone())))
        });
        assert_eq!(send_without_scopes(&layer, rejects).await, 403);
    }
    assert_eq!(unlisted(&seen).len(), 32);
}
