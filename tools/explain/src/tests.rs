//! What the program tells a person: the failing step of each rejection, what to do, and never the
//! signature.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use serde_json::json;
use tower_cognito::{
    AuthError, TokenUse,
    testing::{Key, TestPool, TokenBuilder},
};

use crate::explanation::{Expected, Explanation, Keys, Paint, Verdict, explain};

async fn explained(pool: &TestPool, expected: &Expected, input: &str) -> Explanation {
    let keys = Keys::Given(pool.jwks());
    explain(expected, pool.user_pool(), keys, pool.clock(), input)
        .await
        .unwrap()
}

fn needs(scope: &str) -> Expected {
    Expected {
        scopes: vec![scope.to_owned()],
        ..Expected::default()
    }
}

/// The names of the steps under each mark.
fn marked(page: &str, mark: char) -> Vec<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix(mark)?.strip_prefix(' '))
        .filter_map(|line| Some(line.split_once("expected")?.0.trim_end()))
        .collect()
}

/// What was found at a step.
fn found(page: &str, step: &str) -> String {
    let lines = page
        .lines()
        .skip_while(|line| !line.get(4..).is_some_and(|line| line.starts_with(step)));
    let of_step = lines.take_while(|line| !line.is_empty()).enumerate();
    let of_step = of_step.take_while(|(number, line)| *number == 0 || line.starts_with("  "));
    let text: Vec<_> = of_step.map(|(_, line)| line).collect();
    unwrapped(&text.join(" "))
        .split_once("found ")
        .unwrap()
        .1
        .to_owned()
}

