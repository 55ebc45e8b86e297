//! One event per verdict.

use tower::{ServiceBuilder, service_fn};
use tower_cognito::{RequireScopesLayer, testing::TestPool};
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
                    "refused inside the layer" => logged.1.push(format!("{} 1", row.join(" "))),
                    other => panic!("another event: {other}"),
                }
            }
            assert_eq!(logged.0.len(), 1);
            let samples = recorded.take();
            let counted = |name| rows(&samples, name, &labels);
            assert_eq!(counted("tower_cognito_requests_total"), logged.0);
            assert_eq!(counted("tower_cognito_inner_refusals_total"), logged.1);
        }
    }
}
