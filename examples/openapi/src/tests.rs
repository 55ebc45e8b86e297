//! The document says what the routes do.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use axum::http::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::net::TcpListener;
use tower_cognito::{AllowedClients, Verifier, testing::LocalIssuer};

use super::{TOKEN_PATH, app};

#[tokio::test]
async fn every_operation_requires_the_scopes_that_the_document_names() {
    const SECRET: &str = "a-secret-of-this-test";
    let issuer = LocalIssuer::builder().client("browser", SECRET, ["orders/get"]);
    let issuer = issuer.start().unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any());
    let app = app(&verifier.build().unwrap(), issuer.token_url()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = async |path: &str| {
        let response = client.get(format!("{url}{path}")).send().await.unwrap();
        response.error_for_status().unwrap().text().await.unwrap()
    };
    assert!(text("/docs/").await.contains("swagger-ui"));
    let document: Value = serde_json::from_str(&text("/openapi.json").await).unwrap();
    let scheme = &document["components"]["securitySchemes"]["cognito"];
    assert_eq!(scheme["type"], "oauth2");
    let flow = &scheme["flows"]["clientCredentials"];
    let named: BTreeSet<&str> = keys(&flow["scopes"]).collect();
    assert_eq!(
        named,
        BTreeSet::from(["admin/orders", "orders/get", "orders/post"])
    );

    // The token URL is relative to the document, and behaves as the issuer does.
    assert_eq!(flow["tokenUrl"], TOKEN_PATH);
    let grant = client
        .post(format!("{url}{TOKEN_PATH}"))
        .basic_auth("browser", Some(SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let granted = grant.send().await.unwrap().text().await.unwrap();
    let granted: Value = serde_json::from_str(&granted).unwrap();
    assert_eq!(granted["token_type"], "Bearer");

    // Calls each operation with every set of scopes.
    let scopes: Vec<&str> = named.into_iter().collect();
    let mut operations = Vec::new();
    for path in keys(&document["paths"]) {
        for method in keys(&document["paths"][path]) {
            let alternatives = &document["paths"][path][method]["security"];
            operations.push(format!("{method} {path} {alternatives}"));
            for chosen in 0..1 << scopes.len() {
                let granted: Vec<&str> = (scopes.iter().enumerate())
                    .filter(|(index, _)| chosen >> index & 1 == 1)
                    .map(|(_, scope)| *scope)
                    .collect();
                let documented = alternatives.as_array().into_iter().flatten().any(|needed| {
                    let needed = needed["cognito"].as_array().into_iter().flatten();
                    needed
                        .flat_map(Value::as_str)
                        .all(|scope| granted.contains(&scope))
                });
                let method = method.to_uppercase().parse().unwrap();
                let request = client.request(method, format!("{url}{path}"));
                let token = issuer.token().scopes(&granted).build();
                let status = request.bearer_auth(token).send().await.unwrap().status();
                assert_eq!(
                    status.is_success(),
                    documented,
                    "{path} with {granted:?}: {status}"
                );
            }
        }
    }
    assert_eq!(
        operations,
        [
            r#"get /orders [{"cognito":["orders/get"]}]"#,
            r#"post /orders [{"cognito":["orders/get","orders/post"]}]"#,
            r#"get /report [{"cognito":["orders/get"]},{"cognito":["admin/orders"]}]"#,
        ]
    );
}

fn keys(object: &Value) -> impl Iterator<Item = &str> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
}
