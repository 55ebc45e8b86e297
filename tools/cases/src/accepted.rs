//! What Cognito issues today, and what it may issue tomorrow: all of it must be accepted.

use crate::{
    constants::{CLIENT, ISSUER, NOW},
    table::{At, HERE, Table, profile},
    token::{Token, encode, good, user},
};

const SHAPE: &str = "AWS developer guide, Understanding the access token";
const TRIGGER: &str = "AWS developer guide, Pre token generation Lambda trigger";

pub(crate) fn cases(t: &mut Table) {
    shapes(t);
    triggers(t);
    json(t);
    sizes(t);
}

fn shapes(t: &mut Table) {
    let ok = |t: &mut Table, name, token: Token| {
        t.accepted(name, SHAPE, HERE, token);
    };
    ok(t, "client_credentials", good());
    ok(t, "user_with_groups", user());
    ok(
        t,
        "user_without_groups",
        user().without_claim("cognito:groups"),
    );
    ok(
        t,
        "user_of_an_api_sign_in",
        user().claim("scope", r#""aws.cognito.signin.user.admin""#),
    );
    ok(
        t,
        "user_with_a_device",
        user().claim(
            "device_key",
            r#""eu-west-1_aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee""#,
        ),
    );
    ok(
        t,
        "user_of_a_federation",
        user()
            .claim("username", r#""SAML_mary@example.com""#)
            .claim("cognito:groups", r#"["eu-west-1_TestOnly1_SAML"]"#),
    );
    ok(
        t,
        "user_whose_name_is_unicode",
        user().claim("username", "\"мария 🙂\""),
    );
    ok(
        t,
        "user_in_a_group_with_a_comma",
        user().claim("cognito:groups", r#"["a,b","c d",""]"#),
    );
    ok(t, "user_in_no_group", user().claim("cognito:groups", "[]"));
    ok(
        t,
        "user_in_500_groups",
        user().claim(
            "cognito:groups",
            &format!("[{}]", vec![r#""group-0123456789""#; 500].join(",")),
        ),
    );
    ok(
        t,
        "emulated_with_origin_jti",
        good()
            .without_claim("version")
            .claim("origin_jti", r#""00000000-0000-4000-8000-000000000002""#),
    );
    ok(t, "without_version", good().without_claim("version"));
    ok(t, "without_auth_time", good().without_claim("auth_time"));
    ok(t, "without_jti", good().without_claim("jti"));
    ok(t, "without_sub", good().without_claim("sub"));
    ok(t, "without_iat", good().without_claim("iat"));
    ok(
        t,
        "with_acr",
        user()
            .claim("acr", r#""urn:example:mfa""#)
            .claim("amr", r#"["pwd","otp"]"#),
    );
    ok(
        t,
        "derived_with_act",
        user().claim("act", r#"{"sub":"agent","act":{"sub":"tool"}}"#),
    );
    for (name, typ) in [
        ("typ_jwt", "JWT"),
        ("typ_at_jwt", "at+jwt"),
        ("typ_other", "x"),
    ] {
        ok(t, name, good().member("typ", &format!("\"{typ}\"")));
    }
    t.accepted(
        "bound_to_this_resource",
        "AWS developer guide, Resource binding; RFC 8707",
        profile("audience"),
        user().claim("aud", r#""https://api.example.com""#),
    );
    t.accepted(
        "updated_issuer_host",
        "AWS service model, IssuerConfiguration.Type UPDATED",
        HERE,
        good().claim(
            "iss",
            r#""https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1""#,
        ),
    );
    t.accepted(
        "replica_region",
        "AWS developer guide, Multi-Region replication",
        profile("replica"),
        good().claim(
            "iss",
            r#""https://cognito-idp.us-west-2.amazonaws.com/eu-west-1_TestOnly1""#,
        ),
    );
    t.accepted(
        "gov_cloud",
        "AWS GovCloud uses amazonaws.com",
        profile("us_gov"),
        good().claim(
            "iss",
            r#""https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_TestOnly3""#,
        ),
    );
    t.accepted(
        "emulator",
        "An issuer given exactly",
        profile("emulator"),
        good().claim("iss", r#""http://127.0.0.1:4566/local_TestOnly1""#),
    );
    t.accepted(
        "id_token_where_one_is_wanted",
        "AWS developer guide, Understanding the identity token",
        profile("id_tokens"),
        id_token(),
    );
}

/// What the trigger may add or suppress.
fn triggers(t: &mut Table) {
    let ok = |t: &mut Table, name, token: Token| {
        t.accepted(name, TRIGGER, HERE, token);
    };
    ok(t, "scopes_suppressed", good().without_claim("scope"));
    ok(
        t,
        "scope_empty_where_none_is_needed",
        good().claim("scope", r#""""#),
    );
    ok(
        t,
        "scopes_added",
        good().claim(
            "scope",
            r#""profiles/get tenant/7 https://api.example.com/read:all""#,
        ),
    );
    ok(
        t,
        "object_claim",
        good().claim("tenant", r#"{"id":7,"tags":["a",null,true,1.5,{"b":[]}]}"#),
    );
    ok(t, "array_claim", good().claim("roles", r#"["a","b"]"#));
    ok(t, "number_claim", good().claim("level", "-1.5e-3"));
    ok(
        t,
        "huge_number_claim",
        good().claim("big", "123456789012345678901234567890"),
    );
    ok(t, "null_claim", good().claim("nothing", "null"));
    ok(
        t,
        "unicode_claim",
        good().claim("name", "\"Zoë \u{1f600} \u{202e}\""),
    );
    ok(
        t,
        "escapes_in_a_claim",
        good().claim("text", r#""\u005a\/\b\f\n\r\t\"\\\ud83d\ude00""#),
    );
    ok(t, "nul_in_a_claim", good().claim("text", r#""a\u0000b""#));
    ok(t, "empty_name", good().claim("", "1"));
    ok(t, "unicode_name", good().claim("prénom", "1"));
    ok(
        t,
        "name_like_ours_in_another_case",
        good()
            .claim("Exp", "0")
            .claim("ISS", "\"x\"")
            .claim("Scope", "7"),
    );
    ok(
        t,
        "name_like_ours_with_a_space",
        good().claim(" exp", "0").claim("exp ", "0"),
    );
    ok(
        t,
        "aud_of_the_own_client",
        good().claim("aud", &format!("\"{CLIENT}\"")),
    );
    ok(
        t,
        "aud_list_of_the_own_client",
        good().claim("aud", &format!("[\"{CLIENT}\"]")),
    );
    ok(
        t,
        "deep_claim",
        good().claim("deep", &format!("{}{}", "[".repeat(100), "]".repeat(100))),
    );
    ok(
        t,
        "many_claims",
        (0..300).fold(good(), |token, n| token.claim(&format!("c{n}"), "1")),
    );
    ok(
        t,
        "unknown_claim_twice",
        good().also_claim("tenant", "1").also_claim("tenant", "2"),
    );
    ok(
        t,
        "nested_claims_named_like_ours",
        good().claim("custom", r#"{"exp":0,"iss":"x","exp":1}"#),
    );
}

/// Every way of writing the same JSON (RFC 8259).
fn json(t: &mut Table) {
    let ok = |t: &mut Table, name, token: Token| {
        t.accepted(name, "RFC 8259 §2, §7; RFC 7519 §7.2", HERE, token);
    };
    ok(t, "white_space_everywhere", good().spaced());
    ok(t, "user_with_white_space_everywhere", user().spaced());
    ok(t, "members_in_another_order", good().reversed());
    ok(t, "user_in_another_order", user().reversed());
    ok(
        t,
        "escaped_claim_names",
        good()
            .renamed_claim("exp", r"\u0065\u0078\u0070")
            .renamed_claim("iss", r"i\u0073s")
            .renamed_claim("client_id", r"client\u005fid"),
    );
    ok(
        t,
        "escaped_claim_values",
        good()
            .claim("iss", &format!("\"{}\"", ISSUER.replace('/', r"\/")))
            .claim("token_use", r#""\u0061ccess""#)
            .claim("client_id", r#""\u0031example23456789""#)
            .claim("scope", r#""profiles\/get""#),
    );
    ok(
        t,
        "escaped_space_between_scopes",
        good().claim("scope", r#""profiles\/get\u0020profiles/post""#),
    );
    ok(
        t,
        "escaped_user",
        user()
            .claim("username", r#""m\u0061ry""#)
            .claim("sub", r#""\u0061bc""#)
            .claim("jti", r#""\u0061bc""#)
            .claim("cognito:groups", r#"["re\u0061ders","st\u00e4ff"]"#),
    );
    ok(
        t,
        "escaped_header",
        good().raw_header(r#"{"k\u0069d":"test\u002donly-access","\u0061lg":"RS2\u00356"}"#),
    );
    ok(
        t,
        "surrogate_pair_in_the_header",
        good().member("x", r#""\ud83d\ude00""#),
    );
    ok(
        t,
        "unknown_members_in_the_header",
        good()
            .member("x", "1.5")
            .member("y", r#"{"alg":"none"}"#)
            .member("z", "null"),
    );
    ok(
        t,
        "header_member_twice_that_is_not_read",
        good().also_member("x", "1").also_member("x", "2"),
    );
}

fn sizes(t: &mut Table) {
    // 16 KiB is the default of `max_token_bytes`.
    for (name, bytes) in [
        ("as_long_as_is_allowed", 16 * 1024),
        ("a_byte_shorter", 16 * 1024 - 1),
    ] {
        t.accepted(name, "RFC 8725 §3.11; max_token_bytes", HERE, sized(bytes));
    }
    t.accepted(
        "as_long_as_is_configured",
        "max_token_bytes",
        profile("max_token_bytes"),
        sized(1000),
    );
    t.accepted(
        "five_thousand_claims_and_scopes",
        "AWS quota: claims and scopes per token",
        HERE,
        good().claim("scope", &format!("\"profiles/get{}\"", " s/1".repeat(2500))),
    );
    t.accepted(
        "at_another_time",
        "RFC 7519 §4.1.4",
        At {
            clock: NOW + 3599,
            ..HERE
        },
        good(),
    );
}

/// A token of exactly so many bytes, or of one less where base64url cannot hit it.
pub(crate) fn sized(bytes: usize) -> String {
    let empty = good().claim("filler", r#""""#);
    let header = encode(empty.header_bytes()).len();
    let signature = 342;
    let payload = (bytes - header - signature - 2) * 3 / 4;
    let filler = "x".repeat(payload - empty.payload_bytes().len());
    let token = good().claim("filler", &format!("\"{filler}\"")).build();
    if token.len() == bytes {
        return token;
    }
    // No base64url text has a length of 1 mod 4: move the rest into the header.
    let token = (1..4)
        .map(|n| {
            let pad = "y".repeat(n);
            let header = encode(good().member("y", &format!("\"{pad}\"")).header_bytes()).len();
            let payload = (bytes - header - signature - 2) * 3 / 4;
            let filler = "x".repeat(payload - empty.payload_bytes().len());
            good()
                .member("y", &format!("\"{pad}\""))
                .claim("filler", &format!("\"{filler}\""))
                .build()
        })
        .find(|token| token.len() == bytes);
    token.expect("some header makes the length possible")
}

pub(crate) fn id_token() -> Token {
    user()
        .claim("token_use", r#""id""#)
        .claim("aud", &format!("\"{CLIENT}\""))
        .claim("cognito:username", r#""mary""#)
        .without_claim("client_id")
        .without_claim("username")
        .without_claim("scope")
        .without_claim("version")
        .member("kid", r#""test-only-id""#)
        .signed_with(crate::token::Key::Id)
}
