//! The endpoints.

/// An endpoint of a [`LocalIssuer`](super::LocalIssuer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/`: `GetClientToken` and `GetDerivedToken` of the user pools API.
    Api,
    /// `/oauth2/authorize`, if [`sign_in_as`](super::LocalIssuerBuilder::sign_in_as) turned it on.
    Authorization,
    /// `/{pool}/.well-known/openid-configuration`.
    Discovery,
    /// `/{pool}/.well-known/jwks.json`.
    Jwks,
    /// `/oauth2/register`, if [`open_registration`](super::LocalIssuerBuilder::open_registration)
    /// turned it on.
    Registration,
    /// `/oauth2/token`.
    Token,
}

impl Endpoint {
    pub(super) const ALL: [Self; 6] = [
        Self::Api,
        Self::Authorization,
        Self::Discovery,
        Self::Jwks,
        Self::Registration,
        Self::Token,
    ];
}
