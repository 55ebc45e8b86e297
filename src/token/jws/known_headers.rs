//! Headers that need not be read again.

use std::sync::OnceLock;

/// A pool signs its access tokens and its ID tokens with a key each. With more pools or rotations
/// than there is room for, the headers that come last are read each time.
const ROOM: usize = 8;

/// A longer header is not kept. Cognito's has about a hundred bytes.
const LONGEST: usize = 512;

/// The headers of tokens whose signature verified, as they were written.
///
/// All tokens of a key have the same header, and what the same text says was accepted before. Only
/// an issuer can put a header here, and nothing is ever replaced, so that reading takes no lock.
#[derive(Default)]
pub(crate) struct KnownHeaders([OnceLock<KnownHeader>; ROOM]);

struct KnownHeader {
    encoded: Box<[u8]>,
    kid: Box<str>,
}

impl KnownHeaders {
    /// The key that a header names, if it is known.
    pub(super) fn kid_of(&self, encoded: &[u8]) -> Option<&str> {
        // They are filled in order.
        let mut known = self.0.iter().map_while(OnceLock::get);
        let known = known.find(|known| *known.encoded == *encoded)?;
        Some(&known.kid)
    }

    /// Remembers a header, if there is room. Its token must have verified.
    pub(super) fn remember(&self, encoded: &[u8], kid: &str) {
        if encoded.len() > LONGEST {
            return;
        }
        for slot in &self.0 {
            let known = slot.get_or_init(|| KnownHeader {
                encoded: encoded.into(),
                kid: kid.into(),
            });
            // It was free, or another token with this header was quicker: at a start, many are
            // verified at once, and must not take a place each.
            if *known.encoded == *encoded {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::AuthError,
        keys::KeySet,
        testing::{TestPool, TokenBuilder},
        token::jws::CompactJws,
    };

    /// Verifies as a verifier does that knows these headers. Returns the key's name and the
    /// payload.
    fn verify(
        pool: &TestPool,
        known: &KnownHeaders,
        token: &TokenBuilder,
    ) -> Result<(String, String), AuthError> {
        let token = token.build();
        let jws = CompactJws::parse(token.as_bytes(), known)?;
        let kid = jws.kid().to_owned();
        let keys = KeySet::parse(&pool.jwks()).unwrap();
        let key = keys.get(&kid).ok_or(AuthError::UnknownKey)?;
        Ok((kid, jws.verify(key)?.as_str().to_owned()))
    }

    fn knows(known: &KnownHeaders, token: &TokenBuilder) -> bool {
        let token = token.build();
        let (header, _) = token.split_once('.').unwrap();
        known.kid_of(header.as_bytes()).is_some()
    }

    #[test]
    fn a_header_is_known_once_its_token_has_verified() {
        let (pool, known) = (TestPool::new(), KnownHeaders::default());
        let good = pool.token();
        for forged in [good.clone().tampered(), good.clone().unsigned()] {
            assert!(verify(&pool, &known, &forged).is_err());
            assert!(!knows(&known, &good));
        }
        let good = good.claim("jti", "1");
        let read = verify(&pool, &known, &good).unwrap();
        assert!(knows(&known, &good));
        assert_eq!(verify(&pool, &known, &good).unwrap(), read);
        assert_eq!(
            verify(&pool, &known, &good.clone().tampered()),
            Err(AuthError::InvalidSignature)
        );
    }

    #[test]
    fn every_other_header_is_read() {
        let (pool, known) = (TestPool::new(), KnownHeaders::default());
        let good = pool.token();
        verify(&pool, &known, &good).unwrap();
        for (other, error) in [
            (
                good.clone().header("alg", "PS256"),
                AuthError::AlgorithmNotAllowed,
            ),
            (
                good.clone().header("crit", ["exp"]),
                AuthError::HeaderNotSupported,
            ),
            (good.clone().kid("another"), AuthError::UnknownKey),
            (
                good.clone().without_header("kid"),
                AuthError::MalformedHeader,
            ),
        ] {
            assert_eq!(verify(&pool, &known, &other), Err(error));
            assert!(!knows(&known, &other));
        }
    }

    /// What a key is named is what its header says, not how it says it.
    #[test]
    fn a_name_with_escapes_is_known_by_what_it_says() {
        let (pool, known) = (TestPool::new(), KnownHeaders::default());
        let (kid, _) = verify(&pool, &known, &pool.token()).unwrap();
        let (first, rest) = kid.split_at(1);
        let code = u32::from(first.chars().next().unwrap());
        let header = format!(r#"{{"alg":"RS256","kid":"\u{code:04x}{rest}"}}"#);
        let escaped = pool.token().raw_header(header);
        for _ in 0..2 {
            assert_eq!(verify(&pool, &known, &escaped).unwrap().0, kid);
            assert!(knows(&known, &escaped));
        }
    }

    #[test]
    fn there_is_room_for_a_few_and_the_rest_are_read() {
        let (pool, known) = (TestPool::new(), KnownHeaders::default());
        let numbered = |number: usize| pool.token().header("typ", format!("JWT{number}"));
        for number in 0..ROOM + 3 {
            verify(&pool, &known, &numbered(number)).unwrap();
            assert_eq!(knows(&known, &numbered(number)), number < ROOM, "{number}");
        }
        for number in 0..ROOM + 3 {
            verify(&pool, &known, &numbered(number)).unwrap();
        }
    }

    #[test]
    fn tokens_with_one_header_that_are_verified_at_once_take_one_place() {
        let known = KnownHeaders::default();
        for header in ["a", "b", "a", "a", "b"] {
            known.remember(header.as_bytes(), header);
        }
        let others = (2..ROOM).map(|number| number.to_string());
        for other in others {
            known.remember(other.as_bytes(), &other);
            assert_eq!(known.kid_of(other.as_bytes()), Some(&*other));
        }
        assert_eq!(known.kid_of(b"a"), Some("a"));
        assert_eq!(known.kid_of(b"b"), Some("b"));
    }

    #[test]
    fn a_header_is_kept_up_to_its_bound() {
        let (pool, known) = (TestPool::new(), KnownHeaders::default());
        let (kid, _) = verify(&pool, &known, &pool.token()).unwrap();
        // Three bytes are written as four characters.
        let longest = LONGEST / 4 * 3;
        for (length, kept) in [(longest, true), (longest + 1, false)] {
            let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
            let token = pool.token().raw_header(format!("{header:length$}"));
            verify(&pool, &known, &token).unwrap();
            assert_eq!(knows(&known, &token), kept, "{length}");
        }
    }
}
