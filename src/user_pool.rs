//! Which issuer is trusted.

use http::Uri;

use crate::{
    aws_region::Partition,
    config_error::ConfigError,
    granted_scopes::{GrantedScopes, checked_resource_server},
    keys::KeySet,
    protected_url::{self, ProtectedUrl, Unencrypted, UrlProblem},
    string_list::StringList,
    test_keys,
    token::expectations::Confirmation,
};

/// A Cognito user pool as a token issuer: the issuers it may write into tokens, where its keys are,
/// and what its tokens may grant.
///
/// A pool has more than one issuer string. It writes one of two hosts into `iss`, depending on a
/// setting of the pool (`IssuerConfiguration.Type`) that can change without interruption, and a
/// replica in another region writes that region's host. [`UserPool::new`] accepts both hosts of the
/// pool's own region. Every issuer is compared byte for byte.
///
/// Host names are known for the commercial regions and for GovCloud (`us-gov-west-1`). For all
/// others, and for emulators, say what they are with [`external`](Self::external).
///
/// Source: AWS, *Amazon Cognito developer guide*, "Verifying JSON web tokens" and "Multi-Region
/// replication".
///
/// # Examples
///
/// ```
/// use tower_cognito::UserPool;
///
/// # fn main() -> Result<(), tower_cognito::ConfigError> {
/// let pool = UserPool::new("eu-west-1_AbCdEf123")?;
/// assert_eq!(
///     pool.issuers().collect::<Vec<_>>(),
///     [
///         "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123",
///         "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123",
///     ]
/// );
/// assert_eq!(
///     pool.jwks_url(),
///     "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123/.well-known/jwks.json"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UserPool {
    /// The pool id, while the issuers still follow from it.
    id: Option<String>,
    /// The one whose discovery document can be fetched.
    issuer: String,
    /// Other spellings of the same issuer that tokens may carry.
    other_issuers: Vec<String>,
    jwks_url: ProtectedUrl,
    /// Whether `jwks_url` was given, instead of following from the pool id.
    has_given_jwks_url: bool,
    /// Follows from the replica's region.
    replica_jwks_url: Option<ProtectedUrl>,
    given_fallback_jwks_url: Option<ProtectedUrl>,
    keys: PoolKeys,
    granted_scopes: GrantedScopes,
    confirmation: Confirmation,
}

/// Where the keys of a pool come from.
#[derive(Clone, Debug)]
pub(crate) enum PoolKeys {
    Fetched,
    /// Never fetched.
    Pinned(KeySet),
    /// Fetched, with something to begin with.
    Seeded(KeySet),
}

