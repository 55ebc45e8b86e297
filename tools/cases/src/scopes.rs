//! Scopes: RFC 6749 §3.3, RFC 6750 §3.1, RFC 8693 §4.2.

use crate::{
    table::{At, Table, profile},
    token::{Token, good, user},
};

const RULE: &str = "RFC 6749 §3.3; RFC 8693 §4.2";

pub(crate) fn cases(t: &mut Table) {
    let scope = |text: &str| good().claim("scope", &format!("\"{text}\""));
    let at = profile("scope");
    let ok = |t: &mut Table, name: &str, at: At, token: Token| {
        t.accepted(name, RULE, at, token);
    };
    ok(t, "scope_alone", at, good());
    ok(t, "scope_first", at, scope("profiles/get profiles/post"));
    ok(t, "scope_last", at, scope("profiles/post profiles/get"));
    ok(
        t,
        "scope_given_twice",
        at,
        scope("profiles/get profiles/get"),
    );
    ok(t, "scope_between_two_spaces", at, scope("  profiles/get  "));
    ok(t, "scope_escaped", at, scope("profiles\\/get\\u0020x"));
    ok(t, "scope_of_a_user", at, user());
    ok(
        t,
        "scope_among_1000",
        at,
        scope(&format!("{}profiles/get", "s/1 ".repeat(1000))),
    );
    ok(
        t,
        "scope_beside_unicode",
        at,
        scope("\u{e9}t\u{e9} profiles/get"),
    );
    let partner = || {
        good().claim(
            "iss",
            r#""https://cognito-idp.us-east-1.amazonaws.com/us-east-1_TestOnly2""#,
        )
    };
    let shared = profile("partner_pool");
    ok(t, "scope_of_ours_by_our_pool", shared, good());
    ok(
        t,
        "scope_of_the_partner_by_the_partner",
        shared,
        partner().claim("scope", r#""partner/get""#),
    );
    for (name, twin, text) in [
        (
            "scope_of_ours_by_the_partner",
            "scope_of_ours_by_our_pool",
            "profiles/get",
        ),
        (
            "scope_of_a_longer_partner_by_the_partner",
            "scope_of_the_partner_by_the_partner",
            "partner/v2/get",
        ),
    ] {
        let token = partner().claim("scope", &format!("\"{text}\""));
        t.rejected(name, RULE, "insufficient_scope", twin, shared, token);
    }
    for (name, text) in [
        ("empty", ""),
        ("other", "profiles/post"),
        ("prefix", "profiles/ge"),
        ("longer", "profiles/get-all"),
        ("resource_alone", "profiles"),
        ("name_alone", "get"),
        ("upper_case", "PROFILES/GET"),
        ("capital", "Profiles/get"),
        ("wildcard", "*"),
        ("resource_wildcard", "profiles/*"),
        ("comma", "profiles/get,profiles/post"),
        ("semicolon", "profiles/get;profiles/post"),
        ("plus", "profiles/post+profiles/get"),
        ("tab", "profiles/post\\tprofiles/get"),
        ("newline", "profiles/post\\nprofiles/get"),
        ("carriage_return", "profiles/get\\r"),
        ("nbsp", "profiles/post\u{a0}profiles/get"),
        ("line_separator", "profiles/post\u{2028}profiles/get"),
        ("ideographic_space", "profiles/post\u{3000}profiles/get"),
        ("zero_width_space", "profiles/get\u{200b}"),
        ("nul", "profiles/get\\u0000"),
        ("percent", "profiles%2Fget"),
        ("backslash", "profiles\\\\get"),
        ("double_slash", "profiles//get"),
        ("slash_behind", "profiles/get/"),
        ("dot_segment", "profiles/./get"),
        ("homoglyph", "pr\u{43e}files/get"),
        ("fullwidth", "profiles\u{ff0f}get"),
        ("quoted", "\\\"profiles/get\\\""),
        ("list_in_a_string", "[\\\"profiles/get\\\"]"),
        ("split_by_a_space", "profiles /get"),
        ("joined", "profiles/getprofiles/post"),
        ("negated", "-profiles/get"),
        ("other_resource", "xprofiles/get"),
        ("openid", "openid profile email"),
        ("api_sign_in", "aws.cognito.signin.user.admin"),
    ] {
        t.rejected(
            &format!("scope_{name}"),
            RULE,
            "insufficient_scope",
            "scope_alone",
            at,
            scope(text),
        );
    }
    for (name, json) in [
        ("list", r#"["profiles/get"]"#),
        ("null", "null"),
        ("number", "1"),
        ("true", "true"),
        ("object", r#"{"profiles/get":true}"#),
        ("empty_list", "[]"),
    ] {
        t.rejected(
            &format!("scope_is_{name}"),
            RULE,
            "insufficient_scope",
            "scope_alone",
            at,
            good().claim("scope", json),
        );
    }
    t.rejected(
        "scope_missing",
        "RFC 6750 §3.1; scopes can be suppressed",
        "insufficient_scope",
        "scope_alone",
        at,
        good().without_claim("scope"),
    );
    for other in [
        "scp",
        "scopes",
        "Scope",
        "permissions",
        "roles",
        "cognito:groups",
        "custom:scope",
    ] {
        let name = other
            .replace(':', "_")
            .replace("Scope", "scope_in_another_case");
        t.rejected(
            &format!("scope_only_in_{name}"),
            RULE,
            "insufficient_scope",
            "scope_alone",
            at,
            good()
                .without_claim("scope")
                .claim(other, r#"["profiles/get"]"#),
        );
        t.rejected(
            &format!("scope_only_as_a_string_in_{name}"),
            RULE,
            "insufficient_scope",
            "scope_alone",
            at,
            good()
                .without_claim("scope")
                .claim(other, r#""profiles/get""#),
        );
    }
    t.rejected(
        "scope_in_the_header",
        RULE,
        "insufficient_scope",
        "scope_alone",
        at,
        good()
            .without_claim("scope")
            .member("scope", r#""profiles/get""#),
    );
    // The more serious finding is reported.
    for (name, reason, token) in [
        (
            "bad_signature_without_scope",
            "invalid_signature",
            scope("x").signed_with(crate::token::Key::Unpublished),
        ),
        (
            "other_issuer_without_scope",
            "issuer_not_allowed",
            scope("x").claim("iss", "\"x\""),
        ),
        (
            "unknown_key_without_scope",
            "unknown_key",
            scope("x").member("kid", "\"x\""),
        ),
        (
            "alg_none_without_scope",
            "algorithm_not_allowed",
            scope("x").member("alg", "\"none\""),
        ),
    ] {
        t.rejected(name, "RFC 6750 §3.1", reason, "scope_alone", at, token);
    }
    policies(t);
}

fn policies(t: &mut Table) {
    let scope = |text: &str| good().claim("scope", &format!("\"{text}\""));
    for (policy, good, met, unmet) in [
        (
            "both_scopes",
            "profiles/get profiles/post",
            &[
                "profiles/post profiles/get",
                "a profiles/get b profiles/post c",
            ][..],
            &[
                "profiles/get",
                "profiles/post",
                "profiles/get,profiles/post",
                "profiles/getprofiles/post",
                "profiles/get profiles/get",
                "admin",
                "",
            ][..],
        ),
        (
            "either_scope",
            "profiles/get",
            &[
                "profiles/post",
                "profiles/get profiles/post",
                "x profiles/post",
            ],
            &["profiles/put", "profiles", "", "profiles/get/profiles/post"],
        ),
        (
            "scopes_or_admin",
            "admin",
            &[
                "profiles/get profiles/post",
                "x admin",
                "profiles/get admin",
            ],
            &[
                "profiles/get",
                "profiles/post",
                "administrator",
                "Admin",
                "",
            ],
        ),
        (
            "url_scope",
            "https://api.example.com/v1/read:all",
            &["x https://api.example.com/v1/read:all"],
            &[
                "https://api.example.com/v1/read",
                "read:all",
                "http://api.example.com/v1/read:all",
                "https://api.example.com/v1/read:all/",
                "https://api.example.com/v1/",
                "",
            ],
        ),
    ] {
        let at = profile(policy);
        let twin = format!("{policy}_met");
        t.accepted(&twin, RULE, at, scope(good));
        for (index, text) in met.iter().enumerate() {
            t.accepted(&format!("{twin}_{index}"), RULE, at, scope(text));
        }
        for (index, text) in unmet.iter().enumerate() {
            t.rejected(
                &format!("{policy}_unmet_{index}"),
                RULE,
                "insufficient_scope",
                &twin,
                at,
                scope(text),
            );
        }
    }
}
