//! A verifier from environment variables.

use std::{env, ffi::OsString};

use super::{Verifier, VerifierBuilder};
use crate::{
    allowed_clients::AllowedClients,
    config_error::ConfigError,
    environment::{Variables, invalid, named},
    token::audience,
    user_pool::UserPool,
};

const AUDIENCE: &str = "COGNITO_AUDIENCE";
const CLIENT_IDS: &str = "COGNITO_CLIENT_IDS";
const ISSUER: &str = "COGNITO_ISSUER";
const JWKS_URL: &str = "COGNITO_JWKS_URL";
const REPLICA_REGION: &str = "COGNITO_REPLICA_REGION";
const REQUIRE_AUDIENCE: &str = "COGNITO_REQUIRE_AUDIENCE";
const USER_POOL_ID: &str = "COGNITO_USER_POOL_ID";

impl Verifier {
    /// The verifier that the process's environment configures: [`VerifierBuilder::from_env`] and
    /// [`build`](VerifierBuilder::build).
    ///
    /// # Errors
    ///
    /// As these two.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use tower_cognito::Verifier;
    ///
    /// // COGNITO_USER_POOL_ID=eu-west-1_AbCdEf123 COGNITO_CLIENT_IDS=1example23456789
    /// let verifier = Verifier::from_env()?;
    /// # Ok::<(), tower_cognito::ConfigError>(())
    /// ```
    pub fn from_env() -> Result<Self, ConfigError> {
        VerifierBuilder::from_env()?.build()
    }
}

impl VerifierBuilder {
    /// Begins with what the process's environment says. What is called afterwards adds to it or
    /// replaces it, as always.
    ///
    /// `COGNITO_USER_POOL_ID` and `COGNITO_CLIENT_IDS` are required; the
    /// [cookbook](crate::guide::cookbook#configure-from-the-environment) lists every variable. A
    /// blank variable counts as not set, and white space around a value is left out.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidVariable`] for a variable that is missing, or whose value is of
    ///    the wrong kind.
    /// 2. [`ConfigError::InVariable`] for a value that its setting rejects, such as a wrong pool
    ///    id.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use tower_cognito::verifier::VerifierBuilder;
    ///
    /// let verifier = VerifierBuilder::from_env()?
    ///     .leeway(Duration::from_secs(30))
    ///     .build()?;
    /// # Ok::<(), tower_cognito::ConfigError>(())
    /// ```
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|variable| env::var_os(variable))
    }

    /// As [`from_env`](Self::from_env), with variables from elsewhere: a parameter store, or a map
    /// in a test of your configuration.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::verifier::VerifierBuilder;
    ///
    /// let production = |variable: &str| match variable {
    ///     "COGNITO_USER_POOL_ID" => Some("eu-west-1_AbCdEf123"),
    ///     "COGNITO_CLIENT_IDS" => Some("1example23456789"),
    ///     _ => None,
    /// };
    /// let verifier = VerifierBuilder::from_variables(production)?.build()?;
    /// # Ok::<(), tower_cognito::ConfigError>(())
    /// ```
    pub fn from_variables<V: Into<OsString>>(
        lookup: impl Fn(&str) -> Option<V>,
    ) -> Result<Self, ConfigError> {
        let lookup = |variable: &str| lookup(variable).map(Into::into);
        let variables = Variables::new(&lookup);
        let builder = Self::new(user_pool(&variables)?, allowed_clients(&variables)?);
        with_audience(builder, &variables)
    }
}

