#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{Method, Uri};
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::net::TcpListener;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{FILE_DESCRIPTOR_SET, HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1 as reflection;
use tower::Layer;
use tower_cognito::{
    AllowedClients, Verifier,
    client::ClientCredentials,
    rejection::Grpc,
    testing::{LocalIssuer, RouteMatrix, TestPool},
};

use super::{guard, routes, serve};

/// The paths of all methods that a service's descriptors name.
fn methods(descriptors: &[u8]) -> Vec<String> {
    let files = FileDescriptorSet::decode(descriptors).unwrap().file;
    let mut paths = Vec::new();
    for file in files {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            let methods = service.method.iter();
            paths.extend(methods.map(|method| format!("/{name}/{}", method.name())));
        }
    }
    paths
}

#[tokio::test]
async fn no_method_is_forgotten() {
    let mut methods = methods(FILE_DESCRIPTOR_SET);
    methods.extend(self::methods(reflection::FILE_DESCRIPTOR_SET));
    methods.sort();
    let guard = guard().unwrap();
    let mut listed: Vec<_> = guard.paths().collect();
    listed.sort_unstable();
    assert_eq!(listed, methods);

    let pool = TestPool::new();
    let layer = pool.verifier().layer().rejection(Grpc::new());
    let service = layer.layer(guard.layer(routes().unwrap().into_axum_router()));
    RouteMatrix::new(&pool)
        .grpc()
        .all_of(Method::POST, "/grpc.health.v1.Health/Check", ["health/get"])
        .all_of(
            Method::POST,
            "/grpc.health.v1.Health/Watch",
            ["health/watch"],
        )
        .any_token(
            Method::POST,
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        )
        .paths(methods)
        .run(service)
        .await
        .assert_as_listed();
}

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
