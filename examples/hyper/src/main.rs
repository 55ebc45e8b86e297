//! The layers in plain tower, around a hyper server whose bodies are `Full<Bytes>`.
//!
//! `cargo run -p example-hyper` serves until Ctrl-C and prints a `curl` line to try.

#[cfg(test)]
mod tests;

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, RequireScopesLayer, Verifier, testing::LocalIssuer,
};

/// A hyper server needs a service that is `Clone`, and the layers need a body that is `Default`.
fn app<B: Send + 'static>(
    verifier: &Verifier,
) -> Result<
    impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
    + Clone
    + use<B>,
    ConfigError,
> {
    Ok(ServiceBuilder::new()
        .layer(verifier.layer())
        .layer(RequireScopesLayer::all_of(["profiles/get"])?)
        .service_fn(hello))
}

/// Every request that arrives here has claims in its extensions.
async fn hello<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Claims>().map(Claims::client_id);
    let greeting = format!("hello {}\n", caller.unwrap_or("stranger"));
    Ok(Response::new(Full::from(greeting)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client("caller", "secret", ["profiles/get"])
        .start()?;
    let verifier =
        Verifier::builder(issuer.user_pool(), AllowedClients::only(["caller"])?).build()?;
    let app = app(&verifier)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "curl -i http://{} -H \"Authorization: Bearer $(curl -s -u caller:secret \
         -d grant_type=client_credentials {} | grep -o 'eyJ[^\"]*')\"",
        listener.local_addr()?,
        issuer.token_url()
    );
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            // HTTP/1.1 or HTTP/2. An error means that the caller went away.
            auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}
