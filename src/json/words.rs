//! Eight bytes at a time.

/// The high bit of each byte that is a quote, a backslash or a control character.
///
/// Bits above the lowest one that is set may be wrong, because a subtraction borrows from the byte
/// above; the lowest one is right.
#[inline]
pub(super) const fn special_characters(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    // With its second bit flipped, a quote (0x22) is 0x20, a space 0x22 and `!` 0x23, and control
    // characters stay below 0x20. So what is below 0x21 was a quote or a control character.
    let flipped = word ^ (ONES * 2);
    let is_quote_or_control = flipped.wrapping_sub(ONES * 0x21) & !flipped;
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (is_quote_or_control | is_backslash) & HIGH_BITS
}

/// Whether all eight bytes are digits: 0x30 to 0x39, which six more take to at most 0x3f.
#[inline]
pub(super) const fn all_digits(word: u64) -> bool {
    const HIGH_HALVES: u64 = u64::from_le_bytes([0xf0; 8]);
    const DIGITS: u64 = u64::from_le_bytes([0x30; 8]);
    let six_more = word.wrapping_add(u64::from_le_bytes([6; 8]));
    word & HIGH_HALVES == DIGITS && six_more & HIGH_HALVES == DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_in_every_place_is_distinct() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for around in [b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut bytes = [around; 8];
                    bytes[place] = byte;
                    let special = special_characters(u64::from_le_bytes(bytes));
                    let is_special = matches!(byte, b'"' | b'\\' | ..b' ');
                    let first = if is_special { place } else { 8 };
                    assert_eq!(special.trailing_zeros() as usize / 8, first, "{bytes:?}");
                }
            }
        }
    }
}
