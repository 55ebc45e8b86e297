//! Compact JWS: three base64url parts and a protected header (RFC 7515 §3.1, §4.1, §7.1).

mod header;
mod known_headers;

use std::mem::MaybeUninit;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use memchr::memchr;

pub(crate) use self::known_headers::KnownHeaders;
use crate::{
    crypto::{MAX_SIGNATURE_BYTES, VerifyingKey},
    error::AuthError,
    json::{JsonString, Span, unescape_onto},
};

/// A JWS of the form we accept, whose signature is still to be checked.
///
/// It has exactly three parts; its header asks for RS256 and for no extension, and names a key.
/// Header and payload are strictly encoded. The signature is not decoded yet: most tokens that are
/// rejected are rejected before it is needed.
pub(crate) struct CompactJws<'t> {
    signing_input: &'t [u8],
    signature: EncodedSignature<'t>,
    header: Header<'t>,
    /// The header, if it had to be read, and the payload: decoded one after the other, so that both
    /// cost one allocation. Whether they are UTF-8 is checked after the signature.
    decoded: Vec<u8>,
    payload_at: usize,
}

/// A header that asks for nothing but RS256.
enum Header<'t> {
    /// The same text was in a token that verified.
    Known { kid: &'t str },
    /// It has been read, and is to be remembered if the signature verifies.
    New {
        encoded: &'t [u8],
        kid: Span,
        known: &'t KnownHeaders,
    },
}

impl<'t> CompactJws<'t> {
    /// # Errors
    ///
    /// [`AuthError::MalformedToken`]; then
    /// [`MalformedHeader`](AuthError::MalformedHeader),
    /// [`HeaderNotSupported`](AuthError::HeaderNotSupported) or
    /// [`AlgorithmNotAllowed`](AuthError::AlgorithmNotAllowed).
    pub(crate) fn parse(token: &'t [u8], known: &'t KnownHeaders) -> Result<Self, AuthError> {
        let parts = Parts::split(token).ok_or(AuthError::MalformedToken)?;
        let known_kid = known.kid_of(parts.header);
        let header_length = match known_kid {
            Some(_) => 0,
            None => decoded_length(parts.header)?,
        };
        let mut decoded = Vec::with_capacity(header_length + decoded_length(parts.payload)?);
        if known_kid.is_none() {
            decode_strictly(parts.header, &mut decoded)?;
        }
        let payload_at = decoded.len();
        decode_strictly(parts.payload, &mut decoded)?;
        let header = match known_kid {
            Some(kid) => Header::Known { kid },
            None => Header::New {
                encoded: parts.header,
                kid: header::kid(decoded.get_mut(..payload_at).unwrap_or_default())?,
                known,
            },
        };
        Ok(Self {
            signing_input: parts.signing_input,
            signature: parts.signature,
            header,
            decoded,
            payload_at,
        })
    }

    /// The name of the key: an opaque string, compared byte for byte and never decoded or
    /// normalised.
    pub(crate) fn kid(&self) -> &str {
        match &self.header {
            Header::Known { kid } => kid,
            Header::New { kid, .. } => str::from_utf8(kid.of(&self.decoded)).unwrap_or_default(),
        }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.decoded.get(self.payload_at..).unwrap_or_default()
    }

    /// Gives the payload away if `key` signed the bytes that were received. The way to it that
    /// skips this is [`payload`](Self::payload), whose only caller keeps what it reads to itself.
    ///
    /// # Errors
    ///
    /// [`AuthError::MalformedToken`] for a signature that is not base64url;
    /// [`InvalidSignature`](AuthError::InvalidSignature); then
    /// [`MalformedHeader`](AuthError::MalformedHeader) or
    /// [`MalformedClaims`](AuthError::MalformedClaims) for what is not UTF-8.
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<VerifiedPayload, AuthError> {
        let mut buffer = SignatureBuffer::new();
        let signature = buffer.decode(self.signature)?;
        if !key.verifies(self.signing_input, signature) {
            return Err(AuthError::InvalidSignature);
        }
        let texts = into_texts(self.decoded, self.payload_at)?;
        if let Header::New {
            encoded,
            kid,
            known,
        } = self.header
        {
            known.remember(encoded, kid.of_str(&texts));
        }
        Ok(VerifiedPayload {
            payload_at: self.payload_at,
            payload_end: texts.len(),
            texts,
        })
    }
}

