//! `peer-tokens COUNT` prints what [`Fixture`] holds: tokens of the shape and length of Cognito's
//! client-credentials tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use harness::Fixture;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk};
use serde_json::json;

const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Bench0001";
const CLIENT_ID: &str = "1example23456789abcdefghij";

fn main() {
    let count: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let key = EncodingKey::from_rsa_pem(include_bytes!(
        "../../../../fixtures/keys/test-only-access.pem"
    ))
    .unwrap();
    let public = jwk::Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
    let jwk::AlgorithmParameters::RSA(rsa) = &public.algorithm else {
        unreachable!("the fixture is an RSA key");
    };
    let jwks = json!({"keys": [{
        "kty": "RSA", "kid": "access", "use": "sig", "alg": "RS256", "n": rsa.n, "e": rsa.e,
    }]});
    let good: Vec<String> = (0..count)
        .map(|index| token(&key, index, 24 * 3600))
        .collect();
    let fixture = Fixture {
        issuer: ISSUER.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        jwks: jwks.to_string(),
        expired: token(&key, 0, -3600),
        tampered: tamper(&good[0]),
        good,
    };
    println!("{}", serde_json::to_string(&fixture).unwrap());
}

fn token(key: &EncodingKey, index: usize, expires_in: i64) -> String {
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    let claims = json!({
        "sub": CLIENT_ID,
        "token_use": "access",
        "scope": "profiles/get profiles/post orders/get",
        "auth_time": now,
        "iss": ISSUER,
        "exp": now + expires_in,
        "iat": now,
        "version": 2,
        "jti": format!("a1b2c3d4-5678-90ab-cdef-{index:0>12}"),
        "client_id": CLIENT_ID,
        "padding": "0123456789".repeat(18),
    });
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("access".to_owned());
    header.typ = None;
    jsonwebtoken::encode(&header, &claims, key).unwrap()
}

/// The same claims with one more scope, under the old signature.
fn tamper(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let claims = claims.replace("orders/get", "orders/put");
    format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(claims),
        parts[2]
    )
}
