//! A tonic server that rejects with gRPC statuses.
//!
//! `cargo run -p example-grpc` serves until Ctrl-C and prints a `grpcurl` line to try. Any gRPC client can call it: the
//! service is gRPC's health check, whose generated code comes with tonic-health, and reflection is on.

#[cfg(test)]
mod tests;

use std::{error::Error, pin::Pin};

use tokio::net::TcpListener;
use tokio_stream::{Stream, once, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, service::Routes, transport::Server};
use tonic_health::pb::{
    FILE_DESCRIPTOR_SET, HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, ScopePolicy, Verifier, guard::RequireScopesByPathLayer,
    rejection::Grpc, testing::LocalIssuer,
};

struct Service;

#[tonic::async_trait]
impl Health for Service {
    /// The claims are in the request's extensions, as in every other stack.
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let claims = request.extensions().get::<Claims>();
        let claims = claims.ok_or_else(|| Status::internal("no claims"))?;
        println!("called by {}", claims.client_id());
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
    let status = ServingStatus::Serving.into();
    HealthCheckResponse { status }
}

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
