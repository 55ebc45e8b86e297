//! Marked tokens, kids and claims through every rejection: no mark comes out again, in no answer,
//! `Debug`, `Display`, log or metric; except the app client of a verified token, in a span that
//! asks for it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use serde::Deserialize;
use tower::{ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, Claims, Denied, RequireScopesLayer, ScopePolicy, Verifier,
    keys::{ConnectError, FetchError, JwksResponse},
    testing::{Key, ScriptedFetcher, TestPool, TokenBuilder},
    verifier::VerifierBuilder,
};
use tower_layer::Layer;
use tracing::{Instrument, field::Empty, info_span};
use tracing_subscriber::fmt::MakeWriter;

use crate::recorded::Recorded;

/// In every claim, header member and credential that a request brings.
const MARK: &str = "zQxMark";

/// What is found after the signature has verified.
const VERIFIED: [&str; 4] = ["accepted", "forbidden", "insufficient_scope", "revoked"];

/// Everything that could be shown to someone.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn add(&self, text: &str) {
        self.0.lock().unwrap().extend(text.as_bytes());
    }
}

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Shown {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A request that is rejected for this reason, and what it meets.
struct Attempt {
    reason: &'static str,
    fields: Vec<String>,
    verifier: Verifier,
}

/// Marked wherever a token can be without being rejected for it.
fn marked(pool: &TestPool) -> TokenBuilder {
    let mut token = pool
        .token()
        .client_credentials(format!("{MARK}-client"))
        .scopes([format!("{MARK}/scope")])
        .groups([format!("{MARK}-group")])
        .header("typ", format!("{MARK}-typ"))
        .header("x", format!("{MARK}-member"));
    for claim in ["sub", "jti", "username", "custom", "event_id", "device_key"] {
        token = token.claim(claim, format!("{MARK}-{claim}"));
    }
    token
}

fn attempts() -> Vec<Attempt> {
    let pool = TestPool::new();
    let one = |token: String| vec![format!("Bearer {token}")];
    let token = || marked(&pool);
    let text = |what: &str| format!("{MARK}-{what}");
    let rejected = |reason, fields| Attempt {
        reason,
        fields,
        verifier: pool.verifier(),
    };
    let with = |reason, fields, change: fn(VerifierBuilder) -> VerifierBuilder| Attempt {
        reason,
        fields,
        verifier: change(pool.verifier_builder()).build().unwrap(),
    };
    let by = |reason, fields, clients: AllowedClients, fetcher: Option<ScriptedFetcher>| {
        let builder = match fetcher {
            Some(fetcher) => Verifier::builder(pool.user_pool(), clients).fetcher(fetcher),
            None => Verifier::builder(pool.pinned_user_pool(), clients),
        };
        let builder = builder.clock(pool.clock());
        Attempt {
            reason,
            fields,
            verifier: builder.build().unwrap(),
        }
    };
    let any = AllowedClients::any;
    vec![
        rejected("accepted", one(token().build())),
        rejected("missing_token", vec![format!("Basic {}", text("basic"))]),
        rejected(
            "malformed_credentials",
            vec![format!("Bearer {} {MARK}", token().build())],
        ),
        rejected(
            "multiple_credentials",
            [one(token().build()), vec![text("second")]].concat(),
        ),
        rejected("token_too_large", one(text(&"x".repeat(20_000)))),
        rejected(
            "malformed_token",
            one(format!("{}.{MARK}", token().build())),
        ),
        rejected(
            "malformed_header",
            one(token().raw_header(format!("{{\"alg\":\"{MARK}\",")).build()),
        ),
        rejected(
            "malformed_claims",
            one(token()
                .raw_payload(format!("{{\"iss\":\"{MARK}\","))
                .build()),
        ),
        rejected(
            "malformed_claims",
            one(token().claim("exp", text("exp")).build()),
        ),
        rejected(
            "algorithm_not_allowed",
            one(token().header("alg", text("alg")).build()),
        ),
        rejected(
            "header_not_supported",
            one(token().header("crit", vec![text("crit")]).build()),
        ),
        rejected(
            "issuer_not_allowed",
            one(token().claim("iss", text("iss")).build()),
        ),
        rejected(
            "token_use_not_allowed",
            one(token().claim("token_use", text("use")).build()),
        ),
        rejected(
            "audience_not_allowed",
            one(token().claim("aud", text("aud")).build()),
        ),
        rejected(
            "sender_constrained",
            one(token()
                .claim("cnf", serde_json::json!({ "jkt": text("jkt") }))
                .build()),
        ),
        rejected("expired", one(token().expired().build())),
        rejected("not_yet_valid", one(token().not_yet_valid().build())),
        rejected(
            "issued_in_future",
            one(token().claim("iat", 99_999_999_999_u64).build()),
        ),
        rejected("invalid_signature", one(token().tampered().build())),
        rejected(
            "invalid_signature",
            one(token()
                .signed_with(Key::Unpublished)
                .kid("test-only-access")
                .build()),
        ),
        rejected(
            "unknown_key",
            one(token().kid(text("kid\r\n\u{1b}[31m")).build()),
        ),
        by(
            "unknown_key",
            one(token().kid(text("kid")).build()),
            any(),
            Some(ScriptedFetcher::new().always_respond(JwksResponse::document(pool.jwks()))),
        ),
        by(
            "keys_unavailable",
            one(token().build()),
            any(),
            Some(ScriptedFetcher::new().always_fail(FetchError::Connect(ConnectError::Refused))),
        ),
        by(
            "keys_unavailable",
            one(token().kid(text("kid")).build()),
            any(),
            Some(ScriptedFetcher::new().always_respond(JwksResponse::document("{}"))),
        ),
        Attempt {
            reason: "key_unconfirmed",
            fields: one(token().kid(text("kid")).build()),
            verifier: of_fallback_keys(&pool),
        },
        by(
            "client_not_allowed",
            one(token().build()),
            AllowedClients::only(["caller"]).unwrap(),
            None,
        ),
        rejected("insufficient_scope", one(token().build())),
        with(
            "token_too_old",
            one(token().without_claim("iat").build()),
            |builder| builder.max_token_age(Duration::from_secs(60)),
        ),
        with("forbidden", one(token().build()), |builder| {
            builder.check(|_| Err(Denied::forbidden()))
        }),
        with("revoked", one(token().build()), |builder| {
            builder.check(|_| Err(Denied::revoked()))
        }),
    ]
}

/// A verifier with keys that cannot tell that a `kid` is missing.
fn of_fallback_keys(pool: &TestPool) -> Verifier {
    let fetcher = ScriptedFetcher::new();
    for _ in 0..2 {
        fetcher
            .fail(FetchError::Connect(ConnectError::Refused))
            .respond(JwksResponse::document(pool.jwks()));
    }
    let user_pool = pool
        .user_pool()
        .with_fallback_jwks_url("http://127.0.0.1:9/jwks.json")
        .unwrap();
    Verifier::builder(user_pool, AllowedClients::any())
        .clock(pool.clock())
        .fetcher(fetcher)
        .build()
        .unwrap()
}

#[derive(Deserialize)]
struct Tenant {
    #[serde(rename = "custom")]
    _custom: u64,
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_request_comes_out_again() {
    let shown = Shown::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(shown.clone())
        .finish();
    crate::callsites::keep_enabled();
    let _guard = tracing::subscriber::set_default(subscriber);
    let recorded = Recorded::new();
    let _recording = recorded.listen();
    let mut reached = BTreeSet::new();
    for attempt in attempts() {
        for guarded in [false, true] {
            reached.insert(send(&attempt, guarded, &shown, &recorded).await);
        }
    }
    let text = shown.text();
    for reason in &reached {
        // So that an empty log proves something.
        assert!(
            text.contains(&format!("reason=\"{reason}\"")),
            "{reason} is logged"
        );
    }
    assert_eq!(reached, reasons());
}

#[tokio::test(start_paused = true)]
async fn a_span_that_asks_for_the_caller_learns_that_of_verified_tokens_and_nothing_else() {
    let shown = Shown::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(shown.clone())
        .finish();
    crate::callsites::keep_enabled();
    let _guard = tracing::subscriber::set_default(subscriber);
    let caller = format!("request{{client_id=\"{MARK}-client\"}}");
    for attempt in attempts() {
        let before = shown.text().len();
        let span = info_span!("request", client_id = Empty);
        let layer = attempt.verifier.layer();
        let layer = match attempt.reason {
            "insufficient_scope" => layer.require(policy()),
            _ => layer,
        };
        let inner = service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let answer = layer.layer(inner).oneshot(request(&attempt.fields));
        let response = answer.instrument(span).await.unwrap();
        let error = response.extensions().get::<AuthError>();
        assert_eq!(error.map_or("accepted", AuthError::reason), attempt.reason);
        let text = shown.text();
        let text = &text[before..];
        assert_eq!(
            text.contains(&caller),
            VERIFIED.contains(&attempt.reason),
            "{}: {text}",
            attempt.reason
        );
        look_for(&attempt, &text.replace(&caller, "request{}"));
    }
}

fn policy() -> ScopePolicy {
    ScopePolicy::all_of(["profiles/get"]).unwrap()
}

/// Sends it, shows whatever there is to be shown, and looks for the request in it.
async fn send(
    attempt: &Attempt,
    guarded: bool,
    shown: &Shown,
    recorded: &Recorded,
) -> &'static str {
    let before = shown.text().len();
    let policy = policy();
    let needs_scope = attempt.reason == "insufficient_scope";
    let inner = {
        let shown = shown.clone();
        service_fn(move |request: Request<String>| {
            shown.add(&format!("{request:?}"));
            if let Some(claims) = request.extensions().get::<Claims>() {
                let error = claims.custom::<Tenant>().err().unwrap();
                shown.add(&format!("{claims:?} {error:?} {error}"));
            }
            async { Ok::<_, Infallible>(Response::new("inner".to_owned())) }
        })
    };
    let layer = attempt.verifier.layer();
    let mut out = format!("{:?} {layer:?}", attempt.verifier);
    let request = request(&attempt.fields);
    let response = match (needs_scope, guarded) {
        (true, true) => {
            let guard = RequireScopesLayer::new(policy);
            write!(out, "{guard:?}").unwrap();
            layer.layer(guard.layer(inner)).oneshot(request).await
        }
        (true, false) => layer.require(policy).layer(inner).oneshot(request).await,
        (false, _) => layer.layer(inner).oneshot(request).await,
    };
    let response = response.unwrap();
    let error = response.extensions().get::<AuthError>();
    let reason = error.map_or("accepted", AuthError::reason);
    assert_eq!(reason, attempt.reason);
    write!(
        out,
        "{response:?} {error:?} {:?}",
        attempt.verifier.key_status()
    )
    .unwrap();
    if let Some(error) = error {
        write!(out, "{error}").unwrap();
    }
    let samples = recorded.take();
    let verdicts = samples
        .iter()
        .filter(|sample| sample.values != [0.0])
        .filter_map(|sample| Some((sample.label("reason")?, sample.label("verified")?)));
    let verified = VERIFIED.contains(&reason).to_string();
    assert!(
        verdicts
            .clone()
            .any(|verdict| verdict == (reason, verified.as_str()))
    );
    write!(out, "{samples:?}").unwrap();
    shown.add(&out);
    let text = shown.text();
    look_for(attempt, &text[before..]);
    reason
}

fn request(fields: &[String]) -> Request<String> {
    let mut request = Request::new(String::new());
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(AUTHORIZATION, HeaderValue::try_from(field).unwrap());
    }
    *request.headers_mut() = headers;
    request
}

#[track_caller]
fn look_for(attempt: &Attempt, text: &str) {
    let reason = attempt.reason;
    assert!(!text.contains(MARK), "{reason}: a mark in {text}");
    for field in &attempt.fields {
        let windows = field.as_bytes().windows(16).step_by(8);
        for window in windows.map(|window| std::str::from_utf8(window).unwrap()) {
            assert!(!text.contains(window), "{reason}: {window} in {text}");
        }
    }
}

/// Every reason there is, except those that a service's own rule or a missing layer causes.
fn reasons() -> BTreeSet<&'static str> {
    let (_, labels) = include_str!("../../src/error/auth.rs")
        .split_once("pub const fn reason")
        .unwrap();
    let (labels, _) = labels.split_once("\n    }\n").unwrap();
    let reasons = labels.split('"').skip(1).step_by(2);
    reasons
        .filter(|reason| {
            ![
                "check_unavailable",
                "insufficient_user_authentication",
                "missing_layer",
            ]
            .contains(reason)
        })
        .chain(["accepted"])
        .collect()
}