/// Without the breaks between lines.
fn unwrapped(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

const STEPS: [&str; 13] = [
    "form",
    "header",
    "claims",
    "expiry",
    "not before",
    "issued at",
    "issuer",
    "token use",
    "app client",
    "audience",
    "key",
    "signature",
    "scopes",
];

#[tokio::test]
async fn every_step_of_an_accepted_token_passes() {
    let pool = TestPool::new();
    let token = pool.token().scopes(["profiles/get"]).build();
    let explanation = explained(&pool, &needs("profiles/get"), &token).await;
    let page = explanation.page(Paint::Plain);
    assert!(explanation.verdict() == Verdict::Accepted, "{page}");
    assert_eq!(marked(&page, '✓'), STEPS, "{page}");
    assert!(
        page.contains("✓ accepted. It expires in 1 hour ("),
        "{page}"
    );
    assert!(!page.contains("None of this is proven"), "{page}");
}

struct Fault {
    step: &'static str,
    shape: fn(TokenBuilder) -> TokenBuilder,
    error: AuthError,
    found: &'static str,
    advice: &'static str,
}

#[tokio::test]
async fn a_rejection_is_shown_at_the_step_that_rejects() {
    let faults = [
        Fault {
            step: "form",
            shape: TokenBuilder::unsigned,
            error: AuthError::MalformedToken,
            found: "3 parts",
            advice: "Copy the whole token again",
        },
        Fault {
            step: "header",
            shape: |token| token.header("alg", "RS512"),
            error: AuthError::AlgorithmNotAllowed,
            found: "alg \"RS512\", kid \"",
            advice: "signs only with RS256",
        },
        Fault {
            step: "header",
            shape: |token| token.header("crit", json!(["exp"])),
            error: AuthError::HeaderNotSupported,
            found: "crit [\"exp\"]",
            advice: "writes no such header",
        },
        Fault {
            step: "header",
            shape: |token| token.without_header("kid"),
            error: AuthError::MalformedHeader,
            found: "alg \"RS256\"",
            advice: "writes no such header",
        },
        Fault {
            step: "claims",
            shape: |token| token.without_claim("exp"),
            error: AuthError::MalformedClaims,
            found: "exp is missing",
            advice: "writes no such claims",
        },
        Fault {
            step: "claims",
            shape: |token| token.claim("exp", "soon"),
            error: AuthError::MalformedClaims,
            found: "exp is \"soon\", not a number",
            advice: "writes no such claims",
        },
        Fault {
            step: "claims",
            shape: |token| token.raw_payload("[]"),
            error: AuthError::MalformedClaims,
            found: "not a JSON object",
            advice: "writes no such claims",
        },
        Fault {
            step: "issuer",
            shape: TokenBuilder::other_issuer,
            error: AuthError::IssuerNotAllowed,
            found: "\"https://cognito-idp.",
            advice: "Compare both letter by letter",
        },
        Fault {
            step: "token use",
            shape: |token| token.id_token("ada"),
            error: AuthError::TokenUseNotAllowed,
            found: "\"id\"",
            advice: "sends its ID token",
        },
        Fault {
            step: "app client",
            shape: |token| token.client_credentials("a-stranger"),
            error: AuthError::ClientNotAllowed,
            found: "\"a-stranger\"",
            advice: "AllowedClients::only",
        },
        Fault {
            step: "audience",
            shape: |token| token.claim("aud", "https://other.example"),
            error: AuthError::AudienceNotAllowed,
            found: "\"https://other.example\"",
            advice: "VerifierBuilder::accept_audience",
        },
        Fault {
            step: "expiry",
            shape: TokenBuilder::expired,
            error: AuthError::Expired,
            found: "1 hour ago (",
            advice: "Get a new token",
        },
        Fault {
            step: "not before",
            shape: TokenBuilder::not_yet_valid,
            error: AuthError::NotYetValid,
            found: "in 1 hour (",
            advice: "Check this machine's clock",
        },
        Fault {
            step: "issued at",
            shape: |token| {
                token
                    .claim("iat", 4_000_000_000_u64)
                    .claim("exp", 4_000_003_600_u64)
            },
            error: AuthError::IssuedInFuture,
            found: "(Tue, 02 Oct 2096 07:06:40 GMT)",
            advice: "Check this machine's clock",
        },
        Fault {
            step: "key",
            shape: TokenBuilder::unknown_key,
            error: AuthError::UnknownKey,
            found: "\"test-only-unpublished\"",
            advice: "does not publish this key",
        },
        Fault {
            step: "signature",
            shape: TokenBuilder::tampered,
            error: AuthError::InvalidSignature,
            found: "invalid",
            advice: "treat it as forged",
        },
        Fault {
            step: "signature",
            shape: |token| token.signed_with(Key::Unpublished).kid("test-only-access"),
            error: AuthError::InvalidSignature,
            found: "invalid",
            advice: "treat it as forged",
        },
        Fault {
            step: "scopes",
            shape: |token| token.scopes(["profiles/post"]),
            error: AuthError::InsufficientScope {
                required: tower_cognito::ScopePolicy::all_of(["profiles/get"]).unwrap(),
            },
            found: "\"profiles/post\"",
            advice: "AllowedOAuthScopes",
        },
    ];
    let pool = TestPool::new();
    let expected = Expected {
        clients: vec!["test-client".to_owned()],
        ..needs("profiles/get")
    };
    let good = pool.token().scopes(["profiles/get"]);
    assert!(explained(&pool, &expected, &good.build()).await.verdict() == Verdict::Accepted);

    for fault in faults {
        let token = (fault.shape)(good.clone()).build();
        let explanation = explained(&pool, &expected, &token).await;
        let page = explanation.page(Paint::Plain);
        let at = STEPS.iter().position(|step| *step == fault.step).unwrap();
        assert!(explanation.verdict() != Verdict::Accepted, "{page}");
        // After a setting that does not fit, the rest is still checked.
        let is_setting = (3..10).contains(&at);
        let rest = if is_setting { '✓' } else { '–' };
        let passed = marked(&page, '✓');
        assert!(passed.starts_with(&STEPS[..at]), "{page}");
        assert!(marked(&page, rest).ends_with(&STEPS[at + 1..]), "{page}");
        assert_eq!(marked(&page, '✗'), [fault.step], "{page}");
        assert!(
            unwrapped(&page).contains(&format!("✗ rejected: {}.", fault.error)),
            "{page}"
        );
        let answer = format!(
            "returns {} and logs the reason `{}`",
            fault.error.status().as_u16(),
            fault.error.reason()
        );
        assert!(page.contains(&answer), "{page}");
        assert!(found(&page, fault.step).contains(fault.found), "{page}");
        assert!(unwrapped(&page).contains(fault.advice), "{page}");
        let signature = token.rsplit('.').next().unwrap();
        assert!(signature.is_empty() || !page.contains(signature), "{page}");
    }
}

#[tokio::test]
async fn input_without_a_token_is_described() {
    let pool = TestPool::new();
    for (input, error, found_at_form, advice) in [
        (
            "",
            AuthError::MalformedCredentials,
            "no token",
            "There is no token",
        ),
        (
            "Authorization: Basic Y2xpZW50OnNlY3JldA==",
            AuthError::MalformedCredentials,
            "credentials of the scheme Basic",
            "Basic credentials are for the token endpoint",
        ),
        (
            "eyJh\nbGci.e30.c2ln",
            AuthError::MalformedCredentials,
            "3 parts, 18 bytes, with white space in it",
            "broken into lines",
        ),
        (
            "a.b.c.d.e",
            AuthError::MalformedToken,
            "5 parts, 9 bytes",
            "refresh token",
        ),
        (
            "opaque",
            AuthError::MalformedToken,
            "1 part, 6 bytes",
            "Copy the whole token",
        ),
    ] {
        let explanation = explained(&pool, &Expected::default(), input).await;
        let page = explanation.page(Paint::Plain);
        assert!(
            unwrapped(&page).contains(&format!("✗ rejected: {error}.")),
            "{page}"
        );
        assert_eq!(found(&page, "form"), found_at_form, "{page}");
        assert_eq!(marked(&page, '✗'), ["form"], "{page}");
        assert!(unwrapped(&page).contains(advice), "{page}");
        assert!(!page.contains("Y2xpZW50"), "{page}");
    }
    let long = "a".repeat(17 * 1024);
    let page = explained(&pool, &Expected::default(), &long)
        .await
        .page(Paint::Plain);
    assert!(page.contains("`token_too_large`"), "{page}");
}

#[tokio::test]
async fn a_payload_that_is_not_text_is_rejected_before_the_header_is_read() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .raw_payload(b"{\"iss\":\"\xff\"}".as_slice())
        .build();
    let page = explained(&pool, &Expected::default(), &token)
        .await
        .page(Paint::Plain);
    assert_eq!(marked(&page, '✗'), ["claims"], "{page}");
    assert_eq!(marked(&page, '✓'), ["form"], "{page}");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_say_nothing_about_the_token() {
    let pool = TestPool::new();
    let user_pool = pool.user_pool().with_jwks_url(&closed_port()).unwrap();
    let token = pool.token().build();
    let explanation = explain(
        &Expected::default(),
        user_pool,
        Keys::Fetched,
        pool.clock(),
        &token,
    )
    .await
    .unwrap();
    let page = explanation.page(Paint::Plain);
    assert_eq!(marked(&page, '✗'), ["key"], "{page}");
    assert!(page.contains("returns 503"), "{page}");
    assert!(found(&page, "key").contains("could not connect"), "{page}");
    assert!(page.contains("This says nothing about the token"), "{page}");
}

fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/jwks.json", listener.local_addr().unwrap())
}

