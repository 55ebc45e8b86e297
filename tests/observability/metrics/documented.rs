//! The page for operators says what there is: everything that is recorded, and nothing else.
//!
//! That nothing else is recorded, each look of each test asserts ([`Recorded::take`]). Here it is
//! shown that everything on the page can occur, so that what vanishes from the code has to vanish
//! from the page.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use http::{Request, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_cognito::{
    BearerAuthLayer, RequireScopesLayer,
    client::ClientCredentials,
    denylist::{DeniedCallers, Denylist},
    keys::{ConnectError, FetchError},
    testing::{Key, LocalIssuer, TestPool},
};

use crate::{
    metrics::verdicts::{handler, request},
    recorded::{Recorded, Values, documented},
    rig::{HOUR, Rig, SECOND, settle},
};

/// A label whose values are those of a type, which no scenario reaches in full: the source that
/// names them, what this crate adds to them, and what cannot occur.
struct OfType {
    label: &'static str,
    metrics: &'static [&'static str],
    source: &'static str,
    more: &'static [&'static str],
    less: &'static [&'static str],
}

const OF_TYPES: [OfType; 5] = [
    OfType {
        label: "reason",
        metrics: &["tower_cognito_requests_total"],
        source: include_str!("../../../src/error/auth.rs"),
        more: &["accepted", "anonymous"],
        // Only a guard or an extractor finds that.
        less: &["missing_layer"],
    },
    OfType {
        // A handler may reject for any reason.
        label: "reason",
        metrics: &["tower_cognito_inner_rejections_total"],
        source: include_str!("../../../src/error/auth.rs"),
        more: &[],
        less: &[],
    },
    OfType {
        label: "outcome",
        metrics: &[
            "tower_cognito_key_fetches_total",
            "tower_cognito_key_fetch_duration_seconds",
        ],
        source: include_str!("../../../src/keys/fetch.rs"),
        more: &["changed", "unchanged", "superseded"],
        less: &[],
    },
    OfType {
        label: "outcome",
        metrics: &[
            "tower_cognito_client_token_requests_total",
            "tower_cognito_client_token_request_duration_seconds",
        ],
        source: include_str!("../../../src/client/error.rs"),
        more: &["obtained"],
        less: &[],
    },
    OfType {
        label: "outcome",
        metrics: &[
            "tower_cognito_denylist_loads_total",
            "tower_cognito_denylist_load_duration_seconds",
        ],
        source: include_str!("../../../src/denylist/task.rs"),
        more: &["loaded", "unchanged"],
        less: &[],
    },
];

impl OfType {
    fn values(&self) -> BTreeSet<String> {
        let (_, body) = self.source.split_once("pub const fn reason").unwrap();
        let (body, _) = body.split_once("\n    }\n").unwrap();
        let named = body.split('"').skip(1).step_by(2);
        let values = named.chain(self.more.iter().copied());
        values
            .filter(|value| !self.less.contains(value))
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn everything_on_the_page_can_occur() {
    let recorded = Recorded::new();
    let _guard = recorded.listen();
    verdicts().await;
    key_sets().await;
    token_requests().await;
    denylists().await;

    // By metric and label.
    let mut occurred: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for sample in recorded.take() {
        assert_ne!(sample.description, "", "{} is not described", sample.name);
        for (label, value) in sample.labels {
            let values = occurred.entry((sample.name.clone(), label)).or_default();
            values.insert(value);
        }
    }
    let mut listed = BTreeMap::new();
    for (name, metric) in documented() {
        assert_ne!(metric.kind, "", "{name} is in the table of labels only");
        for (label, values) in metric.labels {
            let key = (name.clone(), label);
            let occurred = occurred.get(&key).cloned().unwrap_or_default();
            let of_type = OF_TYPES
                .iter()
                .find(|of| of.label == key.1 && of.metrics.contains(&name.as_str()));
            let values = match (values, of_type) {
                (Values::Configured, _) => occurred,
                (Values::Listed(listed), Some(of_type)) => {
                    assert_eq!(listed, of_type.values(), "{key:?}");
                    occurred
                }
                (Values::Listed(listed), None) => listed,
            };
            listed.insert(key, values);
        }
    }
    assert_eq!(listed, occurred);
}

#[tokio::test(start_paused = true)]
async fn a_verifier_an_app_client_and_a_denylist_each_describe_what_they_record() {
    let assert_described = |recorded: &Recorded| {
        let samples = recorded.take();
        assert!(!samples.is_empty());
        for sample in samples {
            assert_ne!(sample.description, "", "{}", sample.name);
        }
    };
    let by_verifier = Recorded::new();
    let guard = by_verifier.listen();
    verdicts().await;
    assert_described(&by_verifier);
    drop(guard);

    let by_client = Recorded::new();
    let guard = by_client.listen();
    token_requests().await;
    assert_described(&by_client);
    drop(guard);

    let by_denylist = Recorded::new();
    let _guard = by_denylist.listen();
    denylists().await;
    assert_described(&by_denylist);
}

async fn send<S, B>(service: S, token: Option<&str>)
where
    S: Service<Request<()>, Response = http::Response<B>, Error = Infallible>,
{
    let mut request = request(None);
    if let Some(token) = token {
        let credentials = format!("Bearer {token}").try_into().unwrap();
        request.headers_mut().insert("authorization", credentials);
    }
    service.oneshot(request).await.unwrap();
}

/// Each kind of verdict of a layer and of a guard, enforced and not.
async fn verdicts() {
    let pool = TestPool::new();
    let layer = pool.verifier().layer();
    let guard = || RequireScopesLayer::all_of(["profiles/get"]).unwrap();
    let guarded = |layer: BearerAuthLayer| layer.layer(guard().layer(service_fn(handler)));
    let good = pool.token().build();
    for layer in [layer.clone().optional(), layer.optional().report_only()] {
        for token in [None, Some(good.as_str()), Some("garbage")] {
            send(guarded(layer.clone()), token).await;
        }
    }
    send(guard().layer(service_fn(handler)), None).await;
}

/// Each state, each reason for a fetch, and a token whose keys changed.
async fn key_sets() {
    let rig = Rig::new();
    let token = rig.token();
    rig.warm_up().await;
    assert!(rig.verify(&token).await.is_ok());
    rig.fetcher
        .respond(rig.keys_of([Key::Access, Key::Unpublished]));
    assert!(rig.verify(&rig.token_by(Key::Unpublished)).await.is_ok());
    assert!(rig.verify(&token).await.is_ok());
    rig.advance(HOUR);
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert!(rig.verify(&token).await.is_ok());
    settle().await;
    rig.advance(24 * HOUR + SECOND);
    rig.fetcher.fail(FetchError::Connect(ConnectError::Refused));
    assert!(rig.verify(&token).await.is_err());
}

/// A token request that fails; whether that is a response or a time-out depends on the paused
/// clock, and does not matter.
async fn token_requests() {
    let issuer = LocalIssuer::builder()
        .client("caller", "a-secret", ["profiles/get"])
        .start()
        .unwrap();
    issuer.fail_with(StatusCode::BAD_GATEWAY);
    let caller = ClientCredentials::builder(issuer.token_url(), "caller", "a-secret")
        .build()
        .unwrap();
    caller.token().await.unwrap_err();
}

/// A list that is loaded once.
async fn denylists() {
    let load = async |_| Ok::<_, Infallible>(DeniedCallers::new().deny_clients(["leaked"]));
    let denylist = Denylist::builder(HOUR, load).spawn().unwrap();
    denylist.warm_up().await.unwrap();
}
