//! The fields of a response that say how long it stays fresh and when to come back (RFC 9111, RFC
//! 9110 §10.2.3).
//!
//! Read as the RFCs write them: a field may come several times, lists have white space and quoted
//! strings, and bytes above 127 are legal. What is malformed is ignored, because none of it is
//! needed.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName,
    header::{AGE, CACHE_CONTROL, RETRY_AFTER},
};

/// How long the response stays fresh: `max-age` of `Cache-Control` less `Age`, and zero where it
/// says that it must not be kept at all. Of several `max-age`, the shortest (RFC 9111 §4.2.1).
#[cfg_attr(
    not(feature = "reqwest"),
    allow(dead_code, reason = "only keys are refreshed by it")
)]
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lifetime = fields(headers, CACHE_CONTROL)
        .flat_map(list)
        .filter_map(freshness)
        .min()?;
    // A cache in between held it for this long; of a list the first counts (RFC 9111 §5.1).
    let age = fields(headers, AGE)
        .next()
        .and_then(|field| list(field).next())
        .and_then(delta_seconds);
    Some(lifetime.saturating_sub(age.unwrap_or_default()))
}

/// `Retry-After`, as seconds or as an HTTP-date, from `now` on. Of several the longest.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    fields(headers, RETRY_AFTER)
        .filter_map(|field| delta_seconds(field).or_else(|| until(field, now)))
        .max()
}

fn fields(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .map(|value| trim(value.as_bytes()))
}

/// The elements of a list (RFC 9110 §5.6.1). A comma in a quoted string separates nothing.
fn list(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    field
        .split(move |byte| {
            match (*byte, quoted, escaped) {
                (_, _, true) => escaped = false,
                (b'\\', true, false) => escaped = true,
                (b'"', _, false) => quoted = !quoted,
                (b',', false, false) => return true,
                _ => {}
            }
            false
        })
        .map(trim)
}

/// What a directive says about freshness.
fn freshness(directive: &[u8]) -> Option<Duration> {
    let is = |name: &[u8], expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    match directive.iter().position(|byte| *byte == b'=') {
        None if is(directive, "no-store") || is(directive, "no-cache") => Some(Duration::ZERO),
        None => None,
        Some(at) => {
            let (name, argument) = directive.split_at_checked(at)?;
            let argument = argument.get(1..)?;
            is(name, "max-age")
                .then(|| delta_seconds(&unquoted(argument)))
                .flatten()
        }
    }
}

/// A token unchanged, and the content of a quoted string (RFC 9110 §5.6.4).
fn unquoted(argument: &[u8]) -> Vec<u8> {
    let inner = argument
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return argument.to_owned();
    };
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' {
            bytes.next()
        } else {
            Some(byte)
        };
        plain.extend(byte);
    }
    plain
}

/// `delta-seconds`: digits only. What is too large to count is the largest (RFC 9111 §1.2.2).
fn delta_seconds(digits: &[u8]) -> Option<Duration> {
    let well_formed = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digits = well_formed
        .then(|| std::str::from_utf8(digits).ok())
        .flatten()?;
    Some(Duration::from_secs(
        digits.parse::<u32>().unwrap_or(u32::MAX).into(),
    ))
}

/// An HTTP-date in any of its three forms (RFC 9110 §5.6.7). One that has passed is now.
fn until(date: &[u8], now: SystemTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok()?;
    let longest = Duration::from_secs(u32::MAX.into());
    Some(date.duration_since(now).unwrap_or_default().min(longest))
}