/// A payload whose signature verified. The only way to one is [`CompactJws::verify`].
pub(crate) struct VerifiedPayload {
    /// The header, if it was read, the payload, and then strings of the payload without their
    /// escapes.
    texts: String,
    payload_at: usize,
    payload_end: usize,
}

impl VerifiedPayload {
    pub(crate) fn as_str(&self) -> &str {
        self.texts
            .get(self.payload_at..self.payload_end)
            .unwrap_or_default()
    }

    /// A string that was kept.
    pub(crate) fn text(&self, at: Span) -> &str {
        at.of_str(&self.texts)
    }

    /// Appends what [`Keeping`] has written out.
    pub(crate) fn append(&mut self, written_out: &str) {
        self.texts.reserve_exact(written_out.len());
        self.texts.push_str(written_out);
    }

    /// What keeping it costs in memory.
    pub(crate) const fn memory(&self) -> usize {
        self.texts.capacity()
    }
}

/// Finds strings of a payload a place where they can be read as they are.
pub(crate) struct Keeping<'p> {
    payload: &'p VerifiedPayload,
    /// The strings that have escapes, without them.
    written_out: String,
}

impl<'p> Keeping<'p> {
    pub(crate) const fn new(payload: &'p VerifiedPayload) -> Self {
        Self {
            payload,
            written_out: String::new(),
        }
    }

    /// Where [`VerifiedPayload::text`] will find a string of the payload, or `None` if it is not
    /// text.
    pub(crate) fn keep(&mut self, string: JsonString) -> Option<Span> {
        if !string.escaped {
            return string.at.moved_by(self.payload.payload_at);
        }
        let start = u32::try_from(self.written_out.len()).ok()?;
        unescape_onto(
            string.at.of_str(self.payload.as_str()),
            &mut self.written_out,
        )?;
        let end = u32::try_from(self.written_out.len()).ok()?;
        Span { start, end }.moved_by(self.payload.texts.len())
    }

    /// What to [`append`](VerifiedPayload::append).
    pub(crate) fn written_out(self) -> String {
        self.written_out
    }
}

struct Parts<'t> {
    signing_input: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: EncodedSignature<'t>,
}

impl<'t> Parts<'t> {
    fn split(token: &'t [u8]) -> Option<Self> {
        let (header, rest) = split_once(token)?;
        let (payload, signature) = split_once(rest)?;
        let signing_input = token.get(..header.len() + 1 + payload.len())?;
        let none_is_empty = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        let has_more = memchr(b'.', signature).is_some();
        (none_is_empty && !has_more).then_some(Self {
            signing_input,
            header,
            payload,
            signature: EncodedSignature(signature),
        })
    }
}

/// A signature as it was received.
#[derive(Clone, Copy)]
struct EncodedSignature<'t>(&'t [u8]);

fn split_once(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr(b'.', bytes)?;
    Some((bytes.get(..dot)?, bytes.get(dot + 1..)?))
}

fn decoded_length(part: &[u8]) -> Result<usize, AuthError> {
    URL_SAFE_NO_PAD
        .decoded_length(part)
        .map_err(|_| AuthError::MalformedToken)
}

/// Base64url without padding; rejects padding, other alphabets, white space and unused bits that
/// are not zero, each of which would let one token be written in several ways (RFC 7515 §2, RFC
/// 4648 §3.5).
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

/// Room for a decoded signature.
struct SignatureBuffer([MaybeUninit<u8>; MAX_SIGNATURE_BYTES]);

impl SignatureBuffer {
    const fn new() -> Self {
        Self([MaybeUninit::uninit(); MAX_SIGNATURE_BYTES])
    }

    fn decode(&mut self, EncodedSignature(part): EncodedSignature<'_>) -> Result<&[u8], AuthError> {
        let len = decoded_length(part)?;
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
