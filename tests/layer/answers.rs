//! The forms that an answer can take: for every kind of rejection, and for the bodies of several
//! stacks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::{convert::Infallible, fmt::Debug};

use crate::fetching::fetching;
use axum::body::HttpBody;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, Denied, RequireScopesLayer, ScopePolicy, Verifier,
    keys::{ConnectError, FetchError},
    rejection::{BearerChallenge, Grpc, ProblemJson, Rejection, RejectionResponse},
    testing::{ScriptedFetcher, TestPool, TokenBuilder},
};

const GRPC: &str = "application/grpc";

/// One request per kind of answer, in the order in which the rules are checked.
const CASES: [&str; 8] = [
    "misconfigured",
    "missing",
    "malformed",
    "invalid",
    "expired",
    "unavailable",
    "forbidden",
    "scope",
];

/// The answer of a service with this form of rejection to a request that is rejected in this way.
/// `fit` is none of them: it is accepted.
async fn answer<B>(
    case: &str,
    form: impl RejectionResponse<B> + Clone + Send + Sync + 'static,
    mut request: Request<()>,
) -> Response<B>
where
    B: Default + 'static,
{
    let pool = TestPool::new();
    let good = pool.token().scopes(["profiles/get"]);
    let token: Option<TokenBuilder> = match case {
        "misconfigured" | "missing" | "malformed" => None,
        "invalid" => Some(good.tampered()),
        "expired" => Some(good.expired()),
        "scope" => Some(pool.token().scopes(["profiles/post"])),
        "fit" | "unavailable" | "forbidden" => Some(good),
        other => panic!("no such case: {other}"),
    };
    if let Some(token) = token {
        request
            .headers_mut()
            .insert("authorization", token.authorization());
    }
    if case == "malformed" {
        request
            .headers_mut()
            .insert("authorization", "Bearer".parse().unwrap());
    }
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(B::default())));
    let policy = ScopePolicy::all_of(["profiles/get"]).unwrap();
    if case == "misconfigured" {
        // A guard inside a middleware that removes the layer's findings.
        let forgetful = |mut request: Request<()>| {
            request.extensions_mut().clear();
            request
        };
        let guarded = ServiceBuilder::new()
            .layer(pool.verifier().layer().optional().rejection(form))
            .map_request(forgetful)
            .layer(RequireScopesLayer::new(policy))
            .service(inner);
        return guarded.oneshot(request).await.unwrap();
    }
    let layer = verifier(case, &pool)
        .layer()
        .require(policy)
        .rejection(form);
    layer.layer(inner).oneshot(request).await.unwrap()
}

fn verifier(case: &str, pool: &TestPool) -> Verifier {
    match case {
        "unavailable" => {
            let fetcher = ScriptedFetcher::new();
            fetcher.always_fail(FetchError::Connect(ConnectError::Refused));
            fetching(pool, &fetcher)
        }
        "forbidden" => pool
            .verifier_builder()
            .check(|_| Err(Denied::forbidden()))
            .build()
            .unwrap(),
        _ => pool.verifier(),
    }
}

fn get() -> Request<()> {
    Request::new(())
}

fn head() -> Request<()> {
    let mut request = get();
    *request.method_mut() = Method::HEAD;
    request
}

fn of_type(content_type: &'static str) -> Request<()> {
    let mut request = get();
    *request.method_mut() = Method::POST;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, content_type.parse().unwrap());
    request
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_problem_document_agrees_with_status_and_challenge() {
    let expected = [
        (
            500,
            "Internal Server Error",
            "the service is not set up to check access tokens",
        ),
        (401, "Unauthorized", "the request carries no bearer token"),
        (
            400,
            "Bad Request",
            "the request must carry exactly one well-formed bearer token",
        ),
        (401, "Unauthorized", "the access token is not valid"),
        (401, "Unauthorized", "the access token expired"),
        (
            503,
            "Service Unavailable",
            "the service cannot check access tokens at the moment",
        ),
        (
            403,
            "Forbidden",
            "the access token does not permit this request",
        ),
        (403, "Forbidden", "the access token lacks a required scope"),
    ];
    for (case, (status, title, detail)) in CASES.into_iter().zip(expected) {
        let plain: Response<String> = answer(case, BearerChallenge, get()).await;
        let problem: Response<String> = answer(case, ProblemJson, get()).await;
        assert_eq!(problem.status(), status, "{case}");
        assert_eq!(
            text(problem.headers(), "content-type"),
            Some("application/problem+json")
        );
        for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
            assert_eq!(
                problem.headers().get(&name),
                plain.headers().get(&name),
                "{case}: {name}"
            );
        }
        assert_eq!(
            *problem.body(),
            format!(
                r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#
            ),
        );
        assert!(problem.extensions().get::<AuthError>().is_some());

        let mut to_head: Response<String> = answer(case, ProblemJson, head()).await;
        let length = to_head.headers_mut().remove(CONTENT_LENGTH);
        assert_eq!(
            length,
            Some(problem.body().len().into()),
            "{case}: the length of the document, which GET gets"
        );
        assert_eq!(to_head.headers(), problem.headers(), "{case}");
        assert_eq!(
            to_head.body(),
            "",
            "{case}: no document in the answer to HEAD"
        );
    }
    let accepted: Response<String> = answer("fit", ProblemJson, get()).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    assert_eq!(text(accepted.headers(), "content-type"), None);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_request_gets_a_status_of_grpc_and_nothing_else() {
    let expected = [
        ("13", "the service is not set up to check access tokens"),
        ("16", "the request carries no bearer token"),
        (
            "16",
            "the request must carry exactly one well-formed bearer token",
        ),
        ("16", "the access token is not valid"),
        ("16", "the access token expired"),
        ("14", "the service cannot check access tokens at the moment"),
        ("7", "the access token does not permit this request"),
        ("7", "the access token lacks a required scope"),
    ];
    for (case, (status, message)) in CASES.into_iter().zip(expected) {
        let response: Response<String> = answer(case, Grpc::new(), of_type(GRPC)).await;
        assert_eq!(response.status(), StatusCode::OK, "{case}");
        assert_eq!(response.body(), "");
        let headers = response.headers();
        assert_eq!(text(headers, "content-type"), Some(GRPC));
        assert_eq!(text(headers, "grpc-status"), Some(status), "{case}");
        assert_eq!(text(headers, "grpc-message"), Some(message), "{case}");
        let pushback = text(headers, "grpc-retry-pushback-ms");
        match case {
            "unavailable" => {
                let millis: u64 = pushback.unwrap().parse().unwrap();
                assert!((1..=1000).contains(&millis), "{millis}");
            }
            _ => assert_eq!(pushback, None, "{case}"),
        }
        assert_eq!(text(headers, "cache-control"), Some("no-store"));
        let fields = 4 + usize::from(pushback.is_some());
        assert_eq!(headers.len(), fields, "{case}: {headers:?}");
        assert!(response.extensions().get::<AuthError>().is_some());
    }
    let accepted: Response<String> = answer("fit", Grpc::new(), of_type(GRPC)).await;
    assert_eq!(text(accepted.headers(), "grpc-status"), None);
}