/// Without optional white space (RFC 9110 §5.6.3).
fn trim(mut field: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = field {
        field = rest;
    }
    field
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, fields: &[&[u8]]) -> HeaderMap {
        fields
            .iter()
            .map(|field| (name.clone(), HeaderValue::from_bytes(field).unwrap()))
            .collect()
    }

    #[test]
    fn max_age_is_read_as_the_rfc_writes_it() {
        let most = u64::from(u32::MAX);
        let table: &[(&[&[u8]], Option<u64>)] = &[
            (&[b"max-age=600"], Some(600)),
            (&[b"public, Max-Age=600, must-revalidate"], Some(600)),
            (&[b"max-age=\"600\""], Some(600)),
            (&[b"max-age=\"6\\00\""], Some(600)),
            (&[b"max-age=600, max-age=60"], Some(60)),
            (&[b"max-age=600", b"max-age=60"], Some(60)),
            (&[b"public", b" max-age=600\t"], Some(600)),
            (&[b"public\t,\tmax-age=600 ,,"], Some(600)),
            (
                &[b"private=\"x, max-age=1, no-store\", max-age=600"],
                Some(600),
            ),
            (&[b"x=\"a\\\", no-store\", max-age=600"], Some(600)),
            (&[b"x=\"\xe9\", y=\xff, max-age=600"], Some(600)),
            (&[b"no-store"], Some(0)),
            (&[b"max-age=600,no-cache"], Some(0)),
            (&[b"max-age=600", b"No-Store"], Some(0)),
            (&[b"no-cache=\"set-cookie\", max-age=600"], Some(600)),
            (&[b"max-age=99999999999999999999"], Some(most)),
            (&[b"s-maxage=600"], None),
            (&[b"max-age=-1"], None),
            (&[b"max-age=1.5"], None),
            (&[b"max-age = 600"], None),
            (&[b"max-age=6\xb20"], None),
            (&[b"max-age=\"600"], None),
            (&[b"max-age="], None),
            (&[b"max-age"], None),
            (&[b"x-max-age=600"], None),
            (&[b"x=\"max-age=600"], None),
            (&[b"max-age=1.5, max-age=600"], Some(600)),
            (&[b""], None),
            (&[], None),
        ];
        for (fields, seconds) in table {
            assert_eq!(
                max_age(&headers(&CACHE_CONTROL, fields)),
                seconds.map(Duration::from_secs),
                "{}",
                fields.concat().escape_ascii()
            );
        }
    }

    #[test]
    fn what_a_cache_in_between_held_for_long_is_fresh_for_less() {
        for (age, seconds) in [
            (&[][..], 600),
            (&["0"], 600),
            (&["500"], 100),
            (&[" 500 "], 100),
            (&["601"], 0),
            (&["500, 1"], 100),
            (&["500", "1"], 100),
            (&["-5"], 600),
            (&["soon"], 600),
        ] {
            let mut headers = headers(&CACHE_CONTROL, &[b"max-age=600"]);
            for age in age {
                headers.append(AGE, HeaderValue::from_static(age));
            }
            assert_eq!(
                max_age(&headers),
                Some(Duration::from_secs(seconds)),
                "{age:?}"
            );
        }
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
        let most = u64::from(u32::MAX);
        let table: &[(&[&[u8]], Option<u64>)] = &[
            (&[b"0"], Some(0)),
            (&[b"120"], Some(120)),
            (&[b" 120\t"], Some(120)),
            (&[b"99999999999999"], Some(most)),
            (&[b"Wed, 01 Jan 2025 00:02:00 GMT"], Some(120)),
            (&[b" Wed, 01 Jan 2025 00:02:00 GMT "], Some(120)),
            (&[b"Wednesday, 01-Jan-25 00:02:00 GMT"], Some(120)),
            (&[b"Wed Jan  1 00:02:00 2025"], Some(120)),
            (&[b"Fri, 31 Dec 1999 23:59:59 GMT"], Some(0)),
            (&[b"Fri, 31 Dec 9999 23:59:59 GMT"], Some(most)),
            (
                &[b"20", b"Wed, 01 Jan 2025 00:02:00 GMT", b"soon"],
                Some(120),
            ),
            (&[b"Wed, 32 Jan 2025 00:02:00 GMT"], None),
            (&[b"1.5"], None),
            (&[b"20, 30"], None),
            (&[b"soon \xe9"], None),
            (&[b"-1"], None),
            (&[b""], None),
            (&[], None),
        ];
        for (fields, seconds) in table {
            assert_eq!(
                retry_after(&headers(&RETRY_AFTER, fields), now),
                seconds.map(Duration::from_secs),
                "{}",
                fields.concat().escape_ascii()
            );
        }
    }
}
