//! The default fetcher against an endpoint that misbehaves at the level of TCP: each case ends
//! within bounded time, leaves the keys as they were, and says what happened.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use http::StatusCode;
use tokio::{task::yield_now, time::timeout};
use tower_cognito::{
    AllowedClients, UserPool, Verifier,
    clock::Clock,
    keys::{ConnectError, FetchError, KeySetError, KeyState, MAX_JWKS_BYTES},
    testing::TestPool,
};

const ISSUER: &str = "https://issuer.example";
const FETCH_TIMEOUT: Duration = Duration::from_millis(700);
/// What a case may take on a machine that is busy: many times the fetch timeout.
const AT_MOST: Duration = Duration::from_secs(20);

/// A listener on loopback that treats every connection the same way, until it is dropped.
struct Endpoint {
    url: String,
    connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// The treatment gets the connection when the request's head has been read.
    fn start(
        treat: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let treat = Arc::new(treat);
        let accepting = thread::spawn({
            let (connections, stop) = (Arc::clone(&connections), Arc::clone(&stop));
            move || {
                for connection in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(mut connection) = connection else {
                        return;
                    };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let treat = Arc::clone(&treat);
                    thread::spawn(move || {
                        // Whatever goes wrong here is the other side hanging up, as it should.
                        let _ = connection.set_read_timeout(Some(AT_MOST));
                        let _ = connection.set_write_timeout(Some(AT_MOST));
                        if read_head(&mut connection).is_ok() {
                            let _ = treat(&mut connection);
                        }
                    });
                }
            }
        });
        Self {
            url,
            connections,
            stop,
            accepting: Some(accepting),
        }
    }

    /// Answers with these bytes and closes.
    fn answering(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::start(move |connection| {
            connection.write_all(&reply)?;
            connection.shutdown(Shutdown::Write)
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let address = self.url.split('/').nth(2).unwrap_or_default();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn read_head(connection: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Returns when the other side has hung up.
fn wait_for_hang_up(connection: &mut TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    while connection.read(&mut byte)? > 0 {}
    Ok(())
}

fn reply(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

fn ok(body: &[u8]) -> Vec<u8> {
    reply(
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {}", body.len()),
        body,
    )
}

/// Starts with keys that serve, and refreshes them from the endpoint.
fn verifier(endpoint: &Endpoint) -> (TestPool, Verifier) {
    let pool = TestPool::new();
    let trusted = UserPool::external(ISSUER, &endpoint.url).unwrap();
    let trusted = trusted.with_seed_jwks(&pool.jwks()).unwrap();
    let verifier = Verifier::builder(trusted, AllowedClients::any())
        .clock(pool.clock())
        .fetch_timeout(FETCH_TIMEOUT)
        .build()
        .unwrap();
    (pool, verifier)
}

/// One refresh, and how it ended. The keys from before serve afterwards.
async fn refresh(endpoint: &Endpoint) -> Result<(), FetchError> {
    let (pool, verifier) = verifier(endpoint);
    let outcome = timeout(AT_MOST, verifier.warm_up())
        .await
        .expect("it ends within bounded time");
    let token = pool.token().claim("iss", ISSUER).build();
    let served = verifier.try_verify(&token).expect("without waiting");
    assert!(served.is_ok(), "{served:?}");
    // Who waits for a fetch and the fetch itself are given up at the same moment, in either order.
    let settled = async {
        while outcome.is_err() && verifier.key_status().last_error().is_none() {
            yield_now().await;
        }
    };
    timeout(AT_MOST, settled).await.expect("the fetch ends too");
    let status = verifier.key_status();
    let expected = match &outcome {
        Ok(()) => KeyState::Fresh,
        Err(_) => KeyState::Degraded,
    };
    assert_eq!(
        (status.state(), status.last_error()),
        (expected, outcome.as_ref().err())
    );
    outcome
}

/// The good twin of everything below.
#[tokio::test]
async fn a_good_response_is_accepted() {
    let endpoint = Endpoint::answering(ok(TestPool::new().jwks().as_bytes()));
    assert_eq!(refresh(&endpoint).await, Ok(()));
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn a_response_in_chunks_and_one_that_ends_with_the_connection_are_accepted() {
    let document = TestPool::new().jwks();
    let chunked = reply(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
        format!("{:x}\r\n{document}\r\n0\r\n\r\n", document.len()).as_bytes(),
    );
    assert_eq!(refresh(&Endpoint::answering(chunked)).await, Ok(()));
    let until_closed = reply("HTTP/1.1 200 OK", document.as_bytes());
    assert_eq!(refresh(&Endpoint::answering(until_closed)).await, Ok(()));
}

#[tokio::test]
async fn the_request_has_user_agent_and_accept_and_nothing_else() {
    let (heads, seen) = std::sync::mpsc::channel();
    let document = TestPool::new().jwks();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        heads.send(read_head(&mut connection).unwrap()).unwrap();
        let _ = connection.write_all(&ok(document.as_bytes()));
    });
    let trusted = UserPool::external(ISSUER, &url).unwrap();
    let verifier = Verifier::builder(trusted, AllowedClients::any())
        .build()
        .unwrap();
    let warm = timeout(AT_MOST, verifier.warm_up()).await.unwrap();
    assert_eq!(warm, Ok(()));
    answering.join().unwrap();
    let head = seen.recv().unwrap().to_lowercase();
    let mut names = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(names, ["accept", "host", "user-agent"]);
    assert!(head.starts_with("get /jwks.json http/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_given_up() {
    let endpoint = Endpoint::start(wait_for_hang_up);
    assert_eq!(refresh(&endpoint).await, Err(FetchError::Timeout));
}

#[tokio::test]
async fn an_endpoint_that_sends_a_head_and_then_hangs_is_given_up() {
    let endpoint = Endpoint::start(|connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")?;
        wait_for_hang_up(connection)
    });
    assert_eq!(refresh(&endpoint).await, Err(FetchError::Timeout));
}

/// Each byte comes before any timer between two reads would fire.
#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let endpoint = Endpoint::start(|connection| {
        connection.set_read_timeout(Some(Duration::from_millis(20)))?;
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        for _ in 0..2000 {
            connection.write_all(b" ")?;
            // Waits for a while, or sees the other side hang up.
            if let Ok(0) = connection.read(&mut [0]) {
                return Ok(());
            }
        }
        Ok(())
    });
    assert_eq!(refresh(&endpoint).await, Err(FetchError::Timeout));
}

#[tokio::test]
async fn an_endpoint_that_resets_is_retried_once() {
    // Closing with unread data in the buffer makes the kernel send a reset.
    let connections = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let resetting = thread::spawn({
        let connections = Arc::clone(&connections);
        move || {
            for connection in listener.incoming().take(3) {
                let connection = connection.unwrap();
                let _ = connection.peek(&mut [0]);
                connections.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let trusted = UserPool::external(ISSUER, &url).unwrap();
    let verifier = Verifier::builder(trusted, AllowedClients::any())
        .build()
        .unwrap();
    let outcome = timeout(AT_MOST, verifier.warm_up()).await.unwrap();
    assert_eq!(outcome, Err(FetchError::NoResponse));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    drop(TcpStream::connect(url.split('/').nth(2).unwrap()));
    resetting.join().unwrap();
}

#[tokio::test]
async fn an_endpoint_that_resets_in_the_middle_of_the_body_is_a_body_that_broke_off() {
    let endpoint = Endpoint::answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":");
    assert_eq!(refresh(&endpoint).await, Err(FetchError::Body));
    assert_eq!(endpoint.connections(), 2, "once more, and no further");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    drop(listener);
    let trusted = UserPool::external(ISSUER, &url).unwrap();
    let verifier = Verifier::builder(trusted, AllowedClients::any())
        .build()
        .unwrap();
    let outcome = timeout(AT_MOST, verifier.warm_up()).await.unwrap();
    assert_eq!(outcome, Err(FetchError::Connect(ConnectError::Refused)));
}

/// Neither a length that is too small nor one that is too large makes half a document a document.
#[tokio::test]
async fn a_content_length_that_lies_is_not_believed() {
    let document = TestPool::new().jwks();
    let lie = |length: usize| {
        reply(
            &format!("HTTP/1.1 200 OK\r\nContent-Length: {length}"),
            document.as_bytes(),
        )
    };
    let too_long = Endpoint::answering(lie(document.len() + 1));
    assert_eq!(refresh(&too_long).await, Err(FetchError::Body));
    let too_short = Endpoint::answering(lie(document.len() - 1));
    assert_eq!(
        refresh(&too_short).await,
        Err(FetchError::KeySet(KeySetError::NotAJwkSet))
    );
    let twice = Endpoint::answering(reply(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        b"{}",
    ));
    assert_eq!(refresh(&twice).await, Err(FetchError::NoResponse));
    assert_eq!(
        refresh(&Endpoint::answering(lie(document.len()))).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Endpoint::answering(ok(TestPool::new().jwks().as_bytes()));
    for status in [301, 302, 303, 307, 308] {
        let endpoint = Endpoint::answering(format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            target.url
        ));
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            refresh(&endpoint).await,
            Err(FetchError::Status {
                status,
                retry_after: None
            })
        );
        assert_eq!(endpoint.connections(), 1);
    }
    assert_eq!(target.connections(), 0, "of the other host");
    assert_eq!(refresh(&target).await, Ok(()), "which is well");
}

/// Counted while it comes, so that no more is kept than is accepted.
#[tokio::test]
async fn fifty_megabytes_are_cut_off_early() {
    let written = Arc::new(AtomicUsize::new(0));
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        written.store(0, Ordering::SeqCst);
        let endpoint = Endpoint::start({
            let written = Arc::clone(&written);
            move |connection| {
                connection.write_all(head.as_bytes())?;
                let spaces = vec![b' '; 64 * 1024];
                for _ in 0..800 {
                    connection.write_all(&spaces)?;
                    written.fetch_add(spaces.len(), Ordering::SeqCst);
                }
                Ok(())
            }
        });
        assert_eq!(refresh(&endpoint).await, Err(FetchError::TooLarge));
        assert_eq!(endpoint.connections(), 1);
        // Beyond what was read, only the buffers of two sockets can be full.
        let written = written.load(Ordering::SeqCst);
        assert!(written < 20 * 1024 * 1024, "{written} bytes were sent");
    }
}

#[tokio::test]
async fn a_byte_more_than_is_accepted_is_too_much() {
    let document = TestPool::new().jwks();
    let padded = |length: usize| format!("{document}{}", " ".repeat(length - document.len()));
    let largest = Endpoint::answering(ok(padded(MAX_JWKS_BYTES).as_bytes()));
    assert_eq!(refresh(&largest).await, Ok(()));
    let larger = Endpoint::answering(ok(padded(MAX_JWKS_BYTES + 1).as_bytes()));
    assert_eq!(refresh(&larger).await, Err(FetchError::TooLarge));
}

/// The good set, as a gzip member of one stored block (RFC 1952, RFC 1951 §3.2.4): who unpacks it
/// would take it.
fn gzip(document: &[u8]) -> Vec<u8> {
    let crc = document.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    });
    let length = u16::try_from(document.len()).unwrap();
    [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        document,
        &(!crc).to_le_bytes(),
        &u32::from(length).to_le_bytes(),
    ]
    .concat()
}

/// What is never unpacked cannot be a bomb.
#[tokio::test]
async fn a_compressed_response_is_not_decompressed() {
    let packed = gzip(TestPool::new().jwks().as_bytes());
    for coding in ["gzip", "x-gzip", "br", "deflate", "zstd"] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}",
            packed.len()
        );
        assert_eq!(
            refresh(&Endpoint::answering(reply(&head, &packed))).await,
            Err(FetchError::KeySet(KeySetError::NotAJwkSet)),
            "{coding}"
        );
    }
}

