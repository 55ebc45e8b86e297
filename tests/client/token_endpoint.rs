//! The caller's half at a token endpoint over HTTP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};
use tower_cognito::{
    AllowedClients, ConfigError, Verifier,
    client::{
        ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, ConnectError, TokenError,
    },
    clock::Clock,
    testing::{Endpoint, LocalIssuer, ManualClock},
};

use crate::server::{Server, answer, answer_with, granted, replaced, token};

const ID: &str = "1example23456789";
const SECRET: &str = "first-secret-of-this-test";
const NEXT_SECRET: &str = "second-secret-of-this-test";
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn issuer(clock: &ManualClock) -> LocalIssuer {
    LocalIssuer::builder()
        .client(ID, SECRET, ["profiles/get", "profiles/post"])
        .clock(clock.clone())
        .start()
        .unwrap()
}

fn at(issuer: &LocalIssuer, clock: &ManualClock) -> ClientCredentialsBuilder {
    ClientCredentials::builder(issuer.token_url(), ID, SECRET).clock(clock.clone())
}

fn at_server(server: &Server) -> ClientCredentialsBuilder {
    ClientCredentials::builder(server.url("/oauth2/token"), ID, SECRET)
}

async fn error_of(server: &Server) -> TokenError {
    at_server(server)
        .build()
        .unwrap()
        .token()
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_token_has_the_requested_scopes() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::only([ID]).unwrap())
        .clock(clock.clone())
        .build()
        .unwrap();
    let all = at(&issuer, &clock).build().unwrap();
    let read = all.with_scopes(["profiles/get"]).unwrap();

    let claims = verifier
        .verify(read.token().await.unwrap().as_str())
        .await
        .unwrap();
    assert_eq!(claims.client_id(), ID);
    assert!(claims.has_scope("profiles/get"));
    assert!(!claims.has_scope("profiles/post"));

    let token = all.token().await.unwrap();
    let claims = verifier.verify(token.as_str()).await.unwrap();
    assert!(claims.has_scope("profiles/get") && claims.has_scope("profiles/post"));
    assert_eq!(token.expires_at(), ManualClock::start() + HOUR);
    assert_eq!(issuer.requests(Endpoint::Token), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_first_calls_make_one_token_request() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let caller = at(&issuer, &clock).build().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let caller = caller.clone();
        calls.spawn(async move { token(&caller).await.unwrap() });
    }
    let mut tokens = calls.join_all().await;
    assert_eq!(tokens.len(), 1_000);
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(issuer.requests(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_token_is_renewed_once_per_lifetime_before_its_end() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let caller = at(&issuer, &clock).build().unwrap();
    let mut current = token(&caller).await.unwrap();
    for renewals in 1..=3 {
        clock.advance(HOUR * 3 / 4 - SECOND);
        assert_eq!(token(&caller).await.unwrap(), current);
        assert_eq!(issuer.requests(Endpoint::Token), renewals);
        // Beyond the random part.
        clock.advance(HOUR / 10 + SECOND);
        assert_eq!(token(&caller).await.unwrap(), current);
        current = replaced(&caller, &current).await;
        assert_eq!(issuer.requests(Endpoint::Token), renewals + 1);
    }
}

#[tokio::test]
async fn an_outage_across_the_renewal_is_not_seen_by_callers() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    issuer.set_lifetime(24 * HOUR);
    let caller = at(&issuer, &clock).build().unwrap();
    let first = token(&caller).await.unwrap();

    issuer
        .endpoint(Endpoint::Token)
        .fail_with(StatusCode::SERVICE_UNAVAILABLE);
    clock.advance(24 * HOUR * 9 / 10);
    // Time passes in steps, since the back-off begins when the client, and not the issuer, is done
    // with a request.
    while issuer.requests(Endpoint::Token) < 5 {
        assert_eq!(token(&caller).await.unwrap(), first);
        clock.advance(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }

    issuer.endpoint(Endpoint::Token).recover();
    clock.advance(Duration::from_secs(60));
    let second = loop {
        let current = token(&caller).await.unwrap();
        if current != first {
            break current;
        }
        clock.advance(Duration::from_millis(1));
        tokio::task::yield_now().await;
    };
    assert_eq!(token(&caller).await.unwrap(), second);
    assert_eq!(issuer.requests(Endpoint::Token), 6);
}

#[tokio::test]
async fn an_outage_beyond_the_end_is_an_error_by_kind() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let caller = at(&issuer, &clock).build().unwrap();
    assert!(caller.token().await.is_ok());
    let endpoint = issuer.endpoint(Endpoint::Token);
    let mut requests = 1;
    clock.advance(HOUR);

    let server = |code: u16| TokenError::Server {
        status: StatusCode::from_u16(code).unwrap(),
        retry_after: None,
    };
    let kinds: [(&dyn Fn(), TokenError); 4] = [
        (&|| endpoint.fail_with(StatusCode::BAD_GATEWAY), server(502)),
        (
            &|| endpoint.fail_with(StatusCode::SERVICE_UNAVAILABLE),
            server(503),
        ),
        (&|| endpoint.close(), TokenError::NoResponse),
        (
            &|| endpoint.throttle(20 * SECOND),
            TokenError::Throttled {
                retry_after: Some(20 * SECOND),
            },
        ),
    ];
    for (fail, error) in kinds {
        fail();
        for _ in 0..10 {
            assert_eq!(caller.token().await.unwrap_err(), error);
        }
        requests += 1;
        assert_eq!(issuer.requests(Endpoint::Token), requests, "{error}");
        assert!(error.is_temporary());
        clock.advance(19 * SECOND);
    }
    // Throttled for 20 s and the back-off: at least 2 s after four failures in a row, though 19 s
    // are over.
    endpoint.recover();
    assert!(caller.token().await.is_err());
    clock.advance(SECOND + 8 * SECOND);
    assert!(caller.token().await.is_ok());
    assert_eq!(issuer.requests(Endpoint::Token), requests + 1);
}

