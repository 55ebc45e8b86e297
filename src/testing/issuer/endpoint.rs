//! The endpoints.

/// An endpoint of a [`LocalIssuer`](super::LocalIssuer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/`: `GetClientToken` and `GetDerivedToken` of the user pools API.
    Api,
    /// `/{pool}/.well-known/openid-configuration`.
    Discovery,
    /// `/{pool}/.well-known/jwks.json`.
    Jwks,
    /// `/oauth2/token`.
    Token,
}

impl Endpoint {
    pub(super) const ALL: [Self; 4] = [Self::Api, Self::Discovery, Self::Jwks, Self::Token];
}
