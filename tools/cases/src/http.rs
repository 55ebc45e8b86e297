//! The request around the token: RFC 6750, RFC 9110.

use crate::{
    row::FieldValue,
    table::{HERE, Headers, Table, authorization, bearer, field, profile},
    token::{encode, good},
};

const GRAMMAR: &str = "RFC 6750 §2.1; RFC 9110 §11.2";
const SCHEME: &str = "RFC 9110 §11.1, §11.4";
const TWICE: &str = "RFC 9110 §5.3; RFC 6750 §3.1";
const ELSEWHERE: &str = "RFC 9700 §4.3.2; RFC 6750 §2";

pub(crate) fn cases(t: &mut Table) {
    let token = good().build();
    schemes(t, &token);
    grammar(t, &token);
    several(t, &token);
    elsewhere(t, &token);
    methods(t, &token);
    lengths(t);
}

fn schemes(t: &mut Table, token: &str) {
    t.accepted("bearer", SCHEME, HERE, bearer(token));
    for (name, value) in [
        ("bearer_lower_case", format!("bearer {token}")),
        ("bearer_upper_case", format!("BEARER {token}")),
        ("bearer_mixed_case", format!("bEaReR {token}")),
        ("bearer_two_spaces", format!("Bearer  {token}")),
        (
            "bearer_many_spaces",
            format!("Bearer {}{token}", " ".repeat(100)),
        ),
    ] {
        t.accepted(name, SCHEME, HERE, authorization(&value));
    }
    t.accepted(
        "field_name_in_another_case",
        "RFC 9110 §5.1",
        HERE,
        vec![field("AuThOrIzAtIoN", &format!("Bearer {token}"))],
    );
    t.rejected(
        "no_authorization",
        "RFC 6750 §3",
        "missing_token",
        "bearer",
        HERE,
        Headers::new(),
    );
    for (name, value) in [
        ("scheme_with_a_colon", format!("Bearer: {token}")),
        ("scheme_with_a_tab", format!("Bearer\t{token}")),
        ("scheme_with_an_equals_sign", format!("Bearer={token}")),
        ("scheme_with_a_comma", format!("Bearer,{token}")),
        ("scheme_with_nbsp", format!("Bearer\u{a0}{token}")),
    ] {
        t.rejected(
            name,
            SCHEME,
            "malformed_credentials",
            "bearer",
            HERE,
            authorization(&value),
        );
    }
    for (name, value) in [
        ("authorization_empty", String::new()),
        ("scheme_basic", "Basic dXNlcjpwYXNz".to_owned()),
        ("scheme_basic_with_the_token", format!("Basic {token}")),
        ("scheme_dpop", format!("DPoP {token}")),
        ("scheme_bearer2", format!("Bearer2 {token}")),
        ("scheme_stuck_to_the_token", format!("Bearer{token}")),
        ("scheme_in_quotes", format!("\"Bearer\" {token}")),
        ("scheme_prefix", format!("Beare {token}")),
        ("scheme_latin_letter", format!("B\u{e9}arer {token}")),
        (
            "scheme_fullwidth",
            format!("\u{ef}\u{bc}\u{a2}earer {token}"),
        ),
        ("scheme_after_a_space", format!(" Bearer {token}")),
        ("scheme_after_a_comma", format!(", Bearer {token}")),
        ("no_scheme", token.to_owned()),
        ("scheme_jwt", format!("JWT {token}")),
        ("scheme_token", format!("Token {token}")),
    ] {
        t.rejected(
            name,
            SCHEME,
            "missing_token",
            "bearer",
            HERE,
            authorization(&value),
        );
    }
    t.rejected(
        "no_authorization_on_a_scoped_route",
        "RFC 6750 §3",
        "missing_token",
        "scope_alone",
        profile("scope"),
        Headers::new(),
    );
    t.rejected(
        "no_authorization_on_a_described_route",
        "RFC 6750 §3; RFC 9728 §5.1",
        "missing_token",
        "described",
        profile("described"),
        Headers::new(),
    );
    t.add(
        "optional_without_token",
        "RFC 6750 §3",
        "anonymous",
        None,
        profile("optional"),
        Headers::new(),
    );
    t.add(
        "optional_other_scheme",
        "RFC 6750 §3",
        "anonymous",
        None,
        profile("optional"),
        authorization("Basic x"),
    );
    t.accepted(
        "optional_with_token",
        "RFC 6750 §3",
        profile("optional"),
        bearer(token),
    );
    for (name, reason, headers) in [
        ("optional_bad_token", "malformed_token", bearer("a.b.c")),
        (
            "optional_no_token68",
            "malformed_credentials",
            bearer("a b"),
        ),
        (
            "optional_two_fields",
            "multiple_credentials",
            [bearer(token), bearer(token)].concat(),
        ),
    ] {
        t.rejected(
            name,
            "RFC 6750 §3.1",
            reason,
            "optional_with_token",
            profile("optional"),
            headers,
        );
    }
}

