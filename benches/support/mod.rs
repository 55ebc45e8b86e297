//! What the benchmarks share: an issuer whose tokens have Cognito's shape and length, and the least
//! that a layer can do.

#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod hostile_tokens;

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use axum::{Router, body::Body, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, header::AUTHORIZATION};
use serde_json::json;
use tower::{Layer, Service};
use tower_cognito::{
    AllowedClients, Claims, ScopePolicy, UserPool, Verifier,
    testing::ManualClock,
    verifier::{TokenCache, VerifierBuilder},
};

const POOL: &str = "eu-west-1_Bench0001";

pub(crate) struct Issuer {
    key: jsonwebtoken::EncodingKey,
    pub(crate) public: ParsedPublicKey,
    jwks: String,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(include_bytes!(
            "../../fixtures/keys/test-only-access.pem"
        ))
        .unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::RS256)
            .unwrap();
        let jsonwebtoken::jwk::AlgorithmParameters::RSA(rsa) = &jwk.algorithm else {
            unreachable!("the fixture is an RSA key");
        };
        let decode = |number: &str| URL_SAFE_NO_PAD.decode(number).unwrap();
        let public = RsaPublicKeyComponents {
            n: decode(&rsa.n),
            e: decode(&rsa.e),
        }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .unwrap();
        let jwks = json!({"keys": [{"kty": "RSA", "kid": "access", "use": "sig", "alg": "RS256", "n": rsa.n, "e": rsa.e}]});
        Self {
            key,
            public,
            jwks: jwks.to_string(),
        }
    }

    pub(crate) fn verifier_for(&self, clients: AllowedClients) -> Verifier {
        self.configured(clients, TokenCache::disabled())
    }

    pub(crate) fn verifier(&self, cache: TokenCache) -> Verifier {
        self.configured(AllowedClients::any(), cache)
    }

    /// A verifier without a token cache, for which no time passes. So what it does is the same in
    /// every run.
    pub(crate) fn verifier_without_time(&self) -> Verifier {
        self.builder(AllowedClients::any(), TokenCache::disabled())
            .clock(ManualClock::new())
            .build()
            .unwrap()
    }

    fn configured(&self, clients: AllowedClients, cache: TokenCache) -> Verifier {
        self.builder(clients, cache).build().unwrap()
    }

    fn builder(&self, clients: AllowedClients, cache: TokenCache) -> VerifierBuilder {
        let pool = UserPool::new(POOL).unwrap();
        let pool = pool.with_pinned_jwks(&self.jwks).unwrap();
        Verifier::builder(pool, clients).token_cache(cache)
    }

    /// A client-credentials token with the members of Cognito's, of about its length.
    pub(crate) fn token(&self, kid: &str, id: &str, expires_in: i64) -> String {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        header.typ = None;
        jsonwebtoken::encode(&header, &claims(id, expires_in), &self.key).unwrap()
    }

    /// An unsigned token of 16 KiB, the longest that is accepted by default, whose claims are good.
    /// It names a key that there is not.
    pub(crate) fn hostile_token(&self, filler: &str) -> String {
        self.hostile_token_with(r#"{"kid":"nobody","alg":"RS256"}"#, filler)
    }

    pub(crate) fn hostile_token_with(&self, header: &str, filler: &str) -> String {
        let claims = self.claims_json("hostile", 3600);
        let (claims, _) = claims.rsplit_once('}').unwrap();
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(format!("{claims},{filler}}}")),
            "A".repeat(342)
        )
    }

    pub(crate) fn claims_json(&self, id: &str, expires_in: i64) -> String {
        claims(id, expires_in).to_string()
    }
}

fn claims(id: &str, expires_in: i64) -> serde_json::Value {
    let now = jsonwebtoken::get_current_timestamp();
    claims_at(i64::try_from(now).unwrap(), id, expires_in)
}

/// Claims that [`Issuer::verifier_without_time`] accepts.
pub(crate) fn claims_without_time() -> String {
    let now = ManualClock::start().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap();
    claims_at(now, "hostile", 3600).to_string()
}

fn claims_at(now: i64, id: &str, expires_in: i64) -> serde_json::Value {
    json!({
        "sub": "1example23456789abcdefghij",
        "token_use": "access",
        "scope": "profiles/get profiles/post orders/get",
        "auth_time": now,
        "iss": format!("https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"),
        "exp": now + expires_in,
        "iat": now,
        "version": 2,
        "jti": format!("a1b2c3d4-5678-90ab-cdef-{id:0>12}"),
        "client_id": "1example23456789abcdefghij",
        "padding": "0123456789".repeat(18),
    })
}

/// A service that demands a scope, and whose handler takes the claims.
pub(crate) fn guarded(verifier: &Verifier) -> Router {
    let policy = ScopePolicy::all_of(["profiles/get"]).unwrap();
    let handler = |claims: Claims| async move {
        drop(claims);
        "hello"
    };
    Router::new()
        .route("/", get(handler))
        .route_layer(verifier.layer().require(policy))
}

/// A service whose layer inserts an `Arc`, and whose handler takes it: as much as [`guarded`] does,
/// without looking at a token.
pub(crate) fn takes_arc() -> Router {
    let handler = |axum::Extension(inserted): axum::Extension<Arc<String>>| async move {
        drop(inserted);
        "hello"
    };
    Router::new()
        .route("/", get(handler))
        .route_layer(InsertArc::new())
}

/// A request as a server has it: the token in its header.
pub(crate) fn request(token: &str) -> Request<Body> {
    Request::get("/")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

/// The least that a layer which hands something to the handler can do.
#[derive(Clone)]
pub(crate) struct InsertArc(Arc<String>);

impl InsertArc {
    pub(crate) fn new() -> Self {
        Self(Arc::new("claims".to_owned()))
    }
}

#[derive(Clone)]
pub(crate) struct InsertArcService<S>(S, Arc<String>);

impl<S> Layer<S> for InsertArc {
    type Service = InsertArcService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InsertArcService(inner, Arc::clone(&self.0))
    }
}

impl<S, B> Service<Request<B>> for InsertArcService<S>
where
    S: Service<Request<B>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.1));
        self.0.call(request)
    }
}