impl UserPool {
    /// The pool with this id, as `eu-west-1_AbCdEf123`, with both AWS issuer hosts of its region.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidUserPoolId`] if the id has another form. It becomes part of a URL,
    ///    so nothing unexpected is accepted. An emulator's pool (`local_abc`) goes through
    ///    [`external`](Self::external).
    /// 2. [`ConfigError::UnsupportedPartition`] if Cognito's host names in the id's region are not
    ///    documented, as in China and in the European Sovereign Cloud. Such a pool goes through
    ///    [`external`](Self::external), too.
    pub fn new(user_pool_id: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidUserPoolId {
            given: user_pool_id.to_owned(),
        };
        let (region, suffix) = user_pool_id.rsplit_once('_').ok_or_else(invalid)?;
        let well_formed = user_pool_id.len() <= 55
            && !suffix.is_empty()
            && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return Err(invalid());
        }
        // The hosts of these two partitions have the same suffix.
        match Partition::of(region) {
            Ok(Partition::Commercial | Partition::GovCloud) => {}
            Err(ConfigError::InvalidRegion { .. }) => return Err(invalid()),
            Err(unsupported) => return Err(unsupported),
        }
        let issuer = original_issuer(region, user_pool_id);
        let jwks_url = jwks_url_of(&issuer);
        let updated = format!("https://issuer-cognito-idp.{region}.amazonaws.com/{user_pool_id}");
        Ok(Self {
            id: Some(user_pool_id.to_owned()),
            other_issuers: vec![updated],
            has_given_jwks_url: false,
            ..Self::with_one_issuer(
                issuer,
                checked_jwks_url(&jwks_url, Unencrypted::OnLoopback)?,
            )
        })
    }

    /// An issuer that is not a pool on AWS, or is one whose host names are not documented: an
    /// emulator, a region of another partition, or another identity provider that issues
    /// Cognito-shaped tokens.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidIssuer`] or [`ConfigError::InvalidJwksUrl`], as
    /// [`with_exact_issuer`](Self::with_exact_issuer) and [`with_jwks_url`](Self::with_jwks_url).
    pub fn external(issuer: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Ok(Self::with_one_issuer(
            checked_issuer(issuer)?,
            checked_jwks_url(jwks_url, Unencrypted::OnLoopback)?,
        ))
    }

    /// As [`external`](Self::external), with keys that may come over plain http from another host.
    ///
    /// **Anyone on the network path can replace the keys, and so forge tokens.** It is for an
    /// emulator under a name on a private network, such as `http://cognito:9229/` among containers,
    /// and never for production. Building the verifier logs a warning. Proxies are not used for
    /// such a URL.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::UserPool;
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let jwks_url = "http://cognito:9229/local_abc/.well-known/jwks.json";
    /// assert!(UserPool::external("http://0.0.0.0:9229/local_abc", jwks_url).is_err());
    /// UserPool::external_unencrypted("http://0.0.0.0:9229/local_abc", jwks_url)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidIssuer`], or [`ConfigError::InvalidJwksUrl`] if the URL is neither
    /// https nor http, or has a user name or a fragment.
    pub fn external_unencrypted(issuer: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Ok(Self::with_one_issuer(
            checked_issuer(issuer)?,
            checked_jwks_url(jwks_url, Unencrypted::Anywhere)?,
        ))
    }

    /// Also accepts the tokens of the pool's replica in another region, and fetches the keys there
    /// when the pool's own region does not return them. Each call adds a region; the keys are
    /// fetched from the first.
    ///
    /// A replica of a pool with the original issuer type writes its own region's host and the
    /// primary's pool id. Its key URL is a [fallback](Self::with_fallback_jwks_url), unless
    /// [`with_jwks_url`](Self::with_jwks_url) says where the keys are.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidRegion`] or [`ConfigError::UnsupportedPartition`] if the region is
    ///    not one like `us-west-2`.
    /// 2. [`ConfigError::ReplicaOfExactIssuer`] after
    ///    [`with_exact_issuer`](Self::with_exact_issuer) or on an [`external`](Self::external)
    ///    issuer, whose replicas cannot be named.
    pub fn with_replica_region(mut self, region: &str) -> Result<Self, ConfigError> {
        let Some(id) = self.id.as_deref() else {
            return Err(ConfigError::ReplicaOfExactIssuer {
                given: region.to_owned(),
            });
        };
        match Partition::of(region)? {
            Partition::Commercial | Partition::GovCloud => {}
        }
        let issuer = original_issuer(region, id);
        if !self.issuers().any(|accepted| accepted == issuer) {
            let url = checked_jwks_url(&jwks_url_of(&issuer), Unencrypted::OnLoopback)?;
            self.replica_jwks_url.get_or_insert(url);
            self.other_issuers.push(issuer);
        }
        Ok(self)
    }

    /// Accepts exactly this issuer: it replaces the issuers that follow from the pool id, those of
    /// replicas included.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidIssuer`] if it is not an absolute http or https URL, or has a query, a
    /// fragment or white space.
    pub fn with_exact_issuer(self, issuer: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            id: None,
            issuer: checked_issuer(issuer)?,
            other_issuers: Vec::new(),
            ..self
        })
    }

    /// Fetches the keys from here: it replaces the URL that follows from the pool id. Issuer and
    /// key location are independent: emulators write AWS issuers into tokens and serve the keys
    /// locally.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http on a loopback address, or
    /// has a user name or a fragment.
    pub fn with_jwks_url(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            jwks_url: checked_jwks_url(url, Unencrypted::OnLoopback)?,
            has_given_jwks_url: true,
            ..self
        })
    }

    /// As [`with_jwks_url`](Self::with_jwks_url), and the URL may be plain http on another host.
    /// **Anyone on the network path can then replace the keys, and so forge tokens**: see
    /// [`external_unencrypted`](Self::external_unencrypted).
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http, or has a user name or a
    /// fragment.
    pub fn with_unencrypted_jwks_url(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            jwks_url: checked_jwks_url(url, Unencrypted::Anywhere)?,
            has_given_jwks_url: true,
            ..self
        })
    }

    /// Fetches the keys from here when the first URL fails: the key URL of a replica in another
    /// region, or a mirror.
    ///
    /// It must serve the same keys. Because it may lag behind, it can add keys and confirm those
    /// that are in use, but only the first URL can withdraw a key, and a `kid` that it does not
    /// list gets 503 rather than 401. Each of the two URLs is given half of
    /// `fetch_timeout`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http on a loopback address, or
    /// has a user name or a fragment.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::UserPool;
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let pool = UserPool::new("eu-west-1_AbCdEf123")?
    ///     .with_fallback_jwks_url("https://mirror.example.com/eu-west-1_AbCdEf123/jwks.json")?;
    /// assert_eq!(
    ///     pool.fallback_jwks_url(),
    ///     Some("https://mirror.example.com/eu-west-1_AbCdEf123/jwks.json")
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_fallback_jwks_url(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            given_fallback_jwks_url: Some(checked_jwks_url(url, Unencrypted::OnLoopback)?),
            ..self
        })
    }

    /// Uses the keys of this JWK Set and never fetches any: for a service without a network. A
    /// rotation then needs a new deployment. It replaces keys that were pinned or seeded before.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwks`] if the document has no usable key.
    pub fn with_pinned_jwks(self, document: &str) -> Result<Self, ConfigError> {
        let keys = checked_keys("with_pinned_jwks", document)?;
        Ok(Self {
            keys: PoolKeys::Pinned(keys),
            ..self
        })
    }

    /// Starts with the keys of this JWK Set, and fetches at the first request: for a start that
    /// does not depend on the endpoint. They serve for
    /// [`expire_after`](crate::verifier::VerifierBuilder::expire_after) at most, counted from
    /// `build`. It replaces keys that were pinned or seeded before.
    ///
    /// # Errors
    ///
    /// As [`with_pinned_jwks`](Self::with_pinned_jwks).
    pub fn with_seed_jwks(self, document: &str) -> Result<Self, ConfigError> {
        let keys = checked_keys("with_seed_jwks", document)?;
        Ok(Self {
            keys: PoolKeys::Seeded(keys),
            ..self
        })
    }

    /// Lets the tokens of this pool grant scopes of these resource servers only. Each call adds to
    /// the list. By default all scopes count.
    ///
    /// Scopes are plain strings, so the scope `orders/write` of one pool is the scope
    /// `orders/write` of every pool that a verifier trusts. Say for each partner's pool which
    /// resource servers it is in charge of; otherwise an administrator of it can create a resource
    /// server named as one of yours.
    ///
    /// The resource server of a scope is what comes before its last `/`: `https://api.example.com`
    /// for `https://api.example.com/read`. Scopes of other resource servers, and those without `/`
    /// (`openid`, `aws.cognito.signin.user.admin`), are ignored:
    /// [`Claims::scopes`](crate::Claims::scopes) does not list them and no policy is met by them.
    /// The token stays accepted. [`Claims::custom`](crate::Claims::custom) still reads `scope` as
    /// it was issued.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::EmptyList`] if there is none.
    /// 2. [`ConfigError::InvalidResourceServer`] if one is not an identifier that Cognito accepts.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{AllowedClients, UserPool, Verifier};
    ///
    /// # fn main() -> Result<(), tower_cognito::ConfigError> {
    /// let ours = UserPool::new("eu-west-1_AbCdEf123")?;
    /// let partner = UserPool::new("us-east-1_Partner99")?.with_resource_servers(["partner-orders"])?;
    /// let verifier = Verifier::builder(ours, AllowedClients::only(["1example23456789"])?)
    ///     .add_pool(partner, AllowedClients::only(["1partner23456789"])?)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_resource_servers(
        mut self,
        identifiers: impl StringList,
    ) -> Result<Self, ConfigError> {
        let identifiers = identifiers
            .into_iter()
            .map(|identifier| checked_resource_server(identifier.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if identifiers.is_empty() {
            return Err(ConfigError::EmptyList {
                what: "resource servers",
                instead: "leave it out to accept the scopes of all",
            });
        }
        self.granted_scopes.add(identifiers);
        Ok(self)
    }

    /// Ignores the claim `cnf`, which a trigger of this pool writes with another meaning.
    ///
    /// By default a token with `cnf` is rejected as
    /// [`SenderConstrained`](crate::AuthError::SenderConstrained): the claim says that the token is
    /// bound to a key or a certificate (RFC 7800). Only a DPoP proof (RFC 9449) or mutual TLS (RFC
    /// 8705) can show that its sender has them, and this crate checks neither. To ignore the claim
    /// would let a thief use a token that is bound to prevent exactly that.
    #[must_use]
    pub fn with_cnf_ignored(self) -> Self {
        Self {
            confirmation: Confirmation::Ignored,
            ..self
        }
    }

    /// The accepted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.issuer)
            .chain(&self.other_issuers)
            .map(String::as_str)
    }

    /// The URL that the keys are fetched from, with its query. `Debug`, logs, metrics and errors
    /// leave the query out, since it may hold a secret.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        self.jwks_url.as_str()
    }

    pub(crate) const fn protected_jwks_url(&self) -> &ProtectedUrl {
        &self.jwks_url
    }

    /// The URL that the keys are fetched from when the first URL fails, with its query.
    #[must_use]
    pub fn fallback_jwks_url(&self) -> Option<&str> {
        self.protected_fallback_jwks_url().map(ProtectedUrl::as_str)
    }

    pub(crate) fn protected_fallback_jwks_url(&self) -> Option<&ProtectedUrl> {
        let of_replica = self
            .replica_jwks_url
            .as_ref()
            .filter(|_| !self.has_given_jwks_url);
        self.given_fallback_jwks_url.as_ref().or(of_replica)
    }

    pub(crate) const fn keys(&self) -> &PoolKeys {
        &self.keys
    }

    pub(crate) const fn granted_scopes(&self) -> &GrantedScopes {
        &self.granted_scopes
    }

    pub(crate) const fn confirmation(&self) -> Confirmation {
        self.confirmation
    }

    const fn with_one_issuer(issuer: String, jwks_url: ProtectedUrl) -> Self {
        Self {
            id: None,
            issuer,
            other_issuers: Vec::new(),
            jwks_url,
            has_given_jwks_url: true,
            replica_jwks_url: None,
            given_fallback_jwks_url: None,
            keys: PoolKeys::Fetched,
            granted_scopes: GrantedScopes::all(),
            confirmation: Confirmation::Binds,
        }
    }
}

