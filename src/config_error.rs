//! A configuration that cannot be right.

use std::time::Duration;

use crate::{error_debug::debug_as_display, troubleshooting};

/// A configuration that cannot be right. It quotes the input, and says what is accepted.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A client secret that is not where the configuration says. No secret is quoted.
    #[error("the secret given to `{setting}` is unavailable: {reason}")]
    ClientSecretUnavailable {
        /// The builder method.
        setting: &'static str,
        /// What its source says.
        reason: String,
    },
    /// Two durations contradict each other.
    #[error("{shorter} ({shorter_value:?}) must be shorter than {longer} ({longer_value:?})")]
    DurationOrder {
        /// The setting that must be the shorter one.
        shorter: &'static str,
        /// Its value.
        shorter_value: Duration,
        /// The setting that must be the longer one.
        longer: &'static str,
        /// Its value.
        longer_value: Duration,
    },
    /// An empty list of app clients, audiences or scopes. It could be read as "none" or as "any",
    /// so it is rejected.
    #[error("the list of {what} is empty; {instead}")]
    EmptyList {
        /// What was listed.
        what: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// The HTTP client for fetching keys or tokens could not be set up, for instance because the
    /// system has no TLS roots.
    #[error(
        "the HTTP client cannot be set up: {reason}; see {}",
        troubleshooting::BUILD_ERROR
    )]
    HttpClient {
        /// What the HTTP client says.
        reason: String,
    },
    /// An audience that no token could carry.
    #[error(
        "{given:?} is not an audience: 1 to 512 characters without white space and control characters are accepted"
    )]
    InvalidAudience {
        /// What was given.
        given: String,
    },
    /// A challenge parameter that could not be sent safely.
    #[error(
        "{given:?} cannot be the {parameter} of a challenge: printable ASCII without `\"` and `\\` is accepted"
    )]
    InvalidChallengeParameter {
        /// The parameter of `WWW-Authenticate`.
        parameter: &'static str,
        /// What was given.
        given: String,
    },
    /// An app client id that no token could carry.
    #[error(
        "{given:?} is not an app client id: 1 to 128 printable ASCII characters without space are accepted"
    )]
    InvalidClientId {
        /// What was given.
        given: String,
    },
    /// A client secret that no token endpoint could have issued. It is never quoted.
    #[error(
        "the secret given to `{setting}` {problem}; 1 to 1024 printable ASCII characters are accepted"
    )]
    InvalidClientSecret {
        /// The builder method.
        setting: &'static str,
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// A custom domain that would make a wrong URL.
    #[error(
        "{given:?} is not a custom domain: a host name without scheme, port and path is accepted, as `auth.example.com`"
    )]
    InvalidCustomDomain {
        /// What was given.
        given: String,
    },
    /// A domain prefix that would make a wrong URL.
    #[error(
        "{given:?} is not the prefix of a Cognito domain: 1 to 63 lower-case letters, digits and inner hyphens are \
         accepted; for a domain of another form give the token URL to `ClientCredentials::builder`"
    )]
    InvalidDomainPrefix {
        /// What was given.
        given: String,
    },
    /// An issuer that no token could carry.
    #[error(
        "{given:?} is not an issuer: an absolute http or https URL without user name, query, fragment or white space is \
         accepted"
    )]
    InvalidIssuer {
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
    },
    /// A JWK Set document that cannot be used.
    #[error("the JWK Set given to `{setting}` cannot be used: {reason}")]
    InvalidJwks {
        /// The builder method.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A JWKS URL that must not be fetched.
    #[error("{given:?} is not accepted as a JWKS URL: {problem}")]
    InvalidJwksUrl {
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// A member of a resource's metadata that clients could not use (RFC 9728 §2).
    #[error("{given:?} cannot be the {member} of a resource's metadata: {accepted} is accepted")]
    InvalidMetadata {
        /// The member.
        member: &'static str,
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// An origin that tokens must not be sent to, or that is none.
    #[error("{given:?} is not accepted as an origin for tokens: {problem}")]
    InvalidOrigin {
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// An AWS region that would make a wrong issuer.
    #[error("{given:?} is not an AWS region: a form like `eu-west-1` is accepted")]
    InvalidRegion {
        /// What was given.
        given: String,
    },
    /// A resource identifier that no metadata could be published under (RFC 9728 §1.2).
    #[error(
        "{given:?} is not a resource identifier: https, or http on a loopback address, without query, fragment and user \
         name, is accepted, as `https://api.example.com/orders`"
    )]
    InvalidResource {
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
    },
    /// A resource server identifier that no scope could begin with.
    #[error(
        "{given:?} is not a resource server identifier: 1 to 256 printable ASCII characters without space, `\"` and `\\` \
         are accepted, as `profiles` for the scope `profiles/get`"
    )]
    InvalidResourceServer {
        /// What was given.
        given: String,
    },
    /// A scope that no token could carry (RFC 6749 §3.3), or several scopes in one string.
    #[error(
        "{given:?} is not a scope: printable ASCII without space, `\"` and `\\` is accepted, as `profiles/get`; give \
         several scopes as several items"
    )]
    InvalidScope {
        /// What was given.
        given: String,
    },
    /// A token URL that a client secret must not be sent to.
    #[error("{given:?} is not accepted as a token URL: {problem}")]
    InvalidTokenUrl {
        /// What was given, without what may be a secret: user name and password, query, fragment.
        given: String,
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// The value of an environment variable that its setting rejects.
    #[error("the environment variable `{variable}`: {error}")]
    InVariable {
        /// The variable's name.
        variable: &'static str,
        /// What the setting says. It quotes no secret.
        error: Box<Self>,
    },
    /// An environment variable that is missing, or whose value is of the wrong kind. The value is
    /// not quoted.
    #[error("the environment variable `{variable}` {problem}")]
    InvalidVariable {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with it: a fixed text.
        problem: &'static str,
    },
    /// A user pool id that would make a wrong URL.
    #[error(
        "{given:?} is not a user pool id: a region, `_`, and letters or digits are accepted, as `eu-west-1_AbCdEf123`; \
         for an emulator or a region of another form use `UserPool::external`; see {}",
        troubleshooting::BUILD_ERROR
    )]
    InvalidUserPoolId {
        /// What was given.
        given: String,
    },
    /// Two pools have the same issuer, so a token's pool would be ambiguous.
    #[error("the issuer {issuer:?} belongs to two of the pools given")]
    IssuerTwice {
        /// The issuer.
        issuer: String,
    },
    /// No way to fetch keys: the `reqwest` feature is off and no fetcher was given.
    #[error(
        "no fetcher is configured for {jwks_url:?}: turn on the `reqwest` feature, set a `fetcher`, or give the keys to \
         `UserPool::with_pinned_jwks`; see {}",
        troubleshooting::BUILD_ERROR
    )]
    NoFetcher {
        /// The URL that would be fetched, without its query.
        jwks_url: String,
    },
    /// A duration or size is outside its bounds.
    #[error("{setting} is {given}, but must be {accepted}")]
    OutOfRange {
        /// The builder method.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// `with_replica_region` on a pool whose issuers were given exactly.
    #[error(
        "{given:?} cannot be added as a replica region: this pool accepts exactly the issuer it was given"
    )]
    ReplicaOfExactIssuer {
        /// The region.
        given: String,
    },
    /// An AWS region in a partition whose Cognito host names are not known here, such as China
    /// (`cn-north-1`), the isolated regions (`us-iso-east-1`) and the European Sovereign Cloud
    /// (`eusc-de-east-1`).
    #[error(
        "the host names of Cognito in {given:?} are not known; copy them from the console, and give issuer and JWKS URL to \
         `UserPool::external`, or the token URL to `ClientCredentials::builder`; see {}",
        troubleshooting::BUILD_ERROR
    )]
    UnsupportedPartition {
        /// The region.
        given: String,
    },
}

debug_as_display!(ConfigError);