fn grammar(t: &mut Table, token: &str) {
    for (name, value) in [
        ("bearer_alone", "Bearer".to_owned()),
        ("bearer_and_a_space", "Bearer ".to_owned()),
        ("bearer_and_spaces", "Bearer     ".to_owned()),
        ("token_and_a_space", format!("Bearer {token} ")),
        ("token_and_a_tab", format!("Bearer {token}\t")),
        ("tab_and_token", format!("Bearer \t{token}")),
        ("two_tokens", format!("Bearer {token} {token}")),
        ("token_in_quotes", format!("Bearer \"{token}\"")),
        ("token_as_a_parameter", format!("Bearer token=\"{token}\"")),
        (
            "token_and_a_parameter",
            format!("Bearer {token}, realm=\"x\""),
        ),
        ("token_with_a_comma", format!("Bearer {token},")),
        ("comma_joined", format!("Bearer {token}, Bearer {token}")),
        (
            "comma_joined_without_space",
            format!("Bearer {token},Bearer {token}"),
        ),
        ("token_with_a_semicolon", format!("Bearer {token};v=1")),
        ("scheme_twice", format!("Bearer Bearer {token}")),
        (
            "token_with_a_space_inside",
            format!("Bearer {}", token.replacen('.', ". ", 1)),
        ),
        ("token_with_latin1", format!("Bearer {token}\u{e9}")),
        (
            "token_with_every_high_byte",
            format!("Bearer {}", ('\u{80}'..='\u{ff}').collect::<String>()),
        ),
        (
            "token_with_a_percent_sign",
            format!("Bearer {}", token.replacen('.', "%2e", 1)),
        ),
        (
            "token_is_json",
            format!("Bearer {{\"payload\":\"{token}\"}}"),
        ),
        ("token_is_padding", "Bearer ==".to_owned()),
        ("token_is_a_colon", "Bearer :".to_owned()),
        ("token_with_a_nul_escape", format!("Bearer {token}%00")),
    ] {
        t.rejected(
            name,
            GRAMMAR,
            "malformed_credentials",
            "bearer",
            HERE,
            authorization(&value),
        );
    }
    for (name, value) in [
        ("token_is_one_letter", "Bearer a"),
        ("token_is_null", "Bearer null"),
        ("token_is_undefined", "Bearer undefined"),
        ("token_is_opaque", "Bearer mF_9.B5f-4.1JqM"),
        ("token_of_all_token68_characters", "Bearer azAZ09-._~+/=="),
    ] {
        t.rejected(
            name,
            "RFC 6750 §3.1",
            "malformed_token",
            "bearer",
            HERE,
            authorization(value),
        );
    }
}

fn several(t: &mut Table, token: &str) {
    let one = |value: &str| authorization(value);
    let bearer = || bearer(token);
    for (name, headers) in [
        ("twice_the_same", [bearer(), bearer()].concat()),
        ("good_then_bad", [bearer(), one("Bearer a.b.c")].concat()),
        ("bad_then_good", [one("Bearer a.b.c"), bearer()].concat()),
        ("basic_then_bearer", [one("Basic x"), bearer()].concat()),
        ("bearer_then_basic", [bearer(), one("Basic x")].concat()),
        ("empty_then_bearer", [one(""), bearer()].concat()),
        ("bearer_then_empty", [bearer(), one("")].concat()),
        ("three_fields", [bearer(), bearer(), bearer()].concat()),
        (
            "two_of_other_schemes",
            [one("Basic x"), one("Digest y")].concat(),
        ),
    ] {
        t.rejected(name, TWICE, "multiple_credentials", "bearer", HERE, headers);
    }
}

fn elsewhere(t: &mut Table, token: &str) {
    t.rejected(
        "token_in_the_query",
        ELSEWHERE,
        "missing_token",
        "query_is_not_looked_at",
        HERE,
        Headers::new(),
    )
    .request
    .target = format!("/profiles?access_token={token}");
    t.accepted("query_is_not_looked_at", ELSEWHERE, HERE, bearer(token))
        .request
        .target = format!("/profiles?access_token={token}");
    let form = |case: &mut crate::row::Case| {
        "POST".clone_into(&mut case.request.method);
        case.request.body = format!("access_token={token}");
    };
    let content = || field("content-type", "application/x-www-form-urlencoded");
    form(t.rejected(
        "token_in_a_form",
        ELSEWHERE,
        "missing_token",
        "form_is_not_looked_at",
        HERE,
        vec![content()],
    ));
    form(t.accepted(
        "form_is_not_looked_at",
        ELSEWHERE,
        HERE,
        [vec![content()], bearer(token)].concat(),
    ));
    for (name, other, value) in [
        (
            "cookie",
            "cookie",
            format!("access_token={token}; Authorization=Bearer {token}"),
        ),
        (
            "x_authorization",
            "x-authorization",
            format!("Bearer {token}"),
        ),
        (
            "proxy_authorization",
            "proxy-authorization",
            format!("Bearer {token}"),
        ),
        (
            "x_forwarded_authorization",
            "x-forwarded-authorization",
            format!("Bearer {token}"),
        ),
        ("x_access_token", "x-access-token", token.to_owned()),
        (
            "x_amzn_oidc_accesstoken",
            "x-amzn-oidc-accesstoken",
            token.to_owned(),
        ),
        ("x_amzn_oidc_data", "x-amzn-oidc-data", token.to_owned()),
        ("x_user", "x-user", "admin".to_owned()),
        (
            "sec_websocket_protocol",
            "sec-websocket-protocol",
            format!("bearer, {token}"),
        ),
    ] {
        let twin = format!("{name}_is_not_looked_at");
        let other = || vec![field(other, &value)];
        t.rejected(
            &format!("only_{name}"),
            ELSEWHERE,
            "missing_token",
            &twin,
            HERE,
            other(),
        );
        t.accepted(&twin, ELSEWHERE, HERE, [other(), bearer(token)].concat());
    }
}

