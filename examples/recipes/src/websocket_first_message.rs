//! The token in the first message of a WebSocket:
//!
//! ```js
//! socket.onopen = () => socket.send(token)
//! ```
//!
//! No proxy logs it. The price: anyone can open a connection and keep it for [`TOKEN_TIMEOUT`], so
//! bound the number of connections.
//!
//! | close code | meaning | what a browser does |
//! | --- | --- | --- |
//! | 4401 | the token is missing, invalid or expired | get a new one, connect again |
//! | 1013 | the keys are unavailable | keep the token, try again later |

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, close_code::AGAIN};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use tokio::time::timeout;
use tower_cognito::{Verifier, clock::Clock};

use crate::websocket_expiry::{UNAUTHORIZED, close, serve};

/// How long a connection may stay without a token.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);

/// The handler. It is not in the layer: the request that opens the connection has no token.
pub async fn feed(
    State((verifier, clock)): State<(Verifier, Arc<dyn Clock>)>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Larger than any token, and bounds what a stranger can make this process hold.
    let upgrade = upgrade.max_message_size(64 * 1024);
    upgrade.on_upgrade(async move |mut socket| {
        let first = timeout(TOKEN_TIMEOUT, socket.recv()).await;
        let Ok(Some(Ok(Message::Text(token)))) = first else {
            return close(socket, UNAUTHORIZED).await;
        };
        match verifier.verify(&token).await {
            Ok(claims) => serve(socket, &claims, &*clock).await,
            Err(error) if error.retry_after().is_some() => close(socket, AGAIN).await,
            Err(_) => close(socket, UNAUTHORIZED).await,
        }
    })
}