#[tokio::test]
async fn an_error_status_is_an_error_whatever_the_body() {
    let document = TestPool::new().jwks();
    for (status, retry_after, connections) in [
        (201, None, 1),
        (204, None, 1),
        (206, None, 1),
        (403, None, 1),
        (404, None, 1),
        (429, Some(20), 1),
        (500, None, 2),
        (503, None, 2),
        (503, Some(20), 1),
    ] {
        let field = retry_after
            .map(|seconds: u64| format!("\r\nRetry-After: {seconds}"))
            .unwrap_or_default();
        // 204 has no body, whatever its length says.
        let body = if status == 204 { "" } else { &document };
        let head = format!(
            "HTTP/1.1 {status} Status{field}\r\nContent-Length: {}",
            body.len()
        );
        let endpoint = Endpoint::answering(reply(&head, body.as_bytes()));
        assert_eq!(
            refresh(&endpoint).await,
            Err(FetchError::Status {
                status: StatusCode::from_u16(status).unwrap(),
                retry_after: retry_after.map(Duration::from_secs),
            })
        );
        assert_eq!(
            endpoint.connections(),
            connections,
            "{status} {retry_after:?}"
        );
    }
}

#[tokio::test]
async fn invalid_json_and_invalid_utf8_are_rejected() {
    let not_a_set = Err(FetchError::KeySet(KeySetError::NotAJwkSet));
    let page = Endpoint::answering(ok(b"<!doctype html><title>Sign in to the Wi-Fi</title>"));
    assert_eq!(refresh(&page).await, not_a_set);
    let document = TestPool::new().jwks();
    let half = Endpoint::answering(ok(&document.as_bytes()[..document.len() / 2]));
    assert_eq!(refresh(&half).await, not_a_set);
    let bytes = Endpoint::answering(ok(&[0xff, 0xfe, 0x7b, 0x00]));
    assert_eq!(refresh(&bytes).await, not_a_set);
    assert_eq!(bytes.connections(), 1, "asking again would not help");
}

