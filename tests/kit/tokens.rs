//! The in-process test kit: what its tokens look like, and that each fault is rejected for what it
//! is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use serde_json::{Value, json};
use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, Principal, TokenUse, Verifier,
    clock::Clock,
    testing::{Key, ManualClock, TestPool, TokenBuilder, WithClaims},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The header and the payload, without checking anything.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

fn names(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn verdict(verifier: &Verifier, token: &TokenBuilder) -> Result<Claims, AuthError> {
    verifier
        .try_verify(&token.build())
        .expect("the keys are pinned")
}

#[track_caller]
fn rejection(verifier: &Verifier, token: &TokenBuilder) -> AuthError {
    match verdict(verifier, token) {
        Err(rejected) => rejected,
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_client_credentials_token_has_exactly_the_claims_that_cognito_writes() {
    let pool = TestPool::new();
    let (header, payload) = parts(
        &pool
            .token()
            .client_credentials("caller")
            .scopes(["a/b", "a/c"])
            .build(),
    );
    assert_eq!(header, json!({ "alg": "RS256", "kid": "test-only-access" }));
    assert_eq!(
        names(&payload),
        [
            "auth_time",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub",
            "token_use",
            "version"
        ]
    );
    assert_eq!(payload["sub"], "caller");
    assert_eq!(payload["client_id"], "caller");
    assert_eq!(payload["token_use"], "access");
    assert_eq!(payload["version"], 2);
    assert_eq!(payload["scope"], "a/b a/c");
    assert_eq!(
        payload["iss"],
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1"
    );
    assert_eq!(payload["iat"], 1_735_689_600);
    assert_eq!(payload["auth_time"], 1_735_689_600);
    assert_eq!(payload["exp"], 1_735_693_200);
}

#[test]
fn a_users_access_token_has_exactly_the_claims_that_cognito_writes() {
    let pool = TestPool::new();
    let (header, payload) = parts(&pool.token().user("user-1").groups(["admins"]).build());
    assert_eq!(header, json!({ "alg": "RS256", "kid": "test-only-access" }));
    assert_eq!(
        names(&payload),
        [
            "auth_time",
            "client_id",
            "cognito:groups",
            "event_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "origin_jti",
            "scope",
            "sub",
            "token_use",
            "username",
            "version"
        ]
    );
    assert_eq!(payload["username"], "user-1");
    assert_eq!(payload["cognito:groups"], json!(["admins"]));
    assert_eq!(payload["scope"], "aws.cognito.signin.user.admin");
    assert_eq!(payload["token_use"], "access");
}

#[test]
fn an_id_token_has_exactly_the_claims_that_cognito_writes() {
    let pool = TestPool::new();
    let (header, payload) = parts(&pool.token().id_token("user-1").client_id("app").build());
    assert_eq!(header, json!({ "alg": "RS256", "kid": "test-only-id" }));
    assert_eq!(
        names(&payload),
        [
            "aud",
            "auth_time",
            "cognito:username",
            "event_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "origin_jti",
            "sub",
            "token_use"
        ]
    );
    assert_eq!(payload["aud"], "app");
    assert_eq!(payload["cognito:username"], "user-1");
    assert_eq!(payload["token_use"], "id");
}

#[test]
fn each_shape_is_accepted_by_the_verifier_of_its_use_and_by_no_other() {
    let pool = TestPool::new();
    let access = pool.verifier();
    let id = pool
        .verifier_builder()
        .token_uses([TokenUse::Id])
        .build()
        .unwrap();

    let client = pool.token().client_credentials("caller");
    assert_eq!(
        verdict(&access, &client).unwrap().principal(),
        Principal::Client("caller")
    );
    assert_eq!(rejection(&id, &client), AuthError::TokenUseNotAllowed);

    let user = pool.token().user("user-1");
    let expected = Principal::User {
        subject: Some("user-1"),
        username: "user-1",
    };
    assert_eq!(verdict(&access, &user).unwrap().principal(), expected);
    assert_eq!(rejection(&id, &user), AuthError::TokenUseNotAllowed);

    let id_token = pool.token().id_token("user-1").client_id("app");
    assert_eq!(verdict(&id, &id_token).unwrap().principal(), expected);
    assert_eq!(verdict(&id, &id_token).unwrap().client_id(), "app");
    assert_eq!(rejection(&access, &id_token), AuthError::TokenUseNotAllowed);
}

#[test]
fn a_token_that_is_not_shaped_is_the_client_credentials_token_of_the_test_client() {
    let pool = TestPool::new();
    let claims = pool.claims(&pool.token());
    assert_eq!(claims.principal(), Principal::Client("test-client"));
    assert_eq!(claims.scopes().count(), 0);
    let none: [&str; 0] = [];
    let (_, payload) = parts(&pool.token().user("user-1").scopes(none).build());
    assert!(payload.get("scope").is_none());
}

/// Each fault is paired with the same token without it.
#[test]
fn each_fault_is_rejected_for_what_it_is() {
    type Shape = fn(TokenBuilder) -> TokenBuilder;
    let faults: [(&str, Shape, AuthError); 9] = [
        ("expired", TokenBuilder::expired, AuthError::Expired),
        (
            "not_yet_valid",
            TokenBuilder::not_yet_valid,
            AuthError::NotYetValid,
        ),
        (
            "other_issuer",
            TokenBuilder::other_issuer,
            AuthError::IssuerNotAllowed,
        ),
        (
            "tampered",
            TokenBuilder::tampered,
            AuthError::InvalidSignature,
        ),
        (
            "unsigned",
            TokenBuilder::unsigned,
            AuthError::MalformedToken,
        ),
        (
            "unknown_key",
            TokenBuilder::unknown_key,
            AuthError::UnknownKey,
        ),
        (
            "a forger who knows a published kid",
            |token| token.signed_with(Key::Unpublished).kid("test-only-access"),
            AuthError::InvalidSignature,
        ),
        (
            "none with a signature",
            |token| token.header("alg", "none"),
            AuthError::AlgorithmNotAllowed,
        ),
        (
            "issued in the future",
            |token| token.issued_at(ManualClock::start() + 25 * HOUR),
            AuthError::IssuedInFuture,
        ),
    ];
    let shapes: [(&str, Shape, TokenUse); 3] = [
        (
            "client credentials",
            |token| token.client_credentials("caller").scopes(["a/b"]),
            TokenUse::Access,
        ),
        ("user", |token| token.user("user-1"), TokenUse::Access),
        ("id token", |token| token.id_token("user-1"), TokenUse::Id),
    ];
    let pool = TestPool::new();
    for (shape_name, shape, token_use) in shapes {
        // The longest leeway there is must not let a fault through.
        let verifier = pool
            .verifier_builder()
            .token_uses([token_use])
            .leeway(Duration::from_secs(300))
            .build()
            .unwrap();
        let good = shape(pool.token());
        assert!(verdict(&verifier, &good).is_ok(), "{shape_name}");
        for (name, fault, expected) in &faults {
            assert_eq!(
                &rejection(&verifier, &fault(good.clone())),
                expected,
                "{shape_name}, {name}"
            );
        }
    }
}

#[test]
fn a_tampered_token_differs_from_the_signed_one_in_a_scope_only() {
    let pool = TestPool::new();
    let (_, honest) = parts(&pool.token().scopes(["a/b"]).claim("jti", "1").build());
    let (_, mut forged) = parts(
        &pool
            .token()
            .scopes(["a/b"])
            .claim("jti", "1")
            .tampered()
            .build(),
    );
    assert_eq!(forged["scope"], "a/b tampered/all");
    forged["scope"] = "a/b".into();
    assert_eq!(forged, honest);
}

#[test]
fn the_clock_drives_tokens_and_verifier_together() {
    let pool = TestPool::new();
    let clock = pool.clock();
    let verifier = pool
        .verifier_builder()
        .leeway(Duration::ZERO)
        .build()
        .unwrap();
    let token = pool.token().expires_in(Duration::from_secs(300)).build();

    clock.advance(Duration::from_secs(299));
    assert!(verifier.try_verify(&token).unwrap().is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        verifier.try_verify(&token).unwrap().unwrap_err(),
        AuthError::Expired
    );

    let later = pool.claims(&pool.token());
    assert_eq!(
        later.issued_at(),
        Some(ManualClock::start() + Duration::from_secs(300))
    );
    assert_eq!(
        later.expires_at(),
        ManualClock::start() + Duration::from_secs(300) + HOUR
    );
}

/// RFC 7519 §2 allows such a `NumericDate`, and a verifier has to cope with one.
#[test]
fn a_date_before_1970_is_negative() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .issued_at(SystemTime::UNIX_EPOCH - 2 * HOUR)
        .expires_in(HOUR);
    let (_, payload) = parts(&token.build());
    assert_eq!(payload["iat"], -7200);
    assert_eq!(payload["auth_time"], -7200);
    assert_eq!(payload["exp"], -3600);
    assert_eq!(rejection(&pool.verifier(), &token), AuthError::Expired);
}

#[test]
fn only_advance_moves_the_monotonic_clock() {
    let clock = ManualClock::new();
    let same = clock.clone();
    assert_eq!(clock.now(), ManualClock::start());
    same.set(SystemTime::UNIX_EPOCH);
    assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
    same.jump_wall_forward(HOUR);
    assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + HOUR);
    same.jump_wall_back(2 * HOUR);
    assert_eq!(clock.now(), SystemTime::UNIX_EPOCH - HOUR);
    assert_eq!(clock.monotonic(), Duration::ZERO);
    same.advance(HOUR);
    assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
    assert_eq!(clock.monotonic(), HOUR);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
    assert_eq!(clock.monotonic(), Duration::MAX);
}

#[test]
fn claims_and_header_members_can_be_set_and_left_out() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .scopes(["a/b"])
        .claim("tenant", json!({ "id": 7 }))
        .claim("sub", "someone else")
        .without_claim("version")
        .without_claim("scope")
        .header("typ", "JWT")
        .without_header("alg");
    let (header, payload) = parts(&token.build());
    assert_eq!(header, json!({ "kid": "test-only-access", "typ": "JWT" }));
    assert_eq!(payload["tenant"]["id"], 7);
    assert_eq!(payload["sub"], "someone else");
    assert!(payload.get("version").is_none() && payload.get("scope").is_none());
    assert_eq!(
        rejection(&pool.verifier(), &token),
        AuthError::MalformedHeader
    );
    assert!(verdict(&pool.verifier(), &token.header("alg", "RS256")).is_ok());
}

