//! Which key sets have usable keys: RFC 7517 §4, §5.

use crate::{
    header::by_id_key,
    table::{Headers, Table, jwks},
    token::{Key, good},
};

pub(crate) fn cases(t: &mut Table) {
    const SKIP: &str = "RFC 7517 §5: unusable entries are ignored";
    for set in [
        "pool",
        "mixed",
        "plain",
        "key_ops_verify",
        "with_certificates",
        "unknown_members",
        "leading_zero",
        "same_key_twice",
        "same_kid_other_type",
        "same_kid_unusable_twin",
        "hundred_keys",
        "byte_escapes",
        "rsa_sizes",
        "exponents",
    ] {
        t.accepted(&format!("key_of_{set}"), SKIP, jwks(set), good());
    }
    for (set, rule) in [
        ("use_enc", "RFC 7517 §4.2"),
        ("use_other", "RFC 7517 §4.2"),
        ("key_ops_sign", "RFC 7517 §4.3"),
        ("key_ops_empty", "RFC 7517 §4.3"),
        ("alg_rs512", "RFC 7517 §4.4"),
        ("alg_ps256", "RFC 7517 §4.4"),
        ("alg_none", "RFC 7517 §4.4"),
        ("alg_oaep", "RFC 7517 §4.4"),
        ("no_kid", "RFC 7517 §4.5"),
        ("empty_kid", "RFC 7517 §4.5"),
        ("number_kid", "RFC 7517 §4.5"),
        ("two_keys_one_kid", "RFC 7517 §4.5"),
        ("even_modulus", "RFC 8017 §3.1"),
        ("padded_modulus", "RFC 7518 §6.3.1.1"),
        ("huge_modulus", "RFC 7518 §6.3.1.1"),
        ("empty_modulus", "RFC 7518 §6.3.1.1"),
        ("even_exponent", "RFC 8017 §3.1"),
        ("zero_exponent", "RFC 8017 §3.1"),
        ("huge_exponent", "RFC 8017 §3.1"),
    ] {
        t.accepted(
            &format!("other_key_beside_{set}"),
            SKIP,
            jwks(set),
            by_id_key(),
        );
        t.rejected(
            &format!("key_of_{set}"),
            rule,
            "unknown_key",
            &format!("other_key_beside_{set}"),
            jwks(set),
            good(),
        );
    }
    t.rejected(
        "empty_kid_asked_for",
        "RFC 7517 §4.5",
        "unknown_key",
        "other_key_beside_empty_kid",
        jwks("empty_kid"),
        good().member("kid", r#""""#),
    );
    t.rejected(
        "either_key_of_an_ambiguous_kid",
        "RFC 7517 §4.5",
        "unknown_key",
        "other_key_beside_two_keys_one_kid",
        jwks("two_keys_one_kid"),
        good().signed_with(Key::Unpublished),
    );
    t.accepted(
        "key_replaced_under_its_name",
        "RFC 7517 §4.5",
        jwks("kid_of_unpublished"),
        good().signed_with(Key::Unpublished),
    );
    t.rejected(
        "signature_of_a_replaced_key",
        "RFC 7517 §4.5",
        "invalid_signature",
        "key_replaced_under_its_name",
        jwks("kid_of_unpublished"),
        good(),
    );
    without_keys(t);
}

/// Without keys no signature can be judged: 503. A token that is wrong in another way is still
/// rejected.
fn without_keys(t: &mut Table) {
    const RULE: &str = "RFC 9110 §15.6.4: our trouble, not the caller's";
    for set in [
        "unreachable",
        "empty",
        "html",
        "empty_object",
        "no_keys",
        "keys_object",
        "keys_null",
        "bare_list",
        "bare_key",
        "in_a_list",
        "truncated",
        "trailing_text",
        "byte_order_mark",
        "keys_twice",
        "only_unusable",
        "hundred_and_one_keys",
        "too_large",
    ] {
        t.rejected(
            &format!("keys_{set}"),
            RULE,
            "keys_unavailable",
            "client_credentials",
            jwks(set),
            good(),
        );
    }
    let at = jwks("unreachable");
    for (name, reason, headers) in [
        ("missing_token", "missing_token", Headers::new()),
        (
            "malformed_token",
            "malformed_token",
            crate::table::bearer("a.b.c"),
        ),
        (
            "alg_none",
            "algorithm_not_allowed",
            crate::table::bearer(&good().member("alg", "\"none\"").build()),
        ),
        (
            "other_issuer",
            "issuer_not_allowed",
            crate::table::bearer(&good().claim("iss", "\"x\"").build()),
        ),
        (
            "expired",
            "expired",
            crate::table::bearer(&good().claim("exp", "1").build()),
        ),
        (
            "id_token",
            "token_use_not_allowed",
            crate::table::bearer(&crate::accepted::id_token().build()),
        ),
    ] {
        t.rejected(
            &format!("{name}_while_keys_are_unreachable"),
            "Rejected without a key, and so without a fetch",
            reason,
            "client_credentials",
            at,
            headers,
        )
        .twin = None;
    }
    t.rejected(
        "unknown_kid_while_keys_are_unreachable",
        RULE,
        "keys_unavailable",
        "client_credentials",
        at,
        good().member("kid", "\"x\""),
    )
    .twin = None;
}
