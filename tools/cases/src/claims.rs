//! `token_use`, `client_id`, `aud` and the claims that name someone. RFC 8725 §3.9-3.12, RFC 9068
//! §4.

use crate::{
    accepted::id_token,
    constants::CLIENT,
    table::{HERE, Table, profile},
    token::{Key, good, user},
};

const TWIN: &str = "client_credentials";

pub(crate) fn cases(t: &mut Table) {
    token_use(t);
    client_id(t);
    audience(t);
    names(t);
    confirmation(t);
}

fn token_use(t: &mut Table) {
    const RULE: &str = "RFC 8725 §3.11, §3.12; AWS developer guide, Verifying JSON web tokens";
    t.rejected(
        "id_token",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        id_token(),
    );
    t.rejected(
        "id_token_with_client_id",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        id_token().claim("client_id", &format!("\"{CLIENT}\"")),
    );
    t.rejected(
        "id_token_with_scope",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        id_token().claim("scope", r#""profiles/get""#),
    );
    t.rejected("identity_pool_token", RULE, "issuer_not_allowed", TWIN, HERE, good().raw_payload(
        r#"{"sub":"eu-west-1:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","aud":"eu-west-1:aaaaaaaa-bbbb-4ccc-8ddd-ffffffffffff","amr":["authenticated"],"iss":"https://cognito-identity.amazonaws.com","exp":1735690200,"iat":1735689600}"#,
    ).signed_with(Key::Unpublished));
    for (name, json) in [
        ("empty", r#""""#),
        ("upper_case", r#""ACCESS""#),
        ("capital", r#""Access""#),
        ("space_behind", r#""access ""#),
        ("space_in_front", r#"" access""#),
        ("refresh", r#""refresh""#),
        ("bearer", r#""bearer""#),
        ("both", r#""access id""#),
        ("prefix", r#""acces""#),
        ("nul_behind", r#""access\u0000""#),
    ] {
        t.rejected(
            &format!("token_use_{name}"),
            RULE,
            "token_use_not_allowed",
            TWIN,
            HERE,
            good().claim("token_use", json),
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("number", "1"),
        ("true", "true"),
        ("list", r#"["access"]"#),
        ("object", r#"{"access":true}"#),
    ] {
        t.rejected(
            &format!("token_use_is_{name}"),
            RULE,
            "malformed_claims",
            TWIN,
            HERE,
            good().claim("token_use", json),
        );
    }
    t.rejected(
        "token_use_missing",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        good().without_claim("token_use"),
    );
    t.rejected(
        "token_use_in_the_header",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        good()
            .without_claim("token_use")
            .member("token_use", r#""access""#),
    );
    t.rejected(
        "token_use_in_another_case",
        RULE,
        "token_use_not_allowed",
        TWIN,
        HERE,
        good()
            .without_claim("token_use")
            .claim("Token_use", r#""access""#),
    );
    let at = profile("both_token_uses");
    t.accepted("access_token_where_both_are_wanted", RULE, at, good());
    t.accepted("id_token_where_both_are_wanted", RULE, at, id_token());
    t.rejected(
        "neither_token_where_both_are_wanted",
        RULE,
        "token_use_not_allowed",
        "access_token_where_both_are_wanted",
        at,
        good().claim("token_use", r#""refresh""#),
    );
    let at = profile("id_tokens");
    t.rejected(
        "access_token_where_an_id_token_is_wanted",
        RULE,
        "token_use_not_allowed",
        "id_token_where_one_is_wanted",
        at,
        good(),
    );
    for (name, json) in [
        ("missing", None),
        ("list", Some(format!("[\"{CLIENT}\"]"))),
        ("null", Some("null".to_owned())),
        ("number", Some("7".to_owned())),
    ] {
        let token = match json {
            Some(json) => id_token().claim("aud", &json),
            None => id_token().without_claim("aud"),
        };
        t.rejected(
            &format!("id_token_aud_{name}"),
            "RFC 7519 §4.1.3",
            "malformed_claims",
            "id_token_where_one_is_wanted",
            at,
            token,
        );
    }
}

fn client_id(t: &mut Table) {
    const RULE: &str = "RFC 9068 §4; Cognito access tokens have no aud";
    let at = profile("two_clients");
    t.accepted("allowed_client", RULE, at, good());
    t.accepted(
        "other_allowed_client",
        RULE,
        at,
        good()
            .claim("client_id", r#""2example23456789""#)
            .claim("sub", r#""2example23456789""#),
    );
    t.accepted("allowed_client_of_a_user", RULE, at, user());
    for (name, id) in [
        ("unknown", "3example23456789"),
        ("empty", ""),
        ("prefix", "1example2345678"),
        ("longer", "1example234567890"),
        ("upper_case", "1EXAMPLE23456789"),
        ("space_behind", "1example23456789 "),
        ("nul_behind", "1example23456789\\u0000"),
        ("both", "1example23456789 2example23456789"),
        ("comma", "1example23456789,2example23456789"),
        ("wildcard", "*"),
    ] {
        t.rejected(
            &format!("client_id_{name}"),
            RULE,
            "client_not_allowed",
            "allowed_client",
            at,
            good().claim("client_id", &format!("\"{id}\"")),
        );
    }
    for (name, json) in [
        ("null", "null".to_owned()),
        ("number", "1".to_owned()),
        ("list", format!("[\"{CLIENT}\"]")),
        ("object", format!("{{\"{CLIENT}\":1}}")),
        ("true", "true".to_owned()),
    ] {
        t.rejected(
            &format!("client_id_is_{name}"),
            RULE,
            "malformed_claims",
            "allowed_client",
            at,
            good().claim("client_id", &json),
        );
        t.rejected(
            &format!("client_id_is_{name}_where_any_is_allowed"),
            RULE,
            "malformed_claims",
            TWIN,
            HERE,
            good().claim("client_id", &json),
        );
    }
    t.rejected(
        "client_id_missing",
        RULE,
        "malformed_claims",
        "allowed_client",
        at,
        good().without_claim("client_id"),
    );
    t.rejected(
        "client_id_missing_where_any_is_allowed",
        RULE,
        "malformed_claims",
        TWIN,
        HERE,
        good().without_claim("client_id"),
    );
    for other in ["aud", "azp", "sub", "cid", "clientId", "appid"] {
        t.rejected(
            &format!("client_id_only_in_{}", other.to_lowercase()),
            RULE,
            "malformed_claims",
            "allowed_client",
            at,
            good()
                .without_claim("client_id")
                .claim(other, &format!("\"{CLIENT}\"")),
        );
    }
    t.rejected(
        "allowed_client_in_azp_beside_another",
        RULE,
        "client_not_allowed",
        "allowed_client",
        at,
        good()
            .claim("client_id", r#""3example23456789""#)
            .claim("azp", &format!("\"{CLIENT}\""))
            .claim("aud", &format!("\"{CLIENT}\"")),
    );
}

fn audience(t: &mut Table) {
    const RULE: &str = "RFC 7519 §4.1.3; RFC 8725 §3.9; AWS developer guide, Resource binding";
    let ours = "https://api.example.com";
    for (name, json) in [
        ("other", r#""https://other.example.com""#.to_owned()),
        ("others", r#"["https://other.example.com","x"]"#.to_owned()),
        ("empty", r#""""#.to_owned()),
        ("unconfigured", format!("\"{ours}\"")),
        ("prefix_of_the_client", r#""1example2345678""#.to_owned()),
    ] {
        t.rejected(
            &format!("aud_{name}"),
            RULE,
            "audience_not_allowed",
            "aud_of_the_own_client",
            HERE,
            good().claim("aud", &json),
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("number", "1"),
        ("true", "true"),
        ("object", "{}"),
        ("empty_list", "[]"),
        ("list_of_numbers", "[1]"),
        ("list_with_a_null", r#"["1example23456789",null]"#),
        ("list_of_lists", r#"[["1example23456789"]]"#),
    ] {
        t.rejected(
            &format!("aud_is_{name}"),
            RULE,
            "malformed_claims",
            "aud_of_the_own_client",
            HERE,
            good().claim("aud", json),
        );
    }
    t.rejected(
        "aud_of_the_own_client_and_another_resource",
        RULE,
        "audience_not_allowed",
        "aud_list_of_the_own_client",
        HERE,
        good().claim(
            "aud",
            &format!("[\"{CLIENT}\",\"https://other.example.com\"]"),
        ),
    );
    let at = profile("required_audience");
    for (name, json) in [
        ("ours", format!("\"{ours}\"")),
        ("ours_in_a_list", format!("[\"{ours}\"]")),
        (
            "ours_beside_the_own_client",
            format!("[\"{CLIENT}\",\"{ours}\"]"),
        ),
        ("ours_beside_another", format!("[\"x\",\"{ours}\"]")),
        ("ours_twice", format!("[\"{ours}\",\"{ours}\"]")),
        ("ours_escaped", r#""https:\/\/api.example.com""#.to_owned()),
        (
            "ours_in_code_points",
            r#""\u0068ttps://api.example.com""#.to_owned(),
        ),
        (
            "ours_behind_many",
            format!(
                "[{}\"{ours}\"]",
                r#""https://other.example.com","#.repeat(40)
            ),
        ),
    ] {
        t.accepted(
            &format!("required_audience_{name}"),
            RULE,
            at,
            good().claim("aud", &json),
        );
    }
    let bound = format!("\"{ours}\"");
    t.accepted(
        "required_audience_of_a_user",
        RULE,
        at,
        user().claim("aud", &bound),
    );
    t.accepted(
        "required_audience_of_a_user_through_an_agent",
        "RFC 8693 §4.1; RFC 8707 §2",
        at,
        user()
            .claim("aud", &bound)
            .claim("act", r#"{"sub":"2example23456789"}"#),
    );
    for (name, token) in [
        ("absent", good()),
        ("own_client", good().claim("aud", &format!("\"{CLIENT}\""))),
        (
            "own_client_and_another",
            good().claim("aud", &format!("[\"{CLIENT}\",\"x\"]")),
        ),
        (
            "other",
            good().claim("aud", "\"https://other.example.com\""),
        ),
        ("prefix", good().claim("aud", "\"https://api.example.co\"")),
        (
            "others",
            good().claim(
                "aud",
                r#"["https://api.example.co","https://api.example.com.au"]"#,
            ),
        ),
        ("empty", good().claim("aud", r#""""#)),
        (
            "slash_behind",
            good().claim("aud", r#""https://api.example.com/""#),
        ),
        (
            "path_behind",
            good().claim("aud", r#""https://api.example.com/mcp""#),
        ),
        (
            "port_behind",
            good().claim("aud", r#""https://api.example.com:443""#),
        ),
        (
            "fragment_behind",
            good().claim("aud", r#""https://api.example.com#x""#),
        ),
        (
            "upper_case",
            good().claim("aud", r#""HTTPS://API.EXAMPLE.COM""#),
        ),
        (
            "percent_encoded",
            good().claim("aud", r#""https://api%2Eexample.com""#),
        ),
        (
            "of_plain_http",
            good().claim("aud", r#""http://api.example.com""#),
        ),
        (
            "space_before",
            good().claim("aud", r#"" https://api.example.com""#),
        ),
        (
            "line_break_behind",
            good().claim("aud", r#""https://api.example.com\n""#),
        ),
        (
            "nul_behind",
            good().claim("aud", r#""https://api.example.com\u0000""#),
        ),
        (
            "ours_and_more_in_a_string",
            good().claim("aud", r#""https://api.example.com x""#),
        ),
        (
            "list_in_a_string",
            good().claim("aud", r#""[\"https://api.example.com\"]""#),
        ),
        (
            "in_resource_instead",
            good().claim("resource", r#""https://api.example.com""#),
        ),
    ] {
        t.rejected(
            &format!("required_audience_{name}"),
            RULE,
            "audience_not_allowed",
            "required_audience_ours",
            at,
            token,
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("number", "1"),
        ("object_with_ours", r#"{"https://api.example.com":true}"#),
        ("empty_list", "[]"),
        ("ours_beside_a_number", r#"["https://api.example.com",1]"#),
        ("ours_beside_null", r#"[null,"https://api.example.com"]"#),
        (
            "ours_in_a_list_of_lists",
            r#"[["https://api.example.com"]]"#,
        ),
    ] {
        t.rejected(
            &format!("required_audience_is_{name}"),
            RULE,
            "malformed_claims",
            "required_audience_ours",
            at,
            good().claim("aud", json),
        );
    }
    let at = profile("two_required_audiences");
    for (name, json) in [
        ("first", r#""https://api.example.com""#),
        ("second", r#""https://mcp.example.com/mcp""#),
        (
            "both",
            r#"["https://mcp.example.com/mcp","https://api.example.com"]"#,
        ),
    ] {
        t.accepted(
            &format!("two_required_audiences_{name}"),
            RULE,
            at,
            good().claim("aud", json),
        );
    }
    for (name, json) in [
        (
            "joined",
            r#""https://api.example.com https://mcp.example.com/mcp""#,
        ),
        ("parent_of_the_second", r#""https://mcp.example.com""#),
        ("neither", r#""https://other.example.com""#),
    ] {
        t.rejected(
            &format!("two_required_audiences_{name}"),
            RULE,
            "audience_not_allowed",
            "two_required_audiences_second",
            at,
            good().claim("aud", json),
        );
    }
    let at = profile("audience");
    t.accepted(
        "audience_ours_beside_the_own_client",
        RULE,
        at,
        good().claim("aud", &format!("[\"{CLIENT}\",\"{ours}\"]")),
    );
    t.rejected(
        "audience_own_client_and_another",
        RULE,
        "audience_not_allowed",
        "audience_ours_beside_the_own_client",
        at,
        good().claim("aud", &format!("[\"{CLIENT}\",\"x\"]")),
    );
    t.accepted("audience_absent", RULE, at, good());
    t.accepted(
        "audience_ours",
        RULE,
        at,
        good().claim("aud", &format!("\"{ours}\"")),
    );
    t.accepted(
        "audience_ours_among_others",
        RULE,
        at,
        good().claim("aud", &format!("[\"x\",\"{ours}\"]")),
    );
    t.accepted(
        "audience_ours_escaped",
        RULE,
        at,
        good().claim("aud", r#"["https:\/\/api.example.com"]"#),
    );
    t.accepted(
        "audience_of_the_own_client",
        RULE,
        at,
        good().claim("aud", &format!("\"{CLIENT}\"")),
    );
    for (name, json) in [
        ("other", r#""https://other.example.com""#),
        ("slash_behind", r#""https://api.example.com/""#),
        ("prefix", r#""https://api.example.co""#),
        ("upper_case", r#""HTTPS://API.EXAMPLE.COM""#),
        ("both_in_a_string", r#""x https://api.example.com""#),
        (
            "others",
            r#"["x","https://api.example.com.attacker.example"]"#,
        ),
        ("empty", r#""""#),
    ] {
        t.rejected(
            &format!("audience_{name}"),
            RULE,
            "audience_not_allowed",
            "audience_ours",
            at,
            good().claim("aud", json),
        );
    }
}

/// A token that is bound to a key or certificate is not a bearer token.
fn confirmation(t: &mut Table) {
    const RULE: &str = "RFC 7800 §3.1; RFC 9449 §7.2; RFC 8705 §3";
    for (name, json) in [
        (
            "dpop",
            r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
        ),
        (
            "mtls",
            r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#,
        ),
        ("empty", "{}"),
        ("null", "null"),
        ("string", r#""jkt""#),
    ] {
        t.rejected(
            &format!("cnf_{name}"),
            RULE,
            "sender_constrained",
            TWIN,
            HERE,
            good().claim("cnf", json),
        );
    }
    t.rejected(
        "cnf_escaped",
        RULE,
        "sender_constrained",
        TWIN,
        HERE,
        good().claim("c\\u006ef", r#"{"jkt":"AAAA"}"#),
    );
    t.rejected(
        "cnf_twice",
        RULE,
        "malformed_claims",
        "cnf_of_another_meaning",
        profile("cnf_ignored"),
        good()
            .claim("cnf", r#"{"jkt":"AAAA"}"#)
            .also_claim("cnf", r#"{"jkt":"AAAA"}"#),
    );
    t.accepted(
        "cnf_of_another_meaning",
        "A trigger may write any claim",
        profile("cnf_ignored"),
        good().claim("cnf", r#"{"jkt":"AAAA"}"#),
    );
}

fn names(t: &mut Table) {
    const RULE: &str = "RFC 7519 §4.1.2, §4.1.7: a StringOrURI";
    for (claim, twin) in [
        ("sub", TWIN),
        ("jti", TWIN),
        ("username", "user_with_groups"),
        ("cognito:username", "user_with_groups"),
    ] {
        for (name, json) in [
            ("null", "null"),
            ("number", "1"),
            ("true", "true"),
            ("list", r#"["x"]"#),
            ("object", "{}"),
        ] {
            let token = if twin == TWIN { good() } else { user() };
            t.rejected(
                &format!("{}_is_{name}", claim.replace(':', "_")),
                RULE,
                "malformed_claims",
                twin,
                HERE,
                token.claim(claim, json),
            );
        }
    }
    // What grants nothing when it is of another type must not reject a token that needs no grant.
    for (name, json) in [
        ("null", "null"),
        ("string", r#""readers""#),
        ("number", "1"),
        ("object", "{}"),
        ("mixed", r#"["readers",1]"#),
        ("nested", r#"[["readers"]]"#),
    ] {
        t.accepted(
            &format!("groups_is_{name}"),
            "groups of another type grant nothing",
            HERE,
            user().claim("cognito:groups", json),
        );
    }
    for (name, json) in [
        ("null", "null"),
        ("list", r#"["profiles/get"]"#),
        ("number", "1"),
        ("object", "{}"),
        ("true", "true"),
    ] {
        t.accepted(
            &format!("scope_is_{name}_where_none_is_needed"),
            "a scope of another type grants nothing",
            HERE,
            good().claim("scope", json),
        );
    }
    t.accepted("sub_is_empty", RULE, HERE, good().claim("sub", r#""""#));
    t.accepted(
        "user_like_a_client",
        "A user name makes it a user's token",
        HERE,
        good().claim("username", &format!("\"{CLIENT}\"")),
    );
    t.accepted(
        "client_whose_sub_differs",
        "sub is not the client's id",
        HERE,
        good().claim("sub", r#""someone""#),
    );
}
