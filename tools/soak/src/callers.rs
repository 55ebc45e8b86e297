//! Those who call, and what each of them may be answered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::{Request, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::sleep};
use tower_cognito::client::ClientCredentials;

use std::sync::Arc;

use crate::{
    tally::{Response, Tally},
    trouble::Stage,
};

/// A connection that is kept.
struct Connection {
    service: SocketAddr,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Connection {
    const fn new(service: SocketAddr) -> Self {
        Self {
            service,
            sender: None,
        }
    }

    async fn ask(&mut self, authorization: &[&str]) -> Response {
        let asked = Instant::now();
        let mut request = Request::get("/").header("host", "soak");
        for value in authorization {
            request = request.header(AUTHORIZATION, *value);
        }
        let request = request.body(Empty::new()).expect("a request");
        let sender = match self.sender.take().filter(SendRequest::is_ready) {
            Some(sender) => sender,
            None => self.connect().await,
        };
        let sender = self.sender.insert(sender);
        let response = sender.send_request(request).await.expect("a response");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body");
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        sender.ready().await.expect("the connection is kept");
        Response {
            asked,
            took: asked.elapsed(),
            status,
            body,
        }
    }

    async fn connect(&self) -> SendRequest<Empty<Bytes>> {
        let stream = TcpStream::connect(self.service)
            .await
            .expect("a connection");
        let io = TokioIo::new(stream);
        let (sender, connection) = hyper::client::conn::http1::handshake(io)
            .await
            .expect("a handshake");
        tokio::spawn(connection);
        sender
    }
}

/// Holds a valid token, and may be answered with its own claims, or 503
/// while the key of its token can be unknown.
pub(crate) async fn good(number: usize, service: SocketAddr, stage: Stage, tally: Arc<Tally>) {
    let (client, secret) = [
        ("first", "secret of the first"),
        ("second", "secret of the second"),
    ][number % 2];
    let credentials = ClientCredentials::builder(stage.issuer().token_url(), client, secret)
        .scopes(["soak/read"])
        .build()
        .expect("credentials");
    let expected = format!("{client} soak/read");
    let mut connection = Connection::new(service);
    loop {
        let Ok(token) = credentials.token().await else {
            // The token endpoint is down, and the token at hand is over.
            tally.without_token();
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        let response = connection
            .ask(&[&format!("Bearer {}", token.as_str())])
            .await;
        match response.status {
            200 if response.body == expected => tally.good(&response),
            503 if stage.key_may_be_unknown(token.as_str(), response.asked) => {
                tally.unavailable();
                sleep(Duration::from_millis(20)).await;
            }
            _ => tally.wrong("a good caller", &response),
        }
    }
}

/// Sends everything that must be rejected.
pub(crate) async fn forger(number: usize, service: SocketAddr, stage: Stage, tally: Arc<Tally>) {
    let mut connection = Connection::new(service);
    let mut sent = number as u64;
    let mut tokens = Tokens::of(&stage);
    loop {
        sent = sent.wrapping_add(1);
        if sent.is_multiple_of(20_000) {
            tokens = Tokens::of(&stage);
        }
        let bearer = |token: &str| format!("Bearer {token}");
        let (what, fields, allowed): (_, Vec<String>, &[u16]) = match sent % 10 {
            0 => ("no token", vec![], &[401]),
            1 => ("an expired token", vec![bearer(&tokens.expired)], &[401]),
            2 => ("another client", vec![bearer(&tokens.other_client)], &[401]),
            3 => (
                "two tokens",
                vec![bearer(&tokens.good), bearer(&tokens.good)],
                &[400],
            ),
            4 => ("no scope", vec![bearer(&tokens.without_scope)], &[403, 503]),
            5 => ("another scheme", vec!["Basic eDp5".to_owned()], &[401]),
            6 => (
                "a changed token",
                vec![bearer(&tampered(&tokens.good, sent))],
                &[401, 503],
            ),
            7 => ("another issuer", vec![bearer(&tokens.other_issuer)], &[401]),
            _ => (
                "an unknown kid",
                vec![bearer(&with_kid(&tokens.good, sent))],
                &[401, 503],
            ),
        };
        let fields = fields.iter().map(String::as_str).collect::<Vec<_>>();
        let response = connection.ask(&fields).await;
        if allowed.contains(&response.status) && response.body.is_empty() {
            tally.forged();
        } else {
            tally.wrong(what, &response);
        }
        if !stage.is_flooded() {
            sleep(Duration::from_millis(2)).await;
        }
    }
}

struct Tokens {
    good: String,
    expired: String,
    other_client: String,
    without_scope: String,
    other_issuer: String,
}

impl Tokens {
    fn of(stage: &Stage) -> Self {
        let good = || stage.token("first").expires_in(Duration::from_secs(86_000));
        Self {
            good: good().build(),
            expired: good().expired().build(),
            other_client: good().client_id("third").build(),
            without_scope: good().scopes(["soak/write"]).build(),
            other_issuer: good().other_issuer().build(),
        }
    }
}

/// One character of the signature is another one.
fn tampered(token: &str, number: u64) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let signature = token.rfind('.').expect("three parts") + 1;
    // Not the last one: some of its bits are not part of the signature.
    let at = signature + (number as usize) % (token.len() - signature - 1);
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

fn with_kid(token: &str, number: u64) -> String {
    let (_, rest) = token.split_once('.').expect("three parts");
    // `{"alg":"RS256","kid":"` and 12 digits: 36 bytes without padding.
    let header = format!(r#"{{"alg":"RS256","kid":"{number:012}"}}"#);
    format!("{}.{rest}", base64url(header.as_bytes()))
}

/// Of a length that three divides.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_eq!(bytes.len() % 3, 0);
    let mut text = String::new();
    for chunk in bytes.chunks_exact(3) {
        let bits = u32::from_be_bytes([0, chunk[0], chunk[1], chunk[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(ALPHABET[(bits >> shift) as usize & 63].into());
        }
    }
    text
}

/// Holds tokens whose keys were withdrawn: they may pass until the service must know, and not
/// longer.
pub(crate) async fn withdrawn(service: SocketAddr, stage: Stage, tally: Arc<Tally>) {
    let mut connection = Connection::new(service);
    for number in 0.. {
        if let Some((token, must_be_known)) = stage.withdrawn_token(number) {
            let response = connection.ask(&[&format!("Bearer {token}")]).await;
            match response.status {
                401 | 503 => tally.forged(),
                200 if !must_be_known => {}
                _ => tally.wrong("a withdrawn key", &response),
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}
