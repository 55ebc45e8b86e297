//! Who a token speaks for.

/// Who a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal<'a> {
    /// An app client on its own behalf, by the client-credentials flow: `sub` is its id and there is no user name.
    Client(&'a str),
    /// A user.
    User {
        /// `sub`.
        subject: Option<&'a str>,
        /// `username` or `cognito:username`.
        username: Option<&'a str>,
    },
}
