use std::{collections::HashSet, time::Duration};

use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, Verifier,
    client::ClientCredentials,
    testing::{Endpoint, LocalIssuer, ManualClock},
};

use crate::{get, quickstart, serve, service_to_service};

#[tokio::test]
async fn the_quickstart_shows_every_kind_of_response_in_80_columns() {
    let clock = ManualClock::new();
    let issuer = quickstart::local_issuer()
        .clock(clock.clone())
        .start()
        .unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any())
        .clock(clock.clone())
        .build()
        .unwrap();
    let api_url = serve(quickstart::app(&verifier).unwrap()).await;
    let caller = quickstart::Caller::new(&api_url, &issuer);
    let wait = async |time| clock.advance(time);
    let calls = caller.call_everything(wait).await.unwrap();
    let responses: Vec<&str> = calls.iter().map(|call| call.response.as_str()).collect();
    assert_eq!(
        responses,
        [
            "200 ok",
            "401 Bearer",
            "200 hello caller",
            "403 insufficient_scope",
            "401 invalid_token",
            "401 invalid_token",
            "503 Retry-After: 1",
            "200 hello caller",
            "200 hello caller",
        ]
    );
    let printed = quickstart::table(&calls)
        .into_iter()
        .chain(quickstart::lines_to_try(
            "http://127.0.0.1:65535",
            "http://127.0.0.1:65535/oauth2/token",
        ));
    for line in printed {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// Tokens live for an hour, during which the secret is rotated.
#[tokio::test]
async fn a_day_of_calls_takes_one_token_an_hour_and_none_fails() {
    const OLD_SECRET: &str = "the-old-secret-of-this-test";
    const NEW_SECRET: &str = "the-new-secret-of-this-test";
    const HOURS: usize = 8;
    let clock = ManualClock::new();
    let issuer = LocalIssuer::builder()
        .client("service-a", OLD_SECRET, ["profiles/get"])
        .clock(clock.clone())
        .start()
        .unwrap();
    let clients = AllowedClients::only(["service-a"]).unwrap();
    let verifier = Verifier::builder(issuer.user_pool(), clients)
        .clock(clock.clone())
        .build()
        .unwrap();
    let origin_of_b = serve(service_to_service::service_b(&verifier).unwrap()).await;
    let credentials = ClientCredentials::builder(issuer.token_url(), "service-a", OLD_SECRET)
        // Deployed ahead of the rotation.
        .next_secret(NEW_SECRET)
        .scopes(["profiles/get"])
        .clock(clock.clone())
        .build()
        .unwrap();
    let to_b = service_to_service::to_b(&credentials, &origin_of_b).unwrap();
    let a = service_to_service::service_a(to_b, &origin_of_b);

    let token = async || credentials.token().await.unwrap().as_str().to_owned();
    let mut tokens = HashSet::new();
    for hour in 0..HOURS {
        if hour == 3 {
            issuer.add_secret("service-a", NEW_SECRET);
        } else if hour == 4 {
            assert!(issuer.remove_secret("service-a", OLD_SECRET));
        }
        // The first call of an hour starts the renewal and does not wait for it.
        let answer = get(&a, "/", None).await;
        assert_eq!(answer, (200, "hello service-a\n".to_owned()), "hour {hour}");
        let renewed = async {
            while tokens.contains(&token().await) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), renewed).await.unwrap();
        tokens.insert(token().await);
        assert_eq!(get(&a, "/", None).await, answer, "hour {hour}");
        // A renewal is due after 45 to 51 minutes.
        clock.advance(Duration::from_secs(52 * 60));
    }
    assert_eq!(tokens.len(), HOURS);
    // One more request was the one with the deleted secret.
    assert_eq!(issuer.requests(Endpoint::Token), HOURS + 1);
}