/// The clock is years behind the system's, so a date in its near future has long passed for the
/// system.
#[tokio::test]
async fn a_retry_after_that_is_a_date_counts_from_the_clock_that_was_given() {
    let clock = ManualClock::new();
    let date = httpdate::fmt_http_date(clock.now() + 20 * SECOND);
    let server = Server::start(move |_| {
        let mut response = answer(429, "");
        let date = date.parse().unwrap();
        response.headers_mut().insert(RETRY_AFTER, date);
        response
    })
    .await;
    let caller = at_server(&server).clock(clock.clone()).build().unwrap();
    let throttled = TokenError::Throttled {
        retry_after: Some(20 * SECOND),
    };
    assert_eq!(caller.token().await.unwrap_err(), throttled);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_answer_is_a_timeout() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let caller = at(&issuer, &clock).build().unwrap();
    issuer.endpoint(Endpoint::Token).hang();
    assert_eq!(caller.token().await.unwrap_err(), TokenError::Timeout);
}

#[tokio::test]
async fn a_secret_is_rotated_while_tokens_are_renewed() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let caller = at(&issuer, &clock)
        .next_secret(NEXT_SECRET)
        .build()
        .unwrap();
    let requests = || issuer.requests(Endpoint::Token);

    // The caller knows the new secret before the pool does.
    assert!(caller.token().await.is_ok());
    assert_eq!(requests(), 1);

    issuer.add_secret(ID, NEXT_SECRET);
    clock.advance(HOUR);
    assert!(caller.token().await.is_ok());
    assert_eq!(requests(), 2);

    assert!(issuer.remove_secret(ID, SECRET));
    clock.advance(HOUR);
    assert!(caller.token().await.is_ok());
    assert_eq!(requests(), 4, "the old secret, then the new one");

    clock.advance(HOUR);
    assert!(caller.token().await.is_ok());
    assert_eq!(requests(), 5, "the one that worked");

    assert!(issuer.remove_secret(ID, NEXT_SECRET));
    clock.advance(HOUR);
    assert_eq!(caller.token().await.unwrap_err(), TokenError::InvalidClient);
    assert_eq!(requests(), 7);
}

