//! The cases of `fixtures/cases/` through jsonwebtoken: what both decide, both decide alike, except
//! for the listed cases.
//!
//! `checks/differential/` does the same with AWS's own verifier and with jose.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; jsonwebtoken knows no clock but the system's"
)]

use std::{collections::BTreeSet, time::SystemTime};

use crate::table::{all, divergences::assert_listed, jwks, profile, replay::request, row::Case};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::Jwk};
use serde_json::{Map, Value};

/// What jsonwebtoken decides: the rest is left to its user.
const DECIDED: [&str; 10] = [
    "accepted",
    "algorithm_not_allowed",
    "expired",
    "header_not_supported",
    "invalid_signature",
    "issuer_not_allowed",
    "unknown_key",
    "malformed_claims",
    "malformed_header",
    "malformed_token",
];

#[test]
fn jsonwebtoken_differs_only_where_it_is_listed() {
    let (mut compared, mut differences) = (0, BTreeSet::new());
    for case in all() {
        let decided = DECIDED.contains(&case.expect.reason.as_str());
        let (true, Some(token)) = (decided, token(&case)) else {
            continue;
        };
        compared += 1;
        if accepts(&case, &token) != (case.expect.reason == "accepted") {
            differences.insert(case.name);
        }
    }
    assert!(compared > 800, "{compared}");
    assert_listed("jsonwebtoken", &differences);
}

/// The token of a request that has exactly one.
fn token(case: &Case) -> Option<String> {
    let request = request(case);
    let mut values = request.headers().get_all("authorization").iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_one = values.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    is_one.then(|| token.trim_start_matches(' ').to_owned())
}

fn accepts(case: &Case, token: &str) -> bool {
    let Some(document) = jwks(&case.jwks) else {
        return false;
    };
    let Ok(header) = decode_header(token) else {
        return false;
    };
    let Some(key) = header.kid.and_then(|kid| key(&document, &kid)) else {
        return false;
    };
    let profile = profile(&case.profile);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.set_issuer(&issuers(&profile));
    validation.validate_aud = false;
    validation.validate_nbf = true;
    // Its clock is the system's. A leeway as long as the time since the case brings `exp` back to
    // where it belongs.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let since = i64::try_from(now).unwrap() - case.clock;
    let leeway = i64::try_from(profile.leeway.unwrap_or(10)).unwrap();
    let Ok(leeway) = u64::try_from(since + leeway) else {
        return false;
    };
    validation.leeway = leeway;
    decode::<Map<String, Value>>(token, &key, &validation).is_ok()
}

fn key(document: &str, kid: &str) -> Option<DecodingKey> {
    let document = serde_json::from_str::<Value>(document).ok()?;
    let keys = document.get("keys")?.as_array()?.iter();
    let mut keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let key = keys.find(|key| key.common.key_id.as_deref() == Some(kid))?;
    DecodingKey::from_jwk(&key).ok()
}

/// The issuers of a profile, written down a second time.
fn issuers(profile: &crate::table::row::Profile) -> Vec<String> {
    let of_pool = |pool: &crate::table::row::Pool| {
        if pool.exact {
            return vec![pool.id.clone()];
        }
        let (region, _) = pool.id.rsplit_once('_').unwrap();
        let issuer =
            |host: &str, region: &str| format!("https://{host}.{region}.amazonaws.com/{}", pool.id);
        let mut issuers = vec![
            issuer("cognito-idp", region),
            issuer("issuer-cognito-idp", region),
        ];
        let replica = pool.replica_region.iter();
        issuers.extend(replica.map(|region| issuer("cognito-idp", region)));
        issuers
    };
    profile.pools.iter().flat_map(of_pool).collect()
}
