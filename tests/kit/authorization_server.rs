//! The local issuer as the authorization server of clients that sign users in: discovery,
//! registration, codes with PKCE, and tokens that are bound to a resource.

use std::time::Duration;

use http::{Method, StatusCode, header::LOCATION};
use reqwest::{Client, Response, redirect::Policy};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, Claims, Principal, Verifier,
    testing::{Endpoint, LocalIssuer, LocalIssuerBuilder, ManualClock},
};

const CALLBACK: &str = "http://127.0.0.1:8765/callback";
const RESOURCE: &str = "https://mcp.example.com";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn builder() -> LocalIssuerBuilder {
    LocalIssuer::builder()
        .issuer_on_loopback()
        .sign_in_as("ada")
        .user_client("desktop", [CALLBACK], ["notes/read", "notes/write"])
        .client("service", "the-secret-of-the-service", ["notes/read"])
}

fn issuer() -> LocalIssuer {
    builder().start().unwrap()
}

/// No proxy of the environment may see loopback traffic, and a redirect is returned, not followed.
fn http() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap()
}

async fn sent(request: reqwest::RequestBuilder) -> Response {
    timeout(Duration::from_secs(10), request.send())
        .await
        .expect("the issuer responds at once")
        .unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// The parameters with some of them changed, and those left out that are changed to "".
fn changed<'a>(
    parameters: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = parameters
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    kept.chain(changes)
        .filter(|(_, value)| !value.is_empty())
        .copied()
        .collect()
}

