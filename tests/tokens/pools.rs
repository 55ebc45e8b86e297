//! Several pools in one verifier: what is said of one of them holds for its tokens and for no
//! others, in whatever order the pools are given.

use std::fmt::Display;

use serde_json::{Value, json};
use tower_cognito::{
    AllowedClients, AuthError, Claims, UserPool, Verifier,
    testing::{Key, TestPool, TokenBuilder},
};

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

fn three_pools() -> [TestPool; 3] {
    ["eu-west-1_A", "eu-west-1_B", "eu-west-1_C"].map(|id| TestPool::with_id(id).unwrap())
}

/// Trusts the pools in this order, with the time of the first test pool.
fn verifier(
    time: &TestPool,
    order: [usize; 3],
    trusted: impl Fn(usize) -> (UserPool, AllowedClients),
) -> Verifier {
    let [first, second, third] = order.map(trusted);
    Verifier::builder(first.0, first.1)
        .add_pool(second.0, second.1)
        .add_pool(third.0, third.1)
        .clock(time.clock())
        .build()
        .unwrap()
}

/// Twice, because the second answer may come from the token cache.
#[track_caller]
fn verify_twice(verifier: &Verifier, token: &TokenBuilder) -> Result<Claims, AuthError> {
    let token = token.build();
    let verify = || verifier.try_verify(&token).unwrap();
    let (first, second) = (verify(), verify());
    assert_eq!(first.is_ok(), second.is_ok());
    second
}

#[test]
fn the_clients_of_one_pool_are_not_those_of_another() {
    let pools = three_pools();
    let clients = ["client-a", "client-b", "client-c"];
    for order in ORDERS {
        let verifier = verifier(&pools[0], order, |index| {
            let only = AllowedClients::only([clients[index]]).unwrap();
            (pools[index].pinned_user_pool(), only)
        });
        for (of_pool, pool) in pools.iter().enumerate() {
            for (of_client, client) in clients.iter().enumerate() {
                let verdict = verify_twice(&verifier, &pool.token().client_id(*client));
                let rejected = verdict.err();
                let expected = (of_pool != of_client).then_some(AuthError::ClientNotAllowed);
                assert_eq!(rejected, expected, "{order:?} {of_pool} {client}");
            }
        }
    }
}

#[test]
fn cnf_is_ignored_in_the_tokens_of_the_pool_that_says_so() {
    let pools = three_pools();
    for order in ORDERS {
        for ignoring in 0..3 {
            let verifier = verifier(&pools[0], order, |index| {
                let trusted = pools[index].pinned_user_pool();
                let trusted = if index == ignoring {
                    trusted.with_cnf_ignored()
                } else {
                    trusted
                };
                (trusted, AllowedClients::any())
            });
            for (index, pool) in pools.iter().enumerate() {
                let token = pool.token().claim("cnf", json!({ "jkt": "a" }));
                let rejected = verify_twice(&verifier, &token).err();
                let expected = (index != ignoring).then_some(AuthError::SenderConstrained);
                assert_eq!(rejected, expected, "{order:?} {ignoring} {index}");
            }
        }
    }
}

#[test]
fn each_pool_grants_the_scopes_of_its_own_resource_servers() {
    let pools = three_pools();
    let granted = ["a/read", "b/read", "c/read", "openid"];
    for order in ORDERS {
        let verifier = verifier(&pools[0], order, |index| {
            let server = ["a", "b", "c"][index];
            let trusted = pools[index].pinned_user_pool();
            let trusted = trusted.with_resource_servers([server]).unwrap();
            (trusted, AllowedClients::any())
        });
        for (index, pool) in pools.iter().enumerate() {
            let claims = verify_twice(&verifier, &pool.token().scopes(granted)).unwrap();
            let scopes = claims.scopes().collect::<Vec<_>>();
            assert_eq!(scopes, [granted[index]], "{order:?}");
        }
    }
}

