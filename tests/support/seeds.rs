//! The seeds of the fuzz targets: every fixture, for every target that can read it.

use std::{collections::BTreeMap, fs};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::table::{all, fixtures, jwks};

pub(crate) fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut seeds = BTreeMap::<_, Vec<Vec<u8>>>::new();
    for case in all() {
        let fields = case
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization");
        let fields = fields.map(|(_, value)| value.bytes()).collect::<Vec<_>>();
        // The size cap needs no fuzzing, and libFuzzer would carry the long ones along.
        if fields.iter().any(|field| field.len() > 20_000) {
            continue;
        }
        if let [field] = fields.as_slice() {
            let token = field
                .iter()
                .position(|byte| *byte == b' ')
                .map_or(&[][..], |at| &field[at + 1..]);
            seeds.entry("compact_jws").or_default().push(token.to_vec());
            let payload = token.split(|byte| *byte == b'.').nth(1);
            if let Some(payload) = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()) {
                seeds.entry("claims").or_default().push(payload);
            }
        }
        seeds
            .entry("authorization")
            .or_default()
            .push(fields.join(&b'\n'));
    }
    let with_actors = with_actors(&seeds["claims"]);
    seeds.entry("claims").or_default().extend(with_actors);
    for entry in fs::read_dir(fixtures().join("jwks")).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let document = jwks(&name).unwrap();
        seeds
            .entry("jwk_set")
            .or_default()
            .push(document.into_bytes());
    }
    for field in [
        "max-age=600",
        "public, Max-Age=600, must-revalidate",
        "max-age=\"600\"",
        "max-age=600, max-age=60",
        "no-store",
        "no-cache",
        "max-age=99999999999999999999",
        "s-maxage=600",
        "max-age=-1",
        "max-age=",
        "max-age",
        "",
        "120",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        ",,=,",
    ] {
        seeds.entry("cache_control").or_default().push(field.into());
    }
    for challenge in [
        "Bearer error=\"invalid_token\"\nrealm\na/b",
        "Basic realm=\"a, b\", Bearer error = invalid_token\nprofiles API\n",
        "bearer realm=\"a\\\", b\";error=\"invalid\\_token\"\n\nprofiles/get",
        "Bearer \"error=invalid_token\"\nquote\"\nback\\slash",
        "DPoP error=\"invalid_token\"\n\u{e4}\na b",
        "Negotiate YII=, Bearer error=\"invalid_token\"",
        "Bearer",
        "Bearer realm=\"a\",, error=\"invalid_token\"",
        "Bearer error_uri=\"invalid_token\"",
        "Bearer realm=\"error=invalid_token\"",
        "Bearer error_description=\"x error=invalid_token",
        "Bearerx error=\"invalid_token\"",
        "BEARER ERROR=\"Invalid_Token\"",
        "\n\n",
    ] {
        seeds.entry("challenge").or_default().push(challenge.into());
    }
    for resource in [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/orders",
        "https://api.example.com/a//b/",
        "https://api.example.com:8443/.well-known/oauth-protected-resource",
        "HTTPS://API.example.com/a",
        "http://127.0.0.1:8080/orders",
        "http://[::1]:8080",
        "http://localhost/%2e%2e/a",
        "http://api.example.com",
        "https://api.example.com/?a",
        "https://api.example.com/\"",
        "https://me:hush@api.example.com/",
        "",
    ] {
        seeds
            .entry("resource_metadata")
            .or_default()
            .push(resource.into());
    }
    for (status, body) in [
        (
            0,
            r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#,
        ),
        (
            0,
            r#"{"access_token":"a.b-_~+/c==","token_type":"bearer","expires_in":"3600"}"#,
        ),
        (0, r#"{"token_type":"Bearer","access_token":"a b"}"#),
        (
            0,
            r#"{"access_token":"abc","token_type":"Bearer","expires_in":1e400}"#,
        ),
        (
            0,
            r#"{"access_token":"abc","access_token":"def","token_type":"Bearer"}"#,
        ),
        (0, r#"{"access_token":"abc","token_type":"MAC"}"#),
        (0, "[]"),
        (0, ""),
        (4, r#"{"error":"invalid_client"}"#),
        (4, r#"{"error":"invalid_scope","error_description":"x"}"#),
        (4, r#"{"error":"unauthorized_client"}"#),
        (4, r#"{"error":"unsupported_grant_type"}"#),
        (4, r#"{"error":"invalid_target"}"#),
        (4, r#"{"error":"other"}"#),
        (5, ""),
        (7, "x"),
        (9, "<html>"),
        (10, ""),
    ] {
        for retry_after in ["", "120", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            let seed = [&[status], retry_after.as_bytes(), b"\n", body.as_bytes()].concat();
            seeds.entry("token_response").or_default().push(seed);
        }
    }
    seeds.insert("api_response", api_responses());
    // No edit, and one of each kind in each part, written and decoded.
    let edits = (0..=255_u8).map(|what| vec![what, 0, 7, b'A']);
    seeds
        .entry("mutated_token")
        .or_default()
        .extend(edits.chain([vec![]]));
    seeds.insert("structured_token", structured_token_seeds());
    seeds
}

/// The form of each operation of the user pools API, and its exceptions.
fn api_responses() -> Vec<Vec<u8>> {
    let client = |result: &str| format!(r#"{{"ClientAuthenticationResult":{result}}}"#);
    let exception = |name: &str| format!(r#"{{"__type":"{name}","message":"x"}}"#);
    let mut responses = vec![
        (0, client(r#"{"AccessToken":"abc","TokenType":"Bearer"}"#)),
        (0, client(r#"{"AccessToken":"a.b-_~+/c==","ExpiresIn":300,"TokenType":"bearer"}"#)),
        (0, client(r#"{"AccessToken":"a b","TokenType":"Bearer"}"#)),
        (0, client(r#"{"AccessToken":"a","AccessToken":"b","TokenType":"Bearer"}"#)),
        (0, client(r#"{"TokenType":"MAC"}"#)),
        (0, client("null")),
        (0, client(r#"["a"]"#)),
        (0, r#"{"IssuedToken":"abc","TokenType":"Bearer"}"#.to_owned()),
        (0, r#"{"IssuedToken":"a.b","IssuedTokenType":"ACCESS_TOKEN","TokenType":"Bearer","ExpiresIn":"9"}"#.to_owned()),
        (0, r#"{"IssuedToken":1,"TokenType":"Bearer"}"#.to_owned()),
        (0, String::new()),
        (4, r#"{"__type":"NotAuthorizedException"}"#.to_owned()),
        (4, r#"{"__type":"a#NotAuthorizedException"}"#.to_owned()),
        (8, r#"{"__type":"TooManyRequestsException:a"}"#.to_owned()),
        (4, r#"{"__type":1}"#.to_owned()),
        (4, r#"{"error":"invalid_client"}"#.to_owned()),
        (5, String::new()),
        (7, "x".to_owned()),
        (9, "<html>".to_owned()),
    ];
    for name in [
        "TooManyRequestsException",
        "LimitExceededException",
        "com.amazonaws.cognito#ResourceNotFoundException:http://internal.amazon.com/",
        "InvalidParameterException",
        "UserNotFoundException",
        "ForbiddenException",
        "OperationNotEnabledException",
        "UnknownOperationException",
        "SomethingNewException",
        "#:",
    ] {
        responses.push((4, exception(name)));
    }
    let mut seeds = Vec::new();
    for (status, body) in responses {
        for (operation, retry_after) in [(0, ""), (0x80, "120")] {
            let first = [operation | status];
            seeds.push([&first, retry_after.as_bytes(), b"\n", body.as_bytes()].concat());
        }
    }
    seeds
}

/// The first payload, with actors: no case needs them, because they decide about no request.
fn with_actors(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let start = payloads[0].trim_ascii_end().strip_suffix(b"}").unwrap();
    [
        r#"{"sub":"a"}"#,
        r#"{"sub":"a","client_id":"b","iss":"c","act":{"sub":"d","act":{}}}"#,
        r#"{"sub":"a","act":null}"#,
        r#"{"sub":1}"#,
        r#"["a"]"#,
        r#""a""#,
    ]
    .map(|actor| [start, b",\"act\":", actor.as_bytes(), b"}"].concat())
    .into()
}

/// No edit at each length, and values of each name: see `structured_tokens`. Each costs a
/// signature.
fn structured_token_seeds() -> Vec<Vec<u8>> {
    let lengths = (0..7).flat_map(|length| [length << 2, (length << 2) | 0x81]);
    let mut seeds = lengths.map(|first| vec![first]).collect::<Vec<_>>();
    for name in 0..20 {
        for choice in (name % 4..77).step_by(4) {
            seeds.push(vec![(name + choice / 4) & 3, name, choice, 7]);
        }
        for how in 0..4 {
            // Of 250 members more.
            seeds.push(vec![0x14 | how, name, 30, how]);
        }
    }
    seeds
}