fn jwks_url_of(issuer: &str) -> String {
    format!("{issuer}/.well-known/jwks.json")
}

fn original_issuer(region: &str, user_pool_id: &str) -> String {
    format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}")
}

fn checked_issuer(issuer: &str) -> Result<String, ConfigError> {
    let acceptable = issuer.len() <= 512
        && issuer.bytes().all(|byte| byte.is_ascii_graphic())
        && !issuer.contains(['?', '#', '"', '\\'])
        && !protected_url::has_user_info(issuer)
        && issuer.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
    if acceptable {
        Ok(issuer.to_owned())
    } else {
        Err(ConfigError::InvalidIssuer {
            given: protected_url::without_secrets(issuer),
        })
    }
}

fn checked_jwks_url(url: &str, unencrypted: Unencrypted) -> Result<ProtectedUrl, ConfigError> {
    ProtectedUrl::parse(url, unencrypted).map_err(|problem| ConfigError::InvalidJwksUrl {
        given: protected_url::without_secrets(url),
        problem: match problem {
            UrlProblem::Unencrypted => {
                "plain http is accepted only on a loopback address, since anyone on the network path could replace the \
                 keys; use https, or `UserPool::external_unencrypted` for an emulator on a private network"
            }
            UrlProblem::UserInfo => {
                "it contains a user name or password, which logs and errors would show; remove them, and give \
                 `VerifierBuilder::fetcher` a fetcher that sends credentials in a header"
            }
            problem => problem.sentence(),
        },
    })
}

