//! A JSON reader that does not recurse, and allocates nothing while its work is limited.
//!
//! It accepts the grammar of RFC 8259 and nothing else. It returns positions, so that reading a
//! token takes no memory before its signature is known to be good. Strings are returned as they
//! are written; [`RawStr`](super::RawStr) reads through their escapes.

use super::{
    containers::{Container, OpenContainers},
    steps::{Steps, Stop},
    text::{JsonString, Span},
    words::{all_digits, special_characters},
};

/// A value, by where it is. The inside of a list or object has been checked, and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    String(JsonString),
    Number(Span),
    /// With its brackets. [`elements`] reads it again.
    List(Span),
    Other,
}

/// Most strings of this kind end within eight characters, as names do.
const SHORT: bool = true;
/// Most strings of this kind are longer, as values are.
const LONG: bool = false;

/// Reads one text, from its start.
///
/// What is done for every member is inlined, and what is not takes the reader by value, so that its
/// position stays in a register: through memory, each step would wait for the one before.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    steps: Steps,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(text: &'a [u8], steps: Steps) -> Self {
        Self { text, at: 0, steps }
    }

    /// Reads the text as one object, and passes each of its members on.
    ///
    /// # Errors
    ///
    /// [`Stop`], also that of `member`.
    #[inline(never)]
    pub(crate) fn object(
        self,
        mut member: impl FnMut(JsonString, Value) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        // A local copy, which the compiler keeps in registers; an argument it would not.
        let mut reader = self;
        // Positions are 32 bits wide.
        if u32::try_from(reader.text.len()).is_err() {
            return Err(Stop::Malformed);
        }
        reader.expect(b'{')?;
        if !reader.next_is(b'}') {
            loop {
                let name = reader.name()?;
                let value = reader.value()?;
                member(name, value)?;
                let next = reader.next();
                reader.at += 1;
                match next {
                    Some(b',') => {}
                    Some(b'}') => break,
                    _ => return Err(Stop::Malformed),
                }
            }
        }
        match reader.next() {
            None => Ok(()),
            Some(_) => Err(Stop::Malformed),
        }
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Value, Stop> {
        let first = self.next();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.step()?;
                self.at += 1;
                Ok(Value::String(self.string::<LONG>()?))
            }
            Some(b'-' | b'0'..=b'9') => {
                self.step()?;
                self.number()?;
                Ok(Value::Number(self.span_from(start)))
            }
            Some(b'[') => {
                *self = self.after_value()?;
                Ok(Value::List(self.span_from(start)))
            }
            _ => {
                *self = self.after_value()?;
                Ok(Value::Other)
            }
        }
    }

    /// Checks a value of any kind, however deep, and steps over it.
    #[inline(never)]
    fn after_value(mut self) -> Result<Self, Stop> {
        let mut open = OpenContainers::default();
        loop {
            self.step()?;
            match self.next() {
                Some(b'"') => {
                    self.at += 1;
                    self.string::<LONG>()?;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b'[') => {
                    self.at += 1;
                    if !self.next_is(b']') {
                        open.push(Container::List, self.steps)?;
                        continue;
                    }
                }
                Some(b'{') => {
                    self.at += 1;
                    if !self.next_is(b'}') {
                        open.push(Container::Object, self.steps)?;
                        self.name()?;
                        continue;
                    }
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(Stop::Malformed),
            }
            // A value has ended. What follows belongs to the container that it is in.
            loop {
                let Some(container) = open.innermost() else {
                    return Ok(self);
                };
                let next = self.next();
                self.at += 1;
                match (container, next) {
                    (Container::List, Some(b',')) => break,
                    (Container::Object, Some(b',')) => {
                        self.name()?;
                        break;
                    }
                    (Container::List, Some(b']')) | (Container::Object, Some(b'}')) => open.pop(),
                    _ => return Err(Stop::Malformed),
                }
            }
        }
    }

    /// A member's name and the colon after it.
    #[inline(always)]
    fn name(&mut self) -> Result<JsonString, Stop> {
        self.step()?;
        self.expect(b'"')?;
        let name = self.string::<SHORT>()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// The rest of a string whose opening quote has been read.
    #[inline(always)]
    fn string<const MOSTLY: bool>(&mut self) -> Result<JsonString, Stop> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.skip_plain_characters::<MOSTLY>();
            let byte = self.bump();
            match byte {
                Some(b'"') => {
                    let mut at = self.span_from(start);
                    at.end -= 1;
                    return Ok(JsonString { at, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    *self = self.after_escape()?;
                }
                // The end of the text, or a control character (RFC 8259 §7).
                _ => return Err(Stop::Malformed),
            }
        }
    }

    /// This is where a reader spends its time on a good token.
    #[inline(always)]
    fn skip_plain_characters<const MOSTLY: bool>(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if MOSTLY == SHORT
            && let Some(word) = rest.first_chunk()
        {
            let plain = plain_characters(*word);
            self.at += plain;
            if plain < word.len() {
                return;
            }
        }
        self.at = after_plain_characters(self.text, self.at);
    }

    /// What follows a backslash. Whether two escapes make a pair of surrogates is checked where a
    /// string is used.
    #[inline(never)]
    fn after_escape(mut self) -> Result<Self, Stop> {
        self.step()?;
        match self.bump() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(self),
            Some(b'u') => {
                let digits = self.text.get(self.at..self.at + 4);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(Stop::Malformed);
                }
                self.at += 4;
                Ok(self)
            }
            _ => Err(Stop::Malformed),
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), Stop> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        // No digit follows a zero.
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    #[inline(always)]
    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let mut rest = self.text.get(start..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first_chunk::<8>()
            && all_digits(u64::from_le_bytes(*word))
        {
            self.at += word.len();
            rest = after;
        }
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if self.at == start {
            Err(Stop::Malformed)
        } else {
            Ok(())
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), Stop> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal) {
            return Err(Stop::Malformed);
        }
        self.at += literal.len();
        Ok(())
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.next() != Some(byte) {
            return Err(Stop::Malformed);
        }
        // Not added to the position as a truth value: then the processor would wait for the byte
        // before it reads the next one.
        self.at += 1;
        Ok(())
    }

    /// Whether the next byte that is not white space is this one. If so, it is stepped over.
    #[inline(always)]
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.next() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// The next byte that is not white space, which is not stepped over.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        if !byte.is_some_and(is_space) {
            return byte;
        }
        self.at = after_white_space(self.text, self.at);
        self.peek()
    }

    #[inline(always)]
    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline(always)]
    fn step(&mut self) -> Result<(), Stop> {
        if let Steps::AtMost(steps) = &mut self.steps {
            *steps = steps.checked_sub(1).ok_or(Stop::OutOfSteps)?;
        }
        Ok(())
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "`object` reads no text that is longer, and a list is part of one"
    )]
    const fn span_from(&self, start: usize) -> Span {
        Span {
            start: start as u32,
            end: self.at as u32,
        }
    }
}