/// Keycloak answers a wrong secret with 401 and `unauthorized_client`.
#[tokio::test]
async fn the_second_secret_is_tried_after_any_401() {
    for (status, requests) in [(401, 2), (400, 1)] {
        let body = r#"{"error":"unauthorized_client"}"#;
        let server = Server::start(move |number| match number {
            1 => answer(status, body),
            _ => granted("a.b.c"),
        })
        .await;
        let caller = at_server(&server).next_secret(NEXT_SECRET).build();
        let outcome = caller.unwrap().token().await;
        assert_eq!(outcome.is_ok(), status == 401);
        assert_eq!(server.requests(), requests, "{status}");
    }
}

#[tokio::test]
async fn a_rejection_of_the_issuer_is_named() {
    let clock = ManualClock::new();
    let issuer = issuer(&clock);
    let url = issuer.token_url();
    let caller = |id: &str, secret: &str| ClientCredentials::builder(&url, id, secret);
    for (caller, outcome) in [
        (caller(ID, SECRET), None),
        (caller(ID, "wrong"), Some(TokenError::InvalidClient)),
        (caller("nobody", SECRET), Some(TokenError::InvalidClient)),
        (caller(ID, SECRET).scopes(["profiles/get"]), None),
        (
            caller(ID, SECRET).scopes(["profiles/delete"]),
            Some(TokenError::InvalidScope),
        ),
    ] {
        let caller = caller.build().unwrap();
        assert_eq!(caller.token().await.err(), outcome);
    }
}

