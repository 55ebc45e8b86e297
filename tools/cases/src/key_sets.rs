//! The JWK Sets that the cases meet, good ones and bad ones.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::token::{decode, encode};

/// Name and text of each document.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut sets = usable();
    sets.extend(unusable());
    sets.into_iter()
        .map(|(name, text)| (format!("{name}.json"), text + "\n"))
        .collect()
}

/// A `kid` as Cognito writes them: padded base64.
pub(crate) const PADDED_KID: &str = "5J/k0Y+tkqlBBPgOIMIfnJRtCzdDdXYGDRdRMtGRYM8=";
pub(crate) const UNICODE_KID: &str = "clé-\u{e9}\u{1f511}";

pub(crate) fn long_kid() -> String {
    "k".repeat(256)
}

fn usable() -> Vec<(&'static str, String)> {
    let access = || key("access");
    let id = || key("id");
    let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string();
    vec![
        ("pool", set(vec![access(), id()])),
        ("id_only", set(vec![id()])),
        // What a pool of another vendor, or a future Cognito, might publish beside the key that
        // counts.
        (
            "mixed",
            set(vec![
                key("oct"),
                key("p256"),
                key("p384"),
                key("p521"),
                key("ed25519"),
                json!({"kty": "AKP", "kid": "future", "alg": "ML-DSA-65", "pub": "AAAA"}),
                json!({"kty": "RSA"}),
                json!({}),
                json!("not a key"),
                json!(null),
                json!(7),
                json!([]),
                access(),
            ]),
        ),
        (
            "plain",
            set(vec![without(
                without(without(access(), "alg"), "use"),
                "key_ops",
            )]),
        ),
        (
            "key_ops_verify",
            set(vec![with(
                without(access(), "use"),
                "key_ops",
                json!(["verify"]),
            )]),
        ),
        (
            "with_certificates",
            set(vec![with(
                with(access(), "x5c", json!(["MIIB"])),
                "x5t#S256",
                json!("AAAA"),
            )]),
        ),
        (
            "unknown_members",
            json!({
                "keys": [with(access(), "issued", json!({"by": ["someone", 1, null]}))],
                "next_update": 1,
            })
            .to_string(),
        ),
        (
            "leading_zero",
            set(vec![with(
                with(access(), "e", json!("AAEAAQ")),
                "n",
                json!(encode([&[0][..], &modulus("access")].concat())),
            )]),
        ),
        ("same_key_twice", set(vec![access(), access()])),
        (
            "same_kid_other_type",
            set(vec![
                with(key("p256"), "kid", json!("test-only-access")),
                access(),
            ]),
        ),
        (
            "same_kid_unusable_twin",
            set(vec![
                with(
                    with(id(), "kid", json!("test-only-access")),
                    "use",
                    json!("enc"),
                ),
                access(),
            ]),
        ),
        (
            "hundred_keys",
            set((0..99)
                .map(|index| with(id(), "kid", json!(format!("filler-{index}"))))
                .chain([access()])
                .collect()),
        ),
        (
            "padded_kid",
            set(vec![with(access(), "kid", json!(PADDED_KID)), id()]),
        ),
        (
            "long_kid",
            set(vec![with(access(), "kid", json!(long_kid())), id()]),
        ),
        (
            "too_long_kid",
            set(vec![with(access(), "kid", json!("k".repeat(257))), id()]),
        ),
        (
            "unicode_kid",
            set(vec![with(access(), "kid", json!(UNICODE_KID)), id()]),
        ),
        (
            "kid_of_unpublished",
            set(vec![
                with(key("unpublished"), "kid", json!("test-only-access")),
                id(),
            ]),
        ),
        (
            "rsa_sizes",
            set(vec![key("1024"), key("4096"), key("8192"), access()]),
        ),
        ("exponents", set(vec![key("e1"), key("e3"), access()])),
        (
            "byte_escapes",
            set(vec![access()]).replace("test-only-access", r"test\u002donly-access"),
        ),
        // From here on the access key cannot be used, and the other one can.
        (
            "use_enc",
            set(vec![with(access(), "use", json!("enc")), id()]),
        ),
        (
            "use_other",
            set(vec![with(access(), "use", json!("tls")), id()]),
        ),
        (
            "key_ops_sign",
            set(vec![with(access(), "key_ops", json!(["sign"])), id()]),
        ),
        (
            "key_ops_empty",
            set(vec![with(access(), "key_ops", json!([])), id()]),
        ),
        (
            "alg_rs512",
            set(vec![with(access(), "alg", json!("RS512")), id()]),
        ),
        (
            "alg_ps256",
            set(vec![with(access(), "alg", json!("PS256")), id()]),
        ),
        (
            "alg_none",
            set(vec![with(access(), "alg", json!("none")), id()]),
        ),
        (
            "alg_oaep",
            set(vec![with(access(), "alg", json!("RSA-OAEP")), id()]),
        ),
        ("no_kid", set(vec![without(access(), "kid"), id()])),
        (
            "empty_kid",
            set(vec![with(access(), "kid", json!("")), id()]),
        ),
        (
            "number_kid",
            set(vec![with(access(), "kid", json!(7)), id()]),
        ),
        (
            "two_keys_one_kid",
            set(vec![
                access(),
                with(key("unpublished"), "kid", json!("test-only-access")),
                id(),
            ]),
        ),
        (
            "even_modulus",
            set(vec![with(access(), "n", json!(even_modulus())), id()]),
        ),
        (
            "padded_modulus",
            set(vec![with(access(), "n", json!(padded_modulus())), id()]),
        ),
        (
            "huge_modulus",
            set(vec![
                with(access(), "n", json!(encode(vec![0xff; 2049]))),
                id(),
            ]),
        ),
        (
            "even_exponent",
            set(vec![with(access(), "e", json!("AQAC")), id()]),
        ),
        (
            "zero_exponent",
            set(vec![with(access(), "e", json!("AA")), id()]),
        ),
        (
            "huge_exponent",
            set(vec![
                with(access(), "e", json!(encode(vec![0xff; 256]))),
                id(),
            ]),
        ),
        (
            "empty_modulus",
            set(vec![with(access(), "n", json!("")), id()]),
        ),
    ]
}

