//! Whose tokens are accepted, for what, and what they may grant: each setting with the token that
//! it decides about.

use tower_cognito::{
    AllowedClients, AuthError, Claims, ConfigError, Denied, ScopePolicy, TokenUse, UserPool,
    Verifier,
    testing::{Key, TestPool, TokenBuilder},
    verifier::VerifierBuilder,
};

const OURS: &str = "https://api.example.com/orders";

#[track_caller]
fn verdict(verifier: &Verifier, token: &TokenBuilder) -> Result<Claims, AuthError> {
    verifier.try_verify(&token.build()).unwrap()
}

#[track_caller]
fn accepted(verifier: &Verifier, token: &TokenBuilder) -> Claims {
    verdict(verifier, token).unwrap()
}

#[track_caller]
fn rejected(verifier: &Verifier, token: &TokenBuilder) -> AuthError {
    verdict(verifier, token).unwrap_err()
}

fn built(builder: VerifierBuilder) -> Verifier {
    builder.build().unwrap()
}

fn scopes(claims: &Claims) -> Vec<&str> {
    claims.scopes().collect()
}

#[test]
fn every_check_must_accept() {
    let pool = TestPool::new();
    let not_leaked = |claims: &Claims| match claims.client_id() {
        "leaked" => Err(Denied::revoked()),
        _ => Ok(()),
    };
    let known_subject = |claims: &Claims| match claims.subject() {
        None => Err(Denied::forbidden()),
        Some(_) => Ok(()),
    };
    let (leaked, nobody) = (
        pool.token().client_credentials("leaked"),
        pool.token().without_claim("sub"),
    );
    let verifiers = [
        pool.verifier_builder()
            .check(not_leaked)
            .check(known_subject),
        pool.verifier_builder()
            .check(known_subject)
            .check(not_leaked),
    ];
    for verifier in verifiers.map(built) {
        // The second time from the token cache.
        for _ in 0..2 {
            accepted(&verifier, &pool.token().client_credentials("other"));
            assert_eq!(rejected(&verifier, &leaked), AuthError::Revoked);
            assert_eq!(rejected(&verifier, &nobody), AuthError::Forbidden);
        }
    }
    accepted(&pool.verifier(), &leaked);
    accepted(&pool.verifier(), &nobody);
}

#[test]
fn the_first_check_that_denies_says_why() {
    let pool = TestPool::new();
    let verifier = built(
        pool.verifier_builder()
            .check(|_| Err(Denied::forbidden()))
            .check(|_| Err(Denied::revoked())),
    );
    assert_eq!(rejected(&verifier, &pool.token()), AuthError::Forbidden);
}

#[test]
fn a_set_of_token_uses_is_accepted_and_each_token_says_which_it_is() {
    let pool = TestPool::new();
    let (access, id) = (pool.token(), pool.token().id_token("jane"));
    for (uses, access_is_accepted, id_is_accepted) in [
        (&[TokenUse::Access][..], true, false),
        (&[TokenUse::Id], false, true),
        (&[TokenUse::Access, TokenUse::Id], true, true),
        (&[TokenUse::Id, TokenUse::Access], true, true),
    ] {
        let verifier = built(pool.verifier_builder().token_uses(uses.iter().copied()));
        for (token, is_accepted, token_use) in [
            (&access, access_is_accepted, TokenUse::Access),
            (&id, id_is_accepted, TokenUse::Id),
        ] {
            let verdict = verdict(&verifier, token).map(|claims| claims.token_use());
            let expected = is_accepted
                .then_some(token_use)
                .ok_or(AuthError::TokenUseNotAllowed);
            assert_eq!(verdict, expected, "{uses:?}");
        }
    }
    // What says neither is not a Cognito token.
    let both = built(
        pool.verifier_builder()
            .token_uses([TokenUse::Access, TokenUse::Id]),
    );
    let neither = pool.token().claim("token_use", "refresh");
    assert_eq!(rejected(&both, &neither), AuthError::TokenUseNotAllowed);
}

#[test]
fn an_empty_set_of_token_uses_is_rejected() {
    let error = TestPool::new()
        .verifier_builder()
        .token_uses([])
        .build()
        .unwrap_err();
    assert!(matches!(error, ConfigError::EmptyList { .. }), "{error}");
}

#[test]
fn a_bound_audience_can_be_accepted_or_demanded() {
    let pool = TestPool::new();
    let by_default = pool.verifier();
    let accepting = built(pool.verifier_builder().accept_audience(OURS));
    let requiring = built(pool.verifier_builder().require_audience(OURS));
    let token = || pool.token().client_id("c");
    for (token, reaches) in [
        (token(), [true, true, false]),
        (token().claim("aud", "c"), [true, true, false]),
        (token().claim("aud", ["c"]), [true, true, false]),
        (token().claim("aud", OURS), [false, true, true]),
        (token().claim("aud", ["c", OURS]), [false, true, true]),
        (
            token().claim("aud", "https://other.example.com"),
            [false; 3],
        ),
        (
            token().claim("aud", ["c", "https://other.example.com"]),
            [false; 3],
        ),
    ] {
        for (verifier, reaches) in [&by_default, &accepting, &requiring]
            .into_iter()
            .zip(reaches)
        {
            match verdict(verifier, &token) {
                Ok(_) => assert!(reaches, "{token:?}"),
                Err(error) => {
                    assert_eq!(error, AuthError::AudienceNotAllowed);
                    assert!(!reaches, "{token:?}");
                }
            }
        }
    }
}

