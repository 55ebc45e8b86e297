//! Which entries of a JWK Set are used, against jsonwebtoken's JWK types, which read every member:
//! on the seven members that count both agree, and the others change nothing.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tower_cognito::{AllowedClients, Verifier, testing::TestPool};

/// Members that are read, good and odd ones.
const READ: [&str; 26] = [
    r#""kty":"RSA""#,
    r#""kty":"RSA""#,
    r#""kty":"RSA""#,
    r#""kty":"EC""#,
    r#""kty":null"#,
    r#""kid":"tested""#,
    r#""kid":"tested""#,
    r#""\u006bid":"t\u0065sted""#,
    r#""kid":"""#,
    r#""kid":7"#,
    r#""n":"N""#,
    r#""n":"N""#,
    r#""n":"N""#,
    r#""n":"N==""#,
    r#""n":null"#,
    r#""e":"AQAB""#,
    r#""e":"AQAB""#,
    r#""e":"AQAB""#,
    r#""e":"AQAC""#,
    r#""use":"sig""#,
    r#""use":"enc""#,
    r#""use":null"#,
    r#""key_ops":["verify","sign"]"#,
    r#""key_ops":["sign"]"#,
    r#""alg":"RS256""#,
    r#""alg":"RS512""#,
];

/// Members that are not, of which jsonwebtoken or serde_json reject some.
const UNREAD: [&str; 10] = [
    r#""x5c":["MIIB"]"#,
    r#""x5c":"MIIB""#,
    r#""x5t":5"#,
    r#""x5u":null"#,
    r#""issued":{"by":[1,{}]}"#,
    r#""x":1e400"#,
    r#""x":1e400"#,
    r#""y":"\ud800""#,
    r#""\udfff":"""#,
    r#""d":"""#,
];

/// What jsonwebtoken makes of an entry, by the rules of the crate.
fn is_usable(entry: &str) -> bool {
    let Ok(jwk) = serde_json::from_str::<Jwk>(entry) else {
        return false;
    };
    let common = &jwk.common;
    let AlgorithmParameters::RSA(rsa) = &jwk.algorithm else {
        return false;
    };
    rsa.n.len() == 342
        && rsa.e == "AQAB"
        && common.key_id.as_deref() == Some("tested")
        && matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && matches!(common.key_algorithm, None | Some(KeyAlgorithm::RS256))
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

fn entry(members: &[&str]) -> String {
    let pool = TestPool::new();
    let set = serde_json::from_str::<Value>(&pool.jwks()).unwrap();
    let modulus = set["keys"][0]["n"].as_str().unwrap();
    let members = members.join(",");
    format!("{{{}}}", members.replace("\"N", &format!("\"{modulus}")))
}

/// Whether the crate uses the entry, which is in a set with a good one.
fn is_used(entry: &str) -> bool {
    let pool = TestPool::new();
    let set = pool.jwks().replacen('[', &format!("[{entry},"), 1);
    let pool = pool.user_pool().with_pinned_jwks(&set).unwrap();
    let builder = Verifier::builder(pool, AllowedClients::any());
    let verifier = builder.build().unwrap();
    let status = verifier.key_status();
    assert!(status.kids().any(|kid| kid == "test-only-access"), "{set}");
    status.kids().any(|kid| kid == "tested")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_members_that_are_read_decide_as_jsonwebtoken_says(
        read in vec(select(&READ[..]), 0..7),
        unread in vec((0..7_usize, select(&UNREAD[..])), 0..4),
    ) {
        let expected = is_usable(&entry(&read));
        let mut all = read.clone();
        for (at, member) in unread {
            all.insert(at.min(all.len()), member);
        }
        prop_assert_eq!(is_used(&entry(&all)), expected, "{}", entry(&all));
    }

    /// As above, but from a key that is good, so that many are.
    #[test]
    fn a_good_key_stays_good_whatever_is_beside_it(unread in vec((0..7_usize, select(&UNREAD[..])), 0..4)) {
        let mut all = vec![r#""kty":"RSA""#, r#""kid":"tested""#, r#""n":"N""#, r#""e":"AQAB""#];
        prop_assert!(is_usable(&entry(&all)));
        for (at, member) in unread {
            all.insert(at.min(all.len()), member);
        }
        prop_assert!(is_used(&entry(&all)), "{}", entry(&all));
    }
}

/// The reason for reading members ourselves: jsonwebtoken skips these keys.
#[test]
fn jsonwebtoken_rejects_keys_for_unread_members() {
    let good = [
        r#""kty":"RSA""#,
        r#""kid":"tested""#,
        r#""n":"N""#,
        r#""e":"AQAB""#,
    ];
    for unread in [r#""x5c":"MIIB""#, r#""x5t":5"#, r#""y":"\ud800""#] {
        let odd = entry(&[&good[..], &[unread]].concat());
        assert!(!is_usable(&odd) && is_used(&odd), "{unread}");
    }
    let whole = json!({"keys": [serde_json::from_str::<Value>(&entry(&good)).unwrap()]});
    assert!(is_used(&whole["keys"][0].to_string()));
}
