//! RSASSA-PKCS1-v1_5 with SHA-256: the only file that names the crypto library.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
    try_fips_mode,
};

/// The longest RS256 signature a usable key can make: a modulus of 8192 bits (RFC 8017 §8.2.1).
pub(crate) const MAX_SIGNATURE_BYTES: usize = 8192 / 8;

/// A public key, parsed once, that checks RS256 signatures and nothing else.
pub(crate) struct VerifyingKey {
    key: ParsedPublicKey,
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
    hashing: Hashing,
}

/// Where the library hashes the message. It verifies the same signatures either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hashing {
    /// Within the verification: the only way that FIPS 140-3 approves of.
    Within,
    /// Before it, in a separate call, which spares the library a context that it sets up and
    /// copies: a hundredth of the time.
    Before,
}

impl Hashing {
    fn of_this_library() -> Self {
        match try_fips_mode() {
            Ok(()) => Self::Within,
            Err(_) => Self::Before,
        }
    }
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
    /// The bounds are checked here rather than left to the library, which checks the size only when
    /// it verifies: a key that can never verify must not count as usable.
    pub(crate) fn from_components(n: &[u8], e: &[u8]) -> Result<Self, UnusableRsa> {
        let (n, e) = (strip_leading_zeros(n), strip_leading_zeros(e));
        if !(2048..=8192).contains(&bit_length(n)) || !is_odd(n) {
            return Err(UnusableRsa::Modulus);
        }
        // 2^33 is the largest exponent the verifier's arithmetic is specified for; being odd
        // excludes 2^33 itself.
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
            hashing: Hashing::of_this_library(),
        })
    }

    /// Whether `signature` is this key's RS256 signature over exactly these bytes (RFC 8017
    /// §8.2.2).
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifies_by(self.hashing, message, signature)
    }

    fn verifies_by(&self, hashing: Hashing, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != self.modulus.len() {
            return false;
        }
        let verified = match hashing {
            Hashing::Within => self.key.verify_sig(message, signature),
            Hashing::Before => {
                let digest = digest(&SHA256, message);
                self.key.verify_digest_sig(&digest, signature)
            }
        };
        verified.is_ok()
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
        digest::{SHA256, digest},
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

        /// The RS256 signature, or `None` if the library rejects (which for a well-formed key it
        /// does not).
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

    /// SHA-256, for PKCE.
    pub(crate) fn sha256(message: &[u8]) -> impl AsRef<[u8]> {
        digest(&SHA256, message)
    }

    /// Unpredictable bytes, or `None` if the system has none (which it has).
    pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
        let mut bytes = [0; N];
        rand::fill(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// What a client shares with other processes, encrypted, and the names it goes by.
#[cfg(feature = "client")]
pub(crate) mod sealing {
    use aws_lc_rs::{
        aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
        digest::{SHA256, digest},
    };

    /// Encrypts and authenticates with AES-256-GCM, under a random nonce each time.
    pub(crate) struct SealingKey(RandomizedNonceKey);

    impl SealingKey {
        /// `None` if the library rejects (which for 32 bytes it does not).
        pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
            RandomizedNonceKey::new(&AES_256_GCM, key).ok().map(Self)
        }

        /// Nonce, ciphertext and tag. `context` is not encrypted, but must be the same when it is
        /// opened.
        pub(crate) fn seal(&self, context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
            let mut sealed = plaintext.to_vec();
            let nonce = self
                .0
                .seal_in_place_append_tag(Aad::from(context), &mut sealed)
                .ok()?;
            Some([nonce.as_ref().as_slice(), &sealed].concat())
        }

        pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
            let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let mut opened = ciphertext.to_vec();
            let plaintext = self
                .0
                .open_in_place(nonce, Aad::from(context), &mut opened)
                .ok()?;
            Some(plaintext.to_vec())
        }
    }

    /// SHA-256 over parts that cannot run into each other: each is preceded by its length.
    pub(crate) fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
        let mut input = Vec::new();
        for part in parts {
            input.extend_from_slice(&(part.len() as u64).to_be_bytes());
            input.extend_from_slice(part);
        }
        let mut output = [0; 32];
        for (to, from) in output.iter_mut().zip(digest(&SHA256, &input).as_ref()) {
            *to = *from;
        }
        output
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_was_sealed_opens_under_its_key_and_context_only() {
            let key = SealingKey::new(&[1; 32]).unwrap();
            let sealed = key.seal(b"name", b"a token").unwrap();
            assert!(!sealed.windows(7).any(|window| window == b"a token"));
            assert_eq!(key.open(b"name", &sealed).as_deref(), Some(&b"a token"[..]));
            assert_ne!(key.seal(b"name", b"a token").unwrap(), sealed);

            assert_eq!(key.open(b"other", &sealed), None);
            let other = SealingKey::new(&[2; 32]).unwrap();
            assert_eq!(other.open(b"name", &sealed), None);
            for position in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[position] ^= 1;
                assert_eq!(key.open(b"name", &altered), None, "{position}");
                assert_eq!(key.open(b"name", &sealed[..position]), None);
            }
        }

        #[test]
        fn parts_do_not_run_into_each_other() {
            assert_eq!(digest_of(&[b"ab", b"c"]), digest_of(&[b"ab", b"c"]));
            assert_ne!(digest_of(&[b"ab", b"c"]), digest_of(&[b"a", b"bc"]));
            assert_ne!(digest_of(&[b"ab"]), digest_of(&[b"ab", b""]));
        }
    }
}

#[cfg(test)]
mod tests;
