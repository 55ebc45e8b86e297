//! The client says when one of its two secrets stops working.

use tower_cognito::{client::ClientCredentials, testing::LocalIssuer};

use crate::tracing_events::seen::Seen;

#[tokio::test]
async fn a_secret_accepted_after_a_rejected_one_is_logged() {
    let (seen, _guard) = Seen::listen();
    let issuer = LocalIssuer::builder()
        .client("caller", "a-secret", ["profiles/get"])
        .start()
        .unwrap();
    for (secrets, logged) in [
        (["a-secret", "retired"], false),
        (["retired", "a-secret"], true),
    ] {
        let caller = ClientCredentials::builder(issuer.token_url(), "caller", secrets[0])
            .next_secret(secrets[1])
            .build()
            .unwrap();
        caller.token().await.unwrap();
        let was_logged = seen
            .take_events()
            .iter()
            .any(|(_, fields)| fields["message"].contains("another one accepted"));
        assert_eq!(was_logged, logged, "{secrets:?}");
    }
}
