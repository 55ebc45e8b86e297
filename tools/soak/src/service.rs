//! The guarded service: it answers with the client and the scopes of the token.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Claims, RequireScopesLayer, Verifier};

use crate::trouble::{Plan, Stage, UNKNOWN_KID_INTERVAL};

/// Starts it, and gives its address.
pub(crate) async fn start(stage: &Stage, plan: &Plan) -> SocketAddr {
    let clients = AllowedClients::only(["first", "second"]).expect("two ids");
    let verifier = Verifier::builder(stage.issuer().user_pool(), clients)
        .clock(stage.clock())
        .leeway(plan.step)
        .refresh_after(plan.refresh_after)
        .expire_after(plan.cycle * 20)
        .unknown_kid_interval(UNKNOWN_KID_INTERVAL)
        .build()
        .expect("a verifier");
    let guard = RequireScopesLayer::all_of(["soak/read"]).expect("a scope");
    let app = Router::new()
        .route("/", get(who).route_layer(guard))
        .route_layer(verifier.layer());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port on loopback");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn who(claims: Claims) -> String {
    let scopes = claims.scopes().collect::<Vec<_>>().join(" ");
    format!("{} {scopes}", claims.client_id())
}
