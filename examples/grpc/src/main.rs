//! A tonic server whose answers to bad tokens are gRPC statuses, and a tonic client with tokens of its own.
//!
//! `cargo run -p example-grpc` starts a local issuer and the server, and makes one call of each kind. `-- --check` asserts what
//! came back. The service is gRPC's own health check, whose generated code tonic-health has, so that no protoc is needed.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{error::Error, pin::Pin, process::ExitCode};

use http::Uri;
use tokio::net::TcpListener;
use tokio_stream::{Stream, once, wrappers::TcpListenerStream};
use tonic::{
    Code, Request, Response, Status,
    service::LayerExt,
    transport::{Channel, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tower::Layer;
use tower_cognito::{
    AllowedClients, Claims, RequireScopesLayer, Verifier, client::ClientCredentials,
    rejection::Grpc, testing::LocalIssuer,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Greeter;

#[tonic::async_trait]
impl Health for Greeter {
    /// The claims are in the request's extensions, as in every other stack.
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = request.extensions().get::<Claims>();
        let caller = caller
            .map(Claims::client_id)
            .ok_or_else(|| Status::internal("no claims"))?;
        println!("   the server is called by {caller}");
        Ok(Response::new(serving()))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(once(Ok(serving())))))
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: ServingStatus::Serving.into(),
    }
}

/// Serves until the program ends, and says where.
async fn serve(verifier: &Verifier) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let guard = RequireScopesLayer::all_of(["health/get"])?;
    let server = Server::builder()
        // Only to show that what is no gRPC request gets an answer in HTTP.
        .accept_http1(true)
        .layer(verifier.layer().rejection(Grpc::new()))
        .add_service(guard.named_layer(HealthServer::new(Greeter)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    Ok(origin)
}

/// What a caller gets who has these credentials, or none.
async fn check(origin: &str, credentials: Option<&ClientCredentials>) -> Outcome<Code> {
    let uri: Uri = origin.parse()?;
    let channel = Channel::builder(uri.clone()).connect().await?;
    let request = HealthCheckRequest::default();
    let answer = match credentials {
        None => HealthClient::new(channel).check(request).await,
        Some(credentials) => {
            let with_token = credentials.layer(origin)?.layer(channel);
            HealthClient::with_origin(with_token, uri)
                .check(request)
                .await
        }
    };
    Ok(answer.map_or_else(|status| status.code(), |_| Code::Ok))
}

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    const SECRET: &str = "a-secret-for-this-machine-only";
    let issuer = LocalIssuer::builder()
        .client("prober", SECRET, ["health/get"])
        .client("other", SECRET, ["orders/get"])
        .start()?;
    let credentials = |id| ClientCredentials::builder(issuer.token_url(), id, SECRET).build();
    let (prober, other) = (credentials("prober")?, credentials("other")?);
    let verifier = || Verifier::builder(issuer.user_pool(), AllowedClients::any()).build();

    let origin = serve(&verifier()?).await?;
    let mut seen = Vec::new();
    seen.push((
        "no token",
        Code::Unauthenticated,
        check(&origin, None).await?,
    ));
    seen.push((
        "a token without the scope",
        Code::PermissionDenied,
        check(&origin, Some(&other)).await?,
    ));
    seen.push((
        "a good token",
        Code::Ok,
        check(&origin, Some(&prober)).await?,
    ));

    // A second server, which never had any keys and cannot get them. Callers keep their tokens and come back.
    issuer.close();
    let without_keys = serve(&verifier()?).await?;
    seen.push((
        "no keys to verify with",
        Code::Unavailable,
        check(&without_keys, Some(&prober)).await?,
    ));

    for (what, expected, code) in &seen {
        println!("{what}: {code:?} (expected {expected:?})");
    }
    let plain = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .get(&origin)
        .send()
        .await?;
    println!("a request that is no gRPC: {}", plain.status());

    let as_expected = seen.iter().all(|(_, expected, code)| expected == code)
        && plain.status() == http::StatusCode::UNAUTHORIZED;
    let checking = std::env::args().any(|argument| argument == "--check");
    Ok(ExitCode::from(u8::from(checking && !as_expected)))
}
