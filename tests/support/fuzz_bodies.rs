//! What each fuzz target does with its bytes. `fuzz/` runs them on what libFuzzer finds, `tests/tokens/fuzz_seeds.rs` on the fixtures.
//!
//! A body panics where a promise is broken; a refusal is never wrong here, because the tables say what must get in.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

// It is not part of the public API, and needs only `http` and `httpdate`.
#[path = "../../src/response_headers.rs"]
mod response_headers;

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;
use tower::{ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, Claims, Verifier,
    testing::{ManualClock, TestPool},
};
use tower_layer::Layer;

pub(crate) type Body = fn(&[u8]);

pub(crate) const TARGETS: [(&str, Body); 6] = [
    ("authorization", authorization),
    ("cache_control", cache_control),
    ("claims", claims),
    ("compact_jws", compact_jws),
    ("jwk_set", jwk_set),
    ("mutated_token", mutated_token),
];

static POOL: LazyLock<TestPool> = LazyLock::new(TestPool::new);
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| POOL.verifier());
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let token = POOL.token().scopes(["profiles/get"]);
    token
        .claim("jti", "00000000-0000-4000-8000-000000000001")
        .build()
});

/// The fields of a request, one a line. Accepted is only one that RFC 6750 §2.1 allows, with a token that is good by itself.
pub(crate) fn authorization(data: &[u8]) {
    let mut request = Request::new(String::new());
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        request.headers_mut().append(AUTHORIZATION, value);
    }
    let count = request.headers().len();
    let service = VERIFIER
        .layer()
        .layer(service_fn(async |request: Request<String>| {
            assert!(request.extensions().get::<Claims>().is_some());
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response) = pin!(service.oneshot(request)).poll(&mut cx) else {
        panic!("with pinned keys nothing is awaited");
    };
    let response = response.unwrap();
    let error = response.extensions().get::<AuthError>();
    assert_eq!(error.is_none(), response.status() == 200);
    assert_eq!(count > 1, error == Some(&AuthError::MultipleCredentials));
    if error.is_none() {
        let (scheme, token) = data.split_at(6);
        assert!(scheme.eq_ignore_ascii_case(b"bearer") && token[0] == b' ');
        let token = std::str::from_utf8(token).unwrap().trim_start_matches(' ');
        accepted(token);
    }
}

/// A token as it comes out of the field.
pub(crate) fn compact_jws(data: &[u8]) {
    if let Ok(token) = std::str::from_utf8(data)
        && verify(token).is_ok()
    {
        accepted(token);
    }
}

/// A payload, which is signed as it is.
pub(crate) fn claims(data: &[u8]) {
    let token = POOL.token().raw_payload(data).build();
    if verify(&token).is_ok() {
        accepted(&token);
    }
}

/// A key set document.
pub(crate) fn jwk_set(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(pool) = POOL.user_pool().with_pinned_jwks(document) else {
        return;
    };
    let builder = Verifier::builder(pool, AllowedClients::any()).clock(POOL.clock());
    let verifier = builder.build().unwrap();
    // Unlike the crate, `Value` has to hold what is not read: a lone surrogate, a number beyond every float, deep nesting.
    let Ok(read) = serde_json::from_str::<Value>(document) else {
        return;
    };
    let entries = read["keys"].as_array().unwrap();
    assert!(entries.len() <= 100);
    let status = verifier.key_status();
    for kid in status.kids() {
        let usable = entries.iter().any(|entry| {
            entry["kid"] == kid
                && entry["kty"] == "RSA"
                && matches!(entry["use"].as_str(), None | Some("sig"))
        });
        assert!(usable, "{kid:?} comes from an entry that can be used");
    }
    if verifier.try_verify(&TOKEN).unwrap().is_ok() {
        let ours = serde_json::from_str::<Value>(&POOL.jwks()).unwrap()["keys"][0]["n"].clone();
        let ours = URL_SAFE_NO_PAD.decode(ours.as_str().unwrap()).unwrap();
        let published = entries.iter().any(|entry| {
            let n = entry["n"]
                .as_str()
                .and_then(|n| URL_SAFE_NO_PAD.decode(n).ok());
            n.is_some_and(|n| n.ends_with(&ours))
        });
        assert!(published, "the key that signed is in the set");
    }
}

/// `Cache-Control` fields, one a line, and the same text as `Retry-After` fields.
pub(crate) fn cache_control(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(CACHE_CONTROL, value.clone());
            headers.append(RETRY_AFTER, value);
        }
    }
    let longest = Duration::from_secs(u32::MAX.into());
    let lower_case = data.to_ascii_lowercase();
    let contains = |name: &str| {
        lower_case
            .windows(name.len())
            .any(|window| window == name.as_bytes())
    };
    if let Some(age) = response_headers::max_age(&headers) {
        let directives = ["max-age=", "no-store", "no-cache"];
        assert!(age <= longest && directives.into_iter().any(contains));
        // What shortens it further is honoured, wherever it comes.
        headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        assert_eq!(response_headers::max_age(&headers), Some(Duration::ZERO));
    }
    if let Some(delay) = response_headers::retry_after(&headers, ManualClock::start()) {
        assert!(delay <= longest && (contains("gmt") || data.iter().any(u8::is_ascii_digit)));
    }
}

