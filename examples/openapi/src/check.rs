//! That the document says what the routes do.

#![allow(
    clippy::indexing_slicing,
    reason = "JSON that lacks a member reads as null"
)]

use std::collections::BTreeSet;

use http::header::CONTENT_TYPE;
use serde_json::Value;
use tower_cognito::testing::LocalIssuer;

use super::{CLIENT_ID, Outcome, SECRET, TOKEN_PATH, client};

pub(crate) async fn check(url: &str, issuer: &LocalIssuer) -> Outcome<()> {
    let client = client()?;
    let text = async |path: &str| -> reqwest::Result<String> {
        let reply = client.get(format!("{url}{path}")).send().await?;
        reply.error_for_status()?.text().await
    };
    assert!(text("/docs/").await?.contains("swagger-ui"));
    let document: Value = serde_json::from_str(&text("/openapi.json").await?)?;
    let scheme = &document["components"]["securitySchemes"]["cognito"];
    assert_eq!(scheme["type"], "oauth2");
    let flow = &scheme["flows"]["clientCredentials"];
    let named: BTreeSet<&str> = keys(&flow["scopes"]).collect();
    assert_eq!(
        named,
        BTreeSet::from(["admin/orders", "orders/get", "orders/post"])
    );

    // The token URL is relative to the document, and answers as the issuer does.
    assert_eq!(flow["tokenUrl"], TOKEN_PATH);
    let grant = client
        .post(format!("{url}{TOKEN_PATH}"))
        .basic_auth(CLIENT_ID, Some(SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let reply: Value = serde_json::from_str(&grant.send().await?.text().await?)?;
    assert_eq!(reply["token_type"], "Bearer");

    // What an operation demands is found out by calling it with every set of scopes that there is.
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
                let method = method.to_uppercase().parse()?;
                let request = client.request(method, format!("{url}{path}"));
                let token = issuer.token().scopes(&granted).build();
                let status = request.bearer_auth(token).send().await?.status();
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
    println!("ok");
    Ok(())
}

fn keys(object: &Value) -> impl Iterator<Item = &str> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
}
