//! The configurations that the cases meet.

use crate::{
    constants::{CLIENT, ISSUER},
    row::{Pool, Profile},
};

pub(crate) fn named(name: &str) -> Profile {
    all()
        .into_iter()
        .find(|profile| profile.name == name)
        .unwrap_or_else(|| panic!("there is no profile {name}"))
}

pub(crate) fn all() -> Vec<Profile> {
    let pool = |id: &str| Pool {
        id: id.to_owned(),
        ..Pool::default()
    };
    let home = || pool("eu-west-1_TestOnly1");
    let clients = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect());
    let scopes = |alternatives: &[&[&str]]| {
        alternatives
            .iter()
            .map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect())
            .collect()
    };
    let default = |name: &str| Profile {
        name: name.to_owned(),
        pools: vec![home()],
        ..Profile::default()
    };
    vec![
        default("default"),
        Profile {
            pools: vec![Pool {
                clients: clients(&[CLIENT, "2example23456789"]),
                ..home()
            }],
            ..default("two_clients")
        },
        Profile {
            pools: vec![Pool {
                replica_region: Some("us-west-2".to_owned()),
                ..home()
            }],
            ..default("replica")
        },
        Profile {
            pools: vec![Pool {
                id: ISSUER.to_owned(),
                exact: true,
                ..Pool::default()
            }],
            ..default("exact_issuer")
        },
        Profile {
            pools: vec![Pool {
                id: "http://127.0.0.1:4566/local_TestOnly1".to_owned(),
                exact: true,
                ..Pool::default()
            }],
            ..default("emulator")
        },
        Profile {
            pools: vec![
                Pool {
                    clients: clients(&[CLIENT]),
                    ..home()
                },
                Pool {
                    clients: clients(&["2example23456789"]),
                    ..pool("us-east-1_TestOnly2")
                },
            ],
            ..default("two_pools")
        },
        Profile {
            pools: vec![pool("us-gov-west-1_TestOnly3")],
            ..default("us_gov")
        },
        Profile {
            audiences: vec!["https://api.example.com".to_owned()],
            ..default("audience")
        },
        Profile {
            leeway: Some(0),
            ..default("no_leeway")
        },
        Profile {
            leeway: Some(300),
            ..default("longest_leeway")
        },
        Profile {
            max_token_age: Some(600),
            ..default("max_token_age")
        },
        Profile {
            max_token_bytes: Some(1000),
            ..default("max_token_bytes")
        },
        Profile {
            check: Some("forbidden".to_owned()),
            ..default("check_forbids")
        },
        Profile {
            check: Some("revoked".to_owned()),
            ..default("check_revokes")
        },
        Profile {
            scopes: scopes(&[&["profiles/get"]]),
            ..default("scope")
        },
        Profile {
            scopes: scopes(&[&["profiles/get", "profiles/post"]]),
            ..default("both_scopes")
        },
        Profile {
            scopes: scopes(&[&["profiles/get"], &["profiles/post"]]),
            ..default("either_scope")
        },
        Profile {
            scopes: scopes(&[&["profiles/get", "profiles/post"], &["admin"]]),
            ..default("scopes_or_admin")
        },
        Profile {
            scopes: scopes(&[&["https://api.example.com/v1/read:all"]]),
            ..default("url_scope")
        },
        Profile {
            scopes: scopes(&[&["profiles/get"]]),
            realm: Some("profiles of the shop".to_owned()),
            resource_metadata: Some(
                "https://api.example.com/.well-known/oauth-protected-resource".to_owned(),
            ),
            ..default("described")
        },
        Profile {
            optional: true,
            ..default("optional")
        },
        Profile {
            token_uses: vec!["id".to_owned()],
            ..default("id_tokens")
        },
        Profile {
            token_uses: vec!["access".to_owned(), "id".to_owned()],
            ..default("both_token_uses")
        },
        Profile {
            required_audiences: vec!["https://api.example.com".to_owned()],
            ..default("required_audience")
        },
        Profile {
            required_audiences: vec![
                "https://api.example.com".to_owned(),
                "https://mcp.example.com/mcp".to_owned(),
            ],
            ..default("two_required_audiences")
        },
        Profile {
            pools: vec![Pool {
                cnf_ignored: true,
                ..home()
            }],
            ..default("cnf_ignored")
        },
        Profile {
            pools: vec![
                home(),
                Pool {
                    resource_servers: vec!["partner".to_owned()],
                    ..pool("us-east-1_TestOnly2")
                },
            ],
            scopes: scopes(&[&["profiles/get"], &["partner/get"]]),
            ..default("partner_pool")
        },
    ]
}
