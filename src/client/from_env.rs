//! A client of the token endpoint from environment variables.

use std::{env, ffi::OsString};

use super::{
    ClientCredentials, ClientCredentialsBuilder, SecretSource, scopes::Scopes, secrets::NamedSource,
};
use crate::{
    allowed_clients::checked_client_id,
    config_error::ConfigError,
    environment::{Variables, invalid, named},
};

const CLIENT_ID: &str = "COGNITO_CLIENT_ID";
const CLIENT_SECRET: &str = "COGNITO_CLIENT_SECRET";
const CLIENT_SECRET_FILE: &str = "COGNITO_CLIENT_SECRET_FILE";
const NEXT_CLIENT_SECRET: &str = "COGNITO_NEXT_CLIENT_SECRET";
const NEXT_CLIENT_SECRET_FILE: &str = "COGNITO_NEXT_CLIENT_SECRET_FILE";
const SCOPES: &str = "COGNITO_SCOPES";
const TOKEN_URL: &str = "COGNITO_TOKEN_URL";

impl ClientCredentials {
    /// The client that the process's environment configures: [`ClientCredentialsBuilder::from_env`]
    /// and [`build`](ClientCredentialsBuilder::build).
    ///
    /// # Errors
    ///
    /// As these two.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use tower_cognito::client::ClientCredentials;
    ///
    /// let credentials = ClientCredentials::from_env()?;
    /// # Ok::<(), tower_cognito::ConfigError>(())
    /// ```
    pub fn from_env() -> Result<Self, ConfigError> {
        ClientCredentialsBuilder::from_env()?.build()
    }
}

impl ClientCredentialsBuilder {
    /// Begins with what the process's environment says. What is called afterwards replaces it.
    ///
    /// `COGNITO_TOKEN_URL`, `COGNITO_CLIENT_ID` and one of `COGNITO_CLIENT_SECRET` and
    /// `COGNITO_CLIENT_SECRET_FILE` are required; the
    /// [cookbook](crate::guide::cookbook#configure-from-the-environment) lists every variable. A
    /// blank variable counts as not set, and white space around a value is left out. Of a secret,
    /// only a line break at its end is. No error quotes a secret.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidVariable`] for a variable that is missing, or if a secret is given
    ///    both ways.
    /// 2. [`ConfigError::InVariable`] for a client id or scopes that are not accepted.
    ///
    /// [`build`](Self::build) reports what is wrong with the token URL and the secrets, with the
    /// name of the variable.
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
    /// use tower_cognito::client::ClientCredentialsBuilder;
    ///
    /// let production = |variable: &str| match variable {
    ///     "COGNITO_TOKEN_URL" => Some("https://auth.example.com/oauth2/token"),
    ///     "COGNITO_CLIENT_ID" => Some("1example23456789"),
    ///     "COGNITO_CLIENT_SECRET" => Some("the-client-secret"),
    ///     "COGNITO_SCOPES" => Some("profiles/get"),
    ///     _ => None,
    /// };
    /// let credentials = ClientCredentialsBuilder::from_variables(production)?.build()?;
    /// # Ok::<(), tower_cognito::ConfigError>(())
    /// ```
    pub fn from_variables<V: Into<OsString>>(
        lookup: impl Fn(&str) -> Option<V>,
    ) -> Result<Self, ConfigError> {
        let lookup = |variable: &str| lookup(variable).map(Into::into);
        let variables = Variables::new(&lookup);
        let token_url = variables.required(
            TOKEN_URL,
            "is not set; it is the URL of the domain's token endpoint, `https://…/oauth2/token`",
        )?;
        let client_id = variables.required(CLIENT_ID, "is not set; it is the app client's id")?;
        let client_id = checked_client_id(&client_id).map_err(named(CLIENT_ID))?;
        let secret =
            secret_of(&variables, CLIENT_SECRET, CLIENT_SECRET_FILE)?.ok_or_else(|| {
                invalid(
                    CLIENT_SECRET,
                    "is not set, nor is `COGNITO_CLIENT_SECRET_FILE`; one of them is required",
                )
            })?;
        let next = secret_of(&variables, NEXT_CLIENT_SECRET, NEXT_CLIENT_SECRET_FILE)?;
        let builder = ClientCredentials::builder(token_url, client_id, "")
            .with_variables(TOKEN_URL, secret, next);
        let Some(scopes) = variables.get(SCOPES)? else {
            return Ok(builder);
        };
        let scopes: Vec<_> = scopes.split_whitespace().collect();
        Scopes::new(&scopes).map_err(named(SCOPES))?;
        Ok(builder.scopes(scopes))
    }
}

