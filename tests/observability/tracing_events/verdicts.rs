//! One event per verdict.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{Claims, Denied, RequireClaimsLayer, RequireScopesLayer, testing::TestPool};
use tracing::Level;

use crate::{
    recorded::{Recorded, rows},
    tracing_events::seen::{Seen, handler, send},
};

/// The log and the counters can be compared line by line.
#[tokio::test]
async fn each_verdict_is_one_event_and_one_count_in_the_same_words() {
    let (seen, _guard) = Seen::listen();
    let recorded = Recorded::new();
    let _recording = recorded.listen();
    let pool = TestPool::new();
    let get = || RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    for layer in [
        pool.verifier().layer(),
        pool.verifier().layer().optional(),
        pool.verifier().layer().report_only(),
    ] {
        // A report-only layer is announced.
        seen.take_events();
        for token in [
            None,
            Some(pool.token()),
            Some(pool.token().scopes(["profiles/get"])),
            Some(pool.token().expired()),
        ] {
            let service = ServiceBuilder::new()
                .layer(layer.clone())
                .layer(get())
                .layer(get())
                .service(service_fn(handler));
            send(service, token.as_ref(), tracing::Span::none()).await;
            let labels = ["reason", "verified", "enforcement"];
            let mut logged = (Vec::new(), Vec::new());
            for (level, fields) in seen.take_events() {
                assert_eq!(level, Level::DEBUG);
                let row: Vec<_> = labels.iter().map(|label| fields[label].clone()).collect();
                match fields["message"].as_str() {
                    "authentication decided" => logged.0.push(format!("{} 1", row.join(" "))),
                    "request rejected inside the layer" => {
                        logged.1.push(format!("{} 1", row.join(" ")))
                    }
                    other => panic!("another event: {other}"),
                }
            }
            assert_eq!(logged.0.len(), 1);
            let samples = recorded.take();
            let counted = |name| rows(&samples, name, &labels);
            assert_eq!(counted("tower_cognito_requests_total"), logged.0);
            assert_eq!(counted("tower_cognito_inner_rejections_total"), logged.1);
        }
    }
}

/// A missing layer is an error of the deployment: said once for each place and path, and not by
/// each request.
#[tokio::test]
async fn a_missing_layer_is_logged_once_for_each_place_and_path() {
    let (seen, _guard) = Seen::listen();
    let guard = RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    let rule = RequireClaimsLayer::new(|_: &Claims| Err(Denied::forbidden()));
    let pool = TestPool::new();
    let claims = pool.claims(&pool.token());
    for (path, events) in [("/a", 1), ("/a", 0), ("/b", 1)] {
        let mut request = Request::new(());
        *request.uri_mut() = format!("https://logged-once.example{path}")
            .parse()
            .unwrap();
        let guarded = guard.layer(service_fn(handler));
        let response = guarded.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        let logged = seen.take_events();
        assert_eq!(logged.len(), events);
        for (level, fields) in logged {
            assert_eq!(level, Level::ERROR);
            assert_eq!(fields["path"], format!("{path:?}"));
            assert_eq!(fields["place"], "RequireScopesLayer");
            let message = &fields["message"];
            assert!(message.contains("add `verifier.layer()`"), "{message}");
            assert!(message.contains("move the guard inside it"), "{message}");
        }
    }

    // A rejection that no layer formed, although the claims were there.
    let mut request = Request::new(());
    *request.uri_mut() = "/c".parse().unwrap();
    request.extensions_mut().insert(claims);
    let response = rule.layer(service_fn(handler)).oneshot(request).await;
    assert!(seen.take_events().is_empty());
    drop(response);
    let logged = seen.take_events();
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].1["path"], "\"/c\"");

    // Between a layer and a guard, something replaces the rejection with its own page.
    for (page, events) in [(true, 1), (true, 0), (false, 0)] {
        let guarded = rule.layer(service_fn(handler));
        let replaced = service_fn(move |request| {
            let guarded = guarded.clone();
            async move {
                let rejection = guarded.oneshot(request).await?;
                Ok::<_, Infallible>(if page { Response::default() } else { rejection })
            }
        });
        let service = pool.verifier().layer().layer(replaced);
        send(service, Some(&pool.token()), tracing::Span::none()).await;
        let logged = seen.take_events();
        let warned = logged.iter().filter(|(level, _)| *level == Level::WARN);
        let warned: Vec<_> = warned.map(|(_, fields)| &fields["message"]).collect();
        assert_eq!(warned.len(), events, "{logged:?}");
        for message in warned {
            assert!(
                message.contains("rejection replaced inside its BearerAuthLayer"),
                "{message}"
            );
        }
    }

    // With a layer it is not logged at all.
    let service = pool
        .verifier()
        .layer()
        .layer(rule.layer(service_fn(handler)));
    send(service, Some(&pool.token()), tracing::Span::none()).await;
    assert!(
        seen.take_events()
            .iter()
            .all(|(level, _)| *level == Level::DEBUG)
    );
}
