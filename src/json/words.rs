//! Eight bytes at a time.

/// The high bit of each byte that is a quote, a backslash or a control character.
///
/// Bits above the lowest one that is set may be wrong, because a subtraction borrows from the byte
/// above; the lowest one is right.
#[inline]
pub(super) const fn special_characters(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (is_quote | is_backslash | is_control) & HIGH_BITS
}

/// Whether all eight bytes are digits: 0x30 to 0x39, which six more take to at most 0x3f.
#[inline]
pub(super) const fn all_digits(word: u64) -> bool {
    const HIGH_HALVES: u64 = u64::from_le_bytes([0xf0; 8]);
    const DIGITS: u64 = u64::from_le_bytes([0x30; 8]);
    let six_more = word.wrapping_add(u64::from_le_bytes([6; 8]));
    word & HIGH_HALVES == DIGITS && six_more & HIGH_HALVES == DIGITS
}
