use std::num::NonZeroU32;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
    middleware,
    response::Response,
    routing::get,
};
use example_recipes::rate_limit::{CallerLimits, limit};
use governor::Quota;
use tower::ServiceExt;
use tower_cognito::testing::TestPool;

struct Service {
    pool: TestPool,
    app: Router,
}

impl Service {
    /// Two requests a minute for each of at most so many callers.
    fn new(max_callers: u64) -> Self {
        let pool = TestPool::new();
        let limits = CallerLimits::new(Quota::per_minute(NonZeroU32::new(2).unwrap()), max_callers);
        let app = Router::new()
            .route("/", get(async || "served"))
            .route_layer(middleware::from_fn_with_state(limits, limit))
            .route_layer(pool.verifier().layer());
        Self { pool, app }
    }

    async fn call(&self, client: &str) -> Response {
        let token = self.pool.token().client_credentials(client);
        let request = Request::get("/").header(header::AUTHORIZATION, token.authorization());
        let request = request.body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn statuses<const N: usize>(&self, clients: [&str; N]) -> [u16; N] {
        let mut statuses = [0; N];
        for (client, status) in clients.into_iter().zip(&mut statuses) {
            *status = self.call(client).await.status().as_u16();
        }
        statuses
    }
}

#[tokio::test]
async fn one_caller_uses_up_its_limit_and_no_one_elses() {
    let service = Service::new(100);
    assert_eq!(service.statuses(["a", "a", "a"]).await, [200, 200, 429]);
    assert_eq!(service.statuses(["b", "a", "b"]).await, [200, 429, 200]);

    // One of two requests a minute comes back in half a minute.
    let response = service.call("a").await;
    let retry_after = response.headers().get(header::RETRY_AFTER).unwrap();
    let retry_after: u64 = retry_after.to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&retry_after), "{retry_after}");
}

#[tokio::test]
async fn a_request_without_a_valid_token_counts_for_no_one() {
    let service = Service::new(100);
    let forged = service.pool.token().client_credentials("a").tampered();
    for _ in 0..3 {
        let request = Request::get("/").header(header::AUTHORIZATION, forged.authorization());
        let request = request.body(Body::empty()).unwrap();
        let response = service.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 401);
    }
    assert_eq!(service.statuses(["a", "a", "a"]).await, [200, 200, 429]);
}

#[tokio::test]
async fn more_callers_than_the_bound_are_still_limited() {
    let service = Service::new(2);
    for caller in 0..20 {
        let caller = caller.to_string();
        let three = [caller.as_str(); 3];
        assert_eq!(service.statuses(three).await, [200, 200, 429], "{caller}");
    }
}

#[tokio::test]
async fn a_caller_beyond_the_bound_does_not_escape_its_limit() {
    let service = Service::new(2);
    for _ in 0..300 {
        service.statuses(["often", "seen"]).await;
    }
    let mut served = 0;
    for _ in 0..300 {
        let [status] = service.statuses(["new"]).await;
        served += u16::from(status == 200);
    }
    assert_eq!(served, 2);
}
