//! `exp`, `nbf`, `iat`: RFC 7519 §2, §4.1.4-4.1.6.

use crate::{
    constants::NOW,
    table::{At, HERE, Table, profile},
    token::good,
};

const EXP: &str = "RFC 7519 §4.1.4; RFC 9068 §2.2; CVE-2026-25537";
const NBF: &str = "RFC 7519 §4.1.5; CVE-2026-25537";
const IAT: &str = "RFC 7519 §4.1.6";
const NUMBER: &str = "RFC 7519 §2 NumericDate; RFC 8259 §6";
const TWIN: &str = "client_credentials";

pub(crate) fn cases(t: &mut Table) {
    malformed(t);
    values(t);
    edges(t);
}

/// An unreadable date does not count as absent or as "never".
fn malformed(t: &mut Table) {
    let all = [
        ("string", format!("\"{}\"", NOW + 3600)),
        ("empty_string", "\"\"".to_owned()),
        ("null", "null".to_owned()),
        ("true", "true".to_owned()),
        ("false", "false".to_owned()),
        ("list", format!("[{}]", NOW + 3600)),
        ("object", format!("{{\"$numberLong\":{}}}", NOW + 3600)),
        ("iso_date", "\"2025-01-01T01:00:00Z\"".to_owned()),
        ("nan_string", "\"NaN\"".to_owned()),
        ("infinity_string", "\"Infinity\"".to_owned()),
        ("nan", "NaN".to_owned()),
        ("infinity", "Infinity".to_owned()),
        ("minus_infinity", "-Infinity".to_owned()),
        ("beyond_a_double", "1e400".to_owned()),
        ("far_beyond_a_double", "1e99999999999".to_owned()),
        ("leading_zero", format!("0{}", NOW + 3600)),
        ("plus", format!("+{}", NOW + 3600)),
        ("hexadecimal", "0x67752d00".to_owned()),
        ("underscore", "1_735_693_200".to_owned()),
        ("bare_fraction", ".5".to_owned()),
        ("two_dots", "1.7.3".to_owned()),
    ];
    // No issuer means a date outside the years 1 to 9999, and one that does must not live for ever.
    let beyond = [
        ("year_10000", "253402300800"),
        ("year_10000_fractional", "253402300800.5"),
        ("u64_max", "18446744073709551615"),
        ("beyond_u64", "18446744073709551616"),
        ("i64_max", "9223372036854775807"),
        ("i64_max_plus_1", "9223372036854775808"),
        ("1e300", "1e300"),
        ("1e308", "1e308"),
        ("1e30", "1E+30"),
        ("in_milliseconds", "1735693200000"),
        ("before_year_1", "-62135596801"),
        ("i64_min", "-9223372036854775808"),
        ("minus_1e308", "-1e308"),
    ];
    for (claim, rule) in [("exp", EXP), ("nbf", NBF), ("iat", IAT)] {
        for (name, json) in beyond {
            t.rejected(
                &format!("{claim}_{name}"),
                rule,
                "malformed_claims",
                TWIN,
                HERE,
                good().claim(claim, json),
            );
        }
        for (name, json) in &all {
            t.rejected(
                &format!("{claim}_is_{name}"),
                rule,
                "malformed_claims",
                TWIN,
                HERE,
                good().claim(claim, json),
            );
        }
    }
    t.rejected(
        "exp_missing",
        EXP,
        "malformed_claims",
        TWIN,
        HERE,
        good().without_claim("exp"),
    );
    t.rejected(
        "exp_only_in_the_header",
        "RFC 7519 §5.3",
        "malformed_claims",
        TWIN,
        HERE,
        good()
            .without_claim("exp")
            .member("exp", &(NOW + 3600).to_string()),
    );
    t.rejected(
        "exp_in_another_case",
        EXP,
        "malformed_claims",
        TWIN,
        HERE,
        good()
            .without_claim("exp")
            .claim("Exp", &(NOW + 3600).to_string()),
    );
    t.rejected(
        "expires_in_instead",
        EXP,
        "malformed_claims",
        TWIN,
        HERE,
        good().without_claim("exp").claim("expires_in", "3600"),
    );
}

