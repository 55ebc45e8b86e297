//! An issuer for benchmarks: one key, tokens of Cognito's shape and length.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tower_cognito::{AllowedClients, TokenCache, UserPool, Verifier};

const POOL: &str = "eu-west-1_Bench0001";

pub struct Issuer {
    key: jsonwebtoken::EncodingKey,
    pub public: ParsedPublicKey,
    jwks: String,
}

impl Issuer {
    pub fn new() -> Self {
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

    pub fn verifier(&self, cache: TokenCache) -> Verifier {
        Verifier::builder(UserPool::new(POOL).unwrap(), AllowedClients::any())
            .jwks(&self.jwks)
            .token_cache(cache)
            .build()
            .unwrap()
    }

    /// A client-credentials token with the members of Cognito's, of about its length.
    pub fn token(&self, kid: &str, id: &str, expires_in: i64) -> String {
        let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
        let claims = json!({
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
        });
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        header.typ = None;
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}
