//! The signature: RFC 8017 §8.2.2 and §9.2.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    table::{HERE, Table, jwks},
    token::{decode, encode, foreign, good, parts},
};

pub(crate) fn cases(t: &mut Table) {
    changed(t);
    forged_encodings(t);
    keys(t);
}

fn changed(t: &mut Table) {
    const RULE: &str = "RFC 8017 §8.2.2";
    const TWIN: &str = "client_credentials";
    let token = good().build();
    let [header, payload, signature] = parts(&token);
    let bytes = decode(&signature);
    let with =
        |signature: Vec<u8>| format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature));
    let flipped = |index: usize, mask: u8| {
        let mut bytes = bytes.clone();
        bytes[index] ^= mask;
        with(bytes)
    };
    for (name, token) in [
        ("first_bit_flipped", flipped(0, 0x80)),
        ("last_bit_flipped", flipped(255, 1)),
        ("middle_bit_flipped", flipped(128, 0x10)),
        ("last_byte_missing", with(bytes[..255].into())),
        ("first_byte_missing", with(bytes[1..].into())),
        ("zero_byte_in_front", with([&[0][..], &bytes].concat())),
        ("zero_byte_behind", with([&bytes[..], &[0]].concat())),
        ("one_byte", with(vec![0])),
        ("reversed", with(bytes.iter().rev().copied().collect())),
        ("twice", with([&bytes[..], &bytes].concat())),
        (
            "as_hexadecimal_text",
            with(
                bytes
                    .iter()
                    .flat_map(|byte| format!("{byte:02x}").into_bytes())
                    .collect(),
            ),
        ),
        ("as_base64url_text", with(signature.clone().into_bytes())),
        ("of_1024_bytes", with(vec![1; 1024])),
    ] {
        t.rejected(
            &format!("signature_{name}"),
            RULE,
            "invalid_signature",
            TWIN,
            HERE,
            token,
        );
    }
    // Longer than the longest signature of any usable key (8192 bits).
    t.rejected(
        "signature_of_1025_bytes",
        RULE,
        "malformed_token",
        TWIN,
        HERE,
        with(vec![1; 1025]),
    );
    // A signature that begins with a zero byte is a byte shorter as a number, and must not be
    // shortened.
    let (short, bytes) = (0..10_000)
        .map(|n| good().claim("jti", &format!("\"{n}\"")).build())
        .map(|token| (decode(&parts(&token)[2]), token))
        .find(|(signature, _)| signature[0] == 0)
        .map(|(signature, token)| (token, signature))
        .unwrap();
    let [short_header, short_payload, _] = parts(&short);
    t.accepted("signature_that_begins_with_zero", RULE, HERE, short.clone());
    t.rejected(
        "signature_stripped_of_its_zero",
        RULE,
        "invalid_signature",
        "signature_that_begins_with_zero",
        HERE,
        format!("{short_header}.{short_payload}.{}", encode(&bytes[1..])),
    );
    let other = parts(&good().claim("scope", r#""admin""#).build());
    t.rejected(
        "signature_of_another_token",
        RULE,
        "invalid_signature",
        TWIN,
        HERE,
        format!("{header}.{payload}.{}", other[2]),
    );
    t.rejected(
        "payload_of_another_token",
        RULE,
        "invalid_signature",
        TWIN,
        HERE,
        format!("{header}.{}.{signature}", other[1]),
    );
    let other = parts(&good().member("typ", r#""JWT""#).build());
    t.rejected(
        "header_of_another_token",
        RULE,
        "invalid_signature",
        TWIN,
        HERE,
        format!("{}.{payload}.{signature}", other[0]),
    );
    let space = encode([&decode(&payload)[..], b" "].concat());
    t.rejected(
        "space_behind_the_payload",
        RULE,
        "invalid_signature",
        TWIN,
        HERE,
        format!("{header}.{space}.{signature}"),
    );
}

fn forged_encodings(t: &mut Table) {
    const RULE: &str = "RFC 8017 §8.2.2, §9.2; CVE-2006-4339; CVE-2014-1568; CVE-2018-16151; CVE-2018-16152; CVE-2016-1494";
    for name in [
        "pss",
        "sha1_digest",
        "sha384_digest",
        "sha512_digest",
        "sha1_oid_sha256_digest",
        "no_digest_info",
        "no_null_parameter",
        "ber_long_length",
        "ber_long_digest_length",
        "block_type_2",
        "block_type_0",
        "no_leading_zero",
        "padding_not_ff",
        "no_separator",
        "separator_not_zero",
        "short_padding_then_garbage",
        "garbage_in_null_parameter",
        "trailing_byte_in_digest_info",
        "over_the_payload_alone",
        "over_the_header_alone",
        "over_the_decoded_parts",
        "negated",
        "zero",
        "one",
        "n_minus_one",
        "n",
        "all_ones",
        "the_encoded_message",
    ] {
        t.rejected(
            &format!("encoding_{name}"),
            RULE,
            "invalid_signature",
            "foreign_rs256",
            HERE,
            foreign(&format!("trick_{name}")),
        );
    }
    t.accepted(
        "small_signature",
        "RFC 8017 §5.2.2",
        HERE,
        foreign("rs256_s_plus_n"),
    );
    t.rejected(
        "small_signature_plus_n",
        "RFC 8017 §5.2.2; CVE-2017-11185",
        "invalid_signature",
        "small_signature",
        HERE,
        foreign("trick_s_plus_n"),
    );
}

fn keys(t: &mut Table) {
    let at = jwks("exponents");
    t.accepted("exponent_3", "RFC 8017 §3.1", at, foreign("rs256_e3"));
    t.rejected(
        "exponent_3_cube_root",
        "CVE-2006-4339",
        "invalid_signature",
        "exponent_3",
        at,
        foreign("trick_e3_cube_root"),
    );
    t.accepted(
        "beside_other_exponents",
        "RFC 7517 §5",
        at,
        foreign("rs256"),
    );
    t.rejected(
        "exponent_1",
        "RFC 8017 §3.1",
        "unknown_key",
        "beside_other_exponents",
        at,
        foreign("e1_encoded_message"),
    );
    let at = jwks("rsa_sizes");
    t.accepted(
        "modulus_of_4096_bits",
        "RFC 7518 §3.3",
        at,
        foreign("rs256_4096"),
    );
    t.accepted(
        "modulus_of_8192_bits",
        "RFC 7518 §3.3",
        at,
        foreign("rs256_8192"),
    );
    t.rejected(
        "modulus_of_1024_bits",
        "RFC 7518 §3.3",
        "unknown_key",
        "modulus_of_4096_bits",
        at,
        foreign("rs256_1024"),
    );
}