#[tokio::test]
async fn what_is_expected_follows_the_configuration() {
    let pool = TestPool::new();
    let expected = Expected {
        clients: vec!["one".to_owned(), "two".to_owned()],
        audiences: vec!["https://api.example".to_owned()],
        leeway: Duration::from_secs(90),
        token_use: TokenUse::Id,
        ..Expected::default()
    };
    let token = pool.token().id_token("ada").client_id("two").build();
    let explanation = explained(&pool, &expected, &token).await;
    let page = explanation.page(Paint::Plain);
    assert!(explanation.verdict() == Verdict::Accepted, "{page}");
    for line in [
        "token use   expected \"id\"",
        "app client  expected \"one\" or \"two\"",
        "expiry      expected in the future (clocks may be 1 minute 30 seconds apart)",
    ] {
        assert!(page.contains(line), "{page}");
    }

    let access = pool.token().client_id("two").build();
    let page = explained(&pool, &expected, &access)
        .await
        .page(Paint::Plain);
    assert_eq!(marked(&page, '✗'), ["token use"], "{page}");
}

#[tokio::test]
async fn all_claims_are_shown_and_those_of_a_rejected_token_are_called_unproven() {
    let pool = TestPool::new();
    let token = pool.token().claim("tenant", json!({ "id": 7 }));
    let page = explained(&pool, &Expected::default(), &token.build())
        .await
        .page(Paint::Plain);
    assert!(page.contains("    tenant: {\"id\":7}\n"), "{page}");
    let page = explained(&pool, &Expected::default(), &token.tampered().build())
        .await
        .page(Paint::Plain);
    assert!(page.contains("    tenant: {\"id\":7}\n"), "{page}");
    assert!(page.contains("None of this is proven"), "{page}");
}

