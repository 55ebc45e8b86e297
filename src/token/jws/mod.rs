//! Compact JWS: three base64url parts and a protected header (RFC 7515 §3.1, §4.1, §7.1).

use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use memchr::memchr;
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    crypto::{MAX_SIGNATURE_BYTES, VerifyingKey},
    error::AuthError,
    token::json::{self, JsonStr, Text},
};

/// A `kid` longer than this names no key of ours.
const MAX_KID_BYTES: usize = 256;

/// A JWS of the form we accept, whose signature is still to be checked.
///
/// It has exactly three parts, all strictly encoded; its header asks for RS256 and for no extension, and names a key.
pub(crate) struct CompactJws<'t> {
    signing_input: &'t [u8],
    signature: &'t [u8],
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
    /// [`AuthError::MalformedToken`] before anything else; then [`MalformedHeader`](AuthError::MalformedHeader),
    /// [`MalformedClaims`](AuthError::MalformedClaims) for a payload that is not UTF-8,
    /// [`HeaderNotSupported`](AuthError::HeaderNotSupported) or
    /// [`AlgorithmNotAllowed`](AuthError::AlgorithmNotAllowed).
    pub(crate) fn parse(
        token: &'t [u8],
        signature: &'t mut SignatureBuffer,
    ) -> Result<Self, AuthError> {
        let parts = Parts::split(token).ok_or(AuthError::MalformedToken)?;
        let mut decoded = Vec::with_capacity(parts.header.len() + parts.payload.len());
        decode_strictly(parts.header, &mut decoded)?;
        let payload_at = decoded.len();
        decode_strictly(parts.payload, &mut decoded)?;
        let signature = signature.decode(parts.signature)?;

        let decoded = into_texts(decoded, payload_at)?;
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
            signing_input: parts.signing_input,
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
        if !key.verifies(self.signing_input, self.signature) {
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
    signing_input: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Parts<'t> {
    /// Splits at the first two dots. A third one is refused with everything else that is not base64url.
    fn split(token: &'t [u8]) -> Option<Self> {
        let (header, rest) = split_once(token)?;
        let (payload, signature) = split_once(rest)?;
        let signing_input = token.get(..header.len() + 1 + payload.len())?;
        let none_is_empty = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        none_is_empty.then_some(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }
}

fn split_once(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr(b'.', bytes)?;
    Some((bytes.get(..dot)?, bytes.get(dot + 1..)?))
}

/// Base64url without padding; refuses padding, other alphabets, white space and unused bits that are not zero, each of
/// which would let one token be written in several ways (RFC 7515 §2, RFC 4648 §3.5).
fn decode_strictly(part: &[u8], into: &mut Vec<u8>) -> Result<(), AuthError> {
    URL_SAFE_NO_PAD
        .decode_append(part, into)
        .map_err(|_| AuthError::MalformedToken)
}

/// Header and payload as texts, each by itself.
fn into_texts(decoded: Vec<u8>, payload_at: usize) -> Result<String, AuthError> {
    let texts = String::from_utf8(decoded).map_err(|error| {
        if error.utf8_error().valid_up_to() < payload_at {
            AuthError::MalformedHeader
        } else {
            AuthError::MalformedClaims
        }
    })?;
    // A character that straddles the border is valid in the whole but in neither part.
    if texts.is_char_boundary(payload_at) {
        Ok(texts)
    } else {
        Err(AuthError::MalformedHeader)
    }
}

/// Room for a decoded signature. The caller keeps it on its stack, so that a parsed token is small enough to be moved.
pub(crate) struct SignatureBuffer([u8; MAX_SIGNATURE_BYTES]);

impl SignatureBuffer {
    pub(crate) const fn new() -> Self {
        Self([0; MAX_SIGNATURE_BYTES])
    }

    fn decode(&mut self, part: &[u8]) -> Result<&[u8], AuthError> {
        let len = URL_SAFE_NO_PAD
            .decoded_length(part)
            .map_err(|_| AuthError::MalformedToken)?;
        // A longer signature cannot be a usable key's. The decoder demands the room that it needs.
        let room = self.0.get_mut(..len).ok_or(AuthError::MalformedToken)?;
        match URL_SAFE_NO_PAD.decode(part, room.as_out()) {
            Ok(signature) => Ok(signature),
            Err(_) => Err(AuthError::MalformedToken),
        }
    }
}

#[cfg(test)]
mod tests;
