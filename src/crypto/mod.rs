//! RSASSA-PKCS1-v1_5 with SHA-256: the only file that names the crypto library.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

/// The longest RS256 signature a usable key can make: a modulus of 8192 bits (RFC 8017 §8.2.1).
pub(crate) const MAX_SIGNATURE_BYTES: usize = 8192 / 8;

/// A public key, parsed once, that checks RS256 signatures and nothing else.
pub(crate) struct VerifyingKey {
    key: ParsedPublicKey,
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

/// Why a modulus and exponent make no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnusableRsa {
    Exponent,
    Modulus,
}

impl VerifyingKey {
    /// Takes big-endian `n` and `e`, with or without leading zero bytes.
    ///
    /// The bounds are checked here rather than left to the library, which checks the size only when it verifies: a key
    /// that can never verify must not count as usable.
    pub(crate) fn from_components(n: &[u8], e: &[u8]) -> Result<Self, UnusableRsa> {
        let (n, e) = (strip_leading_zeros(n), strip_leading_zeros(e));
        if !(2048..=8192).contains(&bit_length(n)) || !is_odd(n) {
            return Err(UnusableRsa::Modulus);
        }
        // 2^33 is the largest exponent the verifier's arithmetic is specified for; being odd excludes 2^33 itself.
        if bit_length(e) > 33 || !is_odd(e) || e == [1] {
            return Err(UnusableRsa::Exponent);
        }
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| UnusableRsa::Modulus)?;
        Ok(Self {
            key,
            modulus: n.into(),
            exponent: e.into(),
        })
    }

    /// Whether `signature` is this key's RS256 signature over exactly these bytes (RFC 8017 §8.2.2).
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.modulus.len() && self.key.verify_sig(message, signature).is_ok()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.modulus == other.modulus && self.exponent == other.exponent
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("modulus_bits", &(self.modulus.len() * 8))
            .finish_non_exhaustive()
    }
}

fn strip_leading_zeros(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number {
        number = rest;
    }
    number
}

fn bit_length(stripped: &[u8]) -> usize {
    stripped.first().map_or(0, |first| {
        stripped.len() * 8 - first.leading_zeros() as usize
    })
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// A private key of the test kit. Services never sign.
#[cfg(feature = "testing")]
pub(crate) mod signing {
    use aws_lc_rs::{
        rand::{self, SystemRandom},
        rsa::KeySize,
        signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
    };

    pub(crate) struct SigningKey(RsaKeyPair);

    impl SigningKey {
        pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
            RsaKeyPair::from_pkcs8(der).ok().map(Self)
        }

        pub(crate) fn generate() -> Option<Self> {
            RsaKeyPair::generate(KeySize::Rsa2048).ok().map(Self)
        }

        /// Big-endian modulus and exponent.
        pub(crate) fn public_components(&self) -> (Vec<u8>, Vec<u8>) {
            let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.0.public_key());
            (public.n, public.e)
        }

        /// The RS256 signature, or `None` if the library refuses (which for a well-formed key it does not).
        pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
            let mut signature = vec![0; self.0.public_modulus_len()];
            self.0
                .sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .ok()?;
            Some(signature)
        }
    }

    /// Bytes that nobody can guess, or `None` if the system has none (which it has).
    pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
        let mut bytes = [0; N];
        rand::fill(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests;
