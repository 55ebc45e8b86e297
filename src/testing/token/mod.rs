//! Tokens in the shapes of Cognito, good ones and one for each classic fault.

mod members;

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde::Serialize;
use serde_json::Value;

pub(super) use self::members::random_uuid;
use super::keys::{Key, NamedKey, SigningKeys};
use crate::{clock::Clock, string_list::StringList};

const DEFAULT_CLIENT: &str = "test-client";
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Makes a token.
///
/// Unshaped it is what an app client gets by the client-credentials flow: an access token that
/// lives for one hour from the time that the pool's clock shows when it is built. Each method
/// changes one thing. What [`claim`](Self::claim) and [`header`](Self::header) set has the last
/// word over everything else.
///
/// Source of the shapes: AWS, *Amazon Cognito developer guide*, "Understanding the access token"
/// and "Understanding the identity (ID) token".
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use tower_cognito::{AuthError, Principal, testing::TestPool};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AuthError> {
/// let pool = TestPool::new();
/// let verifier = pool.verifier();
///
/// let token = pool
///     .token()
///     .client_credentials("caller")
///     .scopes(["profiles/get", "profiles/post"])
///     .claim("tenant", json!({ "id": 7 }))
///     .build();
/// let claims = verifier.verify(&token).await?;
/// assert_eq!(claims.principal(), Principal::Client("caller"));
///
/// let token = pool.token().tampered().build();
/// assert_eq!(verifier.verify(&token).await.unwrap_err(), AuthError::InvalidSignature);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a token is made by `build` or `authorization`"]
pub struct TokenBuilder {
    issuer: String,
    keys: SigningKeys,
    clock: Arc<dyn Clock>,
    shape: Shape,
    client_id: String,
    scopes: Option<Vec<String>>,
    groups: Vec<String>,
    issued_at: Option<SystemTime>,
    lifetime: Duration,
    /// Members that are set to a value, or, with `None`, taken out.
    claims: BTreeMap<String, Option<Value>>,
    header: BTreeMap<String, Option<Value>>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
    key: Option<Key>,
    faults: Vec<Fault>,
    slashes: Slashes,
}

#[derive(Clone)]
enum Shape {
    ClientCredentials,
    User(String),
    IdToken(String),
}

/// How JSON strings write `/`.
#[derive(Clone, Copy)]
pub(in crate::testing) enum Slashes {
    Plain,
    Escaped,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Expired,
    NotYetValid,
    OtherIssuer,
    Tampered,
    Unsigned,
}

impl TokenBuilder {
    pub(super) fn new(issuer: String, keys: SigningKeys, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            keys,
            clock,
            shape: Shape::ClientCredentials,
            client_id: DEFAULT_CLIENT.to_owned(),
            scopes: None,
            groups: Vec::new(),
            issued_at: None,
            lifetime: DEFAULT_LIFETIME,
            claims: BTreeMap::new(),
            header: BTreeMap::new(),
            raw_header: None,
            raw_payload: None,
            key: None,
            faults: Vec::new(),
            slashes: Slashes::Plain,
        }
    }

    /// The access token of an app client on its own behalf: `sub` is the client, and there is no
    /// user name.
    pub fn client_credentials(mut self, client_id: impl Into<String>) -> Self {
        self.shape = Shape::ClientCredentials;
        self.client_id = client_id.into();
        self
    }

    /// The access token of a signed-in user, whose `sub` and `username` are both this name, as in a
    /// pool that makes its own user names.
    ///
    /// Its app client is `test-client` unless [`client_id`](Self::client_id) says otherwise, and
    /// its scope that of a sign-in through the API, `aws.cognito.signin.user.admin`, unless
    /// [`scopes`](Self::scopes) does.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.shape = Shape::User(user.into());
        self
    }

    /// The ID token of a signed-in user: `aud` is the app client, the user name is in
    /// `cognito:username`, there are no scopes, and the pool's other key signs. A service must
    /// reject it.
    pub fn id_token(mut self, user: impl Into<String>) -> Self {
        self.shape = Shape::IdToken(user.into());
        self
    }

    /// The app client that the token was issued to.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The granted scopes, instead of those so far. With none, the token has no `scope`.
    pub fn scopes(mut self, scopes: impl StringList) -> Self {
        let scopes = scopes.into_iter().map(|scope| scope.as_ref().to_owned());
        self.scopes = Some(scopes.collect());
        self
    }

    /// The user's groups, `cognito:groups`. A client-credentials token has none.
    pub fn groups(mut self, groups: impl StringList) -> Self {
        let groups = groups.into_iter().map(|group| group.as_ref().to_owned());
        self.groups = groups.collect();
        self
    }

    /// How long the token lives from its time of issue, in whole seconds. The default is 1 hour, as
    /// Cognito's.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// When the token was issued. The default is the time that the pool's clock shows in
    /// [`build`](Self::build).
    pub fn issued_at(mut self, time: SystemTime) -> Self {
        self.issued_at = Some(time);
        self
    }

    /// Sets a claim, whatever the shape says: a custom one, or another value of a known one.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON (a map whose keys are not strings): a mistake of the
    /// test.
    #[track_caller]
    pub fn claim(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        self.claims.insert(name.into(), Some(json(value)));
        self
    }

    /// Leaves a claim out.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.claims.insert(name.into(), None);
        self
    }

    /// Sets a member of the header. Cognito writes `alg` and `kid`.
    ///
    /// # Panics
    ///
    /// As [`claim`](Self::claim).
    #[track_caller]
    pub fn header(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        self.header.insert(name.into(), Some(json(value)));
        self
    }

    /// Leaves a member of the header out.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.header.insert(name.into(), None);
        self
    }

    /// These bytes as the header, correctly encoded and signed, instead of what the other methods
    /// say.
    pub fn raw_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(header.into());
        self
    }

    /// These bytes as the payload, correctly encoded and signed, instead of what the other methods
    /// say.
    pub fn raw_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(payload.into());
        self
    }

    /// Writes every `/` in header and payload as `\/`, which means the same in JSON (RFC 8259 §7).
    ///
    /// Cognito has written both forms, so a service must accept both. Code that reads such a claim
    /// as a borrowed `&str` fails on this one. [`raw_header`](Self::raw_header) and
    /// [`raw_payload`](Self::raw_payload) stay as given.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_cognito::{AuthError, testing::TestPool};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AuthError> {
    /// let pool = TestPool::new();
    /// let token = pool.token().scopes(["profiles/get"]).with_escaped_slashes().build();
    /// assert!(pool.verifier().verify(&token).await?.has_scope("profiles/get"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_escaped_slashes(mut self) -> Self {
        self.slashes = Slashes::Escaped;
        self
    }

    /// Signs with this key, and names it in `kid`. The default is the one that Cognito would use.
    pub fn signed_with(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Names this key in the header, whichever one signs.
    pub fn kid(self, kid: impl Into<String>) -> Self {
        self.header("kid", kid.into())
    }

    /// Fault: the token expired an hour ago. Rejected with
    /// [`AuthError::Expired`](crate::AuthError::Expired).
    pub fn expired(self) -> Self {
        self.with_fault(Fault::Expired)
    }

    /// Fault: the token's `nbf` is an hour ahead. Rejected with
    /// [`AuthError::NotYetValid`](crate::AuthError::NotYetValid).
    pub fn not_yet_valid(self) -> Self {
        self.with_fault(Fault::NotYetValid)
    }

    /// Fault: `iss` is another user pool. Rejected with
    /// [`AuthError::IssuerNotAllowed`](crate::AuthError::IssuerNotAllowed).
    pub fn other_issuer(self) -> Self {
        self.with_fault(Fault::OtherIssuer)
    }

    /// Fault: someone gave themselves the scope `tampered/all` after the token was signed. Rejected
    /// with [`AuthError::InvalidSignature`](crate::AuthError::InvalidSignature).
    pub fn tampered(self) -> Self {
        self.with_fault(Fault::Tampered)
    }

    /// Fault: an unsecured JWS, with `alg` `none` and an empty signature (RFC 7519 §6). Rejected
    /// with [`AuthError::MalformedToken`](crate::AuthError::MalformedToken).
    ///
    /// For `none` with a signature, use `.header("alg", "none")`.
    pub fn unsigned(self) -> Self {
        self.with_fault(Fault::Unsigned)
    }

    /// Fault: signed with a key that the pool does not publish. Rejected with
    /// [`AuthError::UnknownKey`](crate::AuthError::UnknownKey).
    ///
    /// For a forger who uses the name of a published key, use
    /// `.signed_with(Key::Unpublished).kid("test-only-access")`.
    pub fn unknown_key(self) -> Self {
        self.signed_with(Key::Unpublished)
    }

    /// The compact token.
    ///
    /// Each call makes another token, with its own `jti` and the time at the call.
    #[must_use]
    pub fn build(&self) -> String {
        let payload = self.payload();
        let header = self.header_bytes();
        let signing_input = compact(&header, &self.payload_bytes(&payload));
        if self.has(Fault::Unsigned) {
            return format!("{signing_input}.");
        }
        let signature = self.signing_key().sign(&signing_input);
        if self.has(Fault::Tampered) {
            let forged = compact(&header, &self.forged(payload));
            return format!("{forged}.{signature}");
        }
        format!("{signing_input}.{signature}")
    }

    /// The value of an `Authorization` field with this token, marked as sensitive (RFC 6750 §2.1).
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.build()))
            .expect("base64url and dots are legal in a header");
        value.set_sensitive(true);
        value
    }

    fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn signing_key(&self) -> &Arc<NamedKey> {
        let usual = match self.shape {
            Shape::ClientCredentials | Shape::User(_) => Key::Access,
            Shape::IdToken(_) => Key::Id,
        };
        self.keys.get(self.key.unwrap_or(usual))
    }
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder").finish_non_exhaustive()
    }
}

#[track_caller]
fn json(value: impl Serialize) -> Value {
    match serde_json::to_value(value) {
        Ok(value) => value,
        Err(error) => panic!("this cannot be written as JSON: {error}"),
    }
}

fn compact(header: &[u8], payload: &[u8]) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}