fn user_pool(variables: &Variables<'_>) -> Result<UserPool, ConfigError> {
    let pool_id = variables.get(USER_POOL_ID)?;
    let issuer = variables.get(ISSUER)?;
    let jwks_url = variables.get(JWKS_URL)?;
    let mut pool = match (pool_id, issuer, jwks_url) {
        (None, Some(issuer), Some(jwks_url)) => {
            UserPool::external(&issuer, &jwks_url).map_err(|error| match error {
                ConfigError::InvalidIssuer { .. } => named(ISSUER)(error),
                _ => named(JWKS_URL)(error),
            })?
        }
        (None, ..) => {
            return Err(invalid(
                USER_POOL_ID,
                "is not set; for another issuer, set both `COGNITO_ISSUER` and `COGNITO_JWKS_URL`",
            ));
        }
        (Some(pool_id), issuer, jwks_url) => {
            let mut pool = UserPool::new(&pool_id).map_err(named(USER_POOL_ID))?;
            if let Some(issuer) = issuer {
                pool = pool.with_exact_issuer(&issuer).map_err(named(ISSUER))?;
            }
            if let Some(jwks_url) = jwks_url {
                pool = pool.with_jwks_url(&jwks_url).map_err(named(JWKS_URL))?;
            }
            pool
        }
    };
    if let Some(region) = variables.get(REPLICA_REGION)? {
        pool = pool
            .with_replica_region(&region)
            .map_err(named(REPLICA_REGION))?;
    }
    Ok(pool)
}

fn allowed_clients(variables: &Variables<'_>) -> Result<AllowedClients, ConfigError> {
    let ids = variables.list(CLIENT_IDS)?.ok_or_else(|| {
        invalid(
            CLIENT_IDS,
            "is not set; list the app clients that may call, separated by commas, or write `any`",
        )
    })?;
    let is_any = |id: &String| id == "any";
    match &*ids {
        [id] if is_any(id) => Ok(AllowedClients::any()),
        ids if ids.iter().any(is_any) => Err(invalid(
            CLIENT_IDS,
            "has other items beside `any`; keep one or the other",
        )),
        ids => AllowedClients::only(ids).map_err(named(CLIENT_IDS)),
    }
}

