//! Configuration from environment variables: how one is read, and how an error names it.
//!
//! `verifier/from_env.rs` and `client/from_env.rs` name the variables; the cookbook lists them all.

use std::ffi::OsString;

use crate::config_error::ConfigError;

/// Where variables are looked up: the process's environment, or what a test gives instead.
pub(crate) struct Variables<'l> {
    lookup: &'l dyn Fn(&str) -> Option<OsString>,
}

impl<'l> Variables<'l> {
    pub(crate) const fn new(lookup: &'l dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { lookup }
    }

    /// The value without white space around it. An empty one counts as not set: templates of
    /// containers set variables that have no value.
    pub(crate) fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let value = self.raw(variable)?.map(|value| value.trim().to_owned());
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of a variable that holds a secret, where white space may belong to it. A line
    /// break at its end is left out.
    #[cfg(feature = "client")]
    pub(crate) fn secret(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let value = self.raw(variable)?;
        let value = value.map(|value| value.trim_end_matches(['\r', '\n']).to_owned());
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of a variable that must be set; `problem` says so, and what to write.
    #[cfg(feature = "client")]
    pub(crate) fn required(
        &self,
        variable: &'static str,
        problem: &'static str,
    ) -> Result<String, ConfigError> {
        self.get(variable)?
            .ok_or_else(|| invalid(variable, problem))
    }

    /// Items separated by commas. Never an empty list.
    pub(crate) fn list(&self, variable: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        Ok(self.get(variable)?.map(|value| {
            let items = value.split(',').map(str::trim);
            items.map(ToOwned::to_owned).collect()
        }))
    }

    /// `false` if it is not set.
    pub(crate) fn flag(&self, variable: &'static str) -> Result<bool, ConfigError> {
        match self.get(variable)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(variable, "is neither `true` nor `false`")),
        }
    }

    fn raw(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        // The error of a value that is not UTF-8 would quote it.
        let value = (self.lookup)(variable).map(OsString::into_string);
        value
            .transpose()
            .map_err(|_| invalid(variable, "is not UTF-8"))
    }
}

pub(crate) const fn invalid(variable: &'static str, problem: &'static str) -> ConfigError {
    ConfigError::InvalidVariable { variable, problem }
}

/// Adds the variable's name to what is wrong with its value.
pub(crate) fn named(variable: &'static str) -> impl Fn(ConfigError) -> ConfigError {
    move |error| ConfigError::InVariable {
        variable,
        error: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_cookbook_lists_every_variable() {
        let sources = concat!(
            include_str!("verifier/from_env.rs"),
            include_str!("client/from_env.rs")
        );
        let named = sources
            .lines()
            .filter_map(|line| line.strip_prefix("const "))
            .filter_map(|line| line.split('"').nth(1));
        let listed = include_str!("../docs/guide/cookbook.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `COGNITO_"))
            .filter_map(|line| line.split('`').next());
        let named: BTreeSet<_> = named.map(ToOwned::to_owned).collect();
        let listed: BTreeSet<_> = listed.map(|name| format!("COGNITO_{name}")).collect();
        assert!(named.contains("COGNITO_USER_POOL_ID"));
        assert_eq!(listed, named);
    }

    /// What the variable `NAME` is read as, by each of the ways to read one.
    fn read(
        value: Option<&str>,
    ) -> (
        Option<String>,
        Option<Vec<String>>,
        Result<bool, ConfigError>,
    ) {
        let lookup = |name: &str| (name == "NAME").then(|| value.map(OsString::from))?;
        let variables = Variables::new(&lookup);
        assert_eq!(variables.get("ANOTHER"), Ok(None));
        (
            variables.get("NAME").unwrap(),
            variables.list("NAME").unwrap(),
            variables.flag("NAME"),
        )
    }

    #[test]
    fn a_blank_variable_counts_as_not_set() {
        for value in [None, Some(""), Some(" \n")] {
            assert_eq!(read(value), (None, None, Ok(false)), "{value:?}");
        }
        let (value, list, _) = read(Some("x"));
        assert_eq!(value.as_deref(), Some("x"));
        assert_eq!(list.unwrap(), ["x"]);
    }

    #[test]
    fn white_space_around_a_value_and_an_item_is_left_out() {
        let (value, list, _) = read(Some(" a, b \n"));
        assert_eq!(value.as_deref(), Some("a, b"));
        assert_eq!(list.unwrap(), ["a", "b"]);
        // Each item must still be one, so a stray comma is an error of the setting.
        assert_eq!(read(Some("a,,b")).1.unwrap(), ["a", "", "b"]);
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_else() {
        for (value, expected) in [("true", true), ("false", false)] {
            assert_eq!(read(Some(value)).2, Ok(expected));
        }
        for value in ["1", "yes", "True"] {
            let error = read(Some(value)).2.unwrap_err().to_string();
            assert_eq!(
                error,
                "the environment variable `NAME` is neither `true` nor `false`"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf8_is_not_quoted() {
        use std::os::unix::ffi::OsStringExt;

        let lookup = |_: &str| Some(OsString::from_vec(b"secret\xFF".to_vec()));
        let error = Variables::new(&lookup).get("NAME").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable `NAME` is not UTF-8"
        );
    }
}
