//! No feature that another crate turns on changes how keys and tokens travel, or which keys are
//! used.

use std::{
    error::Error,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use serde::Deserialize;
use tower_cognito::{
    AllowedClients, UserPool, Verifier,
    client::{ClientCredentials, TokenError},
    keys::{ConnectError, FetchError},
    testing::{Endpoint, LocalIssuer, TestPool},
};

/// Answers each connection with the same bytes. The port.
fn server(treat: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            treat(&mut connection);
        }
    });
    port
}

/// What does not speak TLS is a failed handshake in rustls' words; of OpenSSL's the crate knows
/// none.
#[tokio::test]
async fn tls_is_that_of_rustls_though_reqwest_has_another_default_now() {
    let port = server(|connection| {
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = connection.read(&mut [0; 1024]);
    });
    let url = format!("https://localhost:{port}/");
    let pool = UserPool::external("https://issuer.example", &url).unwrap();
    let verifier = Verifier::builder(pool, AllowedClients::any())
        .build()
        .unwrap();
    assert_eq!(
        verifier.warm_up().await,
        Err(FetchError::Connect(ConnectError::Tls))
    );
    let caller = ClientCredentials::builder(&*url, "id", "secret")
        .build()
        .unwrap();
    assert_eq!(
        caller.token().await.unwrap_err(),
        TokenError::Connect(ConnectError::Tls)
    );

    // The default client of this program does use OpenSSL.
    let error = reqwest::get(&url).await.unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    assert!(text.contains("wrong version number"), "{text}");
}

#[tokio::test]
async fn the_request_offers_no_compression_and_no_http_2() {
    let (heads, seen) = mpsc::channel();
    let port = server(move |connection| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && connection.read_exact(&mut byte).is_ok() {
            head.push(byte[0]);
        }
        heads.send(String::from_utf8(head).unwrap()).unwrap();
        let body = TestPool::new().jwks();
        let length = body.len();
        let _ = write!(
            connection,
            "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: {length}\r\n\r\n{body}"
        );
    });
    let url = format!("http://127.0.0.1:{port}/");
    let pool = UserPool::external("https://issuer.example", &url).unwrap();
    let verifier = Verifier::builder(pool, AllowedClients::any())
        .build()
        .unwrap();
    assert_eq!(verifier.warm_up().await, Ok(()));
    let head = seen.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get / http/1.1\r\n"), "{head}");
    let mut names = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(names, ["accept", "host", "user-agent"]);
}

#[test]
fn an_unread_member_costs_no_key() {
    let pool = TestPool::new();
    let deep = format!(r#""x":{}{}"#, "[".repeat(5000), "]".repeat(5000));
    for member in [
        r#""x":1"#,
        r#""x5c":"MIIB""#,
        r#""x":1e400"#,
        r#""x":"\ud800""#,
        &deep,
    ] {
        let document = pool
            .jwks()
            .replacen(r#""kty""#, &format!(r#"{member},"kty""#), 1);
        assert_ne!(document, pool.jwks());
        let pinned = pool.user_pool().with_pinned_jwks(&document).unwrap();
        let verifier = Verifier::builder(pinned, AllowedClients::any())
            .clock(pool.clock())
            .build()
            .unwrap();
        assert_eq!(verifier.key_status().kids().count(), 2, "{member:.40}");
        assert!(verifier.try_verify(&pool.token().build()).unwrap().is_ok());
    }
}

/// `arbitrary_precision` reads numbers as text, and `preserve_order` keeps members in another map.
#[test]
fn custom_claims_have_the_numbers_of_the_token() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Tenant {
        level: u8,
        since: i64,
        share: f64,
        limits: serde_json::Value,
    }

    let pool = TestPool::new();
    let limits = serde_json::json!({ "z": 1, "a": [2, -3] });
    let token = pool
        .token()
        .claim("level", 7)
        .claim("since", i64::MIN)
        .claim("share", 0.1)
        .claim("limits", limits.clone());
    assert_eq!(
        pool.claims(&token).custom::<Tenant>().unwrap(),
        Tenant {
            level: 7,
            since: i64::MIN,
            share: 0.1,
            limits,
        }
    );
    let out_of_range = pool.claims(&token.claim("level", 256));
    assert!(out_of_range.custom::<Tenant>().is_err());
}

#[tokio::test]
async fn a_token_is_obtained_with_its_lifetime_and_verified() {
    let issuer = LocalIssuer::builder()
        .client("id", "secret", ["notes/read"])
        .start()
        .unwrap();
    let caller = ClientCredentials::builder(issuer.token_url(), "id", "secret")
        .scopes(["notes/read"])
        .build()
        .unwrap();
    let token = caller.token().await.unwrap();
    assert_eq!(caller.token().await.unwrap().as_str(), token.as_str());
    assert_eq!(issuer.requests(Endpoint::Token), 1);

    let clients = AllowedClients::only(["id"]).unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), clients)
        .build()
        .unwrap();
    let claims = verifier.verify(token.as_str()).await.unwrap();
    assert_eq!(claims.client_id(), "id");
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["notes/read"]);
}