fn with_audience(
    mut builder: VerifierBuilder,
    variables: &Variables<'_>,
) -> Result<VerifierBuilder, ConfigError> {
    let is_required = variables.flag(REQUIRE_AUDIENCE)?;
    let Some(names) = variables.list(AUDIENCE)? else {
        return match is_required {
            true => Err(invalid(
                AUDIENCE,
                "is not set, and `COGNITO_REQUIRE_AUDIENCE` is `true`",
            )),
            false => Ok(builder),
        };
    };
    for name in names {
        audience::check(&name).map_err(named(AUDIENCE))?;
        builder = match is_required {
            true => builder.require_audience(name),
            false => builder.accept_audience(name),
        };
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: (&str, &str) = (USER_POOL_ID, "eu-west-1_AbCdEf123");
    const CLIENTS: (&str, &str) = (CLIENT_IDS, "1example23456789");

    fn builder(variables: &[(&str, &str)]) -> Result<VerifierBuilder, ConfigError> {
        VerifierBuilder::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| *value)
        })
    }

    fn issuers(variables: &[(&str, &str)]) -> Vec<String> {
        let builder = builder(variables).unwrap();
        let issuers = builder.first_pool().issuers();
        issuers.map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_pool_and_its_clients_are_enough() {
        assert!(builder(&[POOL, CLIENTS]).unwrap().build().is_ok());
        assert!(
            builder(&[POOL, (CLIENT_IDS, "any")])
                .unwrap()
                .build()
                .is_ok()
        );
    }

    #[test]
    fn the_clients_are_those_that_are_listed_and_any_must_be_written() {
        let clients = |list| builder(&[POOL, (CLIENT_IDS, list)]);
        for (list, expected) in [
            ("any", AllowedClients::any()),
            ("a", AllowedClients::only(["a"]).unwrap()),
            ("many", AllowedClients::only(["many"]).unwrap()),
            ("a, b", AllowedClients::only(["a", "b"]).unwrap()),
        ] {
            assert_eq!(*clients(list).unwrap().first_clients(), expected, "{list}");
        }
        for list in ["any,a", "a,any", "any,any", ""] {
            assert!(clients(list).is_err(), "{list}");
        }
    }

    #[test]
    fn the_pool_is_made_of_its_variables() {
        let own = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123";
        assert_eq!(issuers(&[POOL, CLIENTS])[0], own);
        let replica = issuers(&[POOL, CLIENTS, (REPLICA_REGION, "us-west-2")]);
        assert!(
            replica.len() > issuers(&[POOL, CLIENTS]).len(),
            "{replica:?}"
        );
        let exact = (ISSUER, "https://issuer.example.com");
        assert_eq!(issuers(&[POOL, CLIENTS, exact]), [exact.1]);

        let keys = (JWKS_URL, "https://keys.example.com/jwks.json");
        let with_keys = builder(&[POOL, CLIENTS, keys]).unwrap();
        assert_eq!(with_keys.first_pool().jwks_url(), keys.1);
        let external = builder(&[CLIENTS, exact, keys]).unwrap();
        assert_eq!(external.first_pool().jwks_url(), keys.1);
        assert_eq!(issuers(&[CLIENTS, exact, keys]), [exact.1]);
    }

    #[test]
    fn the_audience_is_accepted_or_required() {
        let names = (AUDIENCE, "https://a.example.com, https://b.example.com");
        for (required, expected) in [("false", false), ("true", true)] {
            let builder = builder(&[POOL, CLIENTS, names, (REQUIRE_AUDIENCE, required)]).unwrap();
            let audience = builder.expected_audience();
            assert_eq!(
                audience.names(),
                ["https://a.example.com", "https://b.example.com"]
            );
            assert_eq!(audience.is_required(), expected);
        }
        let unset = builder(&[POOL, CLIENTS]).unwrap();
        assert!(unset.expected_audience().names().is_empty());
    }

    #[test]
    fn every_error_names_its_variable_and_quotes_the_value() {
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, &'c str);
        let cases: &[Case<'_>] = &[
            (&[CLIENTS], USER_POOL_ID, "is not set"),
            (
                &[CLIENTS, (USER_POOL_ID, "my-pool")],
                USER_POOL_ID,
                "\"my-pool\"",
            ),
            (&[POOL], CLIENT_IDS, "is not set; list the app clients"),
            (
                &[POOL, (CLIENT_IDS, "a,")],
                CLIENT_IDS,
                "\"\" is not an app client id",
            ),
            (&[POOL, (CLIENT_IDS, "any,a")], CLIENT_IDS, "beside `any`"),
            (&[POOL, CLIENTS, (ISSUER, "issuer")], ISSUER, "\"issuer\""),
            (
                &[POOL, CLIENTS, (JWKS_URL, "http://a/b")],
                JWKS_URL,
                "\"http://a/b\"",
            ),
            (
                &[CLIENTS, (ISSUER, "i"), (JWKS_URL, "https://a/b")],
                ISSUER,
                "\"i\"",
            ),
            (
                &[CLIENTS, (ISSUER, "https://i"), (JWKS_URL, "b")],
                JWKS_URL,
                "\"b\"",
            ),
            (&[CLIENTS, (ISSUER, "https://i")], USER_POOL_ID, "set both"),
            (
                &[POOL, CLIENTS, (REPLICA_REGION, "moon")],
                REPLICA_REGION,
                "\"moon\"",
            ),
            (&[POOL, CLIENTS, (AUDIENCE, "a b")], AUDIENCE, "\"a b\""),
            (
                &[POOL, CLIENTS, (REQUIRE_AUDIENCE, "true")],
                AUDIENCE,
                "is not set",
            ),
            (
                &[POOL, CLIENTS, (AUDIENCE, "a"), (REQUIRE_AUDIENCE, "on")],
                REQUIRE_AUDIENCE,
                "neither `true` nor `false`",
            ),
        ];
        for (variables, named, says) in cases {
            let error = builder(variables).err().unwrap().to_string();
            let start = format!("the environment variable `{named}`");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.contains(says), "{error}");
        }
    }
}