fn checked_keys(setting: &'static str, document: &str) -> Result<KeySet, ConfigError> {
    let keys = KeySet::parse(document).map_err(|error| ConfigError::InvalidJwks {
        setting,
        reason: error.to_string(),
    })?;
    test_keys::warn_of(setting, document);
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_that_would_make_a_wrong_url_is_rejected_and_quoted() {
        for id in [
            "",
            "_",
            "eu-west-1",
            "eu-west-1_",
            "_AbCdEf123",
            "eu-west_AbCdEf123",
            "EU-west-1_AbCdEf123",
            "eu-west-1_AbC/../x",
            "eu-west-1_AbC.evil.com",
            "evil.com/eu-west-1_AbCdEf123",
            "eu-west-1.evil.com_AbCdEf123",
            "eu-west-1_AbC def",
            " eu-west-1_AbCdEf123",
            "eu-west-1_AbCdEf123\n",
            "eu--1_AbCdEf123",
            "e-west-1_AbCdEf123",
            "local_AbCdEf123",
            "eu-west-1_AbCdEf123_x",
            "eu-west-1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let error = UserPool::new(id).unwrap_err();
            assert_eq!(
                error,
                ConfigError::InvalidUserPoolId {
                    given: id.to_owned()
                }
            );
            assert!(error.to_string().contains(&format!("{id:?}")), "{error}");
        }
        for id in [
            "eu-west-1_AbCdEf123",
            "us-gov-east-1_A",
            "ap-southeast-12_0",
        ] {
            assert!(UserPool::new(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn the_hosts_of_a_partition_are_known_or_must_be_given() {
        let pool = UserPool::new("us-gov-west-1_A").unwrap();
        assert_eq!(
            pool.issuers().next(),
            Some("https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_A")
        );
        for region in ["cn-north-1", "us-iso-east-1", "eusc-de-east-1"] {
            let unsupported = ConfigError::UnsupportedPartition {
                given: region.to_owned(),
            };
            let id = format!("{region}_AbCdEf123");
            assert_eq!(UserPool::new(&id).unwrap_err(), unsupported);
            let replica = pool.clone().with_replica_region(region);
            assert_eq!(replica.unwrap_err(), unsupported);
            let issuer = format!("https://cognito-idp.{region}.example/{id}");
            let jwks_url = jwks_url_of(&issuer);
            assert!(UserPool::external(&issuer, &jwks_url).is_ok());
        }
    }

    #[test]
    fn a_replica_adds_its_host_with_the_primary_pool_id() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        let replicated = pool.clone().with_replica_region("us-west-2").unwrap();
        assert_eq!(
            replicated.issuers().skip(2).collect::<Vec<_>>(),
            ["https://cognito-idp.us-west-2.amazonaws.com/eu-west-1_A"]
        );
        assert_eq!(replicated.jwks_url(), pool.jwks_url());
        let of_itself = pool.clone().with_replica_region("eu-west-1").unwrap();
        assert!(of_itself.issuers().eq(pool.issuers()));
        assert_eq!(
            pool.clone()
                .with_replica_region("us-west-2.evil.com")
                .unwrap_err(),
            ConfigError::InvalidRegion {
                given: "us-west-2.evil.com".to_owned()
            }
        );
        assert!(matches!(
            pool.with_exact_issuer("https://id.example.com")
                .unwrap()
                .with_replica_region("us-west-2"),
            Err(ConfigError::ReplicaOfExactIssuer { .. })
        ));
    }

    #[test]
    fn the_keys_of_a_replica_are_fetched_when_the_own_region_fails_and_no_url_is_given() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        assert_eq!(pool.fallback_jwks_url(), None);
        let replicated = pool.clone().with_replica_region("us-west-2").unwrap();
        assert_eq!(
            replicated.fallback_jwks_url(),
            Some("https://cognito-idp.us-west-2.amazonaws.com/eu-west-1_A/.well-known/jwks.json")
        );
        let elsewhere = "http://127.0.0.1:9000/jwks.json";
        for given in [
            replicated.clone().with_jwks_url(elsewhere).unwrap(),
            replicated
                .clone()
                .with_unencrypted_jwks_url(elsewhere)
                .unwrap(),
            pool.clone()
                .with_jwks_url(elsewhere)
                .unwrap()
                .with_replica_region("us-west-2")
                .unwrap(),
        ] {
            assert_eq!(given.fallback_jwks_url(), None, "the order does not matter");
        }
        let mirrored = replicated.with_fallback_jwks_url(elsewhere).unwrap();
        assert_eq!(mirrored.fallback_jwks_url(), Some(elsewhere));
        assert!(matches!(
            pool.with_fallback_jwks_url("http://keys.example.com/jwks.json"),
            Err(ConfigError::InvalidJwksUrl { .. })
        ));
    }

    #[test]
    fn an_exact_issuer_replaces_those_of_the_pool_id() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        let exact = pool
            .clone()
            .with_exact_issuer("https://id.example.com/")
            .unwrap();
        assert_eq!(
            exact.issuers().collect::<Vec<_>>(),
            ["https://id.example.com/"]
        );
        assert_eq!(exact.jwks_url(), pool.jwks_url());
        let longest = format!("https://{}.example", "x".repeat(496));
        assert_eq!(longest.len(), 512);
        assert!(pool.clone().with_exact_issuer(&longest).is_ok());
        for issuer in [
            &*format!("{longest}x"),
            "https://\u{e9}.example",
            "",
            "example.com",
            "ftp://example.com",
            "https://a.example/?x",
            "https://a b.example",
            "https://me:hush@a.example",
            "https://",
        ] {
            assert_eq!(
                pool.clone().with_exact_issuer(issuer).unwrap_err(),
                ConfigError::InvalidIssuer {
                    given: protected_url::without_secrets(issuer)
                }
            );
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        for (url, accepted) in [
            ("https://keys.example.com/jwks.json", true),
            ("http://127.0.0.1:9000/jwks.json", true),
            ("http://127.8.8.8/jwks.json", true),
            ("http://localhost:9000/jwks.json", true),
            ("http://[::1]:9000/jwks.json", true),
            ("http://keys.example.com/jwks.json", false),
            ("http://127.0.0.1.example.com/jwks.json", false),
            ("http://localhost.example.com/jwks.json", false),
            ("http://10.0.0.1/jwks.json", false),
            ("https://user@keys.example.com/jwks.json", false),
            ("https://keys.example.com/jwks.json#keys", false),
            ("file:///etc/jwks.json", false),
            ("/jwks.json", false),
            ("", false),
        ] {
            assert_eq!(pool.clone().with_jwks_url(url).is_ok(), accepted, "{url}");
        }
        let url = "http://cognito:9229/local_a/.well-known/jwks.json";
        let error = pool.clone().with_jwks_url(url).unwrap_err().to_string();
        assert!(error.contains("external_unencrypted"), "{error}");
        let unencrypted = pool.with_unencrypted_jwks_url(url).unwrap();
        assert_eq!(unencrypted.jwks_url(), url);
    }

    #[test]
    fn a_secret_in_a_url_is_rejected_or_not_shown() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        let url = "https://keys.example.com/j?key=hush";
        let with_query = pool.clone().with_jwks_url(url).unwrap();
        assert_eq!(with_query.jwks_url(), url, "what is fetched");
        assert!(!format!("{with_query:?}").contains("hush"));
        let error = pool
            .with_jwks_url("https://me:hush@keys.example.com/j?hush")
            .unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hush"), "{error}");
        assert!(
            error.to_string().contains("user name or password"),
            "{error}"
        );
    }
}
