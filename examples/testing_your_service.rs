//! How a team tests a service that this crate guards. `docs/guide/testing.md` walks through it.
//!
//! ```text
//! cargo test --example testing_your_service
//! cargo run --example testing_your_service
//! ```
//!
//! The first runs the tests below. The second runs the service against an issuer on this machine,
//! calls it once as another service would, and exits with 0 or 1.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that unwraps says what it expected"
)]

use std::error::Error;

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tower_cognito::{
    AllowedClients, Claims, ConfigError, CustomClaims, RequireScopesLayer, UserPool, Verifier,
    testing::LocalIssuer,
};

// The service.

/// What a pre token generation trigger adds to the tokens.
#[derive(Deserialize)]
struct Tenant {
    tenant_id: String,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Profile {
    name: String,
    owner: String,
}

async fn list(claims: Claims) -> Json<Vec<Profile>> {
    Json(vec![Profile {
        name: "first".to_owned(),
        owner: claims.client_id().to_owned(),
    }])
}

async fn create(CustomClaims(tenant): CustomClaims<Tenant>) -> String {
    format!("created for tenant {}", tenant.tenant_id)
}

/// Everything that the tests need to vary is an argument: the verifier.
fn router(verifier: &Verifier) -> Result<Router, ConfigError> {
    let list = get(list).route_layer(RequireScopesLayer::all_of(["profiles/get"])?);
    let create = post(create).route_layer(RequireScopesLayer::all_of(["profiles/post"])?);
    Ok(Router::new()
        .route("/profiles", list.merge(create))
        .route_layer(verifier.layer()))
}

/// What `main` of the service configures. A test gives the pool of an issuer on loopback.
fn verifier(pool: UserPool) -> Result<Verifier, ConfigError> {
    Verifier::builder(pool, AllowedClients::only(["caller"])?).build()
}

/// Starts an issuer and the service, and calls the service as another one would.
async fn call_over_http() -> Result<Vec<Profile>, Box<dyn Error>> {
    let issuer = LocalIssuer::builder()
        .client("caller", "the-secret-of-the-caller", ["profiles/get"])
        .start()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let service_url = format!("http://{}", listener.local_addr()?);
    let router = router(&verifier(issuer.user_pool())?)?;
    let server = tokio::spawn(axum::serve(listener, router).into_future());

    let http = reqwest::Client::builder().no_proxy().build()?;
    let reply = http
        .post(issuer.token_url())
        .basic_auth("caller", Some("the-secret-of-the-caller"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials&scope=profiles/get")
        .send()
        .await?
        .error_for_status()?;
    let reply: serde_json::Value = serde_json::from_slice(&reply.bytes().await?)?;
    let token = reply["access_token"].as_str().unwrap_or_default();

    let reply = http
        .get(format!("{service_url}/profiles"))
        .bearer_auth(token)
        .send()
        .await?
        .error_for_status()?;
    let profiles = serde_json::from_slice(&reply.bytes().await?)?;
    server.abort();
    Ok(profiles)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let profiles = call_over_http().await?;
    println!("the service answered over HTTP: {profiles:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        body::{Body, to_bytes},
        response::Response,
    };
    use http::{Method, Request, StatusCode, header::AUTHORIZATION};
    use tower::ServiceExt;
    use tower_cognito::{
        AuthError,
        testing::{Endpoint, ManualClock, RouteMatrix, TestPool, TokenBuilder, WithClaims},
    };

    use super::*;

    // A handler is a function: call it with claims.

    #[tokio::test]
    async fn a_caller_sees_its_own_profiles() {
        let pool = TestPool::new();
        let claims = pool.claims(&pool.token().client_credentials("caller"));
        let Json(profiles) = list(claims).await;
        assert_eq!(profiles[0].owner, "caller");
    }

    // A handler with its extractors: put claims into the request, and leave the layers away.

    #[tokio::test]
    async fn a_profile_is_created_for_the_tenant_of_the_token() {
        let pool = TestPool::new();
        let handler = Router::new().route("/", post(create));
        let call = async |token: TokenBuilder| {
            let request = Request::post("/").body(Body::empty()).unwrap();
            let request = request.with_claims(pool.claims(&token));
            handler.clone().oneshot(request).await.unwrap()
        };

        let response = call(pool.token().claim("tenant_id", "t-1")).await;
        assert_eq!(text(response).await, "created for tenant t-1");
        // Without a layer to form the response, look at the reason.
        let response = call(pool.token()).await;
        let reason = response.extensions().get::<AuthError>();
        assert_eq!(reason, Some(&AuthError::Forbidden));
    }

    // The router with its guards, in process: each rule with a token that meets it and one that
    // does not.

    fn get_profiles(token: &TokenBuilder) -> Request<Body> {
        Request::get("/profiles")
            .header(AUTHORIZATION, token.authorization())
            .body(Body::empty())
            .unwrap()
    }

    #[tokio::test]
    async fn profiles_need_a_good_token_with_the_scope() {
        let pool = TestPool::new();
        let router = router(&pool.verifier()).unwrap();
        let good = pool.token().scopes(["profiles/get"]);

        for (token, status) in [
            (good.clone(), StatusCode::OK),
            (
                good.clone().scopes(["profiles/post"]),
                StatusCode::FORBIDDEN,
            ),
            (
                good.clone().scopes(["profiles/get-all"]),
                StatusCode::FORBIDDEN,
            ),
            (good.clone().expired(), StatusCode::UNAUTHORIZED),
            (good.clone().not_yet_valid(), StatusCode::UNAUTHORIZED),
            (good.clone().other_issuer(), StatusCode::UNAUTHORIZED),
            (good.clone().tampered(), StatusCode::UNAUTHORIZED),
            (good.clone().unsigned(), StatusCode::UNAUTHORIZED),
            (good.clone().unknown_key(), StatusCode::UNAUTHORIZED),
            (good.id_token("user-1"), StatusCode::UNAUTHORIZED),
        ] {
            let response = router.clone().oneshot(get_profiles(&token)).await.unwrap();
            assert_eq!(response.status(), status);
        }

        let without_token = Request::get("/profiles").body(Body::empty()).unwrap();
        let response = router.oneshot(without_token).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(reason(&response), Some(&AuthError::MissingToken));
    }

    /// Why a request was rejected: more exact than the status, and never sent to the client.
    fn reason(response: &Response) -> Option<&AuthError> {
        response.extensions().get()
    }

    // Time: the clock of the pool drives the tokens and the verifier.

    #[tokio::test]
    async fn every_route_is_guarded_as_listed() {
        let pool = TestPool::new();
        let router = router(&pool.verifier()).unwrap();
        RouteMatrix::new(&pool)
            .all_of(Method::GET, "/profiles", ["profiles/get"])
            .all_of(Method::POST, "/profiles", ["profiles/post"])
            .tokens(|token| token.claim("tenant_id", "t-1"))
            .paths_of(&router)
            .run(router)
            .await
            .assert_as_listed();
    }

    #[tokio::test]
    async fn a_token_works_until_it_expires() {
        let pool = TestPool::new();
        let router = router(&pool.verifier()).unwrap();
        let token = pool
            .token()
            .scopes(["profiles/get"])
            .expires_in(Duration::from_secs(600))
            .authorization();
        let call = async || {
            let request = Request::get("/profiles").header(AUTHORIZATION, &token);
            let request = request.body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };

        pool.clock().advance(Duration::from_secs(599));
        assert_eq!(call().await.status(), StatusCode::OK);
        // The verifier allows clocks to be 10 seconds apart.
        pool.clock().advance(Duration::from_secs(11));
        assert_eq!(reason(&call().await), Some(&AuthError::Expired));
    }

    // End to end: a caller, a token endpoint, a key endpoint and the service, over HTTP.

    #[tokio::test]
    async fn a_caller_gets_a_token_and_calls_the_service() {
        assert_eq!(call_over_http().await.unwrap()[0].owner, "caller");
    }

    // Rotation: the service learns of the new key by itself, and forgets the old one in time.

    #[tokio::test]
    async fn a_rotation_needs_no_restart() {
        let clock = ManualClock::new();
        let issuer = LocalIssuer::builder().clock(clock.clone()).start().unwrap();
        let clients = AllowedClients::only(["test-client"]).unwrap();
        let verifier = Verifier::builder(issuer.user_pool(), clients)
            .clock(clock.clone())
            .build()
            .unwrap();
        let router = router(&verifier).unwrap();
        let call = async |token: &TokenBuilder| {
            let request = get_profiles(token);
            router.clone().oneshot(request).await.unwrap().status()
        };
        let day = Duration::from_secs(24 * 60 * 60);

        let old = issuer.token().scopes(["profiles/get"]).expires_in(day);
        assert_eq!(call(&old).await, StatusCode::OK);

        issuer.rotate();
        let new = issuer.token().scopes(["profiles/get"]).expires_in(day);
        assert_eq!(call(&new).await, StatusCode::OK);
        assert_eq!(call(&old).await, StatusCode::OK);

        issuer.withdraw("test-only-access");
        clock.advance(Duration::from_secs(60 * 60));
        verifier.warm_up().await.unwrap();
        assert_eq!(call(&old).await, StatusCode::UNAUTHORIZED);
        assert_eq!(call(&new).await, StatusCode::OK);
    }

    // Outage of the JWKS endpoint: known keys keep working, and an unknown one gives 503 and never
    // 401.

    #[tokio::test]
    async fn an_outage_of_the_issuer_is_survived() {
        let issuer = LocalIssuer::start().unwrap();
        let running = router(&verifier(issuer.user_pool()).unwrap()).unwrap();
        let token = issuer.token().client_id("caller").scopes(["profiles/get"]);
        let call = async |router: &Router| {
            let request = get_profiles(&token);
            router.clone().oneshot(request).await.unwrap()
        };
        assert_eq!(call(&running).await.status(), StatusCode::OK);

        issuer
            .endpoint(Endpoint::Jwks)
            .fail_with(StatusCode::BAD_GATEWAY);
        assert_eq!(call(&running).await.status(), StatusCode::OK);

        let just_started = router(&verifier(issuer.user_pool()).unwrap()).unwrap();
        let response = call(&just_started).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
    }

    // `TestPool::verifier` is always ready.

    #[tokio::test]
    async fn a_service_is_ready_once_it_has_keys() {
        let issuer = LocalIssuer::start().unwrap();
        let verifier = verifier(issuer.user_pool()).unwrap();
        assert!(!verifier.is_ready());
        verifier.warm_up().await.unwrap();
        assert!(verifier.is_ready());
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
