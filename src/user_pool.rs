//! Which issuer is trusted.

use http::Uri;

use crate::{
    error::ConfigError,
    protected_url::{self, ProtectedUrl, Unencrypted, UrlProblem},
};

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
    jwks_url: ProtectedUrl,
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
            jwks_url: checked_jwks_url(
                &format!("{original}/.well-known/jwks.json"),
                Unencrypted::OnLoopback,
            )?,
            issuers: vec![
                original,
                format!("https://issuer-cognito-idp.{region}.amazonaws.com/{user_pool_id}"),
            ],
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
            jwks_url: checked_jwks_url(jwks_url, Unencrypted::OnLoopback)?,
        })
    }

    /// As [`external`](Self::external), with keys that may come over plain http from another host.
    ///
    /// **Whoever is on the network path can replace the keys, and so forge tokens.** It is for an emulator under a name on
    /// a private network, such as `http://cognito:9229/` among containers, and never for production. Building the verifier
    /// logs a warning. Proxies are not used for such a URL.
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
    /// [`ConfigError::InvalidIssuer`], or [`ConfigError::InvalidJwksUrl`] if the URL is neither https nor http, or has a
    /// user name or a fragment.
    pub fn external_unencrypted(issuer: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            id: None,
            issuers: vec![checked_issuer(issuer)?],
            jwks_url: checked_jwks_url(jwks_url, Unencrypted::Anywhere)?,
        })
    }

    /// Accepts also the tokens of the pool's replica in another region.
    ///
    /// A replica of a pool with the original issuer type writes its own region's host and the primary's pool id.
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
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http on a loopback address, or has a user name or a
    /// fragment.
    pub fn with_jwks_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.jwks_url = checked_jwks_url(url, Unencrypted::OnLoopback)?;
        Ok(self)
    }

    /// As [`with_jwks_url`](Self::with_jwks_url), and the URL may be plain http on another host. **Whoever is on the network
    /// path can then replace the keys, and so forge tokens**: see [`external_unencrypted`](Self::external_unencrypted).
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidJwksUrl`] if it is neither https nor http, or has a user name or a fragment.
    pub fn with_unencrypted_jwks_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.jwks_url = checked_jwks_url(url, Unencrypted::Anywhere)?;
        Ok(self)
    }

    /// The accepted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(String::as_str)
    }

    /// The URL that the keys are fetched from, with its query. `Debug`, logs, metrics and errors leave the query out, since
    /// it may hold a secret.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        self.jwks_url.as_str()
    }

    pub(crate) const fn protected_jwks_url(&self) -> &ProtectedUrl {
        &self.jwks_url
    }
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
            "https://me:hush@a.example",
            "https://",
        ] {
            assert_eq!(
                pool.clone().with_exact_issuer(issuer),
                Err(ConfigError::InvalidIssuer {
                    given: protected_url::without_secrets(issuer)
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
        let url = "http://cognito:9229/local_a/.well-known/jwks.json";
        let error = pool.clone().with_jwks_url(url).unwrap_err().to_string();
        assert!(error.contains("external_unencrypted"), "{error}");
        let unencrypted = pool.with_unencrypted_jwks_url(url).unwrap();
        assert_eq!(unencrypted.jwks_url(), url);
    }

    #[test]
    fn a_secret_in_a_url_is_refused_or_not_shown() {
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
