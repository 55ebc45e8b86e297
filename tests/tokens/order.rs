//! Which reason a token gets that is wrong in several ways: a stranger must not learn the
//! configuration from it, and an operator must learn what the token is.

use tower_cognito::{
    AllowedClients, AuthError, TokenUse, Verifier,
    testing::{Key, TestPool, TokenBuilder},
};

fn rejected(verifier: &Verifier, token: &TokenBuilder) -> AuthError {
    let verdict = verifier.try_verify(&token.build()).unwrap();
    verdict.map(drop).unwrap_err()
}

#[track_caller]
fn accepted(verifier: &Verifier, token: &TokenBuilder) {
    let verdict = verifier.try_verify(&token.build()).unwrap();
    assert_eq!(verdict.map(drop), Ok(()));
}

/// "Expired" tells a forger nothing. Any other reason would reveal which issuers, clients and
/// audiences are configured, and anyone can write a token that expired.
#[test]
fn dates_are_checked_before_anything_that_is_configured() {
    let pool = TestPool::new();
    let clients = AllowedClients::only(["1example23456789"]).unwrap();
    let verifier = Verifier::builder(pool.pinned_user_pool(), clients)
        .clock(pool.clock())
        .build()
        .unwrap();
    let good = || pool.token().client_id("1example23456789");
    accepted(&verifier, &good());
    for (wrong, reason) in [
        (good().other_issuer(), AuthError::IssuerNotAllowed),
        (
            good().claim("token_use", "id"),
            AuthError::TokenUseNotAllowed,
        ),
        (
            pool.token().client_id("2another23456789"),
            AuthError::ClientNotAllowed,
        ),
        (
            good().claim("aud", "https://other.example.com"),
            AuthError::AudienceNotAllowed,
        ),
    ] {
        assert_eq!(rejected(&verifier, &wrong), reason);
        for (dated, date) in [
            (wrong.clone().expired(), AuthError::Expired),
            (wrong.not_yet_valid(), AuthError::NotYetValid),
        ] {
            assert_eq!(rejected(&verifier, &dated), date, "and not {reason:?}");
        }
    }
    // The dates alone.
    assert_eq!(rejected(&verifier, &good().expired()), AuthError::Expired);
    let not_yet = good().not_yet_valid();
    assert_eq!(rejected(&verifier, &not_yet), AuthError::NotYetValid);
}

/// To send an ID token to a service for access tokens is a caller's most common mistake. Its `aud`
/// makes no difference.
#[test]
fn an_id_token_without_aud_is_reported_as_an_id_token() {
    let pool = TestPool::new();
    let access_only = pool.verifier();
    let both = pool
        .verifier_builder()
        .token_uses([TokenUse::Access, TokenUse::Id])
        .build()
        .unwrap();
    let id_token = || pool.token().signed_with(Key::Id).id_token("mary");
    let without_aud = id_token().without_claim("aud");
    for token in [id_token(), without_aud.clone()] {
        let reason = rejected(&access_only, &token);
        assert_eq!(reason, AuthError::TokenUseNotAllowed);
    }
    // Where it is accepted, only `aud` says whose it is.
    accepted(&both, &id_token());
    assert_eq!(rejected(&both, &without_aud), AuthError::MalformedClaims);
}

/// Only what has got as far as its key is worth decoding a signature for. Until then it is not
/// looked at, except that there is one, and that nothing follows it.
#[test]
fn the_signature_is_decoded_last() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let verdict = |token: &str| verifier.try_verify(token).unwrap().map(drop);
    let (good, expired) = (pool.token().build(), pool.token().expired().build());
    let unknown = pool.token().unknown_key().build();
    assert_eq!(verdict(&good), Ok(()));
    let edited = |token: &str, last: &str| format!("{}{last}", &token[..token.len() - 4]);
    for (last, reason) in [
        // Not base64url, which decides between 400 and 401.
        ("AA!A", AuthError::MalformedCredentials),
        ("AA+A", AuthError::MalformedToken),
        ("AAA=", AuthError::MalformedToken),
        // One character beyond a whole group stands for nothing.
        ("AAA", AuthError::MalformedToken),
        ("AAAA", AuthError::InvalidSignature),
    ] {
        assert_eq!(verdict(&edited(&good, last)), Err(reason), "{last}");
        assert_eq!(verdict(&edited(&expired, last)), Err(AuthError::Expired));
        assert_eq!(verdict(&edited(&unknown, last)), Err(AuthError::UnknownKey));
    }
    let (unsigned, _) = expired.rsplit_once('.').unwrap();
    for not_three_parts in [
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{expired}."),
        format!("{expired}.AAAA"),
        format!("{expired}.AAAA.AAAA"),
    ] {
        assert_eq!(verdict(&not_three_parts), Err(AuthError::MalformedToken));
    }
}
