//! What a service configures beyond the pool: its own check, an age, a size, a description of
//! itself.

use crate::{
    accepted::sized,
    constants::NOW,
    table::{At, HERE, Headers, Table, authorization, bearer, profile},
    token::{Key, good},
};

pub(crate) fn cases(t: &mut Table) {
    checks(t);
    age(t);
    size(t);
    described(t);
}

/// The service's own check has its say after the signature and before the scopes.
fn checks(t: &mut Table) {
    for (name, reason) in [("check_forbids", "forbidden"), ("check_revokes", "revoked")] {
        let at = profile(name);
        t.rejected(
            name,
            "VerifierBuilder::check",
            reason,
            "client_credentials",
            at,
            good(),
        );
        t.rejected(
            &format!("{name}_but_first_the_signature"),
            "RFC 8725 §3.3",
            "invalid_signature",
            "client_credentials",
            at,
            good().signed_with(Key::Unpublished),
        )
        .twin = None;
        t.rejected(
            &format!("{name}_but_first_the_expiry"),
            "RFC 8725 §3.3",
            "expired",
            "client_credentials",
            at,
            good().claim("exp", "1"),
        )
        .twin = None;
    }
}

fn age(t: &mut Table) {
    const RULE: &str = "VerifierBuilder::max_token_age counts from iat";
    let at = |clock| At {
        clock,
        ..profile("max_token_age")
    };
    let twin = "young_enough";
    t.accepted("just_issued", RULE, at(NOW), good());
    t.accepted(twin, RULE, at(NOW + 609), good());
    t.rejected(
        "too_old_now",
        RULE,
        "token_too_old",
        twin,
        at(NOW + 610),
        good(),
    );
    t.rejected(
        "too_old_a_second_ago",
        RULE,
        "token_too_old",
        twin,
        at(NOW + 611),
        good(),
    );
    t.rejected(
        "too_old_although_it_lives_for_a_day",
        RULE,
        "token_too_old",
        "just_issued",
        at(NOW),
        good()
            .claim("iat", &(NOW - 43_200).to_string())
            .claim("exp", &(NOW + 43_200).to_string()),
    );
    t.rejected(
        "no_iat_where_an_age_is_demanded",
        RULE,
        "token_too_old",
        "just_issued",
        at(NOW),
        good().without_claim("iat"),
    );
    t.rejected(
        "old_auth_time_is_not_the_age",
        RULE,
        "token_too_old",
        "just_issued",
        at(NOW),
        good()
            .without_claim("iat")
            .claim("auth_time", &NOW.to_string()),
    );
    t.rejected(
        "iat_of_the_lowest_date",
        RULE,
        "token_too_old",
        "just_issued",
        at(NOW),
        good().claim("iat", "-62135596800"),
    );
    t.rejected(
        "expired_before_it_is_too_old",
        RULE,
        "expired",
        twin,
        at(NOW + 86_400),
        good(),
    );
}

fn size(t: &mut Table) {
    const RULE: &str = "VerifierBuilder::max_token_bytes; CVE-2025-30204";
    let at = profile("max_token_bytes");
    t.rejected(
        "a_byte_longer_than_is_configured",
        RULE,
        "token_too_large",
        "as_long_as_is_configured",
        at,
        sized(1001),
    );
    t.rejected(
        "a_byte_longer_than_the_default",
        RULE,
        "token_too_large",
        "as_long_as_is_allowed",
        HERE,
        sized(16 * 1024 + 1),
    );
    t.accepted(
        "longer_than_another_service_allows",
        RULE,
        HERE,
        sized(1001),
    );
}

/// Realm and metadata are in each challenge, and in none of the answers that a token cannot cure.
fn described(t: &mut Table) {
    const RULE: &str = "RFC 6750 §3; RFC 9110 §11.5; RFC 9728 §5.1";
    let at = profile("described");
    t.accepted("described", RULE, at, good());
    for (name, reason, headers) in [
        ("nothing", "missing_token", Headers::new()),
        (
            "no_token68",
            "malformed_credentials",
            authorization("Bearer a b"),
        ),
        (
            "two_fields",
            "multiple_credentials",
            [bearer("a"), bearer("b")].concat(),
        ),
        ("long", "token_too_large", bearer(&"a".repeat(20_000))),
        (
            "expired",
            "expired",
            bearer(&good().claim("exp", "1").build()),
        ),
        (
            "forged",
            "invalid_signature",
            bearer(&good().signed_with(Key::Unpublished).build()),
        ),
        (
            "without_scope",
            "insufficient_scope",
            bearer(&good().without_claim("scope").build()),
        ),
    ] {
        t.rejected(
            &format!("described_{name}"),
            RULE,
            reason,
            "described",
            at,
            headers,
        );
    }
    t.rejected(
        "described_without_keys",
        RULE,
        "keys_unavailable",
        "described",
        At {
            jwks: "unreachable",
            ..at
        },
        good(),
    );
}
