//! What Cognito documents, and what was not run against it.
//!
//! The forms below follow AWS's developer guide and service model of November 2026. They are tested
//! against [`LocalIssuer`](crate::testing::LocalIssuer), which follows the same documents, and
//! token exchange also against `idpyoidc`, an RFC 8693 server that others wrote, but not against
//! Cognito itself. Try them in your account before you rely on them; a difference is a bug to
//! report. What was tried moves out of this module, so a name here may change in a minor version.
//!
//! | what | where | source |
//! | --- | --- | --- |
//! | a token without a domain, the only way over AWS PrivateLink | [`builder_for_api`] | `GetClientToken`, API reference |
//! | input for the pre token generation trigger | [`with_client_metadata`] | `aws_client_metadata`, "The token issuer endpoint" |
//! | a token on behalf of a user or service | [`TokenExchange`] | RFC 8693; "Exchanging tokens for downstream services", `GetDerivedToken` |

use super::{ClientCredentialsBuilder, SecretSource, builder::Issuer, domain};
pub use super::{
    exchange_request::SubjectToken,
    token_exchange::{TokenExchange, TokenExchangeBuilder},
};

/// Begins the configuration of a client that gets its tokens from the user pools API of this region
/// (`GetClientToken`), not from a domain.
///
/// The pool needs no domain, and the request no IAM credentials. The app client must have a secret
/// and `ALLOW_CLIENT_TOKEN_AUTH` as its only authentication flow. The tokens are those of the
/// client-credentials flow.
///
/// Through an interface VPC endpoint with private DNS, the name of the region's endpoint leads to
/// it; without, give its URL to [`builder_for_api_url`].
///
/// # Examples
///
/// ```
/// use tower_cognito::client::unproven;
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let credentials =
///     unproven::builder_for_api("eu-west-1", "1example23456789", "the-client-secret")
///         .scopes(["profiles/get"])
///         .build()?;
/// # Ok(())
/// # }
/// ```
pub fn builder_for_api(
    region: &str,
    client_id: impl Into<String>,
    client_secret: impl Into<SecretSource>,
) -> ClientCredentialsBuilder {
    let url = domain::api_url(region);
    ClientCredentialsBuilder::new(Issuer::Api, url, client_id.into(), client_secret.into())
}

/// As [`builder_for_api`], at this URL: a VPC endpoint, a FIPS endpoint, an emulator.
///
/// # Examples
///
/// ```
/// use tower_cognito::{client::unproven, testing::LocalIssuer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = LocalIssuer::builder()
///     .client("caller", "a-secret-for-this-test", ["profiles/get"])
///     .start()?;
/// let credentials =
///     unproven::builder_for_api_url(issuer.api_url(), "caller", "a-secret-for-this-test")
///         .build()?;
/// assert!(credentials.token().await.is_ok());
/// # Ok(())
/// # }
/// ```
pub fn builder_for_api_url(
    url: impl Into<String>,
    client_id: impl Into<String>,
    client_secret: impl Into<SecretSource>,
) -> ClientCredentialsBuilder {
    ClientCredentialsBuilder::new(
        Issuer::Api,
        Ok(url.into()),
        client_id.into(),
        client_secret.into(),
    )
}

/// Sends this to the pre token generation trigger with every client-credentials request: as
/// `aws_client_metadata` to a token endpoint, as `ClientMetadata` to the API. Replaces what was set
/// before.
///
/// # Examples
///
/// ```
/// use tower_cognito::client::{ClientCredentials, unproven};
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let builder = ClientCredentials::builder(
///     "https://auth.example.com/oauth2/token",
///     "1example23456789",
///     "the-client-secret",
/// );
/// let credentials = unproven::with_client_metadata(builder, [("tenant", "acme")]).build()?;
/// # Ok(())
/// # }
/// ```
pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
    builder: ClientCredentialsBuilder,
    metadata: impl IntoIterator<Item = (K, V)>,
) -> ClientCredentialsBuilder {
    builder.client_metadata(
        metadata
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    )
}
