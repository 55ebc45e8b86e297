//! Which issuer is trusted.

use http::Uri;

use crate::{error::ConfigError, protected_url};

/// A Cognito user pool as a token issuer: the issuers it may write into tokens, and where its keys are.
///
/// A pool does not have one issuer string. It writes one of two hosts into `iss`, depending on a setting of the pool
/// (`IssuerConfiguration.Type`) that AWS lets change without interruption, and a replica in another region writes that
/// region's host. [`UserPool::new`] accepts both hosts of the pool's own region, and every issuer is compared byte for
/// byte.
///
/// Source: AWS, *Amazon Cognito developer guide*, "Verifying JSON web tokens" and "Multi-Region replication".
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPool {
    /// The pool id, while the issuers still follow from it.
    id: Option<String>,
    issuers: Vec<String>,
    jwks_url: String,
    /// Whether `jwks_url` was given, instead of following from the pool id.
    has_given_jwks_url: bool,
    /// Follows from the replica's region.
    replica_jwks_url: Option<String>,
    given_fallback_jwks_url: Option<String>,
}

impl UserPool {
    /// The pool with this id, as `eu-west-1_AbCdEf123`, with both AWS issuer hosts of its region.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidUserPoolId`] if the id has another form than the AWS regions have today. The id becomes
    /// part of a URL, so nothing unexpected is let through. Emulators (`local_abc`) and regions of another form
    /// (`eusc-de-east-1`, whose host names AWS has not settled) go through [`external`](Self::external).
    pub fn new(user_pool_id: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidUserPoolId {
            given: user_pool_id.to_owned(),
        };
        let (region, suffix) = user_pool_id.rsplit_once('_').ok_or_else(invalid)?;
        let well_formed = user_pool_id.len() <= 55
            && is_region(region)
            && !suffix.is_empty()
            && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return Err(invalid());
        }
        let original = original_issuer(region, user_pool_id);
        Ok(Self {
            id: Some(user_pool_id.to_owned()),
            jwks_url: jwks_url_of(&original),
            issuers: vec![
                original,
                format!("https://issuer-cognito-idp.{region}.amazonaws.com/{user_pool_id}"),
            ],
            has_given_jwks_url: false,
            replica_jwks_url: None,
            given_fallback_jwks_url: None,
        })
    }

    /// An issuer that is not a pool on AWS: an emulator, or another identity provider that issues Cognito-shaped
    /// tokens.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidIssuer`] or [`ConfigError::InvalidJwksUrl`], as [`with_exact_issuer`](Self::with_exact_issuer) and
    /// [`with_jwks_url`](Self::with_jwks_url).
    pub fn external(issuer: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            id: None,
            issuers: vec![checked_issuer(issuer)?],
            jwks_url: checked_jwks_url(jwks_url)?,
            has_given_jwks_url: true,
            replica_jwks_url: None,
            given_fallback_jwks_url: None,
        })
    }

    /// Also accepts the tokens of the pool's replica in another region, and fetches the keys there when the pool's own region
    /// does not return them.
    ///
    /// A replica of a pool with the original issuer type writes its own region's host and the primary's pool id. Its key URL is
    /// a [fallback](Self::with_fallback_jwks_url), unless [`with_jwks_url`](Self::with_jwks_url) says where the keys are.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidRegion`] if the region has no form like `us-west-2`.
    /// 2. [`ConfigError::ReplicaOfExactIssuer`] after [`with_exact_issuer`](Self::with_exact_issuer) or on an
    ///    [`external`](Self::external) issuer, whose replicas cannot be named.
    pub fn with_replica_region(mut self, region: &str) -> Result<Self, ConfigError> {
        let given = || region.to_owned();
        let id = self
            .id
            .as_deref()
            .ok_or_else(|| ConfigError::ReplicaOfExactIssuer { given: given() })?;
        if !is_region(region) {
            return Err(ConfigError::InvalidRegion { given: given() });
        }
        let issuer = original_issuer(region, id);
        if !self.issuers.contains(&issuer) {
            self.replica_jwks_url = Some(jwks_url_of(&issuer));
            self.issuers.push(issuer);
        }
        Ok(self)
    }

    /// Accepts exactly this issuer, and none that follows from the pool id.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidIssuer`] if it is no absolute http or https URL, or has a query, a fragment or white space.
    pub fn with_exact_issuer(mut self, issuer: &str) -> Result<Self, ConfigError> {
        self.issuers = vec![checked_issuer(issuer)?];
        self.id = None;
        Ok(self)
    }

    /// Fetches the keys from here instead. Issuer and key location are independent: emulators write AWS issuers into
    /// tokens and serve the keys locally.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http on a loopback address.
    pub fn with_jwks_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.jwks_url = checked_jwks_url(url)?;
        self.has_given_jwks_url = true;
        Ok(self)
    }

    /// Fetches the keys from here when the first URL fails: the key URL of a replica in another region, or a mirror.
    ///
    /// It must serve the same keys. Because it may lag behind, it can add keys and confirm those that are in use, but only the
    /// first URL can withdraw a key, and a `kid` that it does not list is answered with 503 rather than 401. Each of the two
    /// URLs is given half of `fetch_timeout`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http on a loopback address.
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
    pub fn with_fallback_jwks_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.given_fallback_jwks_url = Some(checked_jwks_url(url)?);
        Ok(self)
    }

    /// The accepted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(String::as_str)
    }

    /// Where the keys are fetched.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// Where the keys are fetched when the first URL fails.
    #[must_use]
    pub fn fallback_jwks_url(&self) -> Option<&str> {
        let of_replica = self
            .replica_jwks_url
            .as_deref()
            .filter(|_| !self.has_given_jwks_url);
        self.given_fallback_jwks_url.as_deref().or(of_replica)
    }
}

