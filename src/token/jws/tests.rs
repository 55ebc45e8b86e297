//! Public vectors of JWS, and the decoder against the one that everybody uses.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    CompactJws, EncodedSignature, KnownHeaders, SignatureBuffer, decode_strictly, into_texts,
};
use crate::{crypto::VerifyingKey, error::AuthError, keys::KeySet};

/// Public vectors, from `fixtures/`.
fn vectors(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn verdict(keys: &Value, token: &[u8]) -> Result<(), AuthError> {
    let keys = match keys.get("keys") {
        Some(_) => keys.clone(),
        None => json!({ "keys": [keys] }),
    };
    let known = KnownHeaders::default();
    let jws = CompactJws::parse(token, &known)?;
    let keys = KeySet::parse(&keys.to_string()).map_err(|_| AuthError::UnknownKey)?;
    let key = keys.get(jws.kid()).ok_or(AuthError::UnknownKey)?;
    jws.verify(key).map(|_| ())
}

/// What became of the tokens of a file, by their numbers there.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    accepted: Vec<u64>,
    accepted_though_invalid: Vec<u64>,
    /// Of RS256; that valid tokens of other algorithms are rejected is the point.
    rejected_though_valid: Vec<u64>,
}

fn replay(document: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    for group in document["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let number = test["tcId"].as_u64().unwrap();
            let token = match &test["jws"] {
                Value::String(token) => token.clone(),
                other => other.to_string(),
            };
            // Labelled the other way round upstream: two of these HS256 tokens are well-formed, and
            // two are not.
            let mislabelled =
                document["numberOfTests"] == 401 && [367, 370, 372, 373].contains(&number);
            let valid = (test["result"] == "valid") != mislabelled;
            let accepts = verdict(keys, token.as_bytes()).is_ok();
            if accepts {
                outcome.accepted.push(number);
            }
            if accepts && !valid {
                outcome.accepted_though_invalid.push(number);
            }
            if valid && !accepts && keys["alg"] == "RS256" {
                outcome.rejected_though_valid.push(number);
            }
        }
    }
    outcome
}

#[test]
fn of_wycheproofs_tokens_only_good_ones_of_rs256_verify() {
    assert_eq!(
        replay(&vectors("wycheproof/json_web_signature.json")),
        Outcome {
            accepted: vec![33, 260, 261, 262, 345, 349],
            accepted_though_invalid: vec![],
            // An empty payload and one that is not UTF-8: good JWSs, and no JWTs.
            rejected_though_valid: vec![259, 263],
        }
    );
}

#[test]
fn wycheproofs_keys_are_used_only_for_what_they_are_for() {
    // 7 and 46: a key with the weakness of CVE-2017-15361 (ROCA). The keys are the issuer's, and
    // Cognito's are not made so.
    assert_eq!(
        replay(&vectors("wycheproof/json_web_key.json")),
        Outcome {
            accepted: vec![5, 7],
            accepted_though_invalid: vec![7],
            rejected_though_valid: vec![],
        }
    );
    assert_eq!(
        replay(&vectors("wycheproof/json_web_crypto.json")),
        Outcome {
            accepted: vec![33, 46],
            accepted_though_invalid: vec![46],
            rejected_though_valid: vec![],
        }
    );
}

#[test]
fn the_signature_of_rfc_7515_a_2_verifies_and_its_token_names_no_key() {
    let example = vectors("rfc7515/a2_rs256.json");
    let token = example["compact"].as_str().unwrap();
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let number = |name: &str| unpadded(example["jwk"][name].as_str().unwrap()).unwrap();
    let key = VerifyingKey::from_components(&number("n"), &number("e")).unwrap();
    assert!(key.verifies(signing_input.as_bytes(), &unpadded(signature).unwrap()));
    assert_eq!(
        verdict(&example["jwk"], token.as_bytes()),
        Err(AuthError::MalformedHeader)
    );
}