#[tokio::test]
async fn colours_are_used_only_when_asked_for() {
    let pool = TestPool::new();
    let explanation = explained(&pool, &Expected::default(), &pool.token().expired().build()).await;
    assert!(!explanation.page(Paint::Plain).contains('\u{1b}'));
    assert!(explanation.page(Paint::Colour).contains("\u{1b}[31m✗"));
}

#[tokio::test]
async fn a_forged_claim_cannot_command_the_terminal() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .claim("na\u{1b}me", "\u{1b}[2J\u{9b}31m")
        .claim("iss", "\u{1b}]0;x\u{7}")
        .build();
    let page = explained(&pool, &Expected::default(), &token)
        .await
        .page(Paint::Plain);
    assert!(!page.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{page}");
}

#[tokio::test]
async fn a_configuration_that_no_service_could_have_is_an_error() {
    let pool = TestPool::new();
    let keys = Keys::Given("{}".to_owned());
    let outcome = explain(
        &Expected::default(),
        pool.user_pool(),
        keys,
        pool.clock(),
        "a.b.c",
    )
    .await;
    assert!(matches!(
        outcome.err(),
        Some(tower_cognito::ConfigError::InvalidJwks { .. })
    ));
}

#[tokio::test]
async fn everything_wrong_is_shown_at_once_and_nothing_passes_beside_a_contradiction() {
    let pool = TestPool::new();
    let expected = Expected {
        clients: vec!["known".to_owned()],
        ..needs("profiles/get")
    };
    let token = pool
        .token()
        .expired()
        .other_issuer()
        .claim("aud", "https://other.example")
        .scopes(["profiles/post"]);
    let explanation = explained(&pool, &expected, &token.build()).await;
    let page = explanation.page(Paint::Plain);
    let failed = ["expiry", "issuer", "app client", "audience", "scopes"];
    assert_eq!(marked(&page, '✗'), failed, "{page}");
    assert!(page.contains("rejected: the token expired"), "{page}");
    assert_eq!(
        page.matches("It would then reject the token because")
            .count(),
        4,
        "{page}"
    );

    // What cannot be gone beyond leaves the rest open.
    let page = explained(&pool, &expected, &token.tampered().build())
        .await
        .page(Paint::Plain);
    assert_eq!(
        marked(&page, '✗'),
        ["expiry", "issuer", "app client", "audience", "signature"],
        "{page}"
    );
    assert_eq!(marked(&page, '–'), ["scopes"], "{page}");
}

