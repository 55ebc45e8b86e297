//! What accepted claims say that `reference_verifier` does not compare: dates, actors and the whole
//! payload, as serde_json reads them.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tower_cognito::{Claims, ScopePolicy, claims::Actor};

pub(crate) fn claims_say_what_the_payload_says(claims: &Claims, payload: &Value) {
    assert_eq!(claims.acr(), payload["acr"].as_str());
    assert_date(Some(claims.expires_at()), &payload["exp"]);
    assert_date(claims.issued_at(), &payload["iat"]);
    assert_date(claims.authenticated_at(), &payload["auth_time"]);

    let policy = ScopePolicy::all_of(["profiles/get"]).unwrap();
    let scope = payload["scope"].as_str().unwrap_or_default();
    let has = scope.split(' ').any(|scope| scope == "profiles/get");
    assert_eq!(claims.require(&policy).is_ok(), has);
    assert_eq!(claims.has_scope("profiles/get"), has);

    match claims.actor() {
        Ok(found) => assert!(is_actor(found.as_ref(), payload.get("act"))),
        // `Value` holds the last of two, and the crate rejects two.
        Err(_) => assert!(payload.get("act").is_some()),
    }
    assert_eq!(claims.custom::<Value>().unwrap(), *payload);
}

/// A date that is written in whole seconds, after 1970. The crate holds dates as nanoseconds of 64
/// bits, which end in 2262.
fn assert_date(found: Option<SystemTime>, written: &Value) {
    if let Some(seconds) = written.as_u64() {
        let written = Duration::from_secs(seconds).min(Duration::from_nanos(i64::MAX as u64));
        let written = SystemTime::UNIX_EPOCH + written;
        assert!(found.is_none_or(|found| found == written), "{found:?}");
    }
}

/// Along the whole chain of actors.
fn is_actor(mut found: Option<&Actor>, mut written: Option<&Value>) -> bool {
    while let Some(actor) = found {
        let Some(Value::Object(members)) = written else {
            return false;
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if actor.subject() != text("sub")
            || actor.client_id() != text("client_id")
            || actor.issuer() != text("iss")
        {
            return false;
        }
        found = actor.prior();
        written = members.get("act");
    }
    written.is_none()
}
