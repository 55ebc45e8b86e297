//! Each recipe in a service.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod pass_through;
mod rate_limit;
mod websockets;

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

/// Serves on loopback for as long as the test runs.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    address
}
