//! The protected header: `alg`, `kid`, `crit` and what must be ignored. RFC 7515 §4.1, RFC 8725 §3.

use crate::{
    key_sets::{PADDED_KID, UNICODE_KID, long_kid},
    table::{HERE, Table, jwks, profile},
    token::{Key, Token, foreign, good},
};

const TWIN: &str = "client_credentials";

pub(crate) fn cases(t: &mut Table) {
    algorithms(t);
    confusion(t);
    embedded_keys(t);
    key_names(t);
    extensions(t);
}

fn algorithms(t: &mut Table) {
    const NONE: &str = "RFC 8725 §3.2; CVE-2015-9235; CVE-2020-28042";
    const EXACT: &str = "RFC 7515 §4.1.1; RFC 8725 §3.1; CVE-2026-23993";
    for (index, none) in [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "n\\u006fne",
    ]
    .iter()
    .enumerate()
    {
        let alg = format!("\"{none}\"");
        t.rejected(
            &format!("alg_none_{index}"),
            NONE,
            "algorithm_not_allowed",
            TWIN,
            HERE,
            good().member("alg", &alg),
        );
        let unsigned = good().member("alg", &alg).build();
        let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        t.rejected(
            &format!("alg_none_{index}_unsigned"),
            NONE,
            "malformed_token",
            TWIN,
            HERE,
            unsigned,
        );
    }
    for (name, alg) in [
        ("empty", ""),
        ("lower_case", "rs256"),
        ("mixed_case", "Rs256"),
        ("leading_space", " RS256"),
        ("trailing_space", "RS256 "),
        ("nul", "RS256\\u0000"),
        ("hyphen", "RS-256"),
        ("longer", "RS2567"),
        ("shorter", "RS25"),
        ("rsa256", "RSA256"),
        ("sha256_with_rsa", "SHA256withRSA"),
        ("unknown", "XX256"),
        ("list_in_a_string", "RS256,none"),
        ("fullwidth", "\u{ff32}S256"),
        ("rsa_oaep", "RSA-OAEP"),
        ("hs256", "HS256"),
        ("rs1", "RS1"),
        ("uri", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
    ] {
        t.rejected(
            &format!("alg_{name}"),
            EXACT,
            "algorithm_not_allowed",
            TWIN,
            HERE,
            good().member("alg", &format!("\"{alg}\"")),
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("number", "256"),
        ("true", "true"),
        ("list", r#"["RS256"]"#),
        ("object", r#"{"RS256":1}"#),
    ] {
        t.rejected(
            &format!("alg_is_{name}"),
            EXACT,
            "malformed_header",
            TWIN,
            HERE,
            good().member("alg", json),
        );
    }
    t.rejected(
        "alg_missing",
        EXACT,
        "malformed_header",
        TWIN,
        HERE,
        good().without_member("alg"),
    );
    t.rejected(
        "alg_in_another_case",
        EXACT,
        "malformed_header",
        TWIN,
        HERE,
        good().without_member("alg").member("ALG", r#""RS256""#),
    );
    // Genuine signatures of other algorithms, under keys that are published for them, or for any.
    t.accepted("foreign_rs256", "RFC 7518 §3.3", HERE, foreign("rs256"));
    t.accepted(
        "rs256_among_other_keys",
        "RFC 7517 §5",
        jwks("mixed"),
        foreign("rs256"),
    );
    t.accepted(
        "rs256_with_a_plain_key",
        "RFC 7517 §4.4",
        jwks("plain"),
        foreign("rs256"),
    );
    for name in [
        "rs384", "rs512", "ps256", "ps384", "ps512", "es256", "es384", "es512", "eddsa",
    ] {
        t.rejected(
            &format!("genuine_{name}"),
            "RFC 8725 §3.1",
            "algorithm_not_allowed",
            "rs256_among_other_keys",
            jwks("mixed"),
            foreign(name),
        );
    }
    for name in ["rs384", "rs512", "ps256"] {
        t.rejected(
            &format!("genuine_{name}_with_a_plain_key"),
            "RFC 8725 §3.1; RFC 7517 §4.4",
            "algorithm_not_allowed",
            "rs256_with_a_plain_key",
            jwks("plain"),
            foreign(name),
        );
    }
    t.rejected(
        "blank_es256",
        "CVE-2022-21449",
        "algorithm_not_allowed",
        "rs256_among_other_keys",
        jwks("mixed"),
        foreign("es256_blank"),
    );
    t.rejected(
        "es256_said_to_be_rs256",
        "RFC 8725 §3.1",
        "unknown_key",
        "rs256_among_other_keys",
        jwks("mixed"),
        foreign("es256_as_rs256"),
    );
}

fn confusion(t: &mut Table) {
    for form in [
        "pem",
        "pem_without_newline",
        "pem_pkcs1",
        "der",
        "der_pkcs1",
        "jwk",
        "modulus",
        "modulus_base64url",
        "kid",
    ] {
        t.rejected(
            &format!("hs256_with_{form}"),
            "RFC 8725 §3.1; CVE-2016-10555; CVE-2023-48238; CVE-2026-22817",
            "algorithm_not_allowed",
            "foreign_rs256",
            HERE,
            foreign(&format!("hs256_{form}")),
        );
    }
    t.rejected(
        "hs256_with_an_empty_key",
        "CVE-2026-44351; CVE-2026-44699",
        "algorithm_not_allowed",
        "foreign_rs256",
        HERE,
        foreign("hs256_empty"),
    );
    t.rejected(
        "hs384_with_pem",
        "RFC 8725 §3.1",
        "algorithm_not_allowed",
        "foreign_rs256",
        HERE,
        foreign("hs384_pem"),
    );
    t.rejected(
        "hs512_with_pem",
        "RFC 8725 §3.1",
        "algorithm_not_allowed",
        "foreign_rs256",
        HERE,
        foreign("hs512_pem"),
    );
    t.rejected(
        "hs256_said_to_be_rs256",
        "RFC 8725 §3.1",
        "invalid_signature",
        "foreign_rs256",
        HERE,
        foreign("hs256_as_rs256"),
    );
    t.rejected(
        "hs256_with_a_published_secret",
        "RFC 8725 §3.1",
        "algorithm_not_allowed",
        "rs256_among_other_keys",
        jwks("mixed"),
        foreign("hs256_oct"),
    );
}

/// A key in the token is ignored, and a URL in it is never fetched.
fn embedded_keys(t: &mut Table) {
    const RULE: &str = "RFC 8725 §3.10; RFC 7515 §4.1.2-4.1.8; CVE-2018-0114; CVE-2026-27962";
    let attackers = serde_json::from_str::<serde_json::Value>(include_str!(
        "../../../fixtures/foreign/keys.json"
    ))
    .unwrap()["unpublished"]
        .to_string();
    for (name, json) in [
        ("jwk", attackers.clone()),
        ("jwks", format!(r#"{{"keys":[{attackers}]}}"#)),
        ("jku", r#""https://attacker.example/jwks.json""#.to_owned()),
        ("x5u", r#""https://attacker.example/cert.pem""#.to_owned()),
        ("x5c", r#"["MIIB"]"#.to_owned()),
        ("x5t", r#""AAAA""#.to_owned()),
        ("x5t#S256", r#""AAAA""#.to_owned()),
        ("iss", r#""https://attacker.example""#.to_owned()),
        ("url", r#""https://attacker.example""#.to_owned()),
    ] {
        let label = name.replace('#', "_").to_lowercase();
        let with = |token: Token| token.member(name, &json);
        let twin = format!("{label}_in_the_header_is_ignored");
        t.accepted(&twin, RULE, HERE, with(good()));
        t.rejected(
            &format!("{label}_and_our_kid"),
            RULE,
            "invalid_signature",
            &twin,
            HERE,
            with(good()).signed_with(Key::Unpublished),
        );
        t.rejected(
            &format!("{label}_and_its_kid"),
            RULE,
            "unknown_key",
            &twin,
            HERE,
            with(good())
                .member("kid", r#""test-only-unpublished""#)
                .signed_with(Key::Unpublished),
        );
        t.rejected(
            &format!("{label}_and_no_kid"),
            RULE,
            "malformed_header",
            &twin,
            HERE,
            with(good())
                .without_member("kid")
                .signed_with(Key::Unpublished),
        );
    }
    t.accepted(
        "key_in_the_claims_is_ignored",
        RULE,
        profile("cnf_ignored"),
        good()
            .claim("jwk", &attackers)
            .claim("cnf", &format!(r#"{{"jwk":{attackers}}}"#)),
    );
    t.rejected(
        "key_in_the_claims",
        RULE,
        "invalid_signature",
        "key_in_the_claims_is_ignored",
        profile("cnf_ignored"),
        good()
            .claim("jwk", &attackers)
            .claim("cnf", &format!(r#"{{"jwk":{attackers}}}"#))
            .signed_with(Key::Unpublished),
    );
    t.rejected(
        "keys_of_the_claimed_issuer",
        "RFC 8725 §3.10; CVE-2025-59936",
        "issuer_not_allowed",
        TWIN,
        HERE,
        good()
            .claim("iss", r#""https://attacker.example""#)
            .signed_with(Key::Unpublished),
    );
}

fn key_names(t: &mut Table) {
    const OPAQUE: &str = "RFC 7515 §4.1.4; RFC 8725 §3.10";
    for (name, kid) in [
        ("empty", ""),
        ("sql", "' OR 1=1 --"),
        ("traversal", "../../../../dev/null"),
        ("command", "x; cat /etc/passwd"),
        ("nul", "test-only-access\\u0000"),
        ("nul_and_more", "test-only-access\\u0000.pem"),
        ("upper_case", "TEST-ONLY-ACCESS"),
        ("leading_space", " test-only-access"),
        ("trailing_space", "test-only-access "),
        ("prefix", "test-only-acces"),
        ("longer", "test-only-access1"),
        ("padded", "test-only-access="),
        ("other_hyphen", "test\u{2010}only\u{2010}access"),
        ("percent", "test%2donly-access"),
        ("wildcard", "*"),
        ("pattern", "test-.*"),
        ("index", "0"),
        ("newline", "test-only-access\\n"),
        ("list_in_a_string", "test-only-access,test-only-id"),
        ("url", "https://attacker.example/key"),
        ("template", "${jndi:ldap://attacker.example}"),
        ("escape_sequence", "\\u001b[31mred"),
        ("proto", "__proto__"),
        ("random", "b3duZWQ"),
    ] {
        t.rejected(
            &format!("kid_{name}"),
            OPAQUE,
            "unknown_key",
            TWIN,
            HERE,
            good().member("kid", &format!("\"{kid}\"")),
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("number", "0"),
        ("true", "true"),
        ("list", r#"["test-only-access"]"#),
        ("object", "{}"),
    ] {
        t.rejected(
            &format!("kid_is_{name}"),
            OPAQUE,
            "malformed_header",
            TWIN,
            HERE,
            good().member("kid", json),
        );
    }
    t.rejected(
        "kid_missing",
        OPAQUE,
        "malformed_header",
        TWIN,
        HERE,
        good().without_member("kid"),
    );
    t.rejected(
        "kid_in_the_claims",
        OPAQUE,
        "malformed_header",
        TWIN,
        HERE,
        good()
            .without_member("kid")
            .claim("kid", r#""test-only-access""#),
    );
    t.rejected(
        "kid_in_another_case",
        OPAQUE,
        "malformed_header",
        TWIN,
        HERE,
        good()
            .without_member("kid")
            .member("KID", r#""test-only-access""#),
    );

    let named = |kid: &str| good().member("kid", &format!("\"{kid}\""));
    t.accepted(
        "kid_of_padded_base64",
        "AWS: kid is padded base64",
        jwks("padded_kid"),
        named(PADDED_KID),
    );
    for (name, kid) in [
        (
            "without_padding",
            PADDED_KID.trim_end_matches('=').to_owned(),
        ),
        ("url_safe", PADDED_KID.replace('/', "_").replace('+', "-")),
        (
            "url_safe_without_padding",
            PADDED_KID
                .replace('/', "_")
                .replace('+', "-")
                .replace('=', ""),
        ),
        ("other_case", PADDED_KID.to_lowercase()),
        ("more_padding", format!("{PADDED_KID}=")),
    ] {
        t.rejected(
            &format!("padded_kid_{name}"),
            OPAQUE,
            "unknown_key",
            "kid_of_padded_base64",
            jwks("padded_kid"),
            named(&kid),
        );
    }
    t.accepted(
        "kid_with_an_escaped_slash",
        "RFC 8259 §7",
        jwks("padded_kid"),
        named(&PADDED_KID.replace('/', r"\/")),
    );
    t.accepted(
        "kid_of_256_bytes",
        "kid is at most 256 bytes",
        jwks("long_kid"),
        named(&long_kid()),
    );
    t.rejected(
        "kid_of_255_bytes",
        OPAQUE,
        "unknown_key",
        "kid_of_256_bytes",
        jwks("long_kid"),
        named(&"k".repeat(255)),
    );
    t.rejected(
        "kid_of_257_bytes",
        "kid is at most 256 bytes",
        "malformed_header",
        "kid_of_256_bytes",
        jwks("long_kid"),
        named(&"k".repeat(257)),
    );
    t.rejected(
        "kid_of_10000_bytes",
        "kid is at most 256 bytes",
        "malformed_header",
        "kid_of_256_bytes",
        jwks("long_kid"),
        named(&"k".repeat(10_000)),
    );
    t.accepted(
        "id_key_beside_a_long_kid",
        "RFC 7517 §4.5",
        jwks("too_long_kid"),
        by_id_key(),
    );
    t.rejected(
        "kid_of_257_bytes_that_is_published",
        "kid is at most 256 bytes",
        "malformed_header",
        "id_key_beside_a_long_kid",
        jwks("too_long_kid"),
        named(&"k".repeat(257)),
    );
    t.accepted(
        "kid_of_unicode",
        OPAQUE,
        jwks("unicode_kid"),
        named(UNICODE_KID),
    );
    t.accepted(
        "kid_of_unicode_escaped",
        "RFC 8259 §7",
        jwks("unicode_kid"),
        named("cl\\u00e9-\\u00e9\\ud83d\\udd11"),
    );
    t.rejected(
        "kid_of_unicode_decomposed",
        OPAQUE,
        "unknown_key",
        "kid_of_unicode",
        jwks("unicode_kid"),
        named(&UNICODE_KID.replace('é', "e\u{301}")),
    );

    t.accepted(
        "signed_with_the_other_published_key",
        "RFC 7515 §4.1.4",
        HERE,
        by_id_key(),
    );
    t.rejected(
        "right_signature_wrong_kid",
        "RFC 7515 §4.1.4",
        "invalid_signature",
        "signed_with_the_other_published_key",
        HERE,
        good().signed_with(Key::Id),
    );
    t.rejected(
        "signed_with_an_unpublished_key",
        "RFC 7515 §4.1.4",
        "invalid_signature",
        TWIN,
        HERE,
        good().signed_with(Key::Unpublished),
    );
    t.rejected(
        "unpublished_key",
        "RFC 7515 §4.1.4",
        "unknown_key",
        TWIN,
        HERE,
        good()
            .member("kid", r#""test-only-unpublished""#)
            .signed_with(Key::Unpublished),
    );
    t.rejected(
        "withdrawn_key",
        "RFC 7517 §5",
        "unknown_key",
        TWIN,
        jwks("id_only"),
        good(),
    );
}

pub(crate) fn by_id_key() -> Token {
    good()
        .member("kid", r#""test-only-id""#)
        .signed_with(Key::Id)
}

fn extensions(t: &mut Table) {
    const CRIT: &str = "RFC 7515 §4.1.11; CVE-2025-59420; CVE-2026-32597; CVE-2026-35042";
    for (name, json) in [
        ("unknown", r#"["http://example.com/x"]"#),
        ("known_claim", r#"["exp"]"#),
        ("b64", r#"["b64"]"#),
        ("alg", r#"["alg"]"#),
        ("empty", "[]"),
        ("null", "null"),
        ("string", r#""exp""#),
        ("object", "{}"),
        ("number", "1"),
        ("false", "false"),
        ("of_numbers", "[1]"),
    ] {
        t.rejected(
            &format!("crit_{name}"),
            CRIT,
            "header_not_supported",
            TWIN,
            HERE,
            good().member("crit", json),
        );
    }
    t.rejected(
        "crit_and_what_it_names",
        CRIT,
        "header_not_supported",
        TWIN,
        HERE,
        good().member("crit", r#"["x"]"#).member("x", "1"),
    );
    t.rejected(
        "crit_escaped",
        CRIT,
        "header_not_supported",
        TWIN,
        HERE,
        good().member("cr\\u0069t", r#"["x"]"#),
    );
    for (name, json) in [
        ("false", "false"),
        ("true", "true"),
        ("null", "null"),
        ("string", "\"false\""),
    ] {
        t.rejected(
            &format!("b64_is_{name}"),
            "RFC 7797 §3, §7",
            "header_not_supported",
            TWIN,
            HERE,
            good().member("b64", json),
        );
    }
    t.rejected(
        "b64_false_and_critical",
        "RFC 7797 §6, §7",
        "header_not_supported",
        "foreign_rs256",
        HERE,
        foreign("b64_false"),
    );
    for (name, json) in [
        ("def", "\"DEF\""),
        ("null", "null"),
        ("empty", "\"\""),
        ("gzip", "\"GZIP\""),
    ] {
        t.rejected(
            &format!("zip_{name}"),
            "RFC 7516 §4.1.3; CVE-2024-33664",
            "header_not_supported",
            TWIN,
            HERE,
            good().member("zip", json),
        );
    }
    t.rejected(
        "deflated",
        "RFC 7516 §4.1.3; CVE-2024-33664",
        "header_not_supported",
        "foreign_rs256",
        HERE,
        foreign("deflated"),
    );
    t.rejected(
        "crit_and_alg_none",
        CRIT,
        "header_not_supported",
        TWIN,
        HERE,
        good().member("crit", "[]").member("alg", "\"none\""),
    );
    t.accepted(
        "enc_and_cty_are_ignored",
        "RFC 7515 §4",
        HERE,
        good()
            .member("enc", r#""A128GCM""#)
            .member("cty", r#""x""#)
            .member("p2c", "2147483647"),
    );
    t.accepted(
        "exp_in_the_header_is_ignored",
        "RFC 7519 §5.3",
        HERE,
        good().member("exp", "0").member("aud", "1"),
    );
}