/// The secret itself, or the file that has it.
fn secret_of(
    variables: &Variables<'_>,
    given: &'static str,
    file: &'static str,
) -> Result<Option<NamedSource>, ConfigError> {
    let source = |setting, source| Ok(Some(NamedSource { setting, source }));
    match (variables.secret(given)?, variables.get(file)?) {
        (None, None) => Ok(None),
        (Some(secret), None) => source(given, SecretSource::from(secret)),
        (None, Some(path)) => source(file, SecretSource::from_file(path)),
        (Some(_), Some(_)) => Err(invalid(
            given,
            "is set, and its `…_FILE` as well; keep one of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const URL: (&str, &str) = (
        TOKEN_URL,
        "https://my-app.auth.eu-west-1.amazoncognito.com/oauth2/token",
    );
    const CLIENT: (&str, &str) = (CLIENT_ID, "1example23456789");
    const SECRET: (&str, &str) = (CLIENT_SECRET, "hush-hush");

    fn client(variables: &[(&str, &str)]) -> Result<ClientCredentials, ConfigError> {
        ClientCredentialsBuilder::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| *value)
        })?
        .build()
    }

    #[test]
    fn a_url_a_client_and_its_secret_are_enough() {
        assert!(client(&[URL, CLIENT, SECRET]).is_ok());
        let more = [
            (NEXT_CLIENT_SECRET, "another"),
            (SCOPES, "profiles/get  profiles/post"),
        ];
        assert!(client(&[URL, CLIENT, SECRET, more[0], more[1]]).is_ok());
    }

    #[test]
    fn a_secret_is_given_or_in_a_file() {
        let path = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        fs::write(&path, "hush-hush\n").unwrap();
        let file = (CLIENT_SECRET_FILE, path.to_str().unwrap());
        assert!(client(&[URL, CLIENT, file]).is_ok());
        let next = (NEXT_CLIENT_SECRET_FILE, file.1);
        assert!(client(&[URL, CLIENT, SECRET, next]).is_ok());
        let both = client(&[URL, CLIENT, SECRET, file]).unwrap_err();
        assert!(both.to_string().contains("keep one of them"), "{both}");
        fs::remove_file(&path).unwrap();
        let gone = client(&[URL, CLIENT, file]).unwrap_err().to_string();
        assert!(gone.contains("`COGNITO_CLIENT_SECRET_FILE`"), "{gone}");
    }

    #[test]
    fn every_error_names_its_variable_and_none_shows_a_secret() {
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, &'c str);
        let cases: &[Case<'_>] = &[
            (&[CLIENT, SECRET], TOKEN_URL, "is not set"),
            (
                &[(TOKEN_URL, "http://a.example.com/t"), CLIENT, SECRET],
                TOKEN_URL,
                "\"http://a.example.com/t\"",
            ),
            (&[URL, SECRET], CLIENT_ID, "is not set"),
            (&[URL, (CLIENT_ID, "a b"), SECRET], CLIENT_ID, "\"a b\""),
            (&[URL, CLIENT], CLIENT_SECRET, "one of them is required"),
            (
                &[URL, CLIENT, (CLIENT_SECRET, "hush\u{7}hush")],
                CLIENT_SECRET,
                "not printable ASCII",
            ),
            (
                &[URL, CLIENT, SECRET, (NEXT_CLIENT_SECRET, "hush\u{7}hush")],
                NEXT_CLIENT_SECRET,
                "not printable ASCII",
            ),
            (
                &[URL, CLIENT, SECRET, (SCOPES, "profiles/get,profiles/post")],
                SCOPES,
                "is not a scope",
            ),
        ];
        for (variables, named, says) in cases {
            let error = client(variables).unwrap_err().to_string();
            assert!(error.contains(&format!("`{named}`")), "{error}");
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
