//! The two header fields of a reply that say when to come back (RFC 9111 §5.2, RFC 9110 §10.2.3).

use std::time::Duration;

/// `max-age` of a `Cache-Control` field; zero where the reply says that it must not be kept at all.
#[cfg_attr(
    not(feature = "reqwest"),
    allow(dead_code, reason = "only keys are refreshed by it")
)]
pub(crate) fn max_age(cache_control: Option<&str>) -> Option<Duration> {
    let directives = cache_control?.split(',').map(str::trim);
    let mut shortest = None;
    for directive in directives {
        let age = match directive.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("max-age") => {
                delta_seconds(value.trim_matches('"'))
            }
            None if directive.eq_ignore_ascii_case("no-store")
                || directive.eq_ignore_ascii_case("no-cache") =>
            {
                Some(Duration::ZERO)
            }
            _ => None,
        };
        shortest = match (shortest, age) {
            (Some(shortest), Some(age)) => Some(Duration::min(shortest, age)),
            (shortest, age) => shortest.or(age),
        };
    }
    shortest
}

/// `Retry-After` as a number of seconds. Its other form, a date, is ignored: back-off is then our own.
pub(crate) fn retry_after(field: Option<&str>) -> Option<Duration> {
    delta_seconds(field?.trim())
}

/// `delta-seconds`: digits only. What is too large to count is the largest (RFC 9111 §1.2.2).
fn delta_seconds(digits: &str) -> Option<Duration> {
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| Duration::from_secs(digits.parse::<u32>().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_read_strictly() {
        for (field, seconds) in [
            ("max-age=600", Some(600)),
            ("public, Max-Age=600, must-revalidate", Some(600)),
            ("max-age=\"600\"", Some(600)),
            ("max-age=600, max-age=60", Some(60)),
            ("no-store", Some(0)),
            ("max-age=600,no-cache", Some(0)),
            ("max-age=99999999999999999999", Some(u64::from(u32::MAX))),
            ("s-maxage=600", None),
            ("max-age=-1", None),
            ("max-age=1.5", None),
            ("max-age=", None),
            ("max-age", None),
            ("x-max-age=600", None),
            ("", None),
        ] {
            assert_eq!(
                max_age(Some(field)),
                seconds.map(Duration::from_secs),
                "{field:?}"
            );
        }
        assert_eq!(max_age(None), None);
    }

    #[test]
    fn retry_after_is_a_number_of_seconds() {
        for (field, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("99999999999999", Some(u64::from(u32::MAX))),
            ("1.5", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(Some(field)),
                seconds.map(Duration::from_secs),
                "{field:?}"
            );
        }
    }
}
