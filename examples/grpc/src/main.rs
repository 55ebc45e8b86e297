//! A tonic server that rejects with gRPC statuses.
//!
//! `cargo run -p example-grpc` serves until Ctrl-C and prints a `grpcurl` line to try. Any gRPC
//! client can call it: the service is gRPC's health check, whose generated code comes with
//! tonic-health, and reflection is on.

mod service;
#[cfg(test)]
mod tests;

use std::error::Error;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};
use tonic_health::pb::{FILE_DESCRIPTOR_SET, health_server::HealthServer};
use tower_cognito::{
    AllowedClients, ConfigError, ScopePolicy, Verifier, guard::RequireScopesByPathLayer,
    rejection::Grpc, testing::LocalIssuer,
};

use self::service::Service;

/// What each method needs. A test compares it with the services' descriptors; a method that is not
/// listed is `PERMISSION_DENIED`.
fn guard() -> Result<RequireScopesByPathLayer, ConfigError> {
    let scopes = |scope| ScopePolicy::all_of([scope]);
    Ok(RequireScopesByPathLayer::new()
        .require("/grpc.health.v1.Health/Check", scopes("health/get")?)
        .require("/grpc.health.v1.Health/Watch", scopes("health/watch")?)
        .any_token("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"))
}

fn routes() -> Result<Routes, Box<dyn Error>> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(Routes::new(HealthServer::new(Service)).add_service(reflection))
}

async fn serve(listener: TcpListener, verifier: &Verifier) -> Result<(), Box<dyn Error>> {
    let routes = routes()?;
    Ok(Server::builder()
        .layer(verifier.layer().rejection(Grpc::new()))
        .layer(guard()?)
        .add_routes(routes)
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client("prober", "secret", ["health/get"])
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["prober"])?).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "grpcurl -plaintext -H \"authorization: Bearer $(curl -s -u prober:secret \
         -d grant_type=client_credentials {} | grep -o 'eyJ[^\"]*')\" {} grpc.health.v1.Health/Check",
        issuer.token_url(),
        listener.local_addr()?
    );
    serve(listener, &verifier).await
}
