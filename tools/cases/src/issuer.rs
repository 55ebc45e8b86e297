//! `iss`: one string, byte-equal to an accepted issuer. RFC 8725 §3.8, RFC 7519 §4.1.1.

use crate::{
    constants::{CLIENT, ISSUER},
    table::{At, HERE, Table, profile},
    token::good,
};

const RULE: &str = "RFC 8725 §3.8; CVE-2025-30144; CVE-2024-53861";
const TWIN: &str = "client_credentials";

pub(crate) fn cases(t: &mut Table) {
    for (name, iss) in [
        ("empty", String::new()),
        ("prefix", ISSUER[..ISSUER.len() - 1].to_owned()),
        ("longer", format!("{ISSUER}x")),
        (
            "host_alone",
            "https://cognito-idp.eu-west-1.amazonaws.com".to_owned(),
        ),
        ("slash_behind", format!("{ISSUER}/")),
        ("space_behind", format!("{ISSUER} ")),
        ("space_in_front", format!(" {ISSUER}")),
        ("newline_behind", format!("{ISSUER}\\n")),
        ("nul_behind", format!("{ISSUER}\\u0000")),
        (
            "upper_case_host",
            ISSUER.replace("cognito-idp", "COGNITO-IDP"),
        ),
        ("upper_case_scheme", ISSUER.replace("https", "HTTPS")),
        ("lower_case_pool", ISSUER.to_lowercase()),
        ("http", ISSUER.replace("https", "http")),
        ("no_scheme", ISSUER.replace("https://", "")),
        ("port", ISSUER.replace(".com", ".com:443")),
        ("trailing_dot_host", ISSUER.replace(".com", ".com.")),
        ("user_info", ISSUER.replace("https://", "https://x@")),
        (
            "attackers_host_behind",
            ISSUER.replace(".amazonaws.com", ".amazonaws.com.attacker.example"),
        ),
        (
            "attackers_host_in_front",
            format!("https://attacker.example/{ISSUER}"),
        ),
        (
            "attackers_user_info",
            ISSUER.replace(".com/", ".com@attacker.example/"),
        ),
        ("in_a_query", format!("https://attacker.example/?{ISSUER}")),
        (
            "in_a_fragment",
            format!("https://attacker.example/#{ISSUER}"),
        ),
        ("query", format!("{ISSUER}?x")),
        ("fragment", format!("{ISSUER}#x")),
        ("jwks_url", format!("{ISSUER}/.well-known/jwks.json")),
        ("dot_segment", ISSUER.replace("/eu", "/x/../eu")),
        ("double_slash", ISSUER.replace("com/", "com//")),
        ("backslash", ISSUER.replace("com/", "com\\\\")),
        ("percent", ISSUER.replace('_', "%5F")),
        ("homoglyph", ISSUER.replace("cognito", "c\u{43e}gnito")),
        ("fullwidth", ISSUER.replace("eu-west", "\u{ff45}u-west")),
        ("other_pool", ISSUER.replace("TestOnly1", "TestOnly2")),
        ("other_region", ISSUER.replace("eu-west-1", "us-east-1")),
        (
            "other_region_same_pool",
            ISSUER.replacen("eu-west-1", "us-west-2", 1),
        ),
        (
            "same_region_other_pool_region",
            ISSUER.replace("/eu-west-1", "/us-west-2"),
        ),
        ("china", ISSUER.replace(".com", ".com.cn")),
        ("fips", ISSUER.replace("cognito-idp", "cognito-idp-fips")),
        (
            "updated_prefix",
            ISSUER.replace("cognito-idp", "xissuer-cognito-idp"),
        ),
        (
            "updated_other_region",
            ISSUER.replacen("cognito-idp.eu-west-1", "issuer-cognito-idp.us-west-2", 1),
        ),
        (
            "auth_domain",
            "https://shop.auth.eu-west-1.amazoncognito.com".to_owned(),
        ),
        (
            "identity_pool",
            "https://cognito-identity.amazonaws.com".to_owned(),
        ),
        ("pool_id", "eu-west-1_TestOnly1".to_owned()),
        ("list_in_a_string", format!("{ISSUER},{ISSUER}")),
        ("null_in_a_string", "null".to_owned()),
    ] {
        t.rejected(
            &format!("iss_{name}"),
            RULE,
            "issuer_not_allowed",
            TWIN,
            HERE,
            good().claim("iss", &format!("\"{iss}\"")),
        );
    }
    for (name, json) in [
        ("null", "null".to_owned()),
        ("number", "1".to_owned()),
        ("true", "true".to_owned()),
        ("list", format!("[\"{ISSUER}\"]")),
        (
            "list_with_another",
            format!("[\"https://attacker.example\",\"{ISSUER}\"]"),
        ),
        ("empty_list", "[]".to_owned()),
        ("object", format!("{{\"{ISSUER}\":1}}")),
    ] {
        t.rejected(
            &format!("iss_is_{name}"),
            RULE,
            "malformed_claims",
            TWIN,
            HERE,
            good().claim("iss", &json),
        );
    }
    t.rejected(
        "iss_missing",
        RULE,
        "malformed_claims",
        TWIN,
        HERE,
        good().without_claim("iss"),
    );
    t.rejected(
        "iss_in_the_header",
        RULE,
        "malformed_claims",
        TWIN,
        HERE,
        good()
            .without_claim("iss")
            .member("iss", &format!("\"{ISSUER}\"")),
    );
    t.rejected(
        "iss_in_another_case",
        RULE,
        "malformed_claims",
        TWIN,
        HERE,
        good()
            .without_claim("iss")
            .claim("ISS", &format!("\"{ISSUER}\"")),
    );
    configured(t);
}