#[test]
fn an_id_token_is_not_bound_to_a_resource() {
    let pool = TestPool::new();
    let both = [TokenUse::Access, TokenUse::Id];
    let accepting = pool.verifier_builder().accept_audience(OURS);
    let requiring = pool.verifier_builder().require_audience(OURS);
    let id = pool.token().id_token("jane");
    accepted(&built(accepting.token_uses(both)), &id);
    let rejected = rejected(&built(requiring.token_uses(both)), &id);
    assert_eq!(rejected, AuthError::AudienceNotAllowed);
}

#[test]
fn an_audience_that_no_token_could_carry_is_rejected_and_quoted() {
    let pool = TestPool::new();
    for name in ["", "https://api.example.com\n"] {
        for builder in [
            pool.verifier_builder().accept_audience(name),
            pool.verifier_builder().require_audience(name),
        ] {
            let given = name.to_owned();
            let error = builder.build().unwrap_err();
            assert_eq!(error, ConfigError::InvalidAudience { given });
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }
}

#[test]
fn the_order_of_settings_changes_nothing() {
    let (ours, other) = (
        TestPool::new(),
        TestPool::with_id("eu-west-1_Other").unwrap(),
    );
    let rotated = ours.jwks_of([Key::Unpublished]);
    let pinned = |pool: &TestPool, jwks: &str| pool.user_pool().with_pinned_jwks(jwks).unwrap();
    // Each pool keeps the keys that it was given, wherever in the list it is.
    for (first, second) in [(&ours, &other), (&other, &ours)] {
        let trusted = |pool: &TestPool| match pool.user_pool().jwks_url() {
            url if url == ours.user_pool().jwks_url() => pinned(pool, &rotated),
            _ => pool.pinned_user_pool(),
        };
        let verifier = built(
            Verifier::builder(trusted(first), AllowedClients::any())
                .clock(ours.clock())
                .add_pool(trusted(second), AllowedClients::any()),
        );
        accepted(&verifier, &ours.token().signed_with(Key::Unpublished));
        accepted(&verifier, &other.token());
        assert_eq!(rejected(&verifier, &ours.token()), AuthError::UnknownKey);
    }
}

#[test]
fn the_keys_given_last_are_those_of_the_pool() {
    let pool = TestPool::new();
    let (old, new) = (pool.jwks(), pool.jwks_of([Key::Unpublished]));
    let trusted = pool.user_pool().with_seed_jwks(&old).unwrap();
    let trusted = trusted.with_pinned_jwks(&new).unwrap();
    let verifier = built(Verifier::builder(trusted, AllowedClients::any()).clock(pool.clock()));
    accepted(&verifier, &pool.token().signed_with(Key::Unpublished));
    assert_eq!(rejected(&verifier, &pool.token()), AuthError::UnknownKey);
}

#[test]
fn a_partner_pool_grants_scopes_of_its_own_resource_servers_only() {
    let (ours, partner) = (
        TestPool::new(),
        TestPool::with_id("eu-west-1_Partner").unwrap(),
    );
    let trusted = partner
        .pinned_user_pool()
        .with_resource_servers(["partner"])
        .unwrap();
    let verifier = built(
        Verifier::builder(ours.pinned_user_pool(), AllowedClients::any())
            .add_pool(trusted, AllowedClients::any())
            .clock(ours.clock()),
    );
    let granted = ["admin/write", "partner/read", "openid"];
    let admin = ScopePolicy::all_of(["admin/write"]).unwrap();

    for _ in 0..2 {
        let of_ours = accepted(&verifier, &ours.token().scopes(granted));
        assert_eq!(scopes(&of_ours), granted);
        assert!(admin.is_met_by(of_ours.scopes()));

        // The token stays accepted; only its claim to our scopes is ignored.
        let of_partner = accepted(&verifier, &partner.token().scopes(granted));
        assert_eq!(scopes(&of_partner), ["partner/read"]);
        assert!(!of_partner.has_scope("admin/write"));
        assert!(!admin.is_met_by(of_partner.scopes()));
    }
}

#[test]
fn a_list_of_resource_servers_grows_and_is_never_empty() {
    let none: [&str; 0] = [];
    let pool = TestPool::new();
    let error = pool.user_pool().with_resource_servers(none).unwrap_err();
    assert!(matches!(error, ConfigError::EmptyList { .. }), "{error}");
    let error = pool.user_pool().with_resource_servers(["a b"]).unwrap_err();
    assert!(
        matches!(error, ConfigError::InvalidResourceServer { .. }),
        "{error}"
    );

    let trusted = pool
        .pinned_user_pool()
        .with_resource_servers(["a"])
        .unwrap();
    let trusted = trusted
        .with_resource_servers(["https://b.example"])
        .unwrap();
    let verifier = built(Verifier::builder(trusted, AllowedClients::any()).clock(pool.clock()));
    let token = pool.token().scopes(["a/x", "https://b.example/y", "c/z"]);
    assert_eq!(
        scopes(&accepted(&verifier, &token)),
        ["a/x", "https://b.example/y"]
    );
}

/// `main() -> Result<(), Box<dyn Error>>` prints the `Debug` of what it returns.
#[test]
fn a_configuration_error_is_a_sentence_in_debug_too() {
    fn main() -> Result<(), Box<dyn std::error::Error>> {
        UserPool::new("eu-west-1-AbCdEf123")?;
        Ok(())
    }
    let error = main().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(
        format!("{error:?}").contains("is not a user pool id"),
        "{error:?}"
    );
}
