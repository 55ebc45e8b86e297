//! The client or user that a token belongs to.

/// The client or user that a token belongs to.
///
/// Cognito writes `username` into every access token of a user and `cognito:username` into every ID
/// token, and neither into a client-credentials token, whose `sub` is its `client_id`. So the
/// claims that are present decide between these two kinds, and a token that is neither is not taken
/// for a user or a service. Source: AWS, *Amazon Cognito developer guide*, "Understanding the
/// access token".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal<'a> {
    /// An app client on its own behalf, by the client-credentials flow: `sub` is its id, and the
    /// user name is absent.
    Client(&'a str),
    /// The token names a subject that is not its app client, and no user. A service whose token
    /// another service [exchanged](super::Claims::actor) may be such a subject, and so may a user
    /// of an issuer that does not write `username`, as other issuers than Cognito. Decide by the
    /// subject, or not at all.
    Unknown {
        /// `sub`.
        subject: Option<&'a str>,
    },
    /// A user.
    User {
        /// `sub`.
        subject: Option<&'a str>,
        /// `username` or `cognito:username`.
        username: &'a str,
    },
}
