use std::{sync::Arc, time::Duration};

use axum::{Router, middleware::map_request, routing::get};
use example_recipes::{
    websocket_first_message::{self, TOKEN_TIMEOUT},
    websocket_subprotocol::{self, token_from_subprotocol},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderMap, HeaderValue, header},
    },
};
use tower_cognito::{
    AllowedClients, Verifier,
    clock::Clock,
    keys::FetchError,
    testing::{ScriptedFetcher, TestPool, hold_paused_time},
};

use super::serve;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const LIFETIME: Duration = Duration::from_secs(3600);

fn clock(pool: &TestPool) -> Arc<dyn Clock> {
    Arc::new(pool.clock())
}

/// The URL of a service that takes the token as a subprotocol.
async fn with_subprotocol(pool: &TestPool) -> String {
    let app = Router::new()
        .route("/feed", get(websocket_subprotocol::feed))
        .route_layer(pool.verifier().layer())
        .route_layer(map_request(token_from_subprotocol))
        .with_state(clock(pool));
    format!("ws://{}/feed", serve(app).await)
}

/// The URL of a service that takes the token as the first message.
async fn with_first_message(pool: &TestPool, verifier: Verifier) -> String {
    let app = Router::new()
        .route("/feed", get(websocket_first_message::feed))
        .with_state((verifier, clock(pool)));
    format!("ws://{}/feed", serve(app).await)
}

/// What a browser sends for `new WebSocket(url, [...])`: the connection and the chosen subprotocol,
/// or the status.
async fn open(url: &str, fields: &[(&str, &str)]) -> Result<(Socket, Option<HeaderValue>), u16> {
    let mut request = url.into_client_request().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: header::HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    request.headers_mut().extend(headers);
    match connect_async(request).await {
        Ok((socket, response)) => {
            let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
            Ok((socket, chosen.cloned()))
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// The next message: its text, or the code with which the connection ends.
async fn next(socket: &mut Socket) -> Result<String, u16> {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => Ok(text.as_str().to_owned()),
        Message::Close(Some(frame)) => Err(frame.code.into()),
        other => panic!("{other:?}"),
    }
}

async fn echoes(socket: &mut Socket) {
    say(socket, "hello").await;
    assert_eq!(next(socket).await.as_deref(), Ok("hello"));
}

#[tokio::test]
async fn a_token_in_a_subprotocol_is_judged_before_the_upgrade() {
    let pool = TestPool::new();
    let url = with_subprotocol(&pool).await;
    let token = pool.token().client_credentials("caller");
    let (good, bad) = (token.build(), token.clone().tampered().build());

    let offered = format!("bearer, {good}");
    let (mut socket, chosen) = open(&url, &[("sec-websocket-protocol", &offered)])
        .await
        .unwrap();
    assert_eq!(chosen, Some(HeaderValue::from_static("bearer")));
    echoes(&mut socket).await;

    let authorization = format!("Bearer {good}");
    for (fields, status) in [
        (vec![], 401),
        (vec![("sec-websocket-protocol", "bearer".to_owned())], 401),
        (
            vec![("sec-websocket-protocol", format!("bearer, {bad}"))],
            401,
        ),
        (
            vec![("sec-websocket-protocol", format!("other, {good}"))],
            401,
        ),
        // Two tokens, wherever they are.
        (
            vec![
                ("sec-websocket-protocol", offered.clone()),
                ("authorization", authorization),
            ],
            400,
        ),
        (
            vec![("sec-websocket-protocol", format!("{offered}, {good}"))],
            400,
        ),
    ] {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let outcome = open(&url, &fields).await.map(drop);
        assert_eq!(outcome, Err(status), "{fields:?}");
    }
}

#[tokio::test]
async fn a_token_in_the_first_message_is_judged_before_anything_is_served() {
    let pool = TestPool::new();
    let url = with_first_message(&pool, pool.verifier()).await;
    let token = pool.token().client_credentials("caller");

    let (mut socket, _) = open(&url, &[]).await.unwrap();
    say(&mut socket, &token.build()).await;
    echoes(&mut socket).await;

    for bad in [token.tampered().build(), "hello".to_owned(), String::new()] {
        let (mut socket, _) = open(&url, &[]).await.unwrap();
        say(&mut socket, &bad).await;
        assert_eq!(next(&mut socket).await, Err(4401), "{bad}");
    }
}

#[tokio::test]
async fn without_keys_the_browser_keeps_its_token() {
    let pool = TestPool::new();
    let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
        .fetcher(ScriptedFetcher::new().always_fail(FetchError::Timeout))
        .clock(pool.clock())
        .build()
        .unwrap();
    let url = with_first_message(&pool, verifier).await;
    let (mut socket, _) = open(&url, &[]).await.unwrap();
    let token = pool.token().client_credentials("caller");
    say(&mut socket, &token.build()).await;
    assert_eq!(next(&mut socket).await, Err(1013));
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_token_is_closed() {
    let _held = hold_paused_time();
    let pool = TestPool::new();
    let url = with_first_message(&pool, pool.verifier()).await;
    let (mut patient, _) = open(&url, &[]).await.unwrap();
    let (mut silent, _) = open(&url, &[]).await.unwrap();
    settle().await;
    time::advance(TOKEN_TIMEOUT - Duration::from_millis(1)).await;
    let token = pool.token().client_credentials("caller");
    say(&mut patient, &token.build()).await;
    echoes(&mut patient).await;
    time::advance(Duration::from_millis(1)).await;
    assert_eq!(next(&mut silent).await, Err(4401));
    echoes(&mut patient).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_its_token_expires() {
    let _held = hold_paused_time();
    let pool = TestPool::new();
    let token = pool
        .token()
        .client_credentials("caller")
        .expires_in(LIFETIME);
    let url = with_subprotocol(&pool).await;
    let offered = format!("bearer, {}", token.build());
    let (mut first, _) = open(&url, &[("sec-websocket-protocol", &offered)])
        .await
        .unwrap();
    let url = with_first_message(&pool, pool.verifier()).await;
    let (mut second, _) = open(&url, &[]).await.unwrap();
    say(&mut second, &token.build()).await;

    for socket in [&mut first, &mut second] {
        echoes(socket).await;
    }
    time::advance(LIFETIME - Duration::from_millis(2)).await;
    for socket in [&mut first, &mut second] {
        echoes(socket).await;
    }
    time::advance(Duration::from_millis(2)).await;
    for socket in [&mut first, &mut second] {
        assert_eq!(next(socket).await, Err(4401));
    }
}

/// Lets the server reach its timer, before time moves.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
