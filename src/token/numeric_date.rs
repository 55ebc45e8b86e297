//! `NumericDate` of RFC 7519 §2: seconds since the epoch, whole or fractional.

use std::time::{Duration, SystemTime};

use crate::{clock::nanos, json::eight_digits};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// 0001-01-01T00:00:00Z: no issuer means an earlier date, or one after [`LAST`].
const FIRST: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z: what other formats can write (RFC 3339 §1).
const LAST: i64 = 253_402_300_799;

const LONGEST_NUMBER: usize = 64;

/// A point in time, in nanoseconds since the epoch.
///
/// Dates of the years 1 to 9999 are accepted, and saturate in the years 1677 and 2262. So every sum
/// of a date and a duration is a date, and every date is a `SystemTime` on every platform: nothing
/// can overflow, wrap or panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NumericDate(i64);

/// A length of time in nanoseconds, which is never negative and saturates at 292 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeSpan(i64);

impl TimeSpan {
    pub(crate) const fn from_secs(seconds: u32) -> Self {
        Self(seconds as i64 * 1_000_000_000)
    }
}

impl From<TimeSpan> for Duration {
    fn from(TimeSpan(nanos): TimeSpan) -> Self {
        Self::from_nanos(nanos.unsigned_abs())
    }
}

impl From<Duration> for TimeSpan {
    fn from(duration: Duration) -> Self {
        Self(nanos(duration))
    }
}

impl NumericDate {
    pub(crate) const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub(crate) fn to_system_time(self) -> SystemTime {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        let time = if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        };
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    pub(crate) const fn plus(self, TimeSpan(nanos): TimeSpan) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    pub(crate) const fn minus(self, TimeSpan(nanos): TimeSpan) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    fn from_date(seconds: i64) -> Option<Self> {
        let is_date = (FIRST..=LAST).contains(&seconds);
        is_date.then(|| Self(seconds.saturating_mul(NANOS_PER_SECOND)))
    }
}

impl NumericDate {
    /// Reads a JSON number (RFC 8259 §6), as it is written.
    ///
    /// `None` for a number of more than 64 characters, and for a date outside the years 1 to 9999.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a float cast saturates, which is what a date does, and the bounds are exact as floats"
    )]
    pub(crate) fn from_number(written: &[u8]) -> Option<Self> {
        // The date of a token has ten digits. Converting thousands of them costs as many
        // nanoseconds.
        if written.len() > LONGEST_NUMBER {
            return None;
        }
        if let Some(seconds) = whole_number(written) {
            return Self::from_date(seconds);
        }
        let written = str::from_utf8(written).ok()?;
        if let Ok(seconds) = written.parse::<i64>() {
            return Self::from_date(seconds);
        }
        let seconds = written.parse::<f64>().ok()?;
        let is_date = seconds >= FIRST as f64 && seconds < (LAST + 1) as f64;
        is_date.then_some(Self((seconds * 1e9) as i64))
    }
}

/// Up to 18 digits and nothing else, which is how issuers write dates: read in a third of the time
/// that a parser for every sign and every overflow takes. `None` for any other number.
fn whole_number(written: &[u8]) -> Option<i64> {
    if written.is_empty() || written.len() > 18 {
        return None;
    }
    let (mut number, mut rest) = (0_u64, written);
    while let Some((word, after)) = rest.split_first_chunk() {
        number = number * 100_000_000 + eight_digits(u64::from_le_bytes(*word))?;
        rest = after;
    }
    for byte in rest {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(byte - b'0');
    }
    i64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: &str) -> Option<NumericDate> {
        NumericDate::from_number(number.as_bytes())
    }

    #[test]
    fn whole_and_fractional_numbers_are_dates() {
        assert_eq!(read("0"), Some(NumericDate(0)));
        assert_eq!(
            read("1700000000"),
            Some(NumericDate(1_700_000_000_000_000_000))
        );
        assert_eq!(read("1.5"), Some(NumericDate(1_500_000_000)));
        assert_eq!(read("1.7e9"), Some(NumericDate(1_700_000_000_000_000_000)));
        assert_eq!(read("-1"), Some(NumericDate(-1_000_000_000)));
    }

    #[test]
    fn dates_out_of_range_saturate() {
        for far in ["9223372037", "253402300799", "253402300799.9", "2e11"] {
            assert_eq!(read(far), Some(NumericDate(i64::MAX)), "{far}");
        }
        for far in ["-9223372037", "-62135596800", "-6.2e10"] {
            assert_eq!(read(far), Some(NumericDate(i64::MIN)), "{far}");
        }
        let latest = NumericDate(i64::MAX);
        assert_eq!(latest.plus(Duration::MAX.into()), latest);
        assert_eq!(
            NumericDate(i64::MIN).minus(Duration::MAX.into()),
            NumericDate(i64::MIN)
        );
        for date in [
            latest,
            NumericDate(i64::MIN),
            NumericDate(-1),
            NumericDate(0),
        ] {
            assert_eq!(
                crate::clock::unix_nanos(date.to_system_time()),
                date.0.max(-i64::MAX)
            );
        }
    }

    #[test]
    fn a_number_beyond_the_years_1_to_9999_is_not_a_date() {
        for number in [
            "253402300800",
            "253402300800.0",
            "2.534023008e11",
            "9223372036854775807",
            "18446744073709551615",
            "1e300",
            "1e309",
            "-62135596801",
            "-62135596800.5",
            "-9223372036854775808",
            "-1e400",
        ] {
            assert_eq!(read(number), None, "{number}");
        }
    }

    #[test]
    fn the_quick_reader_of_whole_numbers_reads_what_the_parser_of_the_library_reads() {
        for digits in 0..=20 {
            for digit in ["0", "1", "9"] {
                let number = digit.repeat(digits);
                let expected = number.parse().ok().filter(|_| digits <= 18);
                assert_eq!(whole_number(number.as_bytes()), expected, "{number:?}");
            }
        }
        for number in [
            "-1", "+1", "1.0", "1e9", " 1", "1 ", "1/", "1:", "0x1", "\u{661}",
        ] {
            assert_eq!(whole_number(number.as_bytes()), None, "{number:?}");
        }
    }

    #[test]
    fn a_number_of_more_than_64_characters_is_not_a_date() {
        let zeros = |count| format!("1700000000.{}", "0".repeat(count));
        assert_eq!(read(&zeros(53)), read("1700000000"));
        assert_eq!(read(&zeros(54)), None);
    }
}
