//! Compact JWS: three base64url parts and a protected header (RFC 7515 §3.1, §4.1, §7.1).

use base64::{Engine, decoded_len_estimate, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    crypto::{MAX_SIGNATURE_BYTES, VerifyingKey},
    error::AuthError,
    json::{self, JsonStr, Text},
};

/// A `kid` longer than this names no key of ours.
const MAX_KID_BYTES: usize = 256;

/// A JWS of the form we accept, whose signature is still to be checked.
///
/// It has exactly three parts, all strictly encoded; its header asks for RS256 and for no extension, and names a key.
pub(crate) struct CompactJws<'t> {
    signing_input: &'t [u8],
    signature: Signature,
    kid: Text,
    /// Header and payload decoded one behind the other, so that both cost one allocation.
    decoded: String,
    payload_at: usize,
}

/// The members of the header that we read. Every other one is ignored: `jwk`, `jku`, `x5c` and their like can neither
/// become a key nor cause a request (RFC 8725 §3.10).
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: JsonStr<'a>,
    #[serde(borrow)]
    kid: JsonStr<'a>,
    #[serde(default, deserialize_with = "json::present")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    b64: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    zip: Option<IgnoredAny>,
}

impl<'t> CompactJws<'t> {
    /// # Errors
    ///
    /// [`AuthError::MalformedToken`], [`MalformedHeader`](AuthError::MalformedHeader),
    /// [`MalformedClaims`](AuthError::MalformedClaims) for a payload that is not UTF-8,
    /// [`HeaderNotSupported`](AuthError::HeaderNotSupported) or
    /// [`AlgorithmNotAllowed`](AuthError::AlgorithmNotAllowed).
    pub(crate) fn parse(token: &'t str) -> Result<Self, AuthError> {
        let parts = Parts::split(token).ok_or(AuthError::MalformedToken)?;
        let (decoded, payload_at) = parts.decode()?;
        let signature = Signature::decode(parts.signature).ok_or(AuthError::MalformedToken)?;

        let header_text = decoded
            .get(..payload_at)
            .ok_or(AuthError::MalformedHeader)?;
        let header = json::object::<Header<'_>>(header_text).ok_or(AuthError::MalformedHeader)?;
        if header.crit.is_some() || header.b64.is_some() || header.zip.is_some() {
            return Err(AuthError::HeaderNotSupported);
        }
        if header.alg.as_str() != "RS256" {
            return Err(AuthError::AlgorithmNotAllowed);
        }
        if header.kid.as_str().len() > MAX_KID_BYTES {
            return Err(AuthError::MalformedHeader);
        }
        Ok(Self {
            signing_input: parts.signing_input.as_bytes(),
            signature,
            kid: header.kid.locate(header_text),
            decoded,
            payload_at,
        })
    }

    /// The name of the key: an opaque string, compared byte for byte and never decoded or normalised.
    pub(crate) fn kid(&self) -> &str {
        self.kid.of(&self.decoded)
    }

    pub(crate) fn payload(&self) -> &str {
        self.decoded.get(self.payload_at..).unwrap_or_default()
    }

    /// Gives the payload away if `key` signed the bytes that were received. The way to it that skips this is
    /// [`payload`](Self::payload), whose only caller keeps what it reads to itself.
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<VerifiedPayload, AuthError> {
        if !key.verifies(self.signing_input, self.signature.as_bytes()) {
            return Err(AuthError::InvalidSignature);
        }
        Ok(VerifiedPayload {
            decoded: self.decoded,
            payload_at: self.payload_at,
        })
    }
}

/// A payload whose signature verified. The only way to one is [`CompactJws::verify`].
pub(crate) struct VerifiedPayload {
    decoded: String,
    payload_at: usize,
}

impl VerifiedPayload {
    pub(crate) fn as_str(&self) -> &str {
        self.decoded.get(self.payload_at..).unwrap_or_default()
    }

    /// What keeping it costs in memory.
    pub(crate) const fn memory(&self) -> usize {
        self.decoded.capacity()
    }
}

struct Parts<'t> {
    signing_input: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    /// Splits at the first two dots. A third one is refused with everything else that is not base64url.
    fn split(token: &'t str) -> Option<Self> {
        let (header, rest) = token.split_once('.')?;
        let (payload, signature) = rest.split_once('.')?;
        let signing_input = token.get(..header.len() + 1 + payload.len())?;
        let none_is_empty = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        none_is_empty.then_some(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }

    /// Header and payload as one text, and where the payload begins.
    fn decode(&self) -> Result<(String, usize), AuthError> {
        let capacity =
            decoded_len_estimate(self.header.len()) + decoded_len_estimate(self.payload.len());
        let mut bytes = Vec::with_capacity(capacity);
        decode_strictly(self.header, &mut bytes)?;
        let payload_at = bytes.len();
        decode_strictly(self.payload, &mut bytes)?;
        let decoded = String::from_utf8(bytes).map_err(|error| {
            if error.utf8_error().valid_up_to() < payload_at {
                AuthError::MalformedHeader
            } else {
                AuthError::MalformedClaims
            }
        })?;
        // A character that straddles the border is valid in the whole but in neither part.
        if decoded.is_char_boundary(payload_at) {
            Ok((decoded, payload_at))
        } else {
            Err(AuthError::MalformedHeader)
        }
    }
}

/// Base64url without padding; refuses padding, other alphabets, white space and unused bits that are not zero, each of
/// which would let one token be written in several ways (RFC 7515 §2, RFC 4648 §3.5).
fn decode_strictly(part: &str, into: &mut Vec<u8>) -> Result<(), AuthError> {
    URL_SAFE_NO_PAD
        .decode_vec(part, into)
        .map_err(|_| AuthError::MalformedToken)
}

/// A decoded signature, on the stack.
struct Signature {
    bytes: [u8; MAX_SIGNATURE_BYTES],
    len: usize,
}

impl Signature {
    fn decode(part: &str) -> Option<Self> {
        let mut bytes = [0; MAX_SIGNATURE_BYTES];
        let len = URL_SAFE_NO_PAD.decode_slice(part, &mut bytes).ok()?;
        Some(Self { bytes, len })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