#[tokio::test]
async fn only_a_grpc_request_is_answered_as_one() {
    for content_type in [
        GRPC,
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc;charset=x",
        "Application/GRPC",
    ] {
        let response: Response<String> =
            answer("missing", Grpc::new(), of_type(content_type)).await;
        assert_eq!(response.status(), StatusCode::OK, "{content_type}");
        assert_eq!(text(response.headers(), "grpc-status"), Some("16"));
    }
    for content_type in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpcx",
        "application/grp",
        "application/json",
        "",
    ] {
        let response: Response<String> =
            answer("missing", Grpc::new(), of_type(content_type)).await;
        assert_eq!(
            response.status(),
            StatusCode::UNAUTHORIZED,
            "{content_type}"
        );
        assert_eq!(text(response.headers(), "grpc-status"), None);
        assert_eq!(
            text(response.headers(), "www-authenticate"),
            Some(r#"Bearer scope="profiles/get""#)
        );
    }
    let json: Response<String> = answer("missing", Grpc::new().otherwise(ProblemJson), get()).await;
    assert_eq!(
        text(json.headers(), "content-type"),
        Some("application/problem+json")
    );
}

/// The forms fit the bodies of the stacks that people use: each line is a stack, and compiling is
/// half of the test.
#[tokio::test]
async fn the_forms_fit_the_bodies_of_axum_hyper_and_plain_services() {
    async fn bodies<B>() -> [Bytes; 2]
    where
        B: HttpBody + Default + From<String> + 'static,
        B::Error: Debug,
    {
        let problem = answer::<B>("missing", ProblemJson, get()).await;
        let form = Grpc::new().otherwise(ProblemJson);
        let grpc = answer::<B>("missing", form, of_type(GRPC)).await;
        [bytes_of(problem).await, bytes_of(grpc).await]
    }

    async fn bytes_of<B>(response: Response<B>) -> Bytes
    where
        B: HttpBody,
        B::Error: Debug,
    {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    for [problem, grpc] in [
        bodies::<axum::body::Body>().await,
        bodies::<Full<Bytes>>().await,
        bodies::<String>().await,
    ] {
        assert!(problem.starts_with(br#"{"type":"about:blank""#));
        assert!(grpc.is_empty());
    }
}

/// Records the rejection, and responds with nothing of it.
#[derive(Clone)]
struct Told;

impl RejectionResponse<String> for Told {
    fn response(&self, rejection: Rejection<'_>) -> Response<String> {
        let text =
            |value: Option<HeaderValue>| value.map(|value| value.to_str().unwrap().to_owned());
        let told = format!(
            "{} {} {:?} {:?}",
            rejection.request_method(),
            rejection.error().reason(),
            text(rejection.challenge().cloned()),
            text(rejection.retry_after()),
        );
        Response::new(told)
    }
}

#[tokio::test]
async fn a_custom_form_sees_everything_about_the_rejection() {
    let challenge = r#"Some("Bearer error=\"invalid_token\", error_description=\"the access token is not valid\"")"#;
    let table = [
        (
            "invalid",
            get(),
            format!("GET invalid_signature {challenge} None"),
        ),
        (
            "unavailable",
            head(),
            r#"HEAD keys_unavailable None Some("1")"#.to_owned(),
        ),
    ];
    for (case, request, expected) in table {
        assert_eq!(answer(case, Told, request).await.into_body(), expected);
    }
}