/// Four times the longest token that a verifier takes by default.
const LONGEST_PART: usize = 64 * 1024;

/// Edits of a good token, four bytes each: what, where (two), and how. Only the token itself gets in.
pub(crate) fn mutated_token(data: &[u8]) {
    let mut parts = TOKEN
        .split('.')
        .map(|part| part.as_bytes().to_vec())
        .collect::<Vec<_>>();
    for edit in data.chunks_exact(4).take(64) {
        let [what, high, low, how] = *edit else {
            return;
        };
        let index = usize::from(what >> 6).min(2);
        let Some(part) = parts.get_mut(index) else {
            return;
        };
        let mut bytes = match what & 1 {
            0 => part.clone(),
            _ => URL_SAFE_NO_PAD
                .decode(&*part)
                .unwrap_or_else(|_| part.clone()),
        };
        let was_decoded = what & 1 == 1 && URL_SAFE_NO_PAD.decode(&*part).is_ok();
        // Doubled at each edit it would take more memory than there is; a token is refused for its length long before.
        if bytes.len() > LONGEST_PART {
            return;
        }
        let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
        match (what >> 1) & 7 {
            0 | 1 if at < bytes.len() => bytes[at] = how,
            2 if at < bytes.len() => bytes[at] ^= 1 << (how & 7),
            3 => bytes.insert(at, how),
            4 if at < bytes.len() => {
                bytes.remove(at);
            }
            5 => bytes.truncate(at),
            6 => bytes.rotate_left(at),
            _ => bytes.extend_from_within(at..),
        }
        *part = if was_decoded {
            URL_SAFE_NO_PAD.encode(bytes).into_bytes()
        } else {
            bytes
        };
    }
    let Ok(token) = String::from_utf8(parts.join(&b'.')) else {
        return;
    };
    let accepts = verify(&token).is_ok();
    assert_eq!(accepts, token == *TOKEN, "{token}");
    if accepts {
        accepted(&token);
    }
}

fn verify(token: &str) -> Result<Claims, AuthError> {
    VERIFIER
        .try_verify(token)
        .expect("pinned keys are never fetched")
}

/// What must hold of a token that was accepted, found out without the crate.
fn accepted(token: &str) {
    static KEYS: LazyLock<JwkSet> = LazyLock::new(|| serde_json::from_str(&POOL.jwks()).unwrap());
    let parts = token.split('.').collect::<Vec<_>>();
    assert_eq!(parts.len(), 3);
    let [header, payload] = [parts[0], parts[1]].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let header = serde_json::from_slice::<Value>(&header);
    if let Ok(header) = &header {
        assert_eq!(header["alg"], "RS256");
        assert!(header.get("crit").is_none());
    }
    let claims = serde_json::from_slice::<Value>(&payload);
    if let Ok(claims) = &claims {
        assert!(
            POOL.user_pool()
                .issuers()
                .any(|issuer| claims["iss"] == issuer)
        );
        assert_eq!(claims["token_use"], "access");
        assert!(claims["client_id"].is_string());
        let start = ManualClock::start().duration_since(std::time::SystemTime::UNIX_EPOCH);
        assert!(claims["exp"].as_f64().unwrap() > start.unwrap().as_secs_f64() - 10.0);
    }
    // What jsonwebtoken reads in another way is in `fixtures/divergences.json`: it keeps every claim, and 64 bits of a date.
    let (Ok(header), Ok(_)) = (header, claims) else {
        return;
    };
    let Some(kid) = header["kid"].as_str() else {
        panic!("a token names its key");
    };
    let key = DecodingKey::from_jwk(KEYS.find(kid).expect("the key is published")).unwrap();
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let verifies =
        jsonwebtoken::crypto::verify(signature, signing_input.as_bytes(), &key, Algorithm::RS256);
    assert!(verifies.unwrap(), "jsonwebtoken finds the signature good");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["iss"]);
    validation.set_issuer(&POOL.user_pool().issuers().collect::<Vec<_>>());
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
    assert!(decoded.is_ok(), "jsonwebtoken accepts it");
}