/// There are no exemptions: only the position of the layer decides.
fn methods(t: &mut Table, token: &str) {
    for method in ["OPTIONS", "HEAD", "TRACE", "PUT", "PROPFIND"] {
        let name = method.to_lowercase();
        let rule = "No method is exempt: the route decides where the layer sits";
        t.accepted(&format!("{name}_with_token"), rule, HERE, bearer(token))
            .request
            .method = method.to_owned();
        let twin = format!("{name}_with_token");
        t.rejected(
            &format!("{name}_without_token"),
            rule,
            "missing_token",
            &twin,
            HERE,
            Headers::new(),
        )
        .request
        .method = method.to_owned();
    }
    for (name, target) in [
        ("double_slash", "//profiles"),
        ("dot_segments", "/healthz/../profiles"),
        ("encoded_slash", "/profiles%2f"),
        ("favicon", "/favicon.ico"),
        ("asterisk", "*"),
    ] {
        let rule = "No path is exempt: the route decides where the layer sits";
        let twin = format!("{name}_with_token");
        t.accepted(&twin, rule, HERE, bearer(token)).request.target = target.to_owned();
        t.rejected(
            &format!("{name}_without_token"),
            rule,
            "missing_token",
            &twin,
            HERE,
            Headers::new(),
        )
        .request
        .target = target.to_owned();
    }
    for (name, other) in [
        (
            "method_override",
            field("x-http-method-override", "OPTIONS"),
        ),
        ("preflight", field("access-control-request-method", "GET")),
        ("health_check", field("user-agent", "ELB-HealthChecker/2.0")),
        (
            "forwarded_for_loopback",
            field("x-forwarded-for", "127.0.0.1"),
        ),
    ] {
        let rule = "No header exempts a request";
        let twin = format!("{name}_with_token");
        t.accepted(
            &twin,
            rule,
            HERE,
            [vec![other.clone()], bearer(token)].concat(),
        );
        t.rejected(
            &format!("{name}_without_token"),
            rule,
            "missing_token",
            &twin,
            HERE,
            vec![other],
        );
    }
}

fn lengths(t: &mut Table) {
    let repeated = |parts: &[(&str, usize)]| -> Headers {
        let parts = [("Bearer ", 1)].iter().chain(parts);
        let parts = parts.map(|&(part, n)| (part.to_owned(), n)).collect();
        vec![("authorization".to_owned(), FieldValue::Repeated(parts))]
    };
    let header = encode(good().header_bytes());
    for (name, headers) in [
        ("one_byte_too_long", repeated(&[("a", 16 * 1024 + 1)])),
        ("a_hundred_kilobytes", repeated(&[("a", 100_000)])),
        ("ten_megabytes", repeated(&[("a", 10_000_000)])),
        ("a_hundred_thousand_dots", repeated(&[(".", 100_000)])),
        (
            "a_million_dots_after_a_header",
            repeated(&[(&header, 1), (".", 1_000_000)]),
        ),
        (
            "a_hundred_thousand_equals_signs",
            repeated(&[("a", 1), ("=", 100_000)]),
        ),
        (
            "a_long_value_that_is_no_token68",
            repeated(&[("a, ", 50_000)]),
        ),
        (
            "a_long_value_of_high_bytes",
            repeated(&[("\u{ff}", 100_000)]),
        ),
    ] {
        t.rejected(
            name,
            "CVE-2025-30204; RFC 8725 §3.11",
            "token_too_large",
            "bearer",
            HERE,
            headers,
        );
    }
    t.rejected(
        "sixteen_kilobytes_of_dots",
        "CVE-2025-30204",
        "malformed_token",
        "bearer",
        HERE,
        repeated(&[(".", 16 * 1024)]),
    );
    t.accepted(
        "many_other_fields",
        "RFC 9110 §5.3",
        HERE,
        (0..200)
            .map(|n| field(&format!("x-{n}"), "1"))
            .chain(bearer(&good().build()))
            .collect::<Headers>(),
    );
}