#[tokio::test]
async fn an_invalid_token_response_is_an_error_by_kind() {
    let malformed = |problem| TokenError::MalformedResponse { problem };
    for (status, body, expected) in [
        (
            200,
            "<html>sign in to this network</html>",
            malformed("is not a JSON object of the expected form"),
        ),
        (
            200,
            "",
            malformed("is not a JSON object of the expected form"),
        ),
        (
            200,
            r#"{"access_token":"a.b.c","token_type":"DPoP"}"#,
            malformed("does not say that the token is of type Bearer"),
        ),
        (401, "", TokenError::InvalidClient),
        (401, "<html>", TokenError::InvalidClient),
        (
            400,
            r#"{"error":"invalid_client"}"#,
            TokenError::InvalidClient,
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            TokenError::UnauthorizedClient,
        ),
        (
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            TokenError::UnsupportedGrantType,
        ),
        (
            400,
            r#"{"error":"invalid_grant"}"#,
            TokenError::InvalidRequest,
        ),
        (
            403,
            "",
            TokenError::Status {
                status: StatusCode::FORBIDDEN,
            },
        ),
    ] {
        let server = Server::start(move |_| answer(status, body)).await;
        assert_eq!(error_of(&server).await, expected, "{status} {body}");
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_response_is_not_read_beyond_the_size_of_a_token() {
    let padded = |padding: usize| {
        format!(
            r#"{{"access_token":"a.b.c","token_type":"Bearer","x":"{}"}}"#,
            "x".repeat(padding)
        )
    };
    let good = Server::start(move |_| answer(200, padded(200 * 1024))).await;
    let caller = at_server(&good).build().unwrap();
    assert_eq!(token(&caller).await.unwrap(), "a.b.c");

    let large = Server::start(move |_| answer(200, padded(300 * 1024))).await;
    assert_eq!(
        error_of(&large).await,
        TokenError::MalformedResponse {
            problem: "is longer than a token response can be"
        }
    );
    // Without a length, it is counted while it comes.
    let chunked = Server::start(move |_| {
        let body = Full::new(Bytes::from("x".repeat(300 * 1024)));
        answer(200, Body::new(body.map_frame(|frame| frame)))
    })
    .await;
    assert!(matches!(
        error_of(&chunked).await,
        TokenError::MalformedResponse {
            problem: "is longer than a token response can be"
        }
    ));
    // The length of an error's body does not matter: the status decides.
    let rejected = Server::start(move |_| answer(401, "x".repeat(300 * 1024))).await;
    assert_eq!(error_of(&rejected).await, TokenError::InvalidClient);
}

#[tokio::test]
async fn the_request_is_the_one_that_aws_documents() {
    let server = Server::start(|_| granted("a.b.c")).await;
    let caller = at_server(&server)
        .scopes(["profiles/post", "profiles/get"])
        .build()
        .unwrap();
    caller.token().await.unwrap();
    let request = &server.seen()[0];
    assert_eq!(request.uri.path(), "/oauth2/token");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(request.header("cookie"), None);
    let basic = STANDARD.encode(format!("{ID}:{SECRET}"));
    assert_eq!(
        request.header("authorization"),
        Some(&*format!("Basic {basic}"))
    );
    assert_eq!(
        request.body,
        "grant_type=client_credentials&scope=profiles%2Fget+profiles%2Fpost"
    );

    at_server(&server).build().unwrap().token().await.unwrap();
    assert_eq!(server.seen()[1].body, "grant_type=client_credentials");
}

#[tokio::test]
async fn a_secret_that_basic_could_garble_is_posted() {
    let server = Server::start(|_| granted("a.b.c")).await;
    let builder = |secret: &str| ClientCredentials::builder(server.url("/"), ID, secret);
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{ID}:{secret}")));
    let posted = |secret: &str| {
        format!("grant_type=client_credentials&client_id={ID}&client_secret={secret}")
    };
    let plain = "grant_type=client_credentials".to_owned();
    for (caller, authorization, body) in [
        (builder("abc123"), Some(basic("abc123")), plain.clone()),
        (builder("abc+123"), None, posted("abc%2B123")),
        (
            builder("abc+123").authentication(ClientAuthentication::Basic),
            Some(basic("abc+123")),
            plain,
        ),
        (
            builder("abc123").authentication(ClientAuthentication::Post),
            None,
            posted("abc123"),
        ),
    ] {
        caller.build().unwrap().token().await.unwrap();
        let request = server.seen().pop().unwrap();
        assert_eq!(request.header("authorization"), authorization.as_deref());
        assert_eq!(request.body, body);
    }
}

#[tokio::test]
async fn a_redirect_gets_neither_secret_nor_request() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::start(|_| granted("a.b.c")).await;
        let location = elsewhere.url("/oauth2/token");
        let server = Server::start(move |_| answer_with(status, ("location", &location))).await;
        assert_eq!(
            error_of(&server).await,
            TokenError::Status {
                status: StatusCode::from_u16(status).unwrap()
            }
        );
        assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
        // The twin: asked directly, it answers.
        assert!(at_server(&elsewhere).build().unwrap().token().await.is_ok());
    }
}

#[test]
fn a_token_request_may_take_up_to_a_minute() {
    for (timeout, accepted) in [
        (Duration::ZERO, false),
        (Duration::from_nanos(1), true),
        (60 * SECOND, true),
        (60 * SECOND + Duration::from_nanos(1), false),
    ] {
        let builder = ClientCredentials::builder("https://id.example.com/token", ID, SECRET);
        let built = builder.timeout(timeout).build();
        assert_eq!(built.is_ok(), accepted, "{timeout:?}");
    }
}

