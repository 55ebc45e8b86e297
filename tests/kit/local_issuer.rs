//! The local issuer over real sockets. Every wait has an upper bound, and nothing sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, AuthError, Claims, Principal, UserPool, Verifier,
    client::{ClientCredentials, TokenError},
    keys::{FetchError, KeyState},
    testing::{Endpoint, LocalIssuer, ManualClock, StartError, hold_paused_time, random_secret},
};

const SECRET: &str = "one-secret-of-the-caller";

fn issuer() -> LocalIssuer {
    LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get", "profiles/post"])
        .client("other", "the-secret-of-the-other", ["orders/get"])
        .start()
        .unwrap()
}

fn verifier(issuer: &LocalIssuer) -> Verifier {
    Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .build()
        .unwrap()
}

/// No proxy of the environment may see loopback traffic.
fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn bounded<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future)
        .await
        .expect("the issuer answers at once")
}

/// Long enough for a loopback exchange, should one come, and short enough to wait for none.
async fn answers<T>(future: impl Future<Output = T>) -> bool {
    timeout(Duration::from_millis(300), future).await.is_ok()
}

async fn get(url: &str) -> Response {
    bounded(client().get(url).send()).await.unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&bounded(response.bytes()).await.unwrap()).unwrap()
}

/// A token request with these credentials by `client_secret_basic`.
async fn basic(issuer: &LocalIssuer, id: &str, secret: &str, form: &'static str) -> Response {
    let request = client()
        .post(issuer.token_url())
        .basic_auth(id, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    bounded(request.send()).await.unwrap()
}

/// A token request without an `Authorization` field.
async fn post(issuer: &LocalIssuer, form: &str) -> Response {
    let request = client()
        .post(issuer.token_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    bounded(request.send()).await.unwrap()
}

async fn claims_of(issuer: &LocalIssuer, response: Response) -> Claims {
    assert_eq!(response.status(), StatusCode::OK);
    let reply = json_of(response).await;
    let token = reply["access_token"].as_str().unwrap();
    bounded(verifier(issuer).verify(token)).await.unwrap()
}

#[track_caller]
fn assert_is_cognito_error(response: &Response) {
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_has_cognito_headers(response);
}

#[track_caller]
fn assert_has_cognito_headers(response: &Response) {
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json;charset=UTF-8");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["pragma"], "no-cache");
    assert_eq!(headers["x-amz-cognito-request-id"].len(), 36);
}

#[tokio::test]
async fn a_client_gets_a_token_by_either_way_of_authenticating() {
    let issuer = issuer();
    let replies = [
        basic(&issuer, "caller", SECRET, "grant_type=client_credentials&scope=profiles%2Fget").await,
        basic(
            &issuer,
            "caller",
            SECRET,
            "grant_type=client_credentials&client_id=caller&scope=profiles%2Fget",
        )
        .await,
        post(
            &issuer,
            &format!("grant_type=client_credentials&client_id=caller&client_secret={SECRET}&scope=profiles%2Fget"),
        )
        .await,
    ];
    for reply in replies {
        assert_has_cognito_headers(&reply);
        let claims = claims_of(&issuer, reply).await;
        assert_eq!(claims.principal(), Principal::Client("caller"));
        assert_eq!(claims.scopes().collect::<Vec<_>>(), ["profiles/get"]);
    }
    assert_eq!(issuer.requests(Endpoint::Token), 3);
}

#[tokio::test]
async fn the_response_has_exactly_the_members_that_cognito_writes() {
    let issuer = LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get"])
        .lifetime(Duration::from_secs(300))
        .start()
        .unwrap();
    let reply =
        json_of(basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await).await;
    let names = reply.as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(names, ["access_token", "expires_in", "token_type"]);
    assert_eq!(
        (&reply["expires_in"], &reply["token_type"]),
        (&json!(300), &json!("Bearer"))
    );

    let token = reply["access_token"].as_str().unwrap();
    let claims = bounded(verifier(&issuer).verify(token)).await.unwrap();
    let lifetime = claims
        .expires_at()
        .duration_since(claims.issued_at().unwrap());
    assert_eq!(lifetime.unwrap(), Duration::from_secs(300));

    issuer.set_lifetime(Duration::from_secs(600));
    let reply =
        json_of(basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await).await;
    assert_eq!(reply["expires_in"], 600);
}

#[tokio::test]
async fn the_granted_scopes_are_the_requested_ones_or_all() {
    let issuer = issuer();
    for (form, granted) in [
        (
            "grant_type=client_credentials",
            vec!["profiles/get", "profiles/post"],
        ),
        (
            "grant_type=client_credentials&scope=",
            vec!["profiles/get", "profiles/post"],
        ),
        (
            "grant_type=client_credentials&scope=profiles/post",
            vec!["profiles/post"],
        ),
        (
            "grant_type=client_credentials&scope=profiles/post+profiles/get+profiles/post",
            vec!["profiles/post", "profiles/get"],
        ),
    ] {
        let claims = claims_of(&issuer, basic(&issuer, "caller", SECRET, form).await).await;
        assert_eq!(claims.scopes().collect::<Vec<_>>(), granted, "{form}");
    }
}

#[tokio::test]
async fn each_rejection_has_cognitos_status_and_code() {
    let issuer = issuer();
    // With the right credentials.
    for (form, code) in [
        ("", "invalid_request"),
        ("scope=profiles/get", "invalid_request"),
        (
            "grant_type=client_credentials&grant_type=client_credentials",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&resource=https://api.example.com",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&client_secret=one-secret-of-the-caller",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&client_id=other",
            "invalid_client",
        ),
        (
            "grant_type=client_credentials&scope=orders/get",
            "invalid_scope",
        ),
        (
            "grant_type=client_credentials&scope=profiles/get+orders/get",
            "invalid_scope",
        ),
        (
            "grant_type=client_credentials&scope=profiles",
            "invalid_scope",
        ),
        (
            "grant_type=authorization_code&code=1",
            "unauthorized_client",
        ),
        (
            "grant_type=refresh_token&refresh_token=1",
            "unauthorized_client",
        ),
        ("grant_type=password", "unsupported_grant_type"),
    ] {
        let response = basic(&issuer, "caller", SECRET, form).await;
        assert_is_cognito_error(&response);
        assert_eq!(json_of(response).await, json!({ "error": code }), "{form}");
    }
    // With the right form.
    for (id, secret) in [
        ("caller", "the-secret-of-the-other"),
        ("nobody", SECRET),
        ("caller", ""),
        ("", SECRET),
    ] {
        let response = basic(&issuer, id, secret, "grant_type=client_credentials").await;
        assert_is_cognito_error(&response);
        assert_eq!(
            json_of(response).await,
            json!({ "error": "invalid_client" }),
            "{id}"
        );
    }
    for (form, code) in [
        ("grant_type=client_credentials", "invalid_request"),
        (
            "grant_type=client_credentials&client_id=caller",
            "invalid_client",
        ),
        (
            "grant_type=client_credentials&client_id=caller&client_secret=x",
            "invalid_client",
        ),
    ] {
        let response = post(&issuer, form).await;
        assert_is_cognito_error(&response);
        assert_eq!(json_of(response).await, json!({ "error": code }), "{form}");
    }
    // With both, and another content type, or the right one with a parameter.
    let with_content_type = |content_type: &'static str| {
        let request = client()
            .post(issuer.token_url())
            .basic_auth("caller", Some(SECRET))
            .header("content-type", content_type)
            .body("grant_type=client_credentials");
        async { bounded(request.send()).await.unwrap() }
    };
    let response = with_content_type("text/plain").await;
    assert_is_cognito_error(&response);
    assert_eq!(
        json_of(response).await,
        json!({ "error": "invalid_request" })
    );
    let response = with_content_type("application/x-www-form-urlencoded; charset=UTF-8").await;
    assert_eq!(response.status(), StatusCode::OK);
}

/// RFC 6749 §2.3.1 form-encodes both parts before `Basic` does its own, AWS's documentation does
/// not.
#[tokio::test]
async fn a_secret_with_a_plus_is_taken_in_both_encodings_of_basic() {
    let issuer = LocalIssuer::start().unwrap();
    issuer.add_client("caller", "a+secret+with+plus+signs", ["profiles/get"]);
    for (secret, accepted) in [
        ("a+secret+with+plus+signs", true),
        ("a%2Bsecret%2Bwith%2Bplus%2Bsigns", true),
        ("a secret with plus signs", false),
        ("a+secret+with+plus+signs&x", false),
        ("a%2Bsecret%2Bwith%2Bplus%2Bsigns&x", false),
        ("a%2Bsecret%2Bwith%2Bplus%2Bsigns=x", false),
    ] {
        let response = basic(&issuer, "caller", secret, "grant_type=client_credentials").await;
        assert_eq!(response.status().is_success(), accepted, "{secret}");
    }
}

#[tokio::test]
async fn a_client_has_up_to_two_secrets_at_a_time() {
    let issuer = issuer();
    let accepts = async |secret: &str| {
        let response = basic(&issuer, "caller", secret, "grant_type=client_credentials").await;
        response.status().is_success()
    };
    let second = random_secret();
    assert!(!accepts(&second).await);
    issuer.add_secret("caller", second.as_str());
    assert!(accepts(SECRET).await && accepts(&second).await);
    assert!(issuer.remove_secret("caller", SECRET));
    assert!(!accepts(SECRET).await && accepts(&second).await);
    assert!(!issuer.remove_secret("caller", SECRET));
    assert!(!issuer.remove_secret("nobody", SECRET));
    assert!(issuer.remove_client("caller"));
    assert!(!issuer.remove_client("caller"));
    assert!(!accepts(&second).await);
}

#[test]
#[should_panic(expected = "there is no app client \"caller\", or it has two secrets already")]
fn a_third_secret_is_a_mistake_of_the_test() {
    let issuer = issuer();
    issuer.add_secret("caller", random_secret());
    issuer.add_secret("caller", random_secret());
}

#[test]
#[should_panic(expected = "there is no app client \"stranger\"")]
fn a_secret_for_an_unknown_client_panics() {
    issuer().add_secret("stranger", random_secret());
}

#[test]
fn a_random_secret_has_the_form_of_cognitos() {
    let (one, other) = (random_secret(), random_secret());
    assert_ne!(one, other);
    assert_eq!(one.len(), 51);
    assert!(
        one.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    );
}

#[tokio::test]
async fn discovery_leads_to_the_keys_and_the_token_endpoint() {
    let issuer = issuer();
    let response = get(&issuer.discovery_url()).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let document = json_of(response).await;
    assert_eq!(
        document["issuer"],
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1"
    );
    assert_eq!(document["jwks_uri"], issuer.jwks_url());
    assert_eq!(document["token_endpoint"], issuer.token_url());
    let names = document.as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "authorization_endpoint",
            "id_token_signing_alg_values_supported",
            "issuer",
            "jwks_uri",
            "response_types_supported",
            "scopes_supported",
            "subject_types_supported",
            "token_endpoint",
            "token_endpoint_auth_methods_supported",
            "userinfo_endpoint",
        ]
    );
    let response = get(document["jwks_uri"].as_str().unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(
        json_of(response).await,
        serde_json::from_str::<Value>(&issuer.jwks()).unwrap()
    );
    assert_eq!(
        (
            issuer.requests(Endpoint::Discovery),
            issuer.requests(Endpoint::Jwks),
            issuer.requests(Endpoint::Token)
        ),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn an_issuer_named_on_loopback_is_what_its_tokens_say() {
    let issuer = LocalIssuer::builder()
        .pool_id("us-east-1_AbC")
        .issuer_on_loopback()
        .start()
        .unwrap();
    assert_eq!(
        issuer.issuer(),
        format!("{}/us-east-1_AbC", issuer.base_url())
    );
    assert_eq!(
        issuer.discovery_url(),
        format!("{}/.well-known/openid-configuration", issuer.issuer())
    );
    assert_eq!(
        issuer.jwks_url(),
        format!("{}/.well-known/jwks.json", issuer.issuer())
    );
    let document = json_of(get(&issuer.discovery_url()).await).await;
    assert_eq!(document["issuer"], issuer.issuer());
    let claims = bounded(verifier(&issuer).verify(&issuer.token().build()))
        .await
        .unwrap();
    assert_eq!(claims.issuer(), issuer.issuer());

    let on_aws = UserPool::new("us-east-1_AbC")
        .unwrap()
        .with_jwks_url(issuer.jwks_url())
        .unwrap();
    let on_aws = Verifier::builder(on_aws, AllowedClients::any())
        .build()
        .unwrap();
    assert_eq!(
        bounded(on_aws.verify(&issuer.token().build()))
            .await
            .unwrap_err(),
        AuthError::IssuerNotAllowed
    );
}

#[tokio::test]
async fn other_paths_and_methods_are_not_served() {
    let issuer = issuer();
    for path in [
        "/other",
        "/oauth2/token/",
        "/other/.well-known/jwks.json",
        "/oauth2/authorize",
    ] {
        assert_eq!(
            get(&format!("{}{path}", issuer.base_url())).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for (method, url, allowed) in [
        (Method::GET, issuer.token_url(), "OPTIONS, POST"),
        (Method::POST, issuer.jwks_url().to_owned(), "GET, HEAD"),
        (Method::POST, issuer.discovery_url(), "GET, HEAD"),
        (Method::GET, issuer.api_url(), "POST"),
    ] {
        let response = bounded(client().request(method, &url).send())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{url}");
        assert_eq!(response.headers()["allow"], allowed, "{url}");
    }
    assert_eq!(get(issuer.jwks_url()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_body() {
    let issuer = issuer();
    for url in [issuer.jwks_url().to_owned(), issuer.discovery_url()] {
        let length = |response: &Response| response.headers()["content-length"].clone();
        let head = bounded(client().head(&url).send()).await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(length(&head), length(&get(&url).await));
        assert!(bounded(head.bytes()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn browsers_may_call_the_token_endpoint_unless_that_is_turned_off() {
    let allow = "access-control-allow-origin";
    let without = LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get"])
        .without_cors()
        .start()
        .unwrap();
    for (issuer, expected, preflight) in [(issuer(), Some("*"), 204), (without, None, 405)] {
        let granted = basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await;
        let rejected = basic(&issuer, "caller", "x", "grant_type=client_credentials").await;
        assert_eq!(granted.status(), StatusCode::OK);
        for response in [granted, rejected] {
            let origin = response.headers().get(allow);
            assert_eq!(origin.map(|origin| origin.to_str().unwrap()), expected);
        }
        let asked = client().request(Method::OPTIONS, issuer.token_url());
        let answer = bounded(asked.send()).await.unwrap();
        assert_eq!(answer.status().as_u16(), preflight);
        assert_eq!(answer.headers().contains_key(allow), expected.is_some());
        let rejected = get(&issuer.token_url()).await;
        assert_eq!(rejected.status(), StatusCode::METHOD_NOT_ALLOWED);
        let methods = expected.map_or("POST", |_| "OPTIONS, POST");
        assert_eq!(rejected.headers()["allow"], methods);
    }
}

#[tokio::test]
async fn a_resource_is_rejected_as_at_cognito_or_bound_to_the_token() {
    let bound = LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get"])
        .bind_resource()
        .start()
        .unwrap();
    let with = "grant_type=client_credentials&resource=https%3A%2F%2Fapi.example.com";
    let rejected = basic(&issuer(), "caller", SECRET, with).await;
    assert_eq!(
        json_of(rejected).await,
        json!({ "error": "invalid_request" })
    );

    let granted = json_of(basic(&bound, "caller", SECRET, with).await).await;
    let verifier = Verifier::builder(bound.user_pool(), AllowedClients::any())
        .accept_audience("https://api.example.com")
        .build()
        .unwrap();
    let token = granted["access_token"].as_str().unwrap();
    let claims = bounded(verifier.verify(token)).await.unwrap();
    assert_eq!(claims.client_id(), "caller");
    for not_absolute in ["api", "https%3A%2F%2Fapi.example.com%23x"] {
        let form = format!(
            "grant_type=client_credentials&client_id=caller&client_secret={SECRET}&resource={not_absolute}"
        );
        let response = post(&bound, &form).await;
        assert_eq!(
            json_of(response).await,
            json!({ "error": "invalid_target" })
        );
    }
}

#[tokio::test]
async fn slashes_are_escaped_on_request() {
    for escaped in [false, true] {
        let builder = LocalIssuer::builder().client("caller", SECRET, ["profiles/get"]);
        let issuer = match escaped {
            true => builder.with_escaped_slashes(),
            false => builder,
        };
        let issuer = issuer.start().unwrap();
        let granted = basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await;
        let granted = json_of(granted).await;
        let token = granted["access_token"].as_str().unwrap();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
        let payload = String::from_utf8(payload.unwrap()).unwrap();
        assert_eq!(payload.contains(r"profiles\/get"), escaped);
        let claims = bounded(verifier(&issuer).verify(token)).await.unwrap();
        assert!(claims.has_scope("profiles/get"));
    }
}

mod token_exchange {
    use super::*;

    const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

    fn exchanging() -> LocalIssuer {
        LocalIssuer::builder()
            .client("backend", SECRET, ["profiles/get", "orders/get"])
            .with_token_exchange()
            .start()
            .unwrap()
    }

    async fn exchange(issuer: &LocalIssuer, parameters: &[(&str, &str)]) -> Value {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", GRANT)
            .append_pair("client_id", "backend")
            .append_pair("client_secret", SECRET)
            .extend_pairs(parameters);
        json_of(post(issuer, &form.finish()).await).await
    }

    fn payload(token: &str) -> Value {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
        serde_json::from_slice(&payload.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_users_token_becomes_a_narrower_one_for_one_audience() {
        let issuer = exchanging();
        let subject = issuer
            .token()
            .user("user-1")
            .scopes(["profiles/get", "profiles/post"])
            .build();
        let granted = exchange(
            &issuer,
            &[
                ("subject_token", &subject),
                ("subject_token_type", ACCESS_TOKEN),
                ("audience", "profiles"),
                ("scope", "profiles/get profiles/post orders/get"),
            ],
        )
        .await;
        assert_eq!(granted["issued_token_type"], ACCESS_TOKEN);
        assert_eq!(granted["token_type"], "Bearer");
        assert_eq!(granted["scope"], "profiles/get");
        let issued = payload(granted["access_token"].as_str().unwrap());
        assert_eq!(issued["sub"], "user-1");
        assert_eq!(issued["client_id"], "backend");
        assert_eq!(issued["aud"], "profiles");
        assert_eq!(issued["scope"], "profiles/get");
        assert!(issued.get("act").is_none());
    }

    #[tokio::test]
    async fn an_actor_is_named_in_act() {
        let issuer = exchanging();
        let subject = issuer.token().user("user-1").scopes(["a/b"]).build();
        let actor = issuer.token().client_credentials("agent").build();
        let granted = exchange(
            &issuer,
            &[
                ("subject_token", &subject),
                ("subject_token_type", ACCESS_TOKEN),
                ("actor_token", &actor),
                ("actor_token_type", ACCESS_TOKEN),
            ],
        )
        .await;
        let issued = payload(granted["access_token"].as_str().unwrap());
        assert_eq!(issued["act"], json!({ "sub": "agent" }));
        assert_eq!(issued["scope"], "a/b");
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_exchanged_is_rejected() {
        let issuer = exchanging();
        let subject = issuer.token().user("user-1").scopes(["profiles/get"]);
        let good = subject.build();
        let typed = ("subject_token_type", ACCESS_TOKEN);
        for (parameters, code) in [
            (vec![("subject_token", good.as_str()), typed], None),
            (vec![typed], Some("invalid_request")),
            (
                vec![("subject_token", good.as_str())],
                Some("invalid_request"),
            ),
            (
                vec![
                    ("subject_token", good.as_str()),
                    ("subject_token_type", "urn:x"),
                ],
                Some("invalid_request"),
            ),
            (
                vec![("subject_token", &subject.clone().expired().build()), typed],
                Some("invalid_request"),
            ),
            (
                vec![
                    ("subject_token", &subject.clone().tampered().build()),
                    typed,
                ],
                Some("invalid_request"),
            ),
            (
                vec![
                    ("subject_token", good.as_str()),
                    typed,
                    ("audience", "a"),
                    ("resource", "https://a.example.com"),
                ],
                Some("invalid_request"),
            ),
            (
                vec![("subject_token", good.as_str()), typed, ("resource", "a")],
                Some("invalid_target"),
            ),
            (
                vec![
                    ("subject_token", good.as_str()),
                    typed,
                    ("scope", "orders/get"),
                ],
                Some("invalid_scope"),
            ),
            (
                vec![
                    ("subject_token", good.as_str()),
                    typed,
                    ("requested_token_type", "urn:x"),
                ],
                Some("invalid_request"),
            ),
        ] {
            let answer = exchange(&issuer, &parameters).await;
            assert_eq!(
                answer.get("error").and_then(Value::as_str),
                code,
                "{answer}"
            );
        }
        let plain = LocalIssuer::builder()
            .client("backend", SECRET, ["profiles/get"])
            .start()
            .unwrap();
        let subject = plain.token().user("user-1").build();
        let answer = exchange(&plain, &[("subject_token", &subject), typed]).await;
        assert_eq!(answer, json!({ "error": "unauthorized_client" }));
    }
}

#[tokio::test]
async fn the_api_gives_a_client_token_in_the_form_of_the_service_model() {
    let issuer = issuer();
    let call = async |target: &'static str, body: Value| {
        let request = client()
            .post(issuer.api_url())
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{target}"),
            )
            .body(body.to_string());
        let response = bounded(request.send()).await.unwrap();
        let status = response.status().as_u16();
        (status, json_of(response).await)
    };
    let (status, granted) = call(
        "GetClientToken",
        json!({ "ClientId": "caller", "Secret": SECRET, "Scopes": ["profiles/get"], "ClientMetadata": { "a": "b" } }),
    )
    .await;
    assert_eq!(status, 200);
    let result = &granted["ClientAuthenticationResult"];
    assert_eq!(
        (&result["ExpiresIn"], &result["TokenType"]),
        (&json!(3600), &json!("Bearer"))
    );
    let token = result["AccessToken"].as_str().unwrap();
    let claims = bounded(verifier(&issuer).verify(token)).await.unwrap();
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["profiles/get"]);

    for (target, body, exception) in [
        (
            "GetClientToken",
            json!({ "ClientId": "caller", "Secret": "x" }),
            "NotAuthorizedException",
        ),
        (
            "GetClientToken",
            json!({ "ClientId": "nobody", "Secret": SECRET }),
            "ResourceNotFoundException",
        ),
        (
            "GetClientToken",
            json!({ "ClientId": "caller", "Secret": SECRET, "Scopes": ["orders/get"] }),
            "InvalidParameterException",
        ),
        (
            "GetClientToken",
            json!({ "ClientId": "caller" }),
            "InvalidParameterException",
        ),
        ("GetUser", json!({}), "UnknownOperationException"),
    ] {
        let (status, rejected) = call(target, body).await;
        assert_eq!(
            (status, rejected["__type"].as_str()),
            (400, Some(exception))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn requests_end_while_paused_time_is_held() {
    for _ in 0..50 {
        let issuer = issuer();
        let verifier = verifier(&issuer);
        let caller = ClientCredentials::builder(issuer.token_url(), "caller", SECRET);
        let caller = caller.build().unwrap();
        {
            let _held = hold_paused_time();
            let token = caller.token().await.unwrap();
            assert!(verifier.verify(token.as_str()).await.is_ok());
        }
        // Released, time runs ahead as it usually does: a time-out passes at once.
        issuer.hang();
        let other = caller.with_scopes(["profiles/get"]).unwrap();
        assert_eq!(other.token().await.unwrap_err(), TokenError::Timeout);
    }
}

#[tokio::test]
async fn tokens_of_users_and_of_ids_are_signed_with_the_current_keys() {
    let issuer = issuer();
    let verifier = verifier(&issuer);
    let user = issuer.token().user("user-1").build();
    assert_eq!(
        bounded(verifier.verify(&user)).await.unwrap().username(),
        Some("user-1")
    );
    let id = issuer.token().id_token("user-1").build();
    assert_eq!(
        bounded(verifier.verify(&id)).await.unwrap_err(),
        AuthError::TokenUseNotAllowed
    );
    assert_eq!(
        bounded(verifier.verify(&issuer.token().tampered().build()))
            .await
            .unwrap_err(),
        AuthError::InvalidSignature
    );
}

#[tokio::test]
async fn a_rotation_signs_with_new_keys_and_keeps_the_old_ones_published() {
    let issuer = issuer();
    let verifier = verifier(&issuer);
    let old = issuer.token().build();
    assert!(bounded(verifier.verify(&old)).await.is_ok());

    let kid = issuer.rotate();
    assert_eq!(issuer.published_kids().len(), 4);
    assert_eq!(
        issuer.published_kids()[..2],
        ["test-only-access", "test-only-id"]
    );
    assert_eq!(issuer.published_kids()[2], kid);
    let new = issuer.token().build();
    assert!(bounded(verifier.verify(&new)).await.is_ok());
    assert!(bounded(verifier.verify(&old)).await.is_ok());
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);

    let fetched_by_client = basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await;
    claims_of(&issuer, fetched_by_client).await;
}

#[tokio::test]
async fn a_withdrawn_key_is_not_published() {
    let issuer = issuer();
    let token = issuer.token().build();
    assert!(bounded(verifier(&issuer).verify(&token)).await.is_ok());
    assert!(issuer.withdraw("test-only-access"));
    assert!(!issuer.withdraw("test-only-access"));
    assert_eq!(issuer.published_kids(), ["test-only-id"]);
    assert_eq!(
        bounded(verifier(&issuer).verify(&token)).await.unwrap_err(),
        AuthError::UnknownKey
    );
}

#[tokio::test]
async fn fresh_keys_are_not_the_fixtures_and_differ_each_time() {
    let fresh = || LocalIssuer::builder().fresh_keys().start().unwrap();
    let (one, other, fixtures) = (fresh(), fresh(), issuer());
    let token = one.token().build();
    assert!(bounded(verifier(&one).verify(&token)).await.is_ok());
    for stranger in [&other, &fixtures] {
        assert_eq!(
            bounded(verifier(stranger).verify(&token))
                .await
                .unwrap_err(),
            AuthError::UnknownKey
        );
    }
    // As long as Cognito's own names.
    assert!(
        one.published_kids()
            .iter()
            .all(|kid| kid.len() == 44 && kid.ends_with('='))
    );
}

#[tokio::test]
async fn a_status_is_answered_until_recovery() {
    let issuer = issuer();
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    for response in [
        get(issuer.jwks_url()).await,
        get(&issuer.discovery_url()).await,
        basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await,
    ] {
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert!(bounded(response.bytes()).await.unwrap().is_empty());
    }
    issuer.recover();
    assert_eq!(get(issuer.jwks_url()).await.status(), StatusCode::OK);
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}

#[tokio::test]
async fn an_outage_of_one_endpoint_leaves_the_others_alone() {
    let issuer = issuer();
    issuer
        .endpoint(Endpoint::Token)
        .throttle(Duration::from_secs(7));
    let rejected = basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()["retry-after"], "7");
    assert_eq!(get(issuer.jwks_url()).await.status(), StatusCode::OK);
    issuer.endpoint(Endpoint::Token).recover();
    let accepted = basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await;
    assert_eq!(accepted.status(), StatusCode::OK);

    issuer.throttle(Duration::from_secs(7));
    assert_eq!(
        get(issuer.jwks_url()).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn a_hanging_endpoint_takes_the_request_and_never_answers() {
    let issuer = issuer();
    issuer.endpoint(Endpoint::Jwks).hang();
    let request = tokio::spawn(client().get(issuer.jwks_url()).send());
    bounded(async {
        while issuer.requests(Endpoint::Jwks) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!answers(request).await);
    issuer.recover();
    assert_eq!(get(issuer.jwks_url()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_dripping_endpoint_sends_its_head_and_one_byte() {
    let issuer = issuer();
    issuer.endpoint(Endpoint::Jwks).drip();
    let mut response = get(issuer.jwks_url()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.content_length(), Some(issuer.jwks().len() as u64));
    assert_eq!(&bounded(response.chunk()).await.unwrap().unwrap()[..], b"{");
    assert!(!answers(response.bytes()).await);
    issuer.recover();
    assert_eq!(
        json_of(get(issuer.jwks_url()).await).await["keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_closing_endpoint_ends_the_connection_without_an_answer() {
    let issuer = issuer();
    issuer.endpoint(Endpoint::Jwks).close();
    let error = bounded(client().get(issuer.jwks_url()).send())
        .await
        .unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    assert_eq!(issuer.requests(Endpoint::Jwks), 1);
    issuer.recover();
    assert_eq!(get(issuer.jwks_url()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_issuers_own_switches_are_for_all_endpoints() {
    let issuer = issuer();
    let urls = [issuer.discovery_url(), issuer.jwks_url().to_owned()];
    for url in &urls {
        issuer.close();
        assert!(bounded(client().get(url).send()).await.is_err(), "{url}");
        issuer.drip();
        let first = bounded(get(url).await.chunk()).await.unwrap().unwrap();
        assert_eq!(first.len(), 1, "{url}");
        issuer.recover();
        assert!(json_of(get(url).await).await.is_object(), "{url}");
    }
}

#[tokio::test]
async fn a_verifier_survives_an_outage_of_the_keys_with_those_it_has() {
    let issuer = issuer();
    let clock = ManualClock::new();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer
        .token()
        .issued_at(ManualClock::start())
        .expires_in(Duration::from_secs(86_400))
        .build();
    assert!(bounded(verifier.verify(&token)).await.is_ok());

    issuer.fail_with(StatusCode::SERVICE_UNAVAILABLE);
    clock.advance(Duration::from_secs(2 * 60 * 60));
    assert!(matches!(
        bounded(verifier.warm_up()).await,
        Err(FetchError::Status { .. })
    ));
    assert_eq!(verifier.key_status().state(), KeyState::Degraded);
    assert!(bounded(verifier.verify(&token)).await.is_ok());

    issuer.recover();
    clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(bounded(verifier.warm_up()).await, Ok(()));
    assert_eq!(verifier.key_status().state(), KeyState::Fresh);
}

#[tokio::test]
async fn the_clock_given_dates_the_tokens() {
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get"])
        .clock(clock.clone())
        .start()
        .unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    clock.advance(Duration::from_secs(60));
    let reply =
        json_of(basic(&issuer, "caller", SECRET, "grant_type=client_credentials").await).await;
    let token = reply["access_token"].as_str().unwrap();
    let claims = bounded(verifier.verify(token)).await.unwrap();
    assert_eq!(
        claims.issued_at(),
        Some(ManualClock::start() + Duration::from_secs(60))
    );
    clock.advance(Duration::from_secs(3_611));
    assert_eq!(
        bounded(verifier.verify(token)).await.unwrap_err(),
        AuthError::Expired
    );
}

#[test]
fn it_needs_no_runtime_of_the_caller_and_frees_its_port_when_dropped() {
    let issuer = issuer();
    let address = issuer
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    assert!(matches!(
        LocalIssuer::builder().port(port).start(),
        Err(StartError::Io(_))
    ));

    let path = issuer
        .jwks_url()
        .strip_prefix(issuer.base_url())
        .unwrap()
        .to_owned();
    let mut connection = TcpStream::connect(&address).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");

    // A request that hangs does not keep it.
    issuer.hang();
    let mut hanging = TcpStream::connect(&address).unwrap();
    write!(hanging, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    drop(issuer);
    assert!(TcpStream::connect(&address).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_stop_it() {
    let issuer = issuer();
    let address = issuer
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let request = format!(
        "GET {} HTTP/1.0\r\n\r\n",
        issuer.jwks_url().strip_prefix(issuer.base_url()).unwrap()
    );
    let reply = tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(address).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        reply
    });
    assert!(reply.await.unwrap().starts_with("HTTP/1.0 200 OK\r\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_in_a_runtime_of_several_threads() {
    let issuer = issuer();
    assert!(
        bounded(verifier(&issuer).verify(&issuer.token().build()))
            .await
            .is_ok()
    );
}

#[test]
fn a_pool_id_that_makes_no_url_is_rejected() {
    let error = LocalIssuer::builder()
        .pool_id("nowhere")
        .start()
        .unwrap_err();
    assert!(matches!(&error, StartError::PoolId(_)));
    assert!(error.to_string().contains("\"nowhere\""), "{error}");
}

#[test]
fn no_secret_is_shown() {
    let builder = LocalIssuer::builder().client("caller", SECRET, ["profiles/get"]);
    let shown = format!("{builder:?}");
    assert!(
        shown.contains("caller") && !shown.contains(SECRET),
        "{shown}"
    );
    let issuer = builder.start().unwrap();
    let shown = format!("{issuer:?} {:?}", issuer.endpoint(Endpoint::Token));
    assert!(
        shown.contains(issuer.base_url()) && !shown.contains(SECRET),
        "{shown}"
    );
}
