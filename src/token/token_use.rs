//! What kind of token it is (`token_use`).

/// Which of the two kinds of Cognito token.
///
/// It is exhaustive: a third kind would reach a service only if the service accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenUse {
    /// An access token: what callers present to a service.
    Access,
    /// An ID token: for the app client that the user signed in to. It carries no scopes.
    Id,
}
