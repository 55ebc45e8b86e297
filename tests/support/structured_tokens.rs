//! Well-signed tokens whose claims a fuzzer puts together from a menu, for verifiers of several
//! configurations. What the crate says of each is compared with the reference verifier.

use std::{sync::LazyLock, time::Duration};

use tower_cognito::{
    AllowedClients, AuthError, Claims, TokenUse, Verifier,
    testing::{ManualClock, TestPool},
};

use super::reference_verifier::{Pool, Rules, Said, Wrong, judge};

/// 2025-01-01, where the clock of the test kit starts.
const NOW: i64 = 1_735_689_600;
/// A payload of more members is longer than a verifier accepts by default.
const MOST_FILLERS: usize = 400;

const OURS: Pool = Pool {
    issuers: &[
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1",
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1",
    ],
    clients: &["ours", "ours-too"],
    resource_servers: &[],
    ignores_cnf: false,
};
const PARTNER: Pool = Pool {
    issuers: &[
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Partner",
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Partner",
    ],
    clients: &[],
    resource_servers: &["partner", "https://partner.example/api"],
    ignores_cnf: true,
};

const RULES: [Rules; 4] = [
    Rules {
        pools: &[OURS],
        token_uses: &["access"],
        audiences: &[],
        requires_audience: false,
        leeway: 0.0,
        max_age: None,
    },
    Rules {
        pools: &[OURS, PARTNER],
        token_uses: &["access", "id"],
        audiences: &["https://api.example"],
        requires_audience: false,
        leeway: 10.0,
        max_age: Some(3600.0),
    },
    Rules {
        pools: &[PARTNER, OURS],
        token_uses: &["access"],
        audiences: &["https://api.example", "https://api2.example"],
        requires_audience: true,
        leeway: 300.0,
        max_age: None,
    },
    Rules {
        pools: &[PARTNER],
        token_uses: &["id"],
        audiences: &[],
        requires_audience: false,
        leeway: 1.0,
        max_age: Some(60.0),
    },
];

struct Setup {
    pool: TestPool,
    verifiers: Vec<Verifier>,
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let ours = TestPool::new();
    let partner = TestPool::with_id("eu-west-1_Partner").unwrap();
    let trusted = |rules: &Pool| {
        if rules.ignores_cnf {
            let trusted = partner.pinned_user_pool().with_cnf_ignored();
            let trusted = trusted.with_resource_servers(rules.resource_servers);
            (trusted.unwrap(), AllowedClients::any())
        } else {
            let only = AllowedClients::only(rules.clients).unwrap();
            (ours.pinned_user_pool(), only)
        }
    };
    let verifiers = RULES.iter().map(|rules| {
        let (pool, clients) = trusted(&rules.pools[0]);
        let issuers = |pool: &Pool| pool.issuers.to_vec();
        assert_eq!(pool.issuers().collect::<Vec<_>>(), issuers(&rules.pools[0]));
        let mut builder = Verifier::builder(pool, clients)
            .token_uses(rules.token_uses.iter().map(|name| match *name {
                "access" => TokenUse::Access,
                _ => TokenUse::Id,
            }))
            .leeway(Duration::from_secs_f64(rules.leeway))
            .clock(ours.clock());
        for pool in &rules.pools[1..] {
            let (pool, clients) = trusted(pool);
            builder = builder.add_pool(pool, clients);
        }
        for audience in rules.audiences {
            builder = builder.accept_audience(*audience);
        }
        if rules.requires_audience {
            builder = builder.require_audience(rules.audiences[0]);
        }
        if let Some(age) = rules.max_age {
            builder = builder.max_token_age(Duration::from_secs_f64(age));
        }
        builder.build().unwrap()
    });
    Setup {
        verifiers: verifiers.collect(),
        pool: ours,
    }
});

const NAMES: [&str; 20] = [
    "iss",
    "exp",
    "nbf",
    "iat",
    "token_use",
    "client_id",
    "aud",
    "cnf",
    "scope",
    "cognito:groups",
    "sub",
    "jti",
    "username",
    "cognito:username",
    "acr",
    "auth_time",
    "act",
    "custom:tenant",
    "Iss",
    "",
];

