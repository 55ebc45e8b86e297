//! Times, as people say them.

use std::time::{Duration, SystemTime};

/// The last second that has four digits for its year.
pub(super) const LAST_WRITABLE: f64 = 253_402_300_799.0;

/// Breaks a text between words, so that lines fit a terminal of 80 columns. Further lines are
/// indented, less so for a word that would not fit, such as a URL.
pub(super) fn wrap(text: &str, indent: usize) -> String {
    const WIDTH: usize = 80;
    const LEAST_INDENT: usize = 4;
    let mut wrapped = String::new();
    let mut column = 0;
    for (count, word) in text.split(' ').enumerate() {
        let length = visible_length(word);
        if count > 0 && column > LEAST_INDENT && column + 1 + length > WIDTH {
            let indent = match indent + length > WIDTH {
                true => indent.min(LEAST_INDENT),
                false => indent,
            };
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if count > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Without the codes that colour it.
fn visible_length(word: &str) -> usize {
    let mut parts = word.split('\u{1b}');
    let first = parts.next().map_or(0, |part| part.chars().count());
    let coloured = parts.filter_map(|part| part.split_once('m'));
    first
        + coloured
            .map(|(_, text)| text.chars().count())
            .sum::<usize>()
}

/// `in 59 minutes (Sun, 22 Nov 2026 23:04:01 GMT)`, `3 hours 2 minutes ago (…)`.
pub(super) fn moment(seconds: f64, now: SystemTime) -> String {
    if !(0.0..=LAST_WRITABLE).contains(&seconds) {
        return format!("at {seconds}, which is not a time of the calendar");
    }
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
    let relation = match date.duration_since(now) {
        Ok(ahead) if ahead.as_secs() == 0 => "now".to_owned(),
        Ok(ahead) => format!("in {}", span(ahead)),
        Err(behind) if behind.duration().as_secs() == 0 => "just now".to_owned(),
        Err(behind) => format!("{} ago", span(behind.duration())),
    };
    format!("{relation} ({})", httpdate::fmt_http_date(date))
}

/// `It expires in 59 minutes (…).`
pub(super) fn expiry(seconds: f64, now: SystemTime) -> String {
    let moment = moment(seconds, now);
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let has_passed = now.is_ok_and(|now| seconds <= now.as_secs_f64());
    let verb = if has_passed { "expired" } else { "expires" };
    format!("It {verb} {moment}.")
}

/// The two largest units: `1 day 3 hours`, `5 minutes 2 seconds`.
pub(super) fn span(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut words = Vec::new();
    for (unit, seconds) in [
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
        ("second", 1),
    ] {
        let count = rest / seconds;
        rest %= seconds;
        match count {
            0 if words.is_empty() => continue,
            0 => {}
            1 => words.push(format!("1 {unit}")),
            _ => words.push(format!("{count} {unit}s")),
        }
        // The unit after the largest is enough, and it is left out where it is zero.
        if words.len() == 2 || count == 0 {
            break;
        }
    }
    if words.is_empty() {
        "0 seconds".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_where_it_fills_the_terminal() {
        let words = "word ".repeat(16);
        assert_eq!(wrap(words.trim_end(), 2).lines().count(), 1);
        let red = words.replace("word", "\u{1b}[31mword\u{1b}[0m");
        assert_eq!(wrap(red.trim_end(), 2).lines().count(), 1);
        assert_eq!(
            wrap(&format!("{words}more"), 2).lines().nth(1),
            Some("  more")
        );
        let url = "u".repeat(73);
        assert_eq!(
            wrap(&format!("expected {url} or more"), 23),
            format!("expected\n    {url} or\n{}more", " ".repeat(23))
        );
    }

    #[test]
    fn a_span_is_shown_in_its_two_largest_units() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (3_599, "59 minutes 59 seconds"),
            (3_601, "1 hour"),
            (7_384, "2 hours 3 minutes"),
            (97_200, "1 day 3 hours"),
            (86_401, "1 day"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_shown_relative_to_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, words) in [
            (
                1_000_090.0,
                "in 1 minute 30 seconds (Mon, 12 Jan 1970 13:48:10 GMT)",
            ),
            (999_940.0, "1 minute ago (Mon, 12 Jan 1970 13:45:40 GMT)"),
            (1_000_000.0, "now (Mon, 12 Jan 1970 13:46:40 GMT)"),
            (-1.0, "at -1, which is not a time of the calendar"),
            (
                1e300,
                &format!("at {}, which is not a time of the calendar", 1e300),
            ),
        ] {
            assert_eq!(moment(seconds, now), words);
        }
    }

    #[test]
    fn a_past_moment_is_shown_in_the_past_tense() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(expiry(1_000_001.0, now).starts_with("It expires in 1 second ("));
        assert!(expiry(1_000_000.0, now).starts_with("It expired now ("));
        assert!(expiry(999_999.0, now).starts_with("It expired 1 second ago ("));
    }
}