#[tokio::test]
async fn what_is_not_http_is_not_a_response() {
    for garbage in [
        "",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let endpoint = Endpoint::answering(garbage);
        assert_eq!(
            refresh(&endpoint).await,
            Err(FetchError::NoResponse),
            "{garbage:?}"
        );
    }
}

/// The pool's clock is years behind the system's, so a date in its near future has long passed for
/// the system.
#[tokio::test]
async fn a_retry_after_that_is_a_date_counts_from_the_clock_that_was_given() {
    let now = TestPool::new().clock().now();
    let in_two_minutes = httpdate::fmt_http_date(now + Duration::from_secs(120));
    for (fields, retry_after) in [
        (format!("Retry-After: {in_two_minutes}"), Some(120)),
        (
            format!("Retry-After: 20\r\nRetry-After: {in_two_minutes}"),
            Some(120),
        ),
        ("Retry-After:\t 20 ".to_owned(), Some(20)),
        ("Retry-After: soon".to_owned(), None),
    ] {
        let endpoint = Endpoint::answering(reply(
            &format!("HTTP/1.1 503 Unavailable\r\n{fields}\r\nContent-Length: 0"),
            b"",
        ));
        assert_eq!(
            refresh(&endpoint).await,
            Err(FetchError::Status {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: retry_after.map(Duration::from_secs),
            }),
            "{fields}"
        );
    }
}

