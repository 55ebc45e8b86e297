//! What each fuzz target does with its bytes. `fuzz/` runs them on what libFuzzer finds,
//! `tests/tokens/fuzz_seeds.rs` on the fixtures.
//!
//! A body panics where a promise is broken; a rejection is never wrong here, because the tables say
//! what must get in.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

// These two are not part of the public API, and need only `http` and `httpdate`.
#[path = "../../src/response_headers.rs"]
mod response_headers;
#[path = "../../src/client/www_authenticate.rs"]
mod www_authenticate;

#[path = "claims_oracle.rs"]
mod claims_oracle;
#[path = "reference_verifier.rs"]
mod reference_verifier;
#[path = "structured_tokens.rs"]
mod structured_tokens;

pub(crate) use structured_tokens::structured_token;

use std::{
    convert::Infallible,
    future::Future,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener},
    pin::pin,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;
use tower::{ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, BearerAuthLayer, Claims, ResourceMetadata, ScopePolicy, Verifier,
    client::{
        AccessToken, ClientAuthentication, ClientCredentials, TokenError,
        unproven::{self, SubjectToken, TokenExchange},
    },
    testing::{ManualClock, TestPool},
};
use tower_layer::Layer;

pub(crate) type Body = fn(&[u8]);

pub(crate) const TARGETS: [(&str, Body); 11] = [
    ("api_response", api_response),
    ("authorization", authorization),
    ("cache_control", cache_control),
    ("challenge", challenge),
    ("claims", claims),
    ("compact_jws", compact_jws),
    ("jwk_set", jwk_set),
    ("mutated_token", mutated_token),
    ("resource_metadata", resource_metadata),
    ("structured_token", structured_token),
    ("token_response", token_response),
];

static POOL: LazyLock<TestPool> = LazyLock::new(TestPool::new);
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| POOL.verifier());
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let token = POOL.token().scopes(["profiles/get"]);
    token
        .claim("jti", "00000000-0000-4000-8000-000000000001")
        .build()
});

/// The fields of a request, one a line. Accepted is only one that RFC 6750 §2.1 allows, with a
/// token that is good by itself.
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
    if let Ok(claims) = verify(&token) {
        accepted(&token);
        if let Ok(payload) = serde_json::from_slice(data) {
            claims_oracle::claims_say_what_the_payload_says(&claims, &payload);
        }
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
    // Unlike the crate, `Value` has to hold what is not read: a lone surrogate, a number beyond
    // every float, deep nesting.
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

/// A foreign challenge, and after the first line break a realm and a scope of this crate. What
/// a layer writes must be what was configured, for a parser that only knows the grammar, and what
/// the caller's half makes of it.
pub(crate) fn challenge(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let foreign = line();
    if let Ok(value) = HeaderValue::from_bytes(foreign) {
        let mut response = Response::new(());
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
        assert!(!www_authenticate::is_invalid_token(&response), "not a 401");
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        if www_authenticate::is_invalid_token(&response) {
            let says = |word: &[u8]| {
                // A quoted string may have a backslash before each of its bytes.
                let plain = foreign.iter().filter(|byte| **byte != b'\\');
                let plain = plain.map(u8::to_ascii_lowercase).collect::<Vec<_>>();
                plain.windows(word.len()).any(|window| window == word)
            };
            assert!(says(b"bearer") && says(b"error") && says(b"invalid_token"));
        }
    }

    let (realm, scope) = (line(), line());
    let (Ok(realm), Ok(scope)) = (std::str::from_utf8(realm), std::str::from_utf8(scope)) else {
        return;
    };
    let mut layer = VERIFIER.layer();
    let mut expected = Vec::new();
    if let Ok(configured) = layer.clone().realm(realm) {
        layer = configured;
        expected.push(("realm", realm));
    }
    if let Ok(policy) = ScopePolicy::all_of([scope]) {
        layer = layer.require(policy);
        expected.push(("scope", scope));
    }
    let denied = expected.iter().any(|(name, _)| *name == "scope");
    let without_token = answer(&layer, None);
    let field = &without_token.headers()[WWW_AUTHENTICATE];
    assert_eq!(parameters(field.as_bytes()), expected, "{field:?}");
    assert!(!www_authenticate::is_invalid_token(&without_token));

    let rejected = answer(&layer, Some("Bearer a.b.c"));
    let field = &rejected.headers()[WWW_AUTHENTICATE];
    let found = parameters(field.as_bytes());
    let error = found.iter().find(|(name, _)| *name == "error");
    assert_eq!(error, Some(&("error", "invalid_token")), "{field:?}");
    assert_eq!(
        found
            .first()
            .filter(|_| expected.len() > usize::from(denied)),
        expected.first().filter(|(name, _)| *name == "realm")
    );
    assert!(www_authenticate::is_invalid_token(&rejected), "{field:?}");
}

/// The parameters of a `Bearer` challenge in the one form that RFC 6750 §3 shows: quoted, and with
/// commas between.
fn parameters(field: &[u8]) -> Vec<(&str, &str)> {
    let field = std::str::from_utf8(field).unwrap();
    let Some(rest) = field.strip_prefix("Bearer") else {
        panic!("another scheme: {field}");
    };
    let mut parameters = Vec::new();
    let mut rest = rest.strip_prefix(' ').unwrap_or(rest);
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").expect("a quoted value");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
        let (value, behind) = behind.split_once('"').expect("an end of the value");
        assert!(!value.contains('\\'));
        parameters.push((name, value));
        rest = behind.strip_prefix(", ").unwrap_or(behind);
        assert!(
            behind.is_empty() || rest.len() + 2 == behind.len(),
            "{field}"
        );
    }
    parameters
}

