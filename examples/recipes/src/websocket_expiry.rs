//! A WebSocket that ends when its token expires.
//!
//! The layer sees the request that opens the connection, and no message after it. Without a bound a
//! connection outlives the token by days. The browser gets a new token and connects again.
//!
//! A token that is revoked (`denylist`) stays in use until then: issue short-lived
//! tokens, or call `verifier.verify` again from time to time.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;
use tower_cognito::{Claims, clock::Clock};

/// The close code for what would be 401; those from 4000 are the application's (RFC 6455 §7.4.2).
pub const UNAUTHORIZED: u16 = 4401;

/// Serves the connection until the token expires.
pub async fn serve(mut socket: WebSocket, claims: &Claims, clock: &dyn Clock) {
    let left = claims.expires_at().duration_since(clock.now());
    let served = timeout(left.unwrap_or_default(), echo(&mut socket)).await;
    if served.is_err() {
        close(socket, UNAUTHORIZED).await;
    }
}

/// What the service does with the connection.
async fn echo(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}

/// Sends a close frame. The caller may be gone already.
pub async fn close(mut socket: WebSocket, code: u16) {
    let reason = "".into();
    let frame = CloseFrame { code, reason };
    let _ = socket.send(Message::Close(Some(frame))).await;
}