const AUTHORIZATION: [(&str, &str); 7] = [
    ("response_type", "code"),
    ("client_id", "desktop"),
    ("redirect_uri", CALLBACK),
    ("scope", "notes/read"),
    ("state", "a state & more"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

async fn authorize(issuer: &LocalIssuer, changes: &[(&str, &str)]) -> Response {
    let query = encoded(&changed(&AUTHORIZATION, changes));
    sent(http().get(format!("{}/oauth2/authorize?{query}", issuer.base_url()))).await
}

/// What the redirect says.
fn told(response: &Response) -> Vec<(String, String)> {
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()[LOCATION].to_str().unwrap();
    let (uri, query) = location.split_once('?').unwrap();
    assert_eq!(uri, CALLBACK);
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

async fn code(issuer: &LocalIssuer, changes: &[(&str, &str)]) -> String {
    let told = told(&authorize(issuer, changes).await);
    let [(name, code), (_, state), (_, iss)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(name, "code");
    assert_eq!(state, "a state & more");
    assert_eq!(iss, issuer.issuer());
    code.clone()
}

async fn redeem(issuer: &LocalIssuer, code: &str, changes: &[(&str, &str)]) -> Response {
    let parameters = [
        ("grant_type", "authorization_code"),
        ("client_id", "desktop"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    let request = http()
        .post(issuer.token_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(&changed(&parameters, changes)));
    sent(request).await
}

async fn error_of(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    json_of(response).await["error"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn claims_of(issuer: &LocalIssuer, response: Response) -> Claims {
    assert_eq!(response.status(), StatusCode::OK);
    let document = json_of(response).await;
    let members: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "token_type"]);
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .accept_audience(RESOURCE)
        .build()
        .unwrap();
    let token = document["access_token"].as_str().unwrap();
    verifier.verify(token).await.unwrap()
}

fn audience(claims: &Claims) -> Value {
    let payload: Value = claims.custom().unwrap();
    payload["aud"].clone()
}

#[tokio::test]
async fn a_code_becomes_a_token_of_the_user() {
    let issuer = issuer();
    let code = code(&issuer, &[]).await;
    let claims = claims_of(&issuer, redeem(&issuer, &code, &[]).await).await;
    assert!(matches!(claims.principal(), Principal::User { .. }));
    assert_eq!(claims.username(), Some("ada"));
    assert_eq!(claims.client_id(), "desktop");
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["notes/read"]);
    assert_eq!(audience(&claims), Value::Null, "no audience was requested");
    assert_eq!(issuer.requests(Endpoint::Authorization), 1);
}

/// RFC 8707: MCP clients send `resource` with both requests.
#[tokio::test]
async fn a_resource_is_bound_into_the_audience() {
    let issuer = issuer();
    for with_code in [RESOURCE, ""] {
        let code = code(&issuer, &[("resource", RESOURCE)]).await;
        let response = redeem(&issuer, &code, &[("resource", with_code)]).await;
        assert_eq!(audience(&claims_of(&issuer, response).await), RESOURCE);
    }
    for (granted, with_code) in [(RESOURCE, "https://other.example.com"), ("", RESOURCE)] {
        let code = code(&issuer, &[("resource", granted)]).await;
        let response = redeem(&issuer, &code, &[("resource", with_code)]).await;
        assert_eq!(error_of(response).await, "invalid_target", "{granted:?}");
    }
}

/// Each differs from the request of `a_code_becomes_a_token_of_the_user` in one parameter.
#[tokio::test]
async fn a_code_is_good_for_its_client_its_redirect_uri_and_its_verifier_only() {
    let issuer = builder()
        .user_client("other", [CALLBACK], ["notes/read"])
        .start()
        .unwrap();
    for (name, value, error) in [
        ("client_id", "other", "invalid_grant"),
        ("client_id", "unknown", "invalid_client"),
        // It has a secret, and none was sent.
        ("client_id", "service", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:8765/", "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
        ("code_verifier", CHALLENGE, "invalid_grant"),
        ("code_verifier", "", "invalid_grant"),
        ("code", "unknown", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("client_secret", "a-guess", "invalid_client"),
    ] {
        let code = code(&issuer, &[]).await;
        let response = redeem(&issuer, &code, &[(name, value)]).await;
        assert_eq!(error_of(response).await, error, "{name}={value}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_five_minutes() {
    let clock = ManualClock::new();
    let issuer = builder().clock(clock.clone()).start().unwrap();
    for (age, outcome) in [(299, StatusCode::OK), (300, StatusCode::BAD_REQUEST)] {
        let code = code(&issuer, &[]).await;
        clock.advance(Duration::from_secs(age));
        let response = redeem(&issuer, &code, &[]).await;
        assert_eq!(response.status(), outcome, "after {age} s");
    }
    let (first, second) = (code(&issuer, &[]).await, code(&issuer, &[]).await);
    for code in [first, second] {
        let response = redeem(&issuer, &code, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    let code = code(&issuer, &[]).await;
    // Also if the first attempt fails.
    let failed = redeem(&issuer, &code, &[("code_verifier", CHALLENGE)]).await;
    assert_eq!(error_of(failed).await, "invalid_grant");
    assert_eq!(
        error_of(redeem(&issuer, &code, &[]).await).await,
        "invalid_grant"
    );
}

#[tokio::test]
async fn the_client_learns_what_is_wrong_with_its_request() {
    let issuer = issuer();
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "unsupported_response_type"),
        ("scope", "admin/all", "invalid_scope"),
        ("scope", "notes/read admin/all", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", "not-a-url", "invalid_target"),
    ] {
        let told = told(&authorize(&issuer, &[(name, value)]).await);
        assert_eq!(
            told[0],
            ("error".to_owned(), error.to_owned()),
            "{name}={value}"
        );
        assert_eq!(told[1].1, "a state & more");
    }
    let unproven = [("code_challenge", ""), ("code_challenge_method", "")];
    let rejected = told(&authorize(&issuer, &unproven).await);
    assert_eq!(rejected[0].1, "invalid_request", "a client without secret");
    let told = told(&authorize(&issuer, &[("state", "")]).await);
    assert_eq!(told.len(), 2, "no state is made up: {told:?}");
}

/// A redirect would send the code, or the user, to the author of the request (RFC 6749 §4.1.2.1).
#[tokio::test]
async fn a_stranger_is_never_redirected_to() {
    let issuer = issuer();
    for (name, value) in [
        ("client_id", "unknown"),
        ("client_id", ""),
        ("client_id", "service"),
        ("redirect_uri", "https://attacker.example/callback"),
        ("redirect_uri", "http://127.0.0.1:8765/callback/"),
        ("redirect_uri", ""),
    ] {
        let response = authorize(&issuer, &[(name, value)]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}={value}");
        assert_eq!(response.headers().get(LOCATION), None);
    }
    let twice = format!("{}&client_id=desktop", encoded(&AUTHORIZATION));
    let url = format!("{}/oauth2/authorize?{twice}", issuer.base_url());
    assert_eq!(
        sent(http().get(url)).await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_client_has_either_users_or_its_own_credentials() {
    let issuer = issuer();
    let as_itself = [
        ("grant_type", "client_credentials"),
        ("scope", "notes/read"),
    ];
    let rejected = redeem(&issuer, "", &as_itself).await;
    assert_eq!(error_of(rejected).await, "unauthorized_client");

    let of_service = [
        ("client_id", "service"),
        ("client_secret", "the-secret-of-the-service"),
    ];
    let accepted = redeem(&issuer, "", &[as_itself, of_service].concat()).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    for (id, status) in [
        ("", StatusCode::OK),
        ("service", StatusCode::OK),
        ("desktop", StatusCode::BAD_REQUEST),
    ] {
        let form = encoded(&changed(&as_itself, &[("client_id", id)]));
        let request = http()
            .post(issuer.token_url())
            .header("content-type", "application/x-www-form-urlencoded")
            .basic_auth("service", Some("the-secret-of-the-service"))
            .body(form);
        assert_eq!(sent(request).await.status(), status, "{id:?} in the body");
    }
    let code = code(&issuer, &[]).await;
    let rejected = redeem(&issuer, &code, &of_service).await;
    assert_eq!(error_of(rejected).await, "unauthorized_client");
}

async fn register(issuer: &LocalIssuer, metadata: &Value) -> Response {
    let request = http()
        .post(format!("{}/oauth2/register", issuer.base_url()))
        .header("content-type", "application/json")
        .body(metadata.to_string());
    sent(request).await
}

#[tokio::test]
async fn a_client_that_registers_itself_signs_users_in() {
    let issuer = builder().open_registration(["notes/read"]).start().unwrap();
    for (method, secret_with_code) in [("none", false), ("client_secret_post", true)] {
        let metadata = json!({
            "client_name": "any",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": method,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        });
        let response = register(&issuer, &metadata).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let registered = json_of(response).await;
        assert_eq!(registered["redirect_uris"], json!([CALLBACK]));
        assert_eq!(registered["token_endpoint_auth_method"], method);
        assert_eq!(registered["grant_types"], json!(["authorization_code"]));
        assert_eq!(registered.get("client_secret").is_some(), secret_with_code);

        let id = registered["client_id"].as_str().unwrap();
        let scope = ("scope", "notes/read openid");
        let code = code(&issuer, &[("client_id", id), scope]).await;
        let secret = registered["client_secret"].as_str().unwrap_or_default();
        let credentials = [("client_id", id), ("client_secret", secret)];
        let claims = claims_of(&issuer, redeem(&issuer, &code, &credentials).await).await;
        assert_eq!(claims.client_id(), id);
        assert!(claims.has_scope("notes/read"));

        let response = authorize(&issuer, &[("client_id", id), ("scope", "notes/write")]).await;
        assert_eq!(told(&response)[0].1, "invalid_scope");
    }
}

/// RFC 7636 §4.4.1 leaves it to the server, and a secret shows whose code it is.
#[tokio::test]
async fn a_client_with_a_secret_may_leave_out_the_challenge() {
    let issuer = builder().open_registration(["notes/read"]).start().unwrap();
    let without_challenge = [("code_challenge", ""), ("code_challenge_method", "")];
    for (method, granted) in [("client_secret_post", true), ("none", false)] {
        let metadata = json!({
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": method,
        });
        let registered = json_of(register(&issuer, &metadata).await).await;
        let id = registered["client_id"].as_str().unwrap();
        let of_client = [("client_id", id)];
        let response = authorize(&issuer, &[&of_client[..], &without_challenge].concat()).await;
        let told = told(&response);
        if !granted {
            assert_eq!(told[0].1, "invalid_request", "{method}");
            continue;
        }
        assert_eq!(told[0].0, "code", "{method}");
        let secret = registered["client_secret"].as_str().unwrap();
        let proof = [
            ("client_id", id),
            ("client_secret", secret),
            ("code_verifier", ""),
        ];
        let claims = claims_of(&issuer, redeem(&issuer, &told[0].1, &proof).await).await;
        assert_eq!(claims.client_id(), id);
    }
}

#[tokio::test]
async fn a_request_to_an_endpoint_that_is_out_of_order_has_no_effect() {
    let issuer = issuer();
    let code = code(&issuer, &[]).await;
    let endpoint = issuer.endpoint(Endpoint::Token);
    endpoint.fail_with(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(redeem(&issuer, &code, &[]).await.status(), 503);
    endpoint.throttle(Duration::from_secs(7));
    assert_eq!(redeem(&issuer, &code, &[]).await.status(), 429);
    endpoint.recover();
    let redeemed = redeem(&issuer, &code, &[]).await;
    assert_eq!(redeemed.status(), StatusCode::OK, "the code was not used");
    endpoint.fail_with(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(redeem(&issuer, &code, &[]).await.status(), 503);
    endpoint.recover();
    assert_eq!(
        error_of(redeem(&issuer, &code, &[]).await).await,
        "invalid_grant",
        "it was used by then"
    );
}

#[tokio::test]
async fn a_harmful_or_useless_registration_is_rejected() {
    let issuer = builder().open_registration(["notes/read"]).start().unwrap();
    let with = |member: &str, value: Value| {
        let mut metadata = json!({ "redirect_uris": [CALLBACK] });
        metadata[member] = value;
        metadata
    };
    for uri in [
        CALLBACK,
        "https://app.example.com/callback?x=1",
        "http://localhost:1/",
        "cursor://anysphere.cursor/callback",
    ] {
        let response = register(&issuer, &with("redirect_uris", json!([uri]))).await;
        assert_eq!(response.status(), StatusCode::CREATED, "{uri}");
        assert_eq!(
            json_of(response).await["token_endpoint_auth_method"],
            "client_secret_basic",
            "RFC 7591 §2"
        );
    }
    for (member, value, error) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        (
            "redirect_uris",
            json!([CALLBACK, "http://app.example.com/"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["https://app.example.com/#x"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["javascript:alert(1)"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["/callback"]),
            "invalid_redirect_uri",
        ),
        ("redirect_uris", json!(CALLBACK), "invalid_client_metadata"),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            "invalid_client_metadata",
        ),
        (
            "grant_types",
            json!(["client_credentials"]),
            "invalid_client_metadata",
        ),
        (
            "response_types",
            json!(["token"]),
            "invalid_client_metadata",
        ),
    ] {
        let response = register(&issuer, &with(member, value.clone())).await;
        assert_eq!(error_of(response).await, error, "{member}={value}");
    }
    let no_json = register(&issuer, &json!("text")).await;
    assert_eq!(error_of(no_json).await, "invalid_client_metadata");
}

#[tokio::test]
async fn the_metadata_of_rfc_8414_is_where_clients_look_and_has_what_they_demand() {
    let issuer = builder()
        .open_registration(["notes/read"])
        .with_oauth_metadata()
        .start()
        .unwrap();
    let base = issuer.base_url();
    let path = issuer.issuer().strip_prefix(base).unwrap();
    let oauth = format!("{base}/.well-known/oauth-authorization-server{path}");
    let response = sent(http().get(&oauth)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let document = json_of(response).await;
    assert_eq!(document["issuer"], issuer.issuer(), "RFC 8414 §3.3");
    assert_eq!(
        document["authorization_endpoint"],
        format!("{base}/oauth2/authorize")
    );
    assert_eq!(
        document["registration_endpoint"],
        format!("{base}/oauth2/register")
    );
    assert_eq!(
        document["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(
        document["authorization_response_iss_parameter_supported"],
        true
    );
    let methods = document["token_endpoint_auth_methods_supported"].as_array();
    assert!(methods.unwrap().contains(&json!("none")));
    assert_eq!(
        json_of(sent(http().get(issuer.discovery_url())).await).await,
        document
    );
}

#[tokio::test]
async fn browsers_may_read_discovery_if_it_has_that_metadata_and_they_are_allowed() {
    for (issuer, allowed) in [
        (builder().with_oauth_metadata(), true),
        (builder().with_oauth_metadata().without_cors(), false),
        (builder(), false),
        (builder().without_cors(), false),
    ] {
        let issuer = issuer.start().unwrap();
        let response = sent(http().get(issuer.discovery_url())).await;
        assert_eq!(response.status(), StatusCode::OK);
        let origin = response.headers().get("access-control-allow-origin");
        assert_eq!(origin.is_some(), allowed, "{origin:?}");
    }
}

/// As at Cognito.
#[tokio::test]
async fn nothing_of_it_is_there_unless_it_was_turned_on() {
    let issuer = LocalIssuer::builder().issuer_on_loopback().start().unwrap();
    let base = issuer.base_url();
    let path = issuer.issuer().strip_prefix(base).unwrap();
    for (method, url) in [
        (Method::GET, format!("{base}/oauth2/authorize")),
        (Method::POST, format!("{base}/oauth2/register")),
        (
            Method::GET,
            format!("{base}/.well-known/oauth-authorization-server{path}"),
        ),
    ] {
        let response = sent(http().request(method, &url)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{url}");
    }
    let document = json_of(sent(http().get(issuer.discovery_url())).await).await;
    for member in [
        "registration_endpoint",
        "code_challenge_methods_supported",
        "grant_types_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert_eq!(document.get(member), None);
    }
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post"])
    );
}