/// Documents without a usable key.
fn unusable() -> Vec<(&'static str, String)> {
    let access = || key("access");
    let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string();
    let good = set(vec![access()]);
    vec![
        ("empty", String::new()),
        (
            "html",
            "<!doctype html><title>Service unavailable</title>".to_owned(),
        ),
        ("empty_object", "{}".to_owned()),
        ("no_keys", set(vec![])),
        (
            "keys_object",
            json!({"keys": {"test-only-access": access()}}).to_string(),
        ),
        ("keys_null", json!({"keys": null}).to_string()),
        ("bare_list", json!([access()]).to_string()),
        ("bare_key", access().to_string()),
        ("in_a_list", json!([[access()]]).to_string()),
        ("truncated", good.chars().take(good.len() / 2).collect()),
        ("trailing_text", format!("{good}{{}}")),
        ("byte_order_mark", format!("\u{feff}{good}")),
        (
            "keys_twice",
            format!(r#"{{"keys":[{}],"keys":[]}}"#, access()),
        ),
        (
            "only_unusable",
            set(vec![key("p256"), key("1024"), key("oct")]),
        ),
        (
            "hundred_and_one_keys",
            set((0..100)
                .map(|index| with(key("id"), "kid", json!(format!("filler-{index}"))))
                .chain([access()])
                .collect()),
        ),
        (
            "too_large",
            good.replace(
                "{\"keys\"",
                &format!("{{\"filler\":\"{}\",\"keys\"", "x".repeat(150_000)),
            ),
        ),
    ]
}

fn key(name: &str) -> Value {
    static KEYS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../fixtures/foreign/keys.json")).unwrap()
    });
    KEYS[name].clone()
}

fn modulus(name: &str) -> Vec<u8> {
    decode(key(name)["n"].as_str().unwrap())
}

fn even_modulus() -> String {
    let mut modulus = modulus("access");
    *modulus.last_mut().unwrap() &= 0xfe;
    encode(modulus)
}

fn padded_modulus() -> String {
    format!("{}==", key("access")["n"].as_str().unwrap())
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}