fn jwks_url_of(issuer: &str) -> String {
    format!("{issuer}/.well-known/jwks.json")
}

fn original_issuer(region: &str, user_pool_id: &str) -> String {
    format!("https://cognito-idp.{region}.amazonaws.com/{user_pool_id}")
}

/// `eu-west-1`, `us-gov-east-1`: two letters, one or more words, a number.
pub(crate) fn is_region(region: &str) -> bool {
    let parts = region.split('-').collect::<Vec<_>>();
    let [country, words @ .., number] = parts.as_slice() else {
        return false;
    };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    country.len() == 2
        && is_word(country)
        && !words.is_empty()
        && words.iter().all(|word| is_word(word))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn checked_issuer(issuer: &str) -> Result<String, ConfigError> {
    let acceptable = issuer.len() <= 512
        && issuer.bytes().all(|byte| byte.is_ascii_graphic())
        && !issuer.contains(['?', '#', '"', '\\'])
        && issuer.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
    if acceptable {
        Ok(issuer.to_owned())
    } else {
        Err(ConfigError::InvalidIssuer {
            given: issuer.to_owned(),
        })
    }
}

fn checked_jwks_url(url: &str) -> Result<String, ConfigError> {
    match protected_url::host_of(url) {
        Some(_) => Ok(url.to_owned()),
        None => Err(ConfigError::InvalidJwksUrl {
            given: url.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_that_would_make_a_wrong_url_is_refused_and_quoted() {
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
            "eusc-de-east-1_AbCdEf123",
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
    fn a_replica_adds_its_host_with_the_primary_pool_id() {
        let pool = UserPool::new("eu-west-1_A").unwrap();
        let replicated = pool.clone().with_replica_region("us-west-2").unwrap();
        assert_eq!(
            replicated.issuers().skip(2).collect::<Vec<_>>(),
            ["https://cognito-idp.us-west-2.amazonaws.com/eu-west-1_A"]
        );
        assert_eq!(replicated.jwks_url(), pool.jwks_url());
        assert_eq!(pool.clone().with_replica_region("eu-west-1").unwrap(), pool);
        assert_eq!(
            pool.clone().with_replica_region("us-west-2.evil.com"),
            Err(ConfigError::InvalidRegion {
                given: "us-west-2.evil.com".to_owned()
            })
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
        for issuer in [
            "",
            "example.com",
            "ftp://example.com",
            "https://a.example/?x",
            "https://a b.example",
            "https://",
        ] {
            assert_eq!(
                pool.clone().with_exact_issuer(issuer),
                Err(ConfigError::InvalidIssuer {
                    given: issuer.to_owned()
                })
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
    }
}
