//! What a scope may look like (RFC 6749 §3.3, appendix A).

use super::Scope;
use crate::config_error::ConfigError;

pub(super) fn parse(scope: &str) -> Result<Scope, ConfigError> {
    if is_scope_token(scope) && !is_list(scope) {
        Ok(scope.into())
    } else {
        Err(ConfigError::InvalidScope {
            given: scope.to_owned(),
        })
    }
}

/// Whether this is a scope token of RFC 6749 §3.3.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_char)
}

/// Whether this is several scopes with commas between them, which no token can carry as one. A
/// comma alone is not a sign of that: Cognito accepts it within an identifier and within a name.
fn is_list(scope: &str) -> bool {
    scope.contains(',') && scope.split(',').all(is_whole_cognito_scope)
}

/// A scope of a resource server, or one of those that Cognito has without one.
fn is_whole_cognito_scope(scope: &str) -> bool {
    matches!(
        scope,
        "aws.cognito.signin.user.admin" | "email" | "openid" | "phone" | "profile"
    ) || scope
        .rsplit_once('/')
        .is_some_and(|(identifier, name)| !identifier.is_empty() && !name.is_empty())
}

/// `NQCHAR` of RFC 6749 appendix A: what fits into a quoted string unescaped.
const fn is_scope_char(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}
