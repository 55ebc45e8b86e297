//! Three parts of strict base64url, two of them JSON objects: RFC 7515 §3.1, §5.2; RFC 8259.

use crate::{
    table::{HERE, Table},
    token::{encode, foreign, good, parts},
};

const PARTS: &str = "RFC 7515 §3.1, §7.1; RFC 7519 §7.2";
const BASE64: &str = "RFC 7515 §2, §5.2; RFC 4648 §3.5, §5";
const JSON: &str = "RFC 7515 §5.2; RFC 7519 §7.2; RFC 8259";
const TWIN: &str = "client_credentials";

pub(crate) fn cases(t: &mut Table) {
    segments(t);
    base64(t);
    json_header(t);
    json_payload(t);
}

fn segments(t: &mut Table) {
    let [header, payload, signature] = parts(&good().build());
    let jwe = format!("{header}.{payload}.{signature}.{payload}.{signature}");
    for (name, token) in [
        ("one_part", header.clone()),
        ("two_parts", format!("{header}.{payload}")),
        (
            "four_parts",
            format!("{header}.{payload}.{signature}.{signature}"),
        ),
        (
            "fourth_part_empty",
            format!("{header}.{payload}.{signature}."),
        ),
        ("leading_dot", format!(".{header}.{payload}.{signature}")),
        ("empty_header", format!(".{payload}.{signature}")),
        ("empty_payload", format!("{header}..{signature}")),
        ("empty_signature", format!("{header}.{payload}.")),
        ("only_dots", "..".to_owned()),
        ("four_dots", "....".to_owned()),
        ("jwe_of_five_parts", jwe),
        ("detached_payload", format!("{header}..{signature}")),
        (
            "nested_in_itself",
            format!("{}.{}", good().build(), good().build()),
        ),
    ] {
        t.rejected(name, PARTS, "malformed_token", TWIN, HERE, token);
    }
    // Shapes of JWE: RFC 7516 §3.1. Cognito's refresh tokens are of this kind.
    let jwe = |header: &str| format!("{}.{}", encode(header), "AAAA.AAAA.AAAA.AAAA");
    for (name, rule, token) in [
        (
            "refresh_token",
            "RFC 7516 §3.1; AWS: refresh tokens are encrypted",
            jwe(r#"{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}"#),
        ),
        (
            "pbes2_bomb",
            "RFC 7518 §4.8; CVE-2023-52428",
            jwe(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2147483647}"#),
        ),
        (
            "jwe_around_an_unsecured_jwt",
            "CVE-2023-51774; CVE-2026-29000",
            jwe(r#"{"alg":"dir","enc":"A128GCM","cty":"JWT","zip":"DEF"}"#),
        ),
    ] {
        t.rejected(name, rule, "malformed_token", TWIN, HERE, token);
    }
    let serialization = |text: String| crate::table::bearer(&text);
    for (name, text) in [
        (
            "json_serialization",
            format!(
                r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
            ),
        ),
        (
            "general_json_serialization",
            format!(
                r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            ),
        ),
        (
            "polyglot",
            format!(r#"{{"a":"{header}.{payload}.{signature}","protected":"{header}"}}"#),
        ),
    ] {
        t.rejected(
            name,
            "RFC 7515 §7.2; CVE-2022-39227",
            "malformed_credentials",
            TWIN,
            HERE,
            serialization(text),
        );
    }
    t.rejected(
        "nested_jwt",
        "RFC 7519 §5.2: a nested JWT is not unwrapped",
        "malformed_claims",
        TWIN,
        HERE,
        good().member("cty", r#""JWT""#).raw_payload(good().build()),
    );
    t.rejected(
        "deflated_unsaid",
        "RFC 7516 §4.1.3; CVE-2024-33664",
        "malformed_claims",
        "foreign_rs256",
        HERE,
        foreign("deflated_unsaid"),
    );
}

fn base64(t: &mut Table) {
    // Header and payload of lengths that leave bits unused, and with characters of both alphabets.
    let token = good().member("x", r#""???>>>~""#).claim("x", r#""???>>>""#);
    let token = fill(token);
    let [header, payload, signature] = parts(&token.build());
    t.accepted("with_unused_bits", BASE64, HERE, token.build());
    let twin = "with_unused_bits";
    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    // Signed as they are written, so that only the encoding can be rejected.
    for (name, reason, token) in [
        (
            "header_padded",
            "malformed_credentials",
            token.build_of(&format!("{header}="), &payload),
        ),
        (
            "payload_padded",
            "malformed_credentials",
            token.build_of(&header, &format!("{payload}=")),
        ),
        (
            "signature_padded",
            "malformed_token",
            format!("{header}.{payload}.{signature}=="),
        ),
        (
            "signature_padded_once",
            "malformed_token",
            format!("{header}.{payload}.{signature}="),
        ),
        (
            "header_in_the_other_alphabet",
            "malformed_token",
            token.build_of(&standard(&header), &payload),
        ),
        (
            "payload_in_the_other_alphabet",
            "malformed_token",
            token.build_of(&header, &standard(&payload)),
        ),
        (
            "signature_in_the_other_alphabet",
            "malformed_token",
            format!("{header}.{payload}.{}", standard(&signature)),
        ),
        (
            "header_with_unused_bits_set",
            "malformed_token",
            token.build_of(&bump(&header), &payload),
        ),
        (
            "payload_with_unused_bits_set",
            "malformed_token",
            token.build_of(&header, &bump(&payload)),
        ),
        (
            "signature_with_unused_bits_set",
            "malformed_token",
            format!("{header}.{payload}.{}", bump(&signature)),
        ),
        (
            "header_of_length_1_mod_4",
            "malformed_token",
            token.build_of(&one_over(&header), &payload),
        ),
        (
            "payload_of_length_1_mod_4",
            "malformed_token",
            token.build_of(&header, &one_over(&payload)),
        ),
        (
            "signature_of_length_1_mod_4",
            "malformed_token",
            format!("{header}.{payload}.{}", one_over(&signature)),
        ),
        (
            "header_with_a_space",
            "malformed_credentials",
            token.build_of(&format!("{header} "), &payload),
        ),
        (
            "payload_with_a_space_inside",
            "malformed_credentials",
            token.build_of(&header, &format!("{} {}", &payload[..8], &payload[8..])),
        ),
        (
            "payload_with_a_tilde",
            "malformed_token",
            token.build_of(&header, &format!("{}~{}", &payload[..8], &payload[8..])),
        ),
        (
            "payload_with_a_skipped_character",
            "malformed_credentials",
            token.build_of(&header, &format!("{}!{}", &payload[..8], &payload[8..])),
        ),
        (
            "payload_percent_encoded",
            "malformed_credentials",
            token.build_of(&header, &payload.replace('_', "%5F")),
        ),
        (
            "header_is_one_character",
            "malformed_token",
            token.build_of("e", &payload),
        ),
        (
            "header_not_encoded",
            "malformed_credentials",
            token.build_of(r#"{"alg":"RS256"}"#, &payload),
        ),
    ] {
        t.rejected(name, BASE64, reason, twin, HERE, token);
    }
}

/// Header and payload filled up until both leave bits unused.
fn fill(mut token: crate::token::Token) -> crate::token::Token {
    for n in 0.. {
        if token.header_bytes().len() % 3 == 1 {
            break;
        }
        token = token.member("y", &format!("\"{}\"", "y".repeat(n)));
    }
    for n in 0.. {
        if token.payload_bytes().len() % 3 == 1 {
            break;
        }
        token = token.claim("y", &format!("\"{}\"", "y".repeat(n)));
    }
    token
}

/// The same bytes, written with an unused bit set.
fn bump(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.find(&part[part.len() - 1..]).unwrap();
    assert_eq!(last % 4, 0, "the part leaves bits unused");
    format!(
        "{}{}",
        &part[..part.len() - 1],
        &ALPHABET[last + 1..last + 2]
    )
}

/// One character more than a multiple of four.
fn one_over(part: &str) -> String {
    format!("{}A", &part[..part.len() / 4 * 4])
}

fn json_header(t: &mut Table) {
    let text = String::from_utf8(good().header_bytes()).unwrap();
    let header = |t: &mut Table, name: &str, bytes: Vec<u8>| {
        let name = format!("header_{name}");
        t.rejected(
            &name,
            JSON,
            "malformed_header",
            TWIN,
            HERE,
            good().raw_header(bytes),
        );
    };
    for (name, bytes) in not_one_object(&text) {
        header(t, name, bytes);
    }
    header(t, "in_a_list", format!("[{text}]").into());
    header(
        t,
        "as_a_list_of_values",
        br#"["RS256","test-only-access"]"#.into(),
    );
    header(t, "is_a_jwt", good().build().into());
    header(t, "is_another_encoding", encode(&text).into());
    for name in ["alg", "kid"] {
        let value = if name == "alg" {
            "RS256"
        } else {
            "test-only-access"
        };
        for (how, written) in [
            ("twice", name.to_owned()),
            ("twice_once_escaped", escape_first(name)),
        ] {
            let token = good().also_member(&written, &format!("\"{value}\""));
            t.rejected(
                &format!("{name}_{how}"),
                "RFC 7515 §4",
                "malformed_header",
                TWIN,
                HERE,
                token,
            );
        }
    }
    for (name, member) in [("crit", "[]"), ("b64", "true"), ("zip", "null")] {
        let token = good().also_member(name, member).also_member(name, member);
        t.rejected(
            &format!("{name}_twice"),
            "RFC 7515 §4",
            "malformed_header",
            TWIN,
            HERE,
            token,
        );
    }
    t.rejected(
        "alg_none_then_rs256",
        "RFC 7515 §4",
        "malformed_header",
        TWIN,
        HERE,
        good().raw_header(r#"{"alg":"none","kid":"test-only-access","alg":"RS256"}"#),
    );
    // A character of three bytes that begins in the header and ends in the payload is neither's.
    let mut broken = text.clone().into_bytes();
    broken.truncate(broken.len() - 2);
    broken.push(0xe2);
    let mut rest = vec![0x82, 0xac];
    rest.extend(good().payload_bytes());
    t.rejected(
        "character_across_the_border",
        JSON,
        "malformed_header",
        TWIN,
        HERE,
        good().raw_header(broken).raw_payload(rest),
    );
}

fn json_payload(t: &mut Table) {
    let text = String::from_utf8(good().payload_bytes()).unwrap();
    let payload = |t: &mut Table, name: &str, bytes: Vec<u8>| {
        let name = format!("payload_{name}");
        t.rejected(
            &name,
            JSON,
            "malformed_claims",
            TWIN,
            HERE,
            good().raw_payload(bytes),
        );
    };
    for (name, bytes) in not_one_object(&text) {
        payload(t, name, bytes);
    }
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    t.accepted(
        "unread_claim_of_depth_5000",
        "What is not read is skipped without recursion",
        HERE,
        good().claim("deep", &deep(5000)),
    );
    t.accepted(
        "unread_member_of_depth_100",
        "What is not read is skipped without recursion",
        HERE,
        good().member("deep", &deep(100)),
    );
    t.rejected(
        "unread_member_of_depth_5000",
        "A header of more than 256 steps is not one",
        "malformed_header",
        "unread_member_of_depth_100",
        HERE,
        good().member("deep", &deep(5000)),
    );
    for claim in ["scope", "cognito:groups"] {
        t.accepted(
            &format!("{}_of_depth_5000", claim.replace(':', "_")),
            "What cannot be read grants nothing",
            HERE,
            good().claim(claim, &deep(5000)),
        );
    }
    for claim in ["aud", "exp", "iss", "sub"] {
        // It takes more steps than a payload may before its signature, and its issuer is not found.
        let reason = if claim == "iss" {
            "issuer_not_allowed"
        } else {
            "malformed_claims"
        };
        t.rejected(
            &format!("{claim}_of_depth_5000"),
            "RFC 7519 §4.1",
            reason,
            TWIN,
            HERE,
            good().claim(claim, &deep(5000)),
        );
    }
    payload(t, "in_a_list", format!("[{text}]").into());
    payload(t, "is_another_encoding", encode(&text).into());
    payload(
        t,
        "has_infinity",
        text.replacen("\"version\":2", "\"version\":Infinity", 1)
            .into(),
    );
    payload(
        t,
        "has_a_leading_zero",
        text.replacen("\"version\":2", "\"version\":02", 1).into(),
    );
    payload(
        t,
        "has_a_plus_sign",
        text.replacen("\"version\":2", "\"version\":+2", 1).into(),
    );
    payload(
        t,
        "has_hexadecimal",
        text.replacen("\"version\":2", "\"version\":0x2", 1).into(),
    );
    payload(
        t,
        "has_a_bare_fraction",
        text.replacen("\"version\":2", "\"version\":2.", 1).into(),
    );
    payload(
        t,
        "has_a_bad_escape",
        text.replacen("profiles", r"\profiles", 1).into(),
    );
    payload(
        t,
        "has_a_short_escape",
        text.replacen("profiles", r"\u12", 1).into(),
    );
    payload(
        t,
        "has_a_lone_surrogate_in_scope",
        text.replacen("profiles", r"\ud800", 1).into(),
    );
    payload(
        t,
        "misses_a_colon",
        text.replacen("\"version\":2", "\"version\" 2", 1).into(),
    );
    payload(
        t,
        "misses_a_comma",
        text.replacen("\"version\":2,", "\"version\":2 ", 1).into(),
    );
    let invalid = |bytes: &[u8]| {
        let [before, after] = text.split_once("00000000-").map(|(a, b)| [a, b]).unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    for (name, bytes) in [
        ("lone_continuation", &[0x80][..]),
        ("overlong", &[0xc0, 0xaf]),
        ("surrogate_in_utf8", &[0xed, 0xa0, 0x80]),
        ("beyond_unicode", &[0xf4, 0x90, 0x80, 0x80]),
        ("latin1", &[0xe9]),
        ("truncated_character", &[0xe2, 0x82]),
    ] {
        payload(t, name, invalid(bytes));
    }
    let unread = text
        .replacen('{', "{\"custom\":\"\u{1}\",", 1)
        .replace('\u{1}', "\u{0}");
    let unread = unread
        .into_bytes()
        .iter()
        .map(|&b| if b == 0 { 0xff } else { b })
        .collect();
    payload(t, "invalid_utf8_in_an_unread_claim", unread);
    for name in [
        "iss",
        "token_use",
        "exp",
        "iat",
        "client_id",
        "sub",
        "jti",
        "scope",
    ] {
        let value = text.split_once(&format!("\"{name}\":")).unwrap().1;
        let value = value.split_once([',', '}']).unwrap().0.to_owned();
        for (how, written) in [
            ("twice", name.to_owned()),
            ("twice_once_escaped", escape_first(name)),
        ] {
            t.rejected(
                &format!("{name}_{how}"),
                "RFC 7519 §4",
                "malformed_claims",
                TWIN,
                HERE,
                good().also_claim(&written, &value),
            );
        }
    }
    for (name, value) in [
        ("nbf", "0"),
        ("aud", "\"1example23456789\""),
        ("username", "\"mary\""),
        ("cognito:groups", "[]"),
        ("cognito:username", "\"mary\""),
    ] {
        t.rejected(
            &format!("{}_twice", name.replace(':', "_")),
            "RFC 7519 §4",
            "malformed_claims",
            TWIN,
            HERE,
            good().also_claim(name, value).also_claim(name, value),
        );
    }
    t.rejected(
        "exp_expired_then_good",
        "RFC 7519 §4",
        "malformed_claims",
        TWIN,
        HERE,
        good().raw_payload(text.replacen('{', "{\"exp\":1,", 1)),
    );
    t.rejected(
        "scope_admin_then_good",
        "RFC 7519 §4",
        "malformed_claims",
        TWIN,
        HERE,
        good().raw_payload(text.replacen('{', "{\"scope\":\"admin\",", 1)),
    );
}

/// What is not exactly one JSON object in UTF-8.
fn not_one_object(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
    let inner = &text[1..text.len() - 1];
    vec![
        ("null", b"null".into()),
        ("true", b"true".into()),
        ("number", b"1".into()),
        ("string", b"\"x\"".into()),
        ("list", b"[]".into()),
        ("empty_object", b"{}".into()),
        ("space", b" ".into()),
        ("garbage", b"\x00\x01\x02\x03".into()),
        ("truncated", text[..text.len() - 1].into()),
        ("without_the_brace", inner.into()),
        ("trailing_text", format!("{text}x").into()),
        ("trailing_brace", format!("{text}}}").into()),
        ("trailing_object", format!("{text}{text}").into()),
        ("trailing_nul", format!("{text}\0").into()),
        ("trailing_comma", format!("{{{inner},}}").into()),
        ("leading_comma", format!("{{,{inner}}}").into()),
        ("leading_text", format!("x{text}").into()),
        ("form_feed", format!("\u{c}{text}").into()),
        ("nbsp", format!("\u{a0}{text}").into()),
        ("byte_order_mark", format!("\u{feff}{text}").into()),
        ("utf16_le", utf16(u16::to_le_bytes)),
        ("utf16_be", utf16(u16::to_be_bytes)),
        ("comment", format!("{{/* */{inner}}}").into()),
        ("line_comment", format!("{{//\n{inner}}}").into()),
        ("single_quotes", text.replace('"', "'").into()),
        ("bare_names", format!("{{{inner},x:1}}").into()),
        ("nan", format!("{{{inner},\"x\":NaN}}").into()),
        ("raw_newline", format!("{{{inner},\"x\":\"a\nb\"}}").into()),
        ("raw_nul", format!("{{{inner},\"x\":\"a\0b\"}}").into()),
        (
            "raw_tab_in_a_name",
            format!("{{{inner},\"x\ty\":1}}").into(),
        ),
        (
            "invalid_utf8",
            [&text.as_bytes()[..2], &[0xff], &text.as_bytes()[2..]].concat(),
        ),
        ("gzip", [&[0x1f, 0x8b][..], text.as_bytes()].concat()),
    ]
}

fn escape_first(name: &str) -> String {
    format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..])
}
