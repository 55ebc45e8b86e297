//! Without axum: a hyper server, a tower stack, and bodies of `Full<Bytes>`.
//!
//! `cargo run -p example-hyper` serves until it is stopped. With `-- --check` it calls itself over loopback, asserts the
//! answers, and ends.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_cognito::{AllowedClients, Claims, RequireScopesLayer, Verifier, testing::LocalIssuer};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SECRET: &str = "a-secret-for-this-machine-only";

/// Claims are in the extensions of every request that gets here.
async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Claims>().map(Claims::client_id);
    let greeting = format!("hello {}", caller.unwrap_or("nobody"));
    Ok(Response::new(Full::from(greeting)))
}

async fn serve(listener: TcpListener, verifier: Verifier) -> Outcome<()> {
    // The inner service is `Clone`, as everything in a hyper server; a refusal needs a body that is `Default`.
    let service = ServiceBuilder::new()
        .layer(verifier.layer())
        .layer(RequireScopesLayer::all_of(["profiles/get"])?)
        .service_fn(hello);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // HTTP/1.1 or HTTP/2. An error is a caller that went away.
            auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let issuer = LocalIssuer::builder()
        .client("caller", SECRET, ["profiles/get"])
        .start()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let serving = serve(listener, verifier);
    if std::env::args().any(|argument| argument == "--check") {
        return tokio::select! {
            ended = serving => ended,
            checked = check(&url, &issuer) => checked,
        };
    }
    println!("TOKEN=$(curl -s -u caller:{SECRET} -d grant_type=client_credentials \\");
    println!(
        "  {} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
        issuer.token_url()
    );
    println!("curl -i -H \"Authorization: Bearer $TOKEN\" {url}");
    serving.await
}

async fn check(url: &str, issuer: &LocalIssuer) -> Outcome<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let caller = issuer.token().client_credentials("caller");

    let good = caller.clone().scopes(["profiles/get"]).build();
    let response = client.get(url).bearer_auth(good).send().await?;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await?, "hello caller");

    let response = client.get(url).send().await?;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    assert_eq!(challenge.ok_or("no challenge")?, "Bearer");

    let other = caller.scopes(["profiles/post"]).build();
    let response = client.get(url).bearer_auth(other).send().await?;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    println!("ok");
    Ok(())
}
