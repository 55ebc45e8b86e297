#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::Uri;
use tokio::net::TcpListener;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::Layer;
use tower_cognito::{AllowedClients, Verifier, client::ClientCredentials, testing::LocalIssuer};

use super::serve;

/// Serves until the test ends, and returns the origin.
async fn served(issuer: &LocalIssuer) -> String {
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let verifier = verifier.unwrap();
    tokio::spawn(async move { serve(listener, &verifier).await.unwrap() });
    origin
}

async fn check(origin: &str, credentials: Option<&ClientCredentials>) -> Code {
    let uri: Uri = origin.parse().unwrap();
    let channel = Channel::builder(uri.clone()).connect().await.unwrap();
    let request = HealthCheckRequest::default();
    let answer = match credentials {
        None => HealthClient::new(channel).check(request).await,
        Some(credentials) => {
            let with_token = credentials.layer(origin).unwrap().layer(channel);
            HealthClient::with_origin(with_token, uri)
                .check(request)
                .await
        }
    };
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn each_rejection_is_the_status_that_grpc_clients_act_on() {
    const SECRET: &str = "a-secret-of-this-test";
    let issuer = LocalIssuer::builder()
        .client("prober", SECRET, ["health/get"])
        .client("other", SECRET, ["orders/get"])
        .start()
        .unwrap();
    let credentials = |id| ClientCredentials::builder(issuer.token_url(), id, SECRET).build();
    let (prober, other) = (
        credentials("prober").unwrap(),
        credentials("other").unwrap(),
    );

    let origin = served(&issuer).await;
    assert_eq!(check(&origin, Some(&prober)).await, Code::Ok);
    assert_eq!(check(&origin, None).await, Code::Unauthenticated);
    assert_eq!(check(&origin, Some(&other)).await, Code::PermissionDenied);

    // A second server never had any keys and cannot fetch them.
    issuer.close();
    let without_keys = served(&issuer).await;
    assert_eq!(check(&without_keys, Some(&prober)).await, Code::Unavailable);
}
