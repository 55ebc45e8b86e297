//! A browser cannot set header fields of a WebSocket, but it can offer subprotocols:
//!
//! ```js
//! new WebSocket("wss://api.example.com/feed", ["bearer", token])
//! ```
//!
//! The token becomes the `Authorization` field before the layer sees the request, so a request
//! without a valid token gets 401 and is never upgraded:
//!
//! ```ignore
//! .route("/feed", get(feed))
//! .route_layer(verifier.layer())
//! .route_layer(middleware::map_request(token_from_subprotocol))
//! ```
//!
//! Proxies may log the field. If one does that you cannot configure, use the first message.

use std::sync::Arc;

use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tower_cognito::{Claims, clock::Clock};

use crate::websocket_expiry::serve;

/// Makes the offered token the `Authorization` field; goes outside the layer.
pub async fn token_from_subprotocol(mut request: Request) -> Request {
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = offered.and_then(|offered| offered.to_str().ok()?.split_once(','));
    if let Some(("bearer", token)) = offered
        && let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.trim()))
    {
        bearer.set_sensitive(true);
        let headers = request.headers_mut();
        // Beside an `Authorization` field it is a second token, which the layer rejects.
        headers.append(header::AUTHORIZATION, bearer);
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("bearer"),
        );
    }
    request
}

/// The handler, in the layer.
pub async fn feed(
    State(clock): State<Arc<dyn Clock>>,
    claims: Claims,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols(["bearer"]);
    upgrade.on_upgrade(async move |socket| serve(socket, &claims, &*clock).await)
}
