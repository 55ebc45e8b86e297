//! What Cognito documents, against a local issuer that follows the same documents.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_cognito::{
    AllowedClients, ConfigError, Verifier,
    client::{
        ClientCredentials, TokenError,
        unproven::{self, SubjectToken, TokenExchange},
    },
    testing::{Endpoint, LocalIssuer, ManualClock},
};

use crate::server::{Server, answer, granted};

const SECRET: &str = "one-secret-of-this-test";
const NEXT_SECRET: &str = "next-secret-of-this-test";
const HOUR: Duration = Duration::from_secs(3600);

struct World {
    clock: ManualClock,
    issuer: LocalIssuer,
    credentials: ClientCredentials,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let issuer = LocalIssuer::builder()
            .client("backend", SECRET, ["orders/get", "profiles/get"])
            .clock(clock.clone())
            .with_token_exchange()
            .start()
            .unwrap();
        let credentials = ClientCredentials::builder(issuer.token_url(), "backend", SECRET)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            clock,
            issuer,
            credentials,
        }
    }

    fn subject(&self, user: &str) -> SubjectToken {
        let scopes = ["orders/get", "orders/post"];
        SubjectToken::access_token(self.issuer.token().user(user).scopes(scopes).build())
    }

    fn requests(&self) -> usize {
        self.issuer.requests(Endpoint::Token)
    }
}

fn payload(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&payload.unwrap()).unwrap()
}

#[tokio::test]
async fn the_api_gives_a_token_without_a_domain() {
    let world = World::new();
    let caller = unproven::builder_for_api_url(world.issuer.api_url(), "backend", "wrong-secret")
        .next_secret(SECRET)
        .scopes(["orders/get"])
        .clock(world.clock.clone())
        .build()
        .unwrap();
    let token = caller.token().await.unwrap();
    let verifier = Verifier::builder(world.issuer.user_pool(), AllowedClients::any())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    let claims = verifier.verify(token.as_str()).await.unwrap();
    assert_eq!(claims.client_id(), "backend");
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["orders/get"]);
    assert_eq!(world.issuer.requests(Endpoint::Api), 2, "both secrets");
    assert_eq!(world.requests(), 0);

    let other = caller.with_scopes(["accounts/get"]).unwrap();
    assert_eq!(other.token().await.unwrap_err(), TokenError::InvalidRequest);
}

#[test]
fn the_api_has_a_known_name_in_known_partitions_only() {
    assert!(
        unproven::builder_for_api("us-gov-west-1", "backend", SECRET)
            .build()
            .is_ok()
    );
    let rejected = unproven::builder_for_api("cn-north-1", "backend", SECRET).build();
    assert!(matches!(
        rejected,
        Err(ConfigError::UnsupportedPartition { .. })
    ));
}

#[tokio::test]
async fn metadata_for_the_trigger_goes_with_the_request_where_the_documents_say() {
    let metadata = [("tenant", "a&b"), ("env", "dev")];
    let server = Server::start(|_| granted("a.b.c")).await;
    let builder = ClientCredentials::builder(server.url("/oauth2/token"), "backend", SECRET);
    let caller = unproven::with_client_metadata(builder, metadata)
        .build()
        .unwrap();
    caller.token().await.unwrap();
    let form = form_urlencoded::parse(server.seen()[0].body.as_bytes())
        .into_owned()
        .collect::<Vec<_>>();
    let sent = form.iter().find(|(name, _)| name == "aws_client_metadata");
    let sent = serde_json::from_str::<Value>(&sent.unwrap().1).unwrap();
    assert_eq!(sent, json!({ "tenant": "a&b", "env": "dev" }));

    let body = r#"{"ClientAuthenticationResult":{"AccessToken":"a.b.c","ExpiresIn":3600,"TokenType":"Bearer"}}"#;
    let server = Server::start(move |_| answer(200, body)).await;
    let builder = unproven::builder_for_api_url(server.url("/"), "backend", SECRET);
    let caller = unproven::with_client_metadata(builder, metadata)
        .build()
        .unwrap();
    caller.token().await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    assert_eq!(
        seen.header("x-amz-target"),
        Some("AWSCognitoIdentityProviderService.GetClientToken")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({ "ClientId": "backend", "Secret": SECRET, "ClientMetadata": { "tenant": "a&b", "env": "dev" } })
    );

    // And none without.
    let server = Server::start(|_| granted("a.b.c")).await;
    let builder = ClientCredentials::builder(server.url("/oauth2/token"), "backend", SECRET);
    builder.build().unwrap().token().await.unwrap();
    assert!(!server.seen()[0].body.contains("metadata"));
}

