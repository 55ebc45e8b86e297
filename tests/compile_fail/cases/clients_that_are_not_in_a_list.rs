//! App clients are a list, also if it is one.
use tower_cognito::{AllowedClients, ConfigError};

fn clients() -> Result<AllowedClients, ConfigError> {
    AllowedClients::only("1example23456789")
}

fn main() {}
