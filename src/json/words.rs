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

/// The number that eight digits write, the first of which is the lowest byte. Neighbours are put
/// together three times: digits to pairs, pairs to fours, fours to the number.
#[inline]
pub(crate) const fn eight_digits(word: u64) -> Option<u64> {
    if !all_digits(word) {
        return None;
    }
    let digits = word & u64::from_le_bytes([0x0f; 8]);
    // The sums that are wanted are in the upper halves; what a product has beyond 64 bits is not.
    let pairs = (digits.wrapping_mul((10 << 8) | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) | 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul((10_000 << 32) | 1) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_their_number_and_anything_else_is_none() {
        let read =
            |text: &str| eight_digits(u64::from_le_bytes(text.as_bytes().try_into().unwrap()));
        for place in 0..8 {
            for digit in 0..10_u64 {
                let number = digit * 10_u64.pow(place);
                assert_eq!(read(&format!("{number:08}")), Some(number));
                let nines = 99_999_999 - number;
                assert_eq!(read(&format!("{nines:08}")), Some(nines));
            }
            for other in ["/", ":", " ", "-", ".", "e", "\u{7f}"] {
                let mut text = "12345678".to_owned();
                let at = place as usize;
                text.replace_range(at..=at, other);
                assert_eq!(read(&text), None, "{text:?}");
            }
        }
        assert_eq!(read("12345678"), Some(12_345_678));
    }

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