/// The response of a guarded service that is there for the layer only.
fn answer(layer: &BearerAuthLayer, authorization: Option<&'static str>) -> Response<String> {
    let service = layer.layer(service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let mut request = Request::new(String::new());
    if let Some(value) = authorization {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response) = pin!(service.oneshot(request)).poll(&mut cx) else {
        panic!("with pinned keys nothing is awaited");
    };
    response.unwrap()
}

/// The identifier of a resource. What is accepted has a metadata URL on the same origin, and is in
/// the document as it is.
pub(crate) fn resource_metadata(data: &[u8]) {
    let Ok(resource) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(metadata) = ResourceMetadata::new(resource, &VERIFIER) else {
        return;
    };
    let well_known = "/.well-known/oauth-protected-resource";
    let (identifier, url) = [resource, metadata.url()]
        .map(|text| text.parse::<http::Uri>().expect("it is a URL"))
        .into();
    assert_eq!(identifier.scheme(), url.scheme());
    assert_eq!(identifier.authority(), url.authority());
    assert_eq!(url.query(), None);
    assert_eq!(url.path(), metadata.path());
    assert!(metadata.path().starts_with(well_known));
    // RFC 9728 §3.1: without the inserted part it is the identifier, except for a slash that ends
    // the origin.
    let back = metadata.url().replacen(well_known, "", 1);
    assert!(back == resource || format!("{back}/") == resource, "{back}");
    let host = url.host().unwrap().trim_matches(['[', ']']);
    let is_loopback = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    assert!(url.scheme_str() == Some("https") || is_loopback);

    let document = serde_json::from_str::<Value>(&metadata.document()).unwrap();
    assert_eq!(document["resource"], resource);
    let rejected = answer(&metadata.layer(), None);
    let field = &rejected.headers()[WWW_AUTHENTICATE];
    let expected = [("resource_metadata", metadata.url())];
    assert_eq!(parameters(field.as_bytes()), expected);
}

/// What a token endpoint sends: a byte for the status, a line for `Retry-After`, and the body. It
/// goes over a connection on this machine, so that everything between the socket and the caller has
/// a part in it.
pub(crate) fn token_response(data: &[u8]) {
    let Some((status, retry_after, body)) = response(data) else {
        return;
    };
    let result = ENDPOINT.ask(Asked::TokenEndpoint, status, retry_after, body);
    check_response(result, Asked::TokenEndpoint, status, body);
}

/// The same of the user pools API. The high bit of the first byte chooses the operation.
pub(crate) fn api_response(data: &[u8]) {
    let Some((status, retry_after, body)) = response(data) else {
        return;
    };
    let asked = match data.first() {
        Some(first) if first & 0x80 != 0 => Asked::GetDerivedToken,
        _ => Asked::GetClientToken,
    };
    let result = ENDPOINT.ask(asked, status, retry_after, body);
    if let Err(error) = &result
        && status != 200
    {
        check_exception(error, status, body);
    }
    check_response(result, asked, status, body);
}

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(Endpoint::start);

fn response(data: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let statuses = [
        200, 200, 200, 200, 400, 401, 403, 429, 500, 503, 204, 301, 418, 404,
    ];
    let (status, rest) = data.split_first()?;
    let status = statuses[usize::from(*status & 0x7f) % statuses.len()];
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let retry_after = parts.next().unwrap_or_default();
    Some((status, retry_after, parts.next().unwrap_or_default()))
}

/// The request, which decides the form of the response.
#[derive(Clone, Copy)]
enum Asked {
    TokenEndpoint,
    GetClientToken,
    GetDerivedToken,
}

impl Asked {
    /// The token and its type in a response.
    fn members(self, document: &Value) -> [&Value; 2] {
        match self {
            Self::TokenEndpoint => [&document["access_token"], &document["token_type"]],
            Self::GetClientToken => {
                let result = &document["ClientAuthenticationResult"];
                [&result["AccessToken"], &result["TokenType"]]
            }
            Self::GetDerivedToken => [&document["IssuedToken"], &document["TokenType"]],
        }
    }

    /// How many quotes a response has that contains the token, its type and no other text.
    fn quotes(self) -> usize {
        match self {
            Self::TokenEndpoint | Self::GetDerivedToken => 8,
            Self::GetClientToken => 10,
        }
    }
}

fn check_response(result: Result<AccessToken, TokenError>, asked: Asked, status: u16, body: &[u8]) {
    let document = std::str::from_utf8(body).ok();
    let document = document.and_then(|body| serde_json::from_str::<Value>(body).ok());
    match result {
        Ok(token) => {
            assert_eq!(status, 200);
            assert!(body.len() <= 256 * 1024);
            // `Value` has to hold what is not read, such as a number beyond every float.
            let Some(document) = document else {
                return;
            };
            let [text, kind] = asked
                .members(&document)
                .map(|member| member.as_str().unwrap());
            assert!(kind.eq_ignore_ascii_case("bearer"));
            assert_eq!(token.as_str(), text);
            let value = token.header_value();
            assert!(value.is_sensitive());
            assert_eq!(value.as_bytes(), format!("Bearer {text}").as_bytes());
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            // At most a day, from a clock that does not advance.
            let lives = token.expires_at().duration_since(ManualClock::start());
            assert!(lives.unwrap() <= Duration::from_secs(86_400));
        }
        Err(error) => {
            // The other way round: what RFC 6749 §5.1 and the API's reference show is accepted.
            let members = document.as_ref().map(|document| asked.members(document));
            let is_good = members.is_some_and(|[text, kind]| {
                let text = text.as_str().unwrap_or_default();
                kind == "Bearer"
                    && !text.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            let quotes = body.iter().filter(|byte| **byte == b'"').count();
            let is_plain = status == 200 && is_good && quotes == asked.quotes();
            assert!(!is_plain, "{error:?}");
            if let TokenError::Server { retry_after, .. } | TokenError::Throttled { retry_after } =
                error
            {
                assert!(
                    retry_after.is_none_or(|after| after <= Duration::from_secs(u32::MAX.into()))
                );
            }
        }
    }
}

/// An exception of AWS's service model decides, whatever the status. Without a name that is known,
/// the status does, and not what else the body says.
fn check_exception(error: &TokenError, status: u16, body: &[u8]) {
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let name = document["__type"].as_str().unwrap_or_default();
    // One member, which is a text: nothing in it stands twice.
    let is_plain = body.iter().filter(|byte| **byte == b'"').count() == 4;
    // From the bytes, since `Value` does not hold everything that the client can skip. An escape
    // can be part of a name.
    let names_one = body.contains(&b'\\') || body.windows(9).any(|part| part == b"Exception");
    match name {
        "NotAuthorizedException" | "a#NotAuthorizedException" if is_plain => {
            assert_eq!(*error, TokenError::InvalidClient);
        }
        "TooManyRequestsException" | "TooManyRequestsException:a" if is_plain => {
            assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}");
        }
        _ if !names_one => match status {
            401 => assert_eq!(*error, TokenError::InvalidClient),
            429 => assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}"),
            500.. => assert!(matches!(error, TokenError::Server { .. }), "{error:?}"),
            _ => assert!(matches!(error, TokenError::Status { .. }), "{error:?}"),
        },
        _ => {}
    }
}

/// A token endpoint or an API with a given response, and a client of it.
struct Endpoint {
    origin: String,
    next: Arc<Mutex<Vec<u8>>>,
    /// Locked until the response has been read: tests run at the same time, and each would get what
    /// another one sends.
    runtime: Mutex<tokio::runtime::Runtime>,
}

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let next = Arc::new(Mutex::new(Vec::new()));
        let to_send = Arc::clone(&next);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else {
                    continue;
                };
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !is_whole(&request) {
                    match connection.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&buffer[..read]),
                    }
                }
                let _ = connection.write_all(&to_send.lock().unwrap());
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            origin,
            next,
            runtime: Mutex::new(runtime),
        }
    }

    fn ask(
        &self,
        asked: Asked,
        status: u16,
        retry_after: &[u8],
        body: &[u8],
    ) -> Result<AccessToken, TokenError> {
        let mut reply =
            format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len()).into_bytes();
        if HeaderValue::from_bytes(retry_after).is_ok() {
            reply.extend_from_slice(b"retry-after: ");
            reply.extend_from_slice(retry_after);
            reply.extend_from_slice(b"\r\n");
        }
        reply.extend_from_slice(b"\r\n");
        reply.extend_from_slice(body);
        // Nothing is left half done by a body that panicked.
        let runtime = self.runtime.lock();
        let runtime = runtime.unwrap_or_else(std::sync::PoisonError::into_inner);
        *self.next.lock().unwrap() = reply;
        // Another one for each, since a client keeps tokens and waits after failures.
        let builder = match asked {
            Asked::TokenEndpoint => {
                let url = format!("{}/oauth2/token", self.origin);
                ClientCredentials::builder(url, "id", "secret")
                    .authentication(ClientAuthentication::Basic)
            }
            _ => unproven::builder_for_api_url(&*self.origin, "id", "secret"),
        };
        let client = builder.scopes(["a"]).clock(POOL.clock()).build().unwrap();
        runtime.block_on(async {
            match asked {
                Asked::GetDerivedToken => {
                    let exchange = TokenExchange::builder(&client).build().unwrap();
                    exchange.token(&SubjectToken::access_token("a.b.c")).await
                }
                _ => client.token().await,
            }
        })
    }
}

/// Whether a request's body has the length that its head names.
fn is_whole(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.is_none_or(|(_, length)| {
        length
            .parse()
            .is_ok_and(|length: usize| body.len() >= length)
    })
}

/// Four times the longest token that a verifier takes by default.
const LONGEST_PART: usize = 64 * 1024;

/// Edits of a good token, four bytes each: what, where (two), and how. Only the token itself gets
/// in.
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
        // Doubled at each edit it would take more memory than there is; a token is rejected for its
        // length long before.
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
    // What jsonwebtoken reads in another way is in `fixtures/divergences.json`: it keeps every
    // claim, and 64 bits of a date.
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