#[test]
fn raw_parts_are_sent_as_they_are_and_correctly_signed() {
    let pool = TestPool::new();
    let payload = |client: &str| {
        format!(
            r#" {{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1",{client}"token_use":"access","exp":1735693200}} "#
        )
    };
    let verifier = pool.verifier();
    let good = pool.token().raw_payload(payload(r#""client_id":"a","#));
    assert_eq!(verdict(&verifier, &good).unwrap().client_id(), "a");
    let twice = pool
        .token()
        .raw_payload(payload(r#""client_id":"a","client_id":"b","#));
    assert_eq!(rejection(&verifier, &twice), AuthError::MalformedClaims);
    assert_eq!(
        rejection(&verifier, &good.clone().tampered()),
        AuthError::InvalidSignature
    );
    assert_eq!(
        rejection(&verifier, &pool.token().raw_payload(*b"\xff")),
        AuthError::MalformedClaims
    );

    let header = pool
        .token()
        .raw_header(r#" { "kid" : "test-only-access", "alg" : "RS256" } "#);
    assert!(verdict(&verifier, &header).is_ok());
    assert_eq!(
        rejection(&verifier, &pool.token().raw_header("[]")),
        AuthError::MalformedHeader
    );
}

#[test]
fn escaped_slashes_change_the_bytes_and_not_the_meaning() {
    let pool = TestPool::new();
    let payload_text = |token: &TokenBuilder| {
        let token = token.build();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
        String::from_utf8(payload.unwrap()).unwrap()
    };
    let plain = pool.token().scopes(["profiles/get"]).header("x", "a/b");
    let escaped = plain.clone().with_escaped_slashes();
    assert!(payload_text(&plain).contains(r#""scope":"profiles/get""#));
    assert!(payload_text(&escaped).contains(r#""scope":"profiles\/get""#));
    assert!(payload_text(&escaped).contains(r#""iss":"https:\/\/"#));
    assert_eq!(parts(&escaped.build()).0["x"], "a/b");
    let verifier = pool.verifier();
    for token in [plain, escaped] {
        assert!(
            verdict(&verifier, &token)
                .unwrap()
                .has_scope("profiles/get")
        );
    }
    let raw = pool
        .token()
        .raw_payload("{\"a\":\"/\"}")
        .with_escaped_slashes();
    assert_eq!(payload_text(&raw), r#"{"a":"/"}"#);
}

#[test]
fn any_published_key_may_sign() {
    let pool = TestPool::new();
    assert!(verdict(&pool.verifier(), &pool.token().signed_with(Key::Id)).is_ok());
}

#[test]
fn a_key_that_is_published_later_is_accepted_by_a_verifier_that_has_it() {
    let pool = TestPool::new();
    let token = pool.token().unknown_key();
    let rotated = pool
        .user_pool()
        .with_pinned_jwks(&pool.jwks_of([Key::Id, Key::Unpublished]))
        .unwrap();
    let rotated = Verifier::builder(rotated, AllowedClients::any())
        .clock(pool.clock())
        .build()
        .unwrap();
    assert!(verdict(&rotated, &token).is_ok());
    assert_eq!(rejection(&rotated, &pool.token()), AuthError::UnknownKey);
    assert_eq!(rejection(&pool.verifier(), &token), AuthError::UnknownKey);
}

#[test]
fn the_published_set_has_the_members_that_cognito_writes() {
    let jwks: Value = serde_json::from_str(&TestPool::new().jwks()).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let kids = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(kids, ["test-only-access", "test-only-id"]);
    for key in keys {
        assert_eq!(names(key), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(
            (&key["alg"], &key["e"], &key["kty"], &key["use"]),
            (
                &json!("RS256"),
                &json!("AQAB"),
                &json!("RSA"),
                &json!("sig")
            )
        );
    }
}

#[test]
fn an_independent_library_verifies_the_tokens() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};

    let pool = TestPool::new();
    let jwks: JwkSet = serde_json::from_str(&pool.jwks()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let mut oracle = |token: &TokenBuilder, kid: &str| {
        let key = DecodingKey::from_jwk(jwks.find(kid).unwrap()).unwrap();
        validation.set_required_spec_claims(&["exp"]);
        decode::<Value>(token.build(), &key, &validation).is_ok()
    };
    for token in [pool.token(), pool.token().user("user-1")] {
        assert!(oracle(&token, "test-only-access"));
        assert!(!oracle(&token, "test-only-id"));
        assert!(!oracle(&token.clone().tampered(), "test-only-access"));
        assert!(!oracle(&token.unsigned(), "test-only-access"));
    }
    assert!(oracle(&pool.token().id_token("user-1"), "test-only-id"));
}

#[test]
fn tokens_made_in_the_same_second_differ() {
    let pool = TestPool::new();
    let token = pool.token();
    let (_, first) = parts(&token.build());
    let (_, second) = parts(&token.build());
    assert_ne!(first["jti"], second["jti"]);
    let jti = first["jti"].as_str().unwrap();
    assert_eq!(
        jti.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert_eq!(jti.as_bytes()[14], b'4');
    assert!(matches!(jti.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
}

#[test]
fn a_pool_accepts_no_token_of_another() {
    let (one, other) = (
        TestPool::new(),
        TestPool::with_id("us-east-1_TestOnly2").unwrap(),
    );
    assert!(verdict(&one.verifier(), &one.token()).is_ok());
    assert_eq!(
        rejection(&one.verifier(), &other.token()),
        AuthError::IssuerNotAllowed
    );
    assert_eq!(
        TestPool::with_id("nowhere").unwrap_err(),
        ConfigError::InvalidUserPoolId {
            given: "nowhere".to_owned()
        }
    );
}

#[test]
fn clones_of_a_pool_share_its_clock() {
    let pool = TestPool::new();
    let token = pool.token();
    pool.clone().clock().advance(HOUR);
    assert_eq!(pool.clock().now(), ManualClock::start() + HOUR);
    assert_eq!(
        pool.claims(&token).issued_at(),
        Some(ManualClock::start() + HOUR)
    );
}

#[test]
fn claims_are_those_of_the_token_of_either_use() {
    let pool = TestPool::new();
    let claims = pool.claims(
        &pool
            .token()
            .client_credentials("caller")
            .scopes(["profiles/get"]),
    );
    assert_eq!(claims.client_id(), "caller");
    assert!(claims.has_scope("profiles/get"));
    let claims = pool.claims(&pool.token().id_token("user-1"));
    assert_eq!(
        (claims.token_use(), claims.username()),
        (TokenUse::Id, Some("user-1"))
    );
}

#[test]
#[should_panic(expected = "a token that is rejected has no claims: the token expired")]
fn a_rejected_token_has_no_claims() {
    let pool = TestPool::new();
    let _ = pool.claims(&pool.token().expired());
}

#[test]
fn claims_can_be_put_into_a_request() {
    let pool = TestPool::new();
    let request =
        Request::new(()).with_claims(pool.claims(&pool.token().client_credentials("caller")));
    assert_eq!(
        request.extensions().get::<Claims>().unwrap().client_id(),
        "caller"
    );
}

#[test]
fn neither_tokens_nor_keys_are_shown() {
    let pool = TestPool::new();
    let token = pool
        .token()
        .client_credentials("caller-in-debug")
        .claim("secret", "claim-in-debug");
    assert_eq!(format!("{token:?}"), "TokenBuilder { .. }");

    let shown = format!("{pool:#?}");
    assert!(shown.contains("eu-west-1_TestOnly1"), "{shown}");
    let jwks: Value = serde_json::from_str(&pool.jwks()).unwrap();
    assert!(
        !shown.contains(&jwks["keys"][0]["n"].as_str().unwrap()[..16]),
        "{shown}"
    );
    assert!(
        !shown.contains("PRIVATE") && !shown.contains("test-only-access"),
        "{shown}"
    );

    let authorization = token.authorization();
    assert!(authorization.is_sensitive());
    assert_eq!(format!("{authorization:?}"), "Sensitive");
    let sent = authorization.to_str().unwrap();
    assert!(verdict(&pool.verifier(), &token).is_ok());
    let compact = sent.strip_prefix("Bearer ").unwrap();
    assert!(pool.verifier().try_verify(compact).unwrap().is_ok());
}