/// Where the next character is that is not plain, or the end. Sixteen are checked together, which
/// takes few instructions where the compiler has vectors.
#[inline(never)]
fn after_plain_characters(text: &[u8], mut at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    while let Some((characters, after)) = rest.split_first_chunk::<16>()
        && !characters
            .iter()
            .fold(false, |found, byte| found | is_special(*byte))
    {
        at += characters.len();
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk() {
        let plain = plain_characters(*word);
        at += plain;
        if plain < word.len() {
            return at;
        }
        rest = after;
    }
    at + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

/// Where the next byte is that is not white space, or the end. A document has little of it between
/// two tokens; a stranger's may have nothing else.
#[inline(never)]
fn after_white_space(text: &[u8], mut at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    while let Some((bytes, after)) = rest.split_first_chunk::<16>()
        && bytes.iter().fold(true, |all, byte| all & is_space(*byte))
    {
        at += bytes.len();
        rest = after;
    }
    at + rest.iter().take_while(|byte| is_space(**byte)).count()
}

/// White space of RFC 8259 §2, without branches as in [`is_special`].
#[inline(always)]
const fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\n') | (byte == b'\t') | (byte == b'\r')
}

/// A quote, a backslash or a control character. A pattern would be compiled to branches, which each
/// of sixteen characters would take.
#[inline(always)]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// How many of eight characters come before the first that is special.
#[inline(always)]
const fn plain_characters(word: [u8; 8]) -> usize {
    special_characters(u64::from_le_bytes(word)).trailing_zeros() as usize / 8
}

/// How many escapes [`string_after_name`] reads. The issuer of a pool has three slashes, which is
/// all that Cognito has been seen to escape.
const MOST_ESCAPES: u32 = 16;

/// The string that is the value of a member whose name ends here, if this is a member's name and
/// the string has few escapes.
pub(crate) fn string_after_name(text: &[u8], at: usize) -> Option<JsonString> {
    let mut reader = Reader {
        text,
        at,
        steps: Steps::AtMost(MOST_ESCAPES),
    };
    reader.expect(b':').ok()?;
    reader.expect(b'"').ok()?;
    reader.string::<LONG>().ok()
}

/// The elements of a list that was read from this text before.
pub(crate) fn elements(text: &[u8], list: Span) -> impl Iterator<Item = Value> + Clone {
    Elements {
        text: text.get(..list.end as usize).unwrap_or_default(),
        at: list.start as usize + 1,
    }
}

#[derive(Clone)]
struct Elements<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Elements<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut reader = Reader {
            text: self.text,
            at: self.at,
            steps: Steps::Any,
        };
        // The list is well-formed: after an element comes a comma or the end.
        let element = reader.value().ok();
        reader.next();
        self.at = reader.at + 1;
        element
    }
}
