//! How much may be read, and why reading stops.

/// How much work reading may be.
///
/// A value, a member's name and an escape take a step each. Everything else (the characters of a
/// string, digits, white space) takes about a nanosecond for a few bytes, whatever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// So many steps, no allocation, and no value inside more than 128 others.
    AtMost(u32),
    Any,
}

/// Why reading stopped before the end of the document.
///
/// It has the width of a position: in a `Result`, where the two share a place, the compiler would
/// otherwise take each position apart into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Stop {
    /// The text is not JSON, or not of the expected form.
    Malformed,
    /// There is more to read than [`Steps`] permit. The text may be good.
    OutOfSteps,
}
