//! The app client of a verified token, and of no other, in the span that asks for it.

use std::sync::{Arc, Mutex};

use tower::{ServiceBuilder, service_fn};
use tower_cognito::{
    AllowedClients, BearerAuthLayer, Denied, ScopePolicy, Verifier,
    keys::{ConnectError, FetchError, JwksResponse},
    testing::{ScriptedFetcher, TestPool, TokenBuilder},
};
use tracing::{Instrument, Level, field::Empty, info_span};

use crate::{
    recorded::Recorded,
    tracing_events::seen::{Fields, Seen, handler, send},
};

/// A request, and what becomes of it.
struct Case {
    reason: &'static str,
    status: u16,
    layer: BearerAuthLayer,
    token: Option<TokenBuilder>,
}

/// Requests whose token's signature verifies, and requests that are rejected before that.
fn cases() -> (Vec<Case>, Vec<Case>) {
    let pool = TestPool::new();
    let token = pool.token().client_credentials("caller");
    let case = |reason, status, layer, token| Case {
        reason,
        status,
        layer,
        token,
    };
    let rejected = |reason, token| case(reason, 401, pool.verifier().layer(), Some(token));
    let good = |reason, status, layer| case(reason, status, layer, Some(token.clone()));
    let denying = |denied: Denied| {
        let builder = pool.verifier_builder().check(move |_| Err(denied.clone()));
        builder.build().unwrap().layer()
    };
    let fetching = |fetcher: ScriptedFetcher| {
        let builder = Verifier::builder(pool.user_pool(), AllowedClients::any());
        let builder = builder.clock(pool.clock()).fetcher(fetcher);
        builder.build().unwrap().layer()
    };
    let keys = JwksResponse::document(pool.jwks());
    let scoped = ScopePolicy::all_of(["profiles/get"]).unwrap();
    let verified = vec![
        good("accepted", 200, pool.verifier().layer()),
        good(
            "accepted",
            200,
            fetching(ScriptedFetcher::new().respond(keys)),
        ),
        good(
            "insufficient_scope",
            403,
            pool.verifier().layer().require(scoped),
        ),
        good("forbidden", 403, denying(Denied::forbidden())),
        good("revoked", 401, denying(Denied::revoked())),
    ];
    let down = ScriptedFetcher::new().always_fail(FetchError::Connect(ConnectError::Refused));
    let unverified = vec![
        case("missing_token", 401, pool.verifier().layer(), None),
        good("keys_unavailable", 503, fetching(down)),
        rejected("expired", token.clone().expired()),
        rejected("invalid_signature", token.clone().tampered()),
        rejected("unknown_key", token.clone().unknown_key()),
        rejected("issuer_not_allowed", token.clone().other_issuer()),
        rejected(
            "algorithm_not_allowed",
            token.clone().header("alg", "HS256"),
        ),
        rejected("malformed_token", token.clone().unsigned()),
    ];
    (verified, unverified)
}

/// What a span that declares the field records, and what is counted.
async fn tell(case: Case, seen: &Seen, recorded: &Recorded) -> (Vec<Fields>, Vec<String>) {
    let service = ServiceBuilder::new()
        .layer(case.layer)
        .service(service_fn(handler));
    let span = info_span!("request", client_id = Empty, other = Empty);
    let status = send(service, case.token.as_ref(), span).await;
    assert_eq!(status, case.status, "{}", case.reason);
    let counted = recorded.take_rows("tower_cognito_requests_total", &["reason", "verified"]);
    (seen.take_recorded(), counted)
}

#[tokio::test(start_paused = true)]
async fn a_span_that_declares_the_field_records_the_client_of_verified_tokens_only() {
    let (seen, _guard) = Seen::listen();
    let recorded = Recorded::new();
    let _recording = recorded.listen();
    let caller = Fields::from([("client_id", "caller".to_owned())]);
    let (verified, unverified) = cases();
    for case in verified {
        let count = format!("{} true 1", case.reason);
        let told = tell(case, &seen, &recorded).await;
        assert_eq!(told, (vec![caller.clone()], vec![count]));
    }
    for case in unverified {
        let count = format!("{} false 1", case.reason);
        let told = tell(case, &seen, &recorded).await;
        assert_eq!(told, (vec![], vec![count]));
    }
}

#[tokio::test]
async fn inside_a_report_only_layer_the_client_is_that_of_a_verified_token() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let token = pool.token().client_credentials("caller");
    let told = vec![Fields::from([("client_id", "caller".to_owned())])];
    for (token, expected) in [(token.clone().tampered(), vec![]), (token, told)] {
        let service = ServiceBuilder::new()
            .layer(pool.verifier().layer().report_only())
            .service(service_fn(handler));
        let span = info_span!("request", client_id = Empty);
        assert_eq!(send(service, Some(&token), span).await, 200);
        assert_eq!(seen.take_recorded(), expected);
    }
}

#[tokio::test]
async fn a_token_from_the_cache_names_its_client_too_and_so_does_one_without_http() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let token = pool.token().client_credentials("caller").build();
    for _ in 0..2 {
        let span = info_span!("message", client_id = Empty);
        assert!(verifier.verify(&token).instrument(span).await.is_ok());
        let caller = Fields::from([("client_id", "caller".to_owned())]);
        assert_eq!(seen.take_recorded(), [caller]);
    }
}

#[tokio::test]
async fn a_span_that_does_not_declare_the_field_is_left_alone() {
    let (seen, _guard) = Seen::listen();
    let pool = TestPool::new();
    for span in [
        info_span!("request"),
        info_span!("request", client = Empty),
        tracing::Span::none(),
    ] {
        let service = ServiceBuilder::new()
            .layer(pool.verifier().layer())
            .service(service_fn(handler));
        assert_eq!(send(service, Some(&pool.token()), span).await, 200);
        assert_eq!(seen.take_recorded(), Vec::<Fields>::new());
    }
}

/// An app client id is what an issuer signed; a log line is still one line.
#[tokio::test]
async fn the_name_is_escaped_by_the_subscriber() {
    let out = Out::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .with_writer(out.clone())
        .finish();
    crate::callsites::keep_enabled();
    let _guard = tracing::subscriber::set_default(subscriber);
    let pool = TestPool::new();
    let service = ServiceBuilder::new()
        .layer(pool.verifier().layer())
        .service(service_fn(handler));
    let token = pool.token().client_credentials("one\nINFO two\u{1b}[31m");
    let span = info_span!("request", client_id = Empty);
    assert_eq!(send(service, Some(&token), span).await, 200);
    let text = out.text();
    assert!(
        text.contains(r#"client_id="one\nINFO two\u{1b}[31m""#),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Out {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Out {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