#[tokio::test]
async fn a_users_token_is_exchanged_for_a_narrower_one_at_the_token_endpoint_and_the_api() {
    let world = World::new();
    let api = unproven::builder_for_api_url(world.issuer.api_url(), "backend", SECRET)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    for credentials in [&world.credentials, &api] {
        let exchange = TokenExchange::builder(credentials)
            .audience("orders")
            .scopes(["orders/get"])
            .build()
            .unwrap();
        let token = exchange.token(&world.subject("user-1")).await.unwrap();
        let issued = payload(token.as_str());
        assert_eq!(issued["sub"], "user-1");
        assert_eq!(issued["client_id"], "backend");
        assert_eq!(issued["aud"], "orders");
        assert_eq!(issued["scope"], "orders/get");
        assert_eq!(issued.get("act"), None);
    }
}

#[tokio::test]
async fn a_resource_takes_the_place_of_an_audience() {
    let world = World::new();
    let exchange = TokenExchange::builder(&world.credentials)
        .audience("orders")
        .resource("https://orders.example.com")
        .build()
        .unwrap();
    let token = exchange.token(&world.subject("user-1")).await.unwrap();
    assert_eq!(payload(token.as_str())["aud"], "https://orders.example.com");
    // Not an absolute URI, which RFC 8707 requires.
    let exchange = TokenExchange::builder(&world.credentials).resource("orders");
    let rejected = exchange
        .build()
        .unwrap()
        .token(&world.subject("user-1"))
        .await;
    assert_eq!(rejected.unwrap_err(), TokenError::InvalidTarget);
}

#[tokio::test]
async fn delegation_names_the_actor() {
    let world = World::new();
    let api = unproven::builder_for_api_url(world.issuer.api_url(), "backend", SECRET)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    for credentials in [&world.credentials, &api] {
        let exchange = TokenExchange::builder(credentials)
            .acting_as(&world.credentials)
            .build()
            .unwrap();
        let token = exchange.token(&world.subject("user-1")).await.unwrap();
        assert_eq!(payload(token.as_str())["act"], json!({ "sub": "backend" }));
    }
}

#[tokio::test]
async fn each_subject_is_exchanged_once_and_renewed_by_itself() {
    let world = World::new();
    let exchange = TokenExchange::builder(&world.credentials).build().unwrap();
    let (one, other) = (world.subject("user-1"), world.subject("user-2"));
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (exchange, one) = (exchange.clone(), one.clone());
        calls.spawn(async move { exchange.token(&one).await.unwrap().as_str().to_owned() });
    }
    let mut tokens = calls.join_all().await;
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(world.requests(), 1);
    let of_other = exchange.token(&other).await.unwrap();
    assert_ne!(of_other.as_str(), tokens[0]);
    assert_eq!(world.requests(), 2);

    exchange.invalidate(&of_other);
    let replaced = exchange.token(&other).await.unwrap();
    assert_ne!(replaced.as_str(), of_other.as_str());
    assert_eq!(exchange.token(&one).await.unwrap().as_str(), tokens[0]);
    assert_eq!(world.requests(), 3);
}