#[test]
fn of_the_examples_of_rfc_7520_only_rs256_in_the_compact_form_verifies() {
    for (file, expected) in [
        ("jws_4_1.rsa_v15_signature.json", Ok(())),
        (
            "jws_4_2.rsa-pss_signature.json",
            Err(AuthError::AlgorithmNotAllowed),
        ),
        (
            "jws_4_3.ecdsa_signature.json",
            Err(AuthError::AlgorithmNotAllowed),
        ),
        (
            "jws_4_4.hmac-sha2_integrity_protection.json",
            Err(AuthError::AlgorithmNotAllowed),
        ),
        (
            "jws_4_5.signature_with_detached_content.json",
            Err(AuthError::MalformedToken),
        ),
        (
            "jws_4_6.protecting_specific_header_fields.json",
            Err(AuthError::MalformedToken),
        ),
        (
            "jws_4_7.protecting_content_only.json",
            Err(AuthError::MalformedToken),
        ),
        (
            "jws_4_8.multiple_signatures.json",
            Err(AuthError::MalformedToken),
        ),
        (
            "rfc7797_4.2.hmac-sha2_b64_false.json",
            Err(AuthError::MalformedToken),
        ),
        (
            "jwe_5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
            Err(AuthError::MalformedToken),
        ),
    ] {
        let example = vectors(&format!("rfc7520/{file}"));
        let output = &example["output"];
        let token = ["compact", "json_flat", "json"]
            .iter()
            .find_map(|form| output.get(form))
            .unwrap();
        let token = token
            .as_str()
            .map_or_else(|| token.to_string(), str::to_owned);
        let key = &example["input"]["key"];
        assert_eq!(verdict(key, token.as_bytes()), expected, "{file}");
    }
}

fn unpadded(part: &str) -> Option<Vec<u8>> {
    general_purpose::URL_SAFE_NO_PAD.decode(part).ok()
}

/// What the decoder makes of a part, for comparison.
fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    decode_strictly(part, &mut decoded).ok().map(|()| decoded)
}

fn in_the_signature_buffer(part: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = SignatureBuffer::new();
    buffer
        .decode(EncodedSignature(part))
        .ok()
        .map(<[u8]>::to_vec)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The decoder is written with SIMD, which is where an odd length or a byte at a border would
    /// go wrong.
    #[test]
    fn the_decoder_accepts_exactly_what_the_base64_crate_accepts(
        part in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[A-Za-z0-9_-]{0,200}".prop_map(String::into_bytes),
            "[A-Za-z0-9_-]{0,100}[A-Za-z0-9_=+/ .-]{0,3}[A-Za-z0-9_-]{0,100}".prop_map(String::into_bytes),
        ]
    ) {
        let expected = general_purpose::URL_SAFE_NO_PAD.decode(&part).ok();
        prop_assert_eq!(decoded(&part), expected.clone());
        prop_assert_eq!(in_the_signature_buffer(&part), expected);
    }

    #[test]
    fn one_wrong_byte_anywhere_is_rejected(bytes in prop::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, wrong: u8) {
        let mut part = general_purpose::URL_SAFE_NO_PAD.encode(bytes).into_bytes();
        let at = at.index(part.len());
        *part.get_mut(at).unwrap() = wrong;
        let expected = general_purpose::URL_SAFE_NO_PAD.decode(&part).ok();
        prop_assert_eq!(decoded(&part), expected.clone());
        prop_assert_eq!(in_the_signature_buffer(&part), expected);
    }
}

/// Every string of up to two characters, and every last group of a longer part.
#[test]
fn the_decoder_agrees_on_every_short_part() {
    for length in 0..=2 {
        for number in 0..256_u32.pow(length) {
            let part = &number.to_le_bytes()[..length as usize];
            let long = [
                b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w",
                part,
            ]
            .concat();
            for part in [part, &long] {
                let expected = general_purpose::URL_SAFE_NO_PAD.decode(part).ok();
                assert_eq!(decoded(part), expected, "{part:?}");
            }
        }
    }
}

#[test]
fn text_that_is_none_is_blamed_on_the_part_that_it_is_in() {
    let texts = |header: &[u8], payload: &[u8]| {
        into_texts([header, payload].concat(), header.len()).map_err(|error| error.reason())
    };
    assert_eq!(texts(b"{}", b"{}").unwrap(), "{}{}");
    assert_eq!(texts(b"{\xff", b"{}"), Err("malformed_header"));
    assert_eq!(texts(b"{}", b"\xff}"), Err("malformed_claims"));
    assert_eq!(texts(b"{}", b"{\xff"), Err("malformed_claims"));
    assert_eq!(texts(b"{\xc3", b"\xa4}"), Err("malformed_header"));
}