/// What the next refresh sends back as `If-None-Match`, of a response with these fields.
async fn condition_after(fields: &'static [u8]) -> Option<Vec<u8>> {
    let (heads, seen) = std::sync::mpsc::channel();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    thread::spawn(move || {
        let document = TestPool::new().jwks();
        for connection in listener.incoming().take(2) {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                connection.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            heads.send(head).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", document.len());
            let _ = connection
                .write_all(&[head.as_bytes(), fields, b"\r\n\r\n", document.as_bytes()].concat());
        }
    });
    let trusted = UserPool::external(ISSUER, &url).unwrap();
    let clock = TestPool::new().clock();
    let verifier = Verifier::builder(trusted, AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    for _ in 0..2 {
        let warm = timeout(AT_MOST, verifier.warm_up()).await.unwrap();
        assert_eq!(warm, Ok(()));
        clock.advance(Duration::from_secs(2 * 3600));
    }
    let start = b"if-none-match: ";
    seen.recv_timeout(AT_MOST).expect("the first request");
    let second = seen.recv_timeout(AT_MOST).expect("the second request");
    let at = second.windows(start.len()).position(|line| line == start)?;
    let value = &second[at + start.len()..];
    let end = value.iter().position(|byte| *byte == b'\r').unwrap();
    Some(value[..end].to_owned())
}

#[tokio::test]
async fn an_entity_tag_is_sent_back_as_it_came_and_anything_else_is_not() {
    for tag in [&b"\"1\""[..], b"W/\"1\"", b"\"\xc3\xa9\"", b"\"a,b\""] {
        let fields = [b"ETag: ", tag].concat().leak();
        assert_eq!(
            condition_after(fields).await.as_deref(),
            Some(tag),
            "{}",
            tag.escape_ascii()
        );
    }
    for fields in [
        &b"ETag: *"[..],
        b"ETag: 1",
        b"ETag: \"1\", \"2\"",
        b"ETag: \"1\"\r\nETag: \"2\"",
        b"X-ETag: \"1\"",
    ] {
        assert_eq!(
            condition_after(fields).await,
            None,
            "{}",
            fields.escape_ascii()
        );
    }
}
