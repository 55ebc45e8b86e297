//! The service itself, which reads the caller's claims.

use std::pin::Pin;

use tokio_stream::{Stream, once};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health,
};
use tower_cognito::Claims;

pub(crate) struct Service;

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