#[tokio::test]
async fn without_keys_nothing_is_fetched_and_nothing_is_called_accepted() {
    let pool = TestPool::new();
    let tell = async |token: TokenBuilder| {
        // It would be rejected with other words if it was asked.
        let user_pool = pool.user_pool().with_jwks_url(&closed_port()).unwrap();
        let expected = Expected::default();
        explain(
            &expected,
            user_pool,
            Keys::Offline,
            pool.clock(),
            &token.build(),
        )
        .await
        .unwrap()
    };
    let open = tell(pool.token()).await;
    let page = open.page(Paint::Plain);
    assert_eq!(open.verdict(), Verdict::Open);
    assert_eq!(open.json()["accepted"], json!(null));
    assert_eq!(marked(&page, '–'), ["key", "signature"], "{page}");
    assert!(
        page.contains("? undecided") && page.contains("--fetch"),
        "{page}"
    );
    assert!(page.contains("None of this is proven"), "{page}");

    let rejected = tell(pool.token().expired()).await;
    assert_eq!(rejected.verdict(), Verdict::Rejected);
    assert_eq!(marked(&rejected.page(Paint::Plain), '✗'), ["expiry"]);
}

#[tokio::test]
async fn mistakes_that_people_make_are_named() {
    let pool = TestPool::new();
    let scope = |scope: &str| pool.token().scopes([scope]).build();
    let milliseconds = pool.token().claim("exp", 1_735_689_600_000_u64).build();
    let scp = pool.token().claim("scp", json!(["profiles/get"])).build();
    for (needed, input, step, told) in [
        (
            "profiles/get",
            scope("get"),
            "scopes",
            "did you mean `profiles/get`?",
        ),
        (
            "get",
            scope("profiles/get"),
            "scopes",
            "did you mean `profiles/get`?",
        ),
        ("profiles/get", scp, "scopes", "The scopes are in `scp`"),
        (
            "profiles/get",
            milliseconds,
            "claims",
            "Dates in a token are seconds since 1970",
        ),
        (
            "profiles/get",
            format!("Authorization: Bearer Bearer {}", scope("profiles/get")),
            "form",
            "The client adds `Bearer` itself",
        ),
    ] {
        let explanation = explained(&pool, &needs(needed), &input).await;
        let page = explanation.page(Paint::Plain);
        assert_eq!(explanation.verdict(), Verdict::Rejected, "{page}");
        assert_eq!(marked(&page, '✗'), [step], "{page}");
        assert!(unwrapped(&page).contains(told), "{page}");
    }
    // The same without the mistake.
    let good = explained(&pool, &needs("profiles/get"), &scope("profiles/get")).await;
    assert_eq!(good.verdict(), Verdict::Accepted);
}

#[tokio::test]
async fn programs_get_the_same_as_an_object() {
    let pool = TestPool::new();
    let token = pool.token().client_credentials("a-stranger").build();
    let expected = Expected {
        clients: vec!["known".to_owned()],
        ..Expected::default()
    };
    let told = explained(&pool, &expected, &token).await.json();
    assert_eq!(told["accepted"], false);
    assert_eq!(told["signature_verified"], true);
    assert_eq!(told["rejections"][0]["reason"], "client_not_allowed");
    assert_eq!(told["rejections"][0]["status"], 401);
    let steps = told["steps"].as_array().unwrap();
    let failed: Vec<_> = steps
        .iter()
        .filter(|step| step["result"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["found"], "\"a-stranger\"");
    assert!(!told.to_string().contains(token.rsplit('.').next().unwrap()));
}

/// Only a word that is longer than a line, such as a URL, may exceed it.
#[tokio::test]
async fn a_page_fits_80_columns() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .id_token("ada")
        .claim("note", "word ".repeat(40));
    let page = explained(&pool, &needs("profiles/get"), &token.build())
        .await
        .page(Paint::Plain);
    for line in page.lines().chain(crate::HELP.lines()) {
        let is_one_word = line
            .split_whitespace()
            .last()
            .is_some_and(|word| word.len() > 50);
        assert!(line.chars().count() <= 80 || is_one_word, "{line}");
    }
}