/// The kind is part of what is asked, so an issuer may answer otherwise.
#[tokio::test]
async fn one_text_as_two_kinds_of_subject_is_exchanged_twice() {
    let world = World::new();
    let exchange = TokenExchange::builder(&world.credentials).build().unwrap();
    let text = world.issuer.token().user("user-1").build();
    for (subject, requests) in [
        (SubjectToken::access_token(text.clone()), 1),
        (SubjectToken::id_token(text.clone()), 2),
        (SubjectToken::access_token(text), 2),
    ] {
        let _ = exchange.token(&subject).await;
        assert_eq!(world.requests(), requests, "{subject:?}");
    }
}

#[tokio::test]
async fn a_subject_that_is_rejected_backs_off_by_itself() {
    let world = World::new();
    let exchange = TokenExchange::builder(&world.credentials).build().unwrap();
    let bad = SubjectToken::access_token(world.issuer.token().user("user-1").tampered().build());
    for _ in 0..3 {
        let rejected = exchange.token(&bad).await.unwrap_err();
        assert_eq!(rejected, TokenError::InvalidRequest);
    }
    assert_eq!(world.requests(), 1);
    assert!(exchange.token(&world.subject("user-1")).await.is_ok());
}

#[tokio::test]
async fn the_number_of_subjects_that_are_held_is_bounded() {
    let world = World::new();
    let exchange = TokenExchange::builder(&world.credentials)
        .capacity(2)
        .build()
        .unwrap();
    let roomy = TokenExchange::builder(&world.credentials).build().unwrap();
    // The cache drops what exceeds its capacity after some 64 insertions at the latest.
    let subjects: Vec<_> = (0..100)
        .map(|user| world.subject(&user.to_string()))
        .collect();
    for (exchange, holds_all) in [(&roomy, true), (&exchange, false)] {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let before = world.requests();
            for subject in &subjects {
                assert!(exchange.token(subject).await.is_ok());
            }
            requests.push(world.requests() - before);
        }
        assert_eq!(requests[0], 100);
        assert_eq!(requests[1] == 0, holds_all, "{requests:?}");
    }
    let first = world.subject("again");
    let before = world.requests();
    assert!(exchange.token(&first).await.is_ok());
    assert!(exchange.token(&first).await.is_ok());
    assert_eq!(world.requests(), before + 1);
    let none = TokenExchange::builder(&world.credentials)
        .capacity(0)
        .build();
    assert!(matches!(none, Err(ConfigError::OutOfRange { .. })));
}

#[tokio::test]
async fn the_clients_second_secret_is_tried_for_an_exchange() {
    let world = World::new();
    let credentials = ClientCredentials::builder(world.issuer.token_url(), "backend", SECRET)
        .next_secret(NEXT_SECRET)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    world.issuer.add_secret("backend", NEXT_SECRET);
    assert!(world.issuer.remove_secret("backend", SECRET));
    let exchange = TokenExchange::builder(&credentials).build().unwrap();
    assert!(exchange.token(&world.subject("user-1")).await.is_ok());
    assert_eq!(world.requests(), 2);
    world.clock.advance(HOUR);
}

#[test]
fn no_debug_form_shows_a_token_and_what_cannot_be_an_audience_is_rejected() {
    let world = World::new();
    let subject = SubjectToken::access_token("hush.hush.hush");
    let exchange = TokenExchange::builder(&world.credentials).acting_as(&world.credentials);
    for text in [
        format!("{subject:?} {:?}", SubjectToken::id_token("hush")),
        format!("{exchange:?}"),
        format!("{:?}", exchange.build().unwrap()),
    ] {
        assert!(!text.contains("hush") && !text.contains(SECRET), "{text}");
    }
    for audience in ["", "a b", "a\n"] {
        let rejected = TokenExchange::builder(&world.credentials)
            .audience(audience)
            .build();
        let given = audience.to_owned();
        assert_eq!(
            rejected.unwrap_err(),
            ConfigError::InvalidAudience { given }
        );
    }
}
