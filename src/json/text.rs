//! Strings of a JSON text: where they are, and their values.

use memchr::memchr;

/// A part of a text, by its first byte and the one after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        let range = self.start as usize..self.end as usize;
        text.get(range).unwrap_or_default()
    }

    pub(crate) fn of_str(self, text: &str) -> &str {
        let range = self.start as usize..self.end as usize;
        text.get(range).unwrap_or_default()
    }

    /// The same part of a text with this many bytes before it.
    pub(crate) fn moved_by(self, bytes: usize) -> Option<Self> {
        let bytes = u32::try_from(bytes).ok()?;
        Some(Self {
            start: self.start.checked_add(bytes)?,
            end: self.end.checked_add(bytes)?,
        })
    }
}

/// A string in a text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonString {
    pub(crate) at: Span,
    pub(crate) escaped: bool,
}

impl JsonString {
    /// `text` must be the one that the string was read from.
    pub(crate) fn of(self, text: &[u8]) -> RawStr<'_> {
        RawStr {
            raw: self.at.of(text),
            escaped: self.escaped,
        }
    }
}

/// A string as it is written, with its escapes. Not known to be UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct RawStr<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> RawStr<'a> {
    #[cfg(test)]
    pub(crate) const fn of_plain(text: &'a str) -> Self {
        Self {
            raw: text.as_bytes(),
            escaped: false,
        }
    }

    /// How it is written, if that is what it says.
    pub(crate) const fn plain(self) -> Option<&'a [u8]> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// Whether it says this.
    pub(crate) fn is(self, text: &str) -> bool {
        if !self.escaped {
            return self.raw == text.as_bytes();
        }
        let mut rest = text.as_bytes();
        for piece in self.pieces() {
            let mut buffer = [0; 4];
            let piece = match piece {
                Piece::Plain(plain) => plain,
                Piece::Char(char) => char.encode_utf8(&mut buffer).as_bytes(),
                Piece::LoneSurrogate => return false,
            };
            match rest.strip_prefix(piece) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// What it says, or `None` if that has more than `N` bytes or is not text.
    pub(crate) fn short<'b, const N: usize>(self, buffer: &'b mut [u8; N]) -> Option<&'b str>
    where
        'a: 'b,
    {
        if !self.escaped {
            return (self.raw.len() <= N)
                .then(|| str::from_utf8(self.raw).ok())
                .flatten();
        }
        let mut len = 0;
        for piece in self.pieces() {
            let mut encoded = [0; 4];
            let piece = match piece {
                Piece::Plain(plain) => plain,
                Piece::Char(char) => char.encode_utf8(&mut encoded).as_bytes(),
                Piece::LoneSurrogate => return None,
            };
            buffer
                .get_mut(len..len + piece.len())?
                .copy_from_slice(piece);
            len += piece.len();
        }
        str::from_utf8(buffer.get(..len)?).ok()
    }

    /// Whether its escapes make characters: no surrogate is unpaired.
    pub(crate) fn is_well_formed(self) -> bool {
        !self.escaped
            || self
                .pieces()
                .all(|piece| !matches!(piece, Piece::LoneSurrogate))
    }

    const fn pieces(self) -> Pieces<'a> {
        Pieces { rest: self.raw }
    }
}

/// Appends what a string says to `to`. `raw` is how it is written in JSON, without quotes.
///
/// `None`, and nothing appended, if that is not text.
pub(crate) fn unescape_onto(raw: &str, to: &mut String) -> Option<()> {
    let len = to.len();
    for piece in (Pieces {
        rest: raw.as_bytes(),
    }) {
        match piece {
            // A piece ends before an ASCII character or at the end, so it is text as `raw` is.
            Piece::Plain(plain) => to.push_str(str::from_utf8(plain).unwrap_or_default()),
            Piece::Char(char) => to.push(char),
            Piece::LoneSurrogate => {
                to.truncate(len);
                return None;
            }
        }
    }
    Some(())
}

enum Piece<'a> {
    Plain(&'a [u8]),
    Char(char),
    LoneSurrogate,
}

/// The pieces of a string: the text between escapes, and the meaning of each escape.
struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let [first, ..] = self.rest else {
            return None;
        };
        if *first != b'\\' {
            let end = memchr(b'\\', self.rest).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest;
            return Some(Piece::Plain(plain));
        }
        let (escape, rest) = self.rest.split_at_checked(2)?;
        self.rest = rest;
        Some(match escape.last()? {
            b'b' => Piece::Char('\u{8}'),
            b'f' => Piece::Char('\u{c}'),
            b'n' => Piece::Char('\n'),
            b'r' => Piece::Char('\r'),
            b't' => Piece::Char('\t'),
            b'u' => self.code_point().map_or(Piece::LoneSurrogate, Piece::Char),
            // A quote, a slash or a backslash.
            itself => Piece::Char(char::from(*itself)),
        })
    }
}

impl Pieces<'_> {
    /// The character of one `\u` escape or of two, after the first `\u`.
    fn code_point(&mut self) -> Option<char> {
        let unit = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit.into());
        }
        self.rest = self.rest.strip_prefix(b"\\u")?;
        let low = self.code_unit()?;
        char::decode_utf16([unit, low]).next()?.ok()
    }

    fn code_unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        // Digit by digit: the standard library would take five times the instructions, of which a
        // stranger could ask for many.
        digits.iter().try_fold(0, |unit: u16, &digit| {
            let digit = char::from(digit).to_digit(16)?;
            Some(unit << 4 | u16::try_from(digit).ok()?)
        })
    }
}