/// A payload that is too long to be read before its signature, in which an issuer is written
/// before the one that counts.
fn long_token(
    pool: &TestPool,
    decoy: &impl Display,
    issuer: &impl Display,
    key: Key,
) -> TokenBuilder {
    let token = pool.token().build();
    let payload = token.split('.').nth(1).unwrap();
    let payload =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload);
    let mut claims = serde_json::from_slice::<Value>(&payload.unwrap()).unwrap();
    claims.as_object_mut().unwrap().remove("iss");
    let rest = claims.to_string();
    let filler = (0..400).map(|number| format!("\"f{number}\":{number},"));
    let payload = format!(
        "{{\"x\":{{\"iss\":{decoy}}},{}\"iss\":{issuer},{}",
        filler.collect::<String>(),
        rest.strip_prefix('{').unwrap()
    );
    pool.token().signed_with(key).raw_payload(payload)
}

/// The key is chosen by an issuer that was found before the signature, so the one that counts
/// must be of the same pool: else one pool's key would sign for another.
#[test]
fn no_pool_signs_a_long_token_of_another() {
    let pools = three_pools();
    let keys = [Key::Access, Key::Id, Key::Unpublished];
    let issuers = pools.each_ref().map(|pool| {
        let token = pool.token().build();
        let claims = pool.verifier().try_verify(&token).unwrap().unwrap();
        json!(claims.issuer())
    });
    for order in ORDERS {
        let verifier = verifier(&pools[0], order, |index| {
            // Each has its own key under the same name.
            let name = ["test-only-access", "test-only-id", "test-only-unpublished"][index];
            let jwks = pools[index].jwks_of([keys[index]]).replace(name, "key");
            let trusted = pools[index].user_pool().with_pinned_jwks(&jwks).unwrap();
            (trusted, AllowedClients::any())
        });
        for (decoy, decoy_issuer) in issuers.iter().enumerate() {
            for (index, issuer) in issuers.iter().enumerate() {
                for (signer, key) in keys.into_iter().enumerate() {
                    let token = long_token(&pools[index], decoy_issuer, issuer, key).kid("key");
                    let accepted = verify_twice(&verifier, &token).is_ok();
                    // The twin names the same pool in both places, and is signed by it.
                    let expected = decoy == index && signer == index;
                    assert_eq!(accepted, expected, "{order:?} {decoy} {index} {signer}");
                    let short = pools[index].token().signed_with(key).kid("key");
                    let accepted = verify_twice(&verifier, &short).is_ok();
                    assert_eq!(accepted, signer == index, "{order:?} {index} {signer}");
                }
            }
        }
    }
}

/// Each escape is work that a stranger could cause often. Cognito has written the slashes of an
/// issuer as escapes, which are few.
#[test]
fn the_issuer_of_a_long_token_may_have_sixteen_escapes() {
    let pool = TestPool::new();
    let verifier = pool.verifier();
    let claims = verifier.try_verify(&pool.token().build()).unwrap().unwrap();
    let issuer = claims.issuer();
    let with_escapes = |escapes| {
        let (escaped, plain) = issuer.split_at(escapes);
        let escaped: String = escaped
            .bytes()
            .map(|byte| format!("\\u{:04x}", u32::from(byte)))
            .collect();
        format!("\"{escaped}{plain}\"")
    };
    let with_escaped_slashes = format!("\"{}\"", issuer.replace('/', "\\/"));
    let decoy = json!("https://issuer.example.com");
    for (written, expected) in [
        (with_escapes(0), Ok(())),
        (with_escaped_slashes, Ok(())),
        (with_escapes(16), Ok(())),
        (with_escapes(17), Err(AuthError::IssuerNotAllowed)),
    ] {
        let token = long_token(&pool, &decoy, &written, Key::Access).build();
        let verdict = verifier.try_verify(&token).unwrap().map(drop);
        assert_eq!(verdict, expected, "{written}");
    }
}
