//! The client: one count and one duration per token request.

use std::time::Duration;

use http::StatusCode;
use tower_cognito::{client::ClientCredentials, testing::LocalIssuer};

use crate::recorded::{Recorded, rows};

const REQUESTS: &str = "tower_cognito_client_token_requests_total";
const DURATIONS: &str = "tower_cognito_client_token_request_duration_seconds";

#[tokio::test]
async fn each_request_for_a_token_counts_once_by_its_outcome() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    let clock = tower_cognito::testing::ManualClock::new();
    let issuer = LocalIssuer::builder()
        .clock(clock.clone())
        .client("caller", "a-secret", ["profiles/get"])
        .start()
        .unwrap();
    let caller = ClientCredentials::builder(issuer.token_url(), "caller", "a-secret")
        .clock(clock.clone())
        .build()
        .unwrap();
    let none = Vec::<String>::new();
    let counted = || {
        let samples = recorded.take();
        (
            rows(&samples, REQUESTS, &["client_id", "outcome"]),
            rows(&samples, DURATIONS, &["client_id", "outcome"]),
        )
    };
    let one = |outcome: &str| {
        let count = format!("caller {outcome} 1");
        (vec![count], vec![format!("caller {outcome} 0")])
    };

    caller.token().await.unwrap();
    assert_eq!(counted(), one("obtained"));
    caller.token().await.unwrap();
    assert_eq!(counted(), (none.clone(), none), "held");

    clock.advance(Duration::from_secs(2 * 60 * 60));
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    caller.token().await.unwrap_err();
    assert_eq!(counted(), one("server"));
}