fn values(t: &mut Table) {
    for (name, json) in [
        ("year_2262", "9223372036"),
        ("year_9999", "253402300799"),
        ("year_9999_fractional", "253402300799.5"),
        ("fractional", "1735693200.25"),
        ("exponent", "1.7356932e9"),
        ("exponent_of_whole", "17356932e2"),
        ("many_digits", "1735693200.00000000000000000000000000000001"),
    ] {
        t.accepted(
            &format!("exp_{name}"),
            NUMBER,
            HERE,
            good().claim("exp", json),
        );
    }
    for (name, json) in [
        ("zero", "0"),
        ("minus_zero", "-0"),
        ("minus_zero_fraction", "-0.0"),
        ("one", "1"),
        ("negative", "-1"),
        ("year_1", "-62135596800"),
        ("tiny", "1e-300"),
        ("underflow", "1e-99999"),
    ] {
        t.rejected(
            &format!("exp_{name}"),
            EXP,
            "expired",
            TWIN,
            HERE,
            good().claim("exp", json),
        );
    }
    const HOUR_AHEAD: (&str, &str) = ("an_hour_ahead", "1735693200");
    t.accepted(
        "iat_an_hour_ahead",
        IAT,
        HERE,
        good().claim("iat", HOUR_AHEAD.1),
    );
    for claim in ["nbf", "iat"] {
        for (name, json) in [
            ("zero", "0"),
            ("minus_zero", "-0"),
            ("negative", "-1"),
            ("year_1", "-62135596800"),
            ("fractional", "1735689599.999"),
            ("now", "1735689600"),
            ("a_second_ago", "1735689599"),
        ] {
            t.accepted(
                &format!("{claim}_{name}"),
                NUMBER,
                HERE,
                good().claim(claim, json),
            );
        }
        let (rule, reason) = if claim == "nbf" {
            (NBF, "not_yet_valid")
        } else {
            (IAT, "issued_in_future")
        };
        for (name, json) in [
            if claim == "nbf" {
                HOUR_AHEAD
            } else {
                ("two_days_ahead", "1735862400")
            },
            ("year_9999", "253402300799"),
        ] {
            t.rejected(
                &format!("{claim}_{name}"),
                rule,
                reason,
                TWIN,
                HERE,
                good().claim(claim, json),
            );
        }
    }
    t.accepted(
        "long_expiry",
        "Cognito: up to a day",
        HERE,
        good().claim("exp", &(NOW + 86_400).to_string()),
    );
    t.accepted(
        "auth_time_in_the_future_is_not_read",
        "auth_time does not limit the token",
        HERE,
        good().claim("auth_time", "99999999999"),
    );
    t.accepted(
        "auth_time_of_another_type_is_not_read",
        "auth_time does not limit the token",
        HERE,
        good().claim("auth_time", "\"now\""),
    );
    t.rejected(
        "expired_and_without_scope",
        "RFC 6750 §3.1",
        "expired",
        "scope_alone",
        profile("scope"),
        good().claim("exp", "1").without_claim("scope"),
    );
    for (name, clock) in [
        ("the_epoch", 0),
        ("before_the_epoch", -1),
        ("year_2262", 9_223_372_036),
        ("year_9999", 253_402_300_799),
    ] {
        let at = At { clock, ..HERE };
        let expired = clock > NOW;
        let (reason, twin) = if expired {
            ("expired", TWIN)
        } else {
            ("issued_in_future", TWIN)
        };
        t.rejected(
            &format!("clock_at_{name}"),
            NUMBER,
            reason,
            twin,
            at,
            good(),
        );
    }
}

/// The leeway is 10 seconds unless configured. A token is expired *on or after* `exp`.
fn edges(t: &mut Table) {
    for (profile_name, leeway) in [("default", 10), ("no_leeway", 0), ("longest_leeway", 300)] {
        let at = |clock| At {
            clock,
            ..profile(profile_name)
        };
        let name = |what: &str| {
            format!(
                "{what}_{}",
                profile_name.replace("default", "default_leeway")
            )
        };
        let exp = NOW + 3600;
        t.accepted(&name("last_second"), EXP, at(exp + leeway - 1), good());
        t.rejected(
            &name("expired_now"),
            EXP,
            "expired",
            &name("last_second"),
            at(exp + leeway),
            good(),
        );
        t.rejected(
            &name("expired_a_second_ago"),
            EXP,
            "expired",
            &name("last_second"),
            at(exp + leeway + 1),
            good(),
        );
        t.accepted(
            &name("fraction_of_a_second_left"),
            EXP,
            at(exp + leeway),
            good().claim("exp", &format!("{exp}.001")),
        );
        t.rejected(
            &name("expired_a_fraction_ago"),
            EXP,
            "expired",
            &name("fraction_of_a_second_left"),
            at(exp + leeway),
            good().claim("exp", &format!("{}.999", exp - 1)),
        );
        // A token's own date may be ahead by no more than a day, whatever the leeway: only a clock
        // that is behind makes it so.
        for (claim, rule, reason, leeway) in [
            ("nbf", NBF, "not_yet_valid", leeway),
            ("iat", IAT, "issued_in_future", 86_400),
        ] {
            let starts = |seconds: String| good().claim("iat", "0").claim(claim, &seconds);
            let first = name(&format!("{claim}_first_second"));
            t.accepted(&first, rule, at(NOW), starts((NOW + leeway).to_string()));
            t.rejected(
                &name(&format!("{claim}_a_second_ahead")),
                rule,
                reason,
                &first,
                at(NOW),
                starts((NOW + leeway + 1).to_string()),
            );
            t.rejected(
                &name(&format!("{claim}_a_fraction_ahead")),
                rule,
                reason,
                &first,
                at(NOW),
                starts(format!("{}.001", NOW + leeway)),
            );
            t.accepted(
                &name(&format!("{claim}_a_second_before")),
                rule,
                at(NOW),
                starts((NOW + leeway - 1).to_string()),
            );
        }
    }
}