#[tokio::test]
async fn a_secret_travels_over_tls_only_except_on_loopback() {
    for (url, accepted) in [
        ("https://id.example.com/token", true),
        ("http://localhost:1/token", true),
        ("http://id.example.com/token", false),
        ("http://10.0.0.1/token", false),
        ("http://localhost.example.com/token", false),
    ] {
        let built = ClientCredentials::builder(url, ID, SECRET).build();
        assert_eq!(built.is_ok(), accepted, "{url}");
        if !accepted {
            let error = built.unwrap_err();
            assert!(matches!(&error, ConfigError::InvalidTokenUrl { given, .. } if given == url));
            assert!(
                error.to_string().contains("allow_unencrypted_token_url"),
                "{error}"
            );
        }
    }

    // A plain server under an https URL receives a TLS ClientHello and nothing else.
    let server = Server::start(|_| granted("a.b.c")).await;
    let https = server.url("/oauth2/token").replace("http://", "https://");
    let caller = ClientCredentials::builder(https, ID, SECRET)
        .build()
        .unwrap();
    assert_eq!(
        caller.token().await.unwrap_err(),
        TokenError::Connect(ConnectError::Tls)
    );
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn only_a_connection_that_was_not_made_is_tried_again_at_once() {
    for (scheme, connections, expected) in [
        ("https", 2, TokenError::Connect(ConnectError::Closed)),
        ("http", 1, TokenError::NoResponse),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{}/token", listener.local_addr().unwrap());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        // Hears a TLS greeting, or a request, and hangs up.
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                stream.read_u8().await.unwrap();
            }
        });
        let caller = ClientCredentials::builder(url, ID, SECRET).build().unwrap();
        assert_eq!(caller.token().await.unwrap_err(), expected);
        assert_eq!(accepted.load(Ordering::Relaxed), connections, "{scheme}");
        server.abort();
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let server = Server::start(|_| granted("a.b.c")).await;
    let url = server.url("/");
    drop(server);
    let caller = ClientCredentials::builder(url, ID, SECRET).build().unwrap();
    until_closed(&caller).await;
}

/// The listener closes when its task has been dropped, a moment after the abort.
async fn until_closed(caller: &ClientCredentials) {
    loop {
        match caller.token().await {
            Ok(token) => caller.invalidate(&token),
            Err(error) => {
                return assert_eq!(error, TokenError::Connect(ConnectError::Refused));
            }
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_impossible_configuration_is_rejected() {
    let builder = || ClientCredentials::builder("https://id.example.com/token", ID, SECRET);
    assert!(builder().build().is_ok());
    let none: [&str; 0] = [];
    for (builder, expected) in [
        (builder().scopes(none), "the list of scopes is empty"),
        (builder().scopes(["a b"]), "\"a b\" is not a scope"),
        (
            builder().timeout(Duration::ZERO),
            "timeout is 0ns, but must be",
        ),
        (
            builder().timeout(Duration::from_secs(61)),
            "timeout is 61s, but must be",
        ),
        (
            builder().next_secret("next\n"),
            "the secret given to `next_secret` ends in a line break",
        ),
        (
            ClientCredentials::builder("https://id.example.com/token", ID, ""),
            "the secret given to `ClientCredentials` is empty",
        ),
        (
            ClientCredentials::builder("https://id.example.com/token", "", SECRET),
            "\"\" is not an app client id",
        ),
        (
            ClientCredentials::builder("https://id.example.com/token", "a:b", SECRET)
                .authentication(ClientAuthentication::Basic),
            "authentication is Basic, but must be Post",
        ),
        (
            ClientCredentials::builder_for_domain("My_App", "eu-west-1", ID, SECRET),
            "\"My_App\" is not the prefix of a Cognito domain",
        ),
        (
            ClientCredentials::builder_for_domain("my-app", "europe", ID, SECRET),
            "\"europe\" is not an AWS region",
        ),
        (
            ClientCredentials::builder_for_fips_domain("my-app", "cn-north-1", ID, SECRET),
            "the host names of Cognito in \"cn-north-1\" are not known",
        ),
        (
            ClientCredentials::builder_for_custom_domain("auth.example.com/", ID, SECRET),
            "\"auth.example.com/\" is not a custom domain",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains(SECRET) && !error.contains("next\n"));
    }
    assert!(
        ClientCredentials::builder_for_domain("my-app", "eu-west-1", ID, SECRET)
            .build()
            .is_ok()
    );
}