fn configured(t: &mut Table) {
    let iss = |iss: &str| good().claim("iss", &format!("\"{iss}\""));
    let replica = ISSUER.replacen("eu-west-1", "us-west-2", 1);
    let updated = ISSUER.replacen("cognito-idp", "issuer-cognito-idp", 1);
    let at = profile("replica");
    t.accepted("replica_original_region", RULE, at, good());
    t.accepted("replica_updated_host", RULE, at, iss(&updated));
    for (name, value) in [
        (
            "updated_host_of_the_replica",
            replica.replacen("cognito-idp", "issuer-cognito-idp", 1),
        ),
        ("third_region", ISSUER.replacen("eu-west-1", "us-east-1", 1)),
        (
            "replica_as_a_pool_of_its_own",
            ISSUER.replace("eu-west-1", "us-west-2"),
        ),
    ] {
        t.rejected(
            &format!("iss_{name}"),
            "AWS developer guide, Multi-Region replication",
            "issuer_not_allowed",
            "replica_original_region",
            at,
            iss(&value),
        );
    }
    let at = profile("exact_issuer");
    t.accepted("exact_issuer", RULE, at, good());
    t.rejected(
        "exact_issuer_other_host",
        RULE,
        "issuer_not_allowed",
        "exact_issuer",
        at,
        iss(&updated),
    );
    t.rejected(
        "exact_issuer_replica",
        RULE,
        "issuer_not_allowed",
        "exact_issuer",
        at,
        iss(&replica),
    );
    let at = profile("emulator");
    t.accepted(
        "emulator_issuer",
        RULE,
        at,
        iss("http://127.0.0.1:4566/local_TestOnly1"),
    );
    t.rejected(
        "emulator_other_loopback_name",
        RULE,
        "issuer_not_allowed",
        "emulator_issuer",
        at,
        iss("http://localhost:4566/local_TestOnly1"),
    );
    two_pools(t, profile("two_pools"));
}

/// Each pool vouches for its own clients only.
fn two_pools(t: &mut Table, at: At) {
    let second = || {
        good().claim(
            "iss",
            r#""https://cognito-idp.us-east-1.amazonaws.com/us-east-1_TestOnly2""#,
        )
    };
    let other = r#""2example23456789""#;
    t.accepted("first_pool", "RFC 8725 §3.8", at, good());
    t.accepted(
        "second_pool",
        "RFC 8725 §3.8",
        at,
        second().claim("client_id", other).claim("sub", other),
    );
    t.rejected(
        "client_of_the_second_pool_in_the_first",
        "RFC 8725 §3.8; RFC 9068 §4",
        "client_not_allowed",
        "first_pool",
        at,
        good().claim("client_id", other),
    );
    t.rejected(
        "client_of_the_first_pool_in_the_second",
        "RFC 8725 §3.8; RFC 9068 §4",
        "client_not_allowed",
        "second_pool",
        at,
        second().claim("client_id", &format!("\"{CLIENT}\"")),
    );
    t.rejected(
        "third_pool",
        "RFC 8725 §3.8",
        "issuer_not_allowed",
        "first_pool",
        at,
        good().claim(
            "iss",
            r#""https://cognito-idp.us-east-1.amazonaws.com/us-east-1_TestOnly3""#,
        ),
    );
}