/// The value of a member, as it is written.
fn value(choice: u8) -> String {
    let dates = [
        -1_000_000, -86_401, -86_400, -3611, -3610, -3609, -3600, -301, -300, -299, -61, -60, -11,
        -10, -9, -2, -1, 0, 1, 9, 10, 11, 299, 300, 301, 3600, 86_399, 86_400, 86_401, 1_000_000,
    ];
    let texts = [
        r#""access""#,
        r#""id""#,
        r#""refresh""#,
        r#""\u0061ccess""#,
        r#""ours""#,
        r#""ours-too""#,
        r#""theirs""#,
        r#""our\u0073""#,
        r#""""#,
        r#""https://api.example""#,
        r#""https:\/\/api.example""#,
        r#""https://api2.example""#,
        r#""https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1""#,
        r#""https:\/\/issuer-cognito-idp.eu-west-1.amazonaws.com\/eu-west-1_TestOnly1""#,
        r#""https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1/""#,
        r#""https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Partner""#,
        r#""https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Partner""#,
        r#""profiles/get partner/read""#,
        r#"" partner/read  https://partner.example/api/x ""#,
        r#""openid partner""#,
        r#"["ours"]"#,
        r#"["ours","ours"]"#,
        r#"["https://api.example","theirs"]"#,
        r#"["theirs","https://api2.example"]"#,
        r#"["ours","theirs"]"#,
        r#"["ours",5]"#,
        r#"[["ours"]]"#,
        "[]",
        "{}",
        r#"{"jkt":"a"}"#,
        r#"{"sub":{"iss":1}}"#,
        "null",
        "true",
        "false",
        "0",
        "1735689600.5",
        "1735689599.5",
        "1.7356896e9",
        "1e300",
        "-1e300",
        "253402300799",
        "253402300800",
        "-62135596800",
        "-62135596801",
        r#""1735689700""#,
        "\"\u{e9}\u{1f512}\"",
        r#""\ud83d\udd12""#,
    ];
    let choice = usize::from(choice);
    match choice.checked_sub(dates.len()) {
        None => (NOW + dates[choice]).to_string(),
        Some(rest) => texts[rest % texts.len()].to_owned(),
    }
}

/// The first byte chooses the configuration and the length, the following threes a name, a value,
/// and what to do.
fn payload(data: &[u8]) -> Option<(usize, String)> {
    let (first, edits) = data.split_first()?;
    let configuration = usize::from(first & 3);
    let fillers = [0, 0, 3, 60, 120, 250, MOST_FILLERS][usize::from(first >> 2) % 7];
    let fillers_first = first & 0x80 != 0;
    let issuer = RULES[configuration].pools[0].issuers[0];
    let base = [
        ("iss", format!("\"{issuer}\"")),
        ("exp", (NOW + 3600).to_string()),
        ("iat", NOW.to_string()),
        ("token_use", "\"access\"".to_owned()),
        ("client_id", "\"ours\"".to_owned()),
        ("scope", "\"profiles/get partner/read\"".to_owned()),
        ("sub", "\"ours\"".to_owned()),
    ];
    let mut members = base.map(|(name, value)| (name.to_owned(), value)).to_vec();
    for edit in edits.chunks_exact(3).take(16) {
        let [name, value_choice, how] = *edit else {
            return None;
        };
        let name = NAMES[usize::from(name) % NAMES.len()];
        let written = value(value_choice);
        match how % 8 {
            0 => members.retain(|(there, _)| there != name),
            1 => members.insert(0, (name.to_owned(), written)),
            2 => members.push((name.to_owned(), written)),
            // A name is the same however it is written. Of a long payload the issuer is found
            // only as it is usually written.
            3 if name != "iss" && !name.is_empty() => {
                members.retain(|(there, _)| there != name);
                let escaped = format!("\\u{:04x}", u32::from(name.as_bytes()[0]));
                members.push((format!("{escaped}{}", &name[1..]), written));
            }
            _ => match members.iter_mut().find(|(there, _)| there == name) {
                Some((_, value)) => *value = written,
                None => members.push((name.to_owned(), written)),
            },
        }
    }
    let fillers = (0..fillers).map(|number| (format!("f{number}"), "0".to_owned()));
    if fillers_first {
        members = fillers.chain(members).collect();
    } else {
        members.extend(fillers);
    }
    let members = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"));
    Some((
        configuration,
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")),
    ))
}

pub(crate) fn structured_token(data: &[u8]) {
    let Some((configuration, payload)) = payload(data) else {
        return;
    };
    let now = ManualClock::start().duration_since(std::time::UNIX_EPOCH);
    assert_eq!(now.unwrap().as_secs(), NOW.unsigned_abs());
    let token = SETUP.pool.token().raw_payload(payload.as_str()).build();
    // Twice: what is accepted comes from the cache then.
    for _ in 0..2 {
        let verdict = SETUP.verifiers[configuration].try_verify(&token);
        let verdict = verdict.expect("pinned keys are never fetched");
        compare(&payload, configuration, &verdict);
    }
}

fn compare(payload: &str, configuration: usize, verdict: &Result<Claims, AuthError>) {
    let expected = judge(payload, &RULES[configuration], NOW as f64);
    match (verdict, &expected) {
        (Ok(claims), Ok(said)) => assert_eq!(&said_by(claims), said, "{configuration} {payload}"),
        (Err(error), Err(wrong)) => assert!(
            Wrong::contains(wrong, error.reason()),
            "{error:?} is not among {wrong:?}: {configuration} {payload}"
        ),
        (verdict, _) => {
            let verdict = verdict.as_ref().map(|_| "accepted");
            panic!("{verdict:?}, but {expected:?}: {configuration} {payload}")
        }
    }
}

fn said_by(claims: &Claims) -> Said {
    Said {
        issuer: claims.issuer().to_owned(),
        client_id: claims.client_id().to_owned(),
        subject: claims.subject().map(str::to_owned),
        token_id: claims.token_id().map(str::to_owned),
        username: claims.username().map(str::to_owned),
        scopes: claims.scopes().map(str::to_owned).collect(),
        groups: claims.groups().map(str::to_owned).collect(),
    }
}
