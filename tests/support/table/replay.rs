//! A case as a request to the real layer.

use std::{
    convert::Infallible,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use http::{
    HeaderName, HeaderValue, Request, Response,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower::{ServiceExt, service_fn};
use tower_cognito::{
    AllowedClients, AuthError, BearerAuthLayer, Claims, Denied, RequireScopesLayer, ScopePolicy,
    TokenUse, UserPool, Verifier,
    keys::{ConnectError, FetchError, JwksResponse},
    testing::{ManualClock, ScriptedFetcher, TestPool},
    verifier::{TokenCache, VerifierBuilder},
};
use tower_layer::Layer;

use super::{
    jwks, profile,
    row::{Case, Expected, Pool, Profile},
};

/// A verifier with the settings of a profile, and a clock that a case sets.
pub(crate) struct Service {
    pub(crate) verifier: Verifier,
    pub(crate) clock: ManualClock,
    pub(crate) profile: Profile,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Expected,
    /// What the inner service found in the extensions.
    pub(crate) claims: Option<Claims>,
    pub(crate) response: Response<String>,
}

/// Where the scopes are demanded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScopesAt {
    Layer,
    Route,
}

impl Service {
    /// Meets exactly this case, and fetches its keys.
    pub(crate) fn of(case: &Case) -> Self {
        let fetcher = ScriptedFetcher::new();
        let fetcher = match jwks(&case.jwks) {
            Some(document) => fetcher.always_respond(JwksResponse::document(document)),
            None => fetcher.always_fail(FetchError::Connect(ConnectError::Refused)),
        };
        let service = Self::build(
            &case.profile,
            |pool| pool,
            |builder| builder.fetcher(fetcher),
        );
        service.set_clock(case);
        service
    }

    /// Meets every case of this profile and key set, if the set can be pinned.
    pub(crate) fn pinned(profile: &str, set: &str, cache: TokenCache) -> Option<Self> {
        let document = jwks(set)?;
        let pinned = |pool: UserPool| pool.with_pinned_jwks(&document);
        pinned(TestPool::new().user_pool()).is_ok().then(|| {
            Self::build(
                profile,
                |pool| pinned(pool).unwrap(),
                |builder| builder.token_cache(cache),
            )
        })
    }

    fn build(
        name: &str,
        with_keys: impl Fn(UserPool) -> UserPool,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Self {
        let profile = profile(name);
        let clock = ManualClock::new();
        let mut pools = profile.pools.iter();
        let (pool, clients) = trust(pools.next().unwrap());
        let mut builder =
            configure(Verifier::builder(with_keys(pool), clients).clock(clock.clone()));
        for further in pools {
            let (pool, clients) = trust(further);
            builder = builder.add_pool(with_keys(pool), clients);
        }
        for audience in &profile.audiences {
            builder = builder.accept_audience(audience);
        }
        if let Some(leeway) = profile.leeway {
            builder = builder.leeway(Duration::from_secs(leeway));
        }
        if let Some(age) = profile.max_token_age {
            builder = builder.max_token_age(Duration::from_secs(age));
        }
        if let Some(bytes) = profile.max_token_bytes {
            builder = builder.max_token_bytes(bytes);
        }
        for audience in &profile.required_audiences {
            builder = builder.require_audience(audience);
        }
        if !profile.token_uses.is_empty() {
            builder = builder.token_uses(profile.token_uses.iter().map(|name| match &**name {
                "access" => TokenUse::Access,
                "id" => TokenUse::Id,
                other => panic!("there is no token use {other}"),
            }));
        }
        match profile.check.as_deref() {
            Some("forbidden") => builder = builder.check(|_| Err(Denied::forbidden())),
            Some("revoked") => builder = builder.check(|_| Err(Denied::revoked())),
            Some(other) => panic!("there is no check {other}"),
            None => {}
        }
        Self {
            verifier: builder.build().unwrap(),
            clock,
            profile,
        }
    }

    pub(crate) fn set_clock(&self, case: &Case) {
        let distance = Duration::from_secs(case.clock.unsigned_abs());
        self.clock.set(if case.clock < 0 {
            SystemTime::UNIX_EPOCH - distance
        } else {
            SystemTime::UNIX_EPOCH + distance
        });
    }

    pub(crate) async fn send(&self, case: &Case, scopes_at: ScopesAt) -> Answer {
        self.set_clock(case);
        let inner = service_fn(|request: Request<String>| async move {
            let mut response = Response::new("inner".to_owned());
            if let Some(claims) = request.extensions().get::<Claims>() {
                response.extensions_mut().insert(claims.clone());
            }
            Ok::<_, Infallible>(response)
        });
        let layer = self.layer();
        let policy = policy(&self.profile);
        let response = match (policy, scopes_at) {
            (Some(policy), ScopesAt::Route) => {
                let guard = RequireScopesLayer::new(policy);
                layer.layer(guard.layer(inner)).oneshot(request(case)).await
            }
            (Some(policy), ScopesAt::Layer) => {
                let layer = layer.require(policy);
                layer.layer(inner).oneshot(request(case)).await
            }
            (None, _) => layer.layer(inner).oneshot(request(case)).await,
        };
        Answer::of(response.unwrap())
    }

    fn layer(&self) -> BearerAuthLayer {
        let mut layer = self.verifier.layer();
        if let Some(realm) = &self.profile.realm {
            layer = layer.realm(realm).unwrap();
        }
        if let Some(url) = &self.profile.resource_metadata {
            layer = layer.resource_metadata(url).unwrap();
        }
        if self.profile.optional {
            layer = layer.optional();
        }
        layer
    }
}

impl Answer {
    #[track_caller]
    fn of(response: Response<String>) -> Self {
        let claims = response.extensions().get::<Claims>().cloned();
        let error = response.extensions().get::<AuthError>();
        let reached = response.body() == "inner";
        assert!(
            reached || response.body().is_empty(),
            "a rejection has no body"
        );
        assert_ne!(
            reached,
            error.is_some(),
            "a rejection never reaches the inner service"
        );
        let reason = match (error, &claims) {
            (Some(error), _) => error.reason(),
            (None, Some(_)) => "accepted",
            (None, None) => "anonymous",
        };
        let field = |name| {
            let mut values = response.headers().get_all(name).iter();
            let value = values
                .next()
                .map(|value| value.to_str().unwrap().to_owned());
            assert!(values.next().is_none(), "the field comes once");
            value
        };
        Self {
            outcome: Expected {
                reason: reason.to_owned(),
                status: response.status().as_u16(),
                www_authenticate: field(WWW_AUTHENTICATE),
                retry_after: field(RETRY_AFTER),
            },
            claims,
            response,
        }
    }
}

static SMUGGLED: LazyLock<Claims> = LazyLock::new(|| {
    let pool = TestPool::new();
    pool.claims(&pool.token().client_credentials("smuggled"))
});

/// The request, with stale claims in its extensions that someone might smuggle in.
pub(crate) fn request(case: &Case) -> Request<String> {
    let mut request = Request::builder()
        .method(case.request.method.as_str())
        .uri(case.request.target.as_str())
        .body(case.request.body.clone())
        .unwrap();
    for (name, value) in &case.headers {
        request.headers_mut().append(
            HeaderName::from_bytes(name.to_lowercase().as_bytes()).unwrap(),
            HeaderValue::from_bytes(&value.bytes()).unwrap(),
        );
    }
    request.extensions_mut().insert(SMUGGLED.clone());
    request
}

pub(crate) fn policy(profile: &Profile) -> Option<ScopePolicy> {
    profile
        .scopes
        .iter()
        .map(|scopes| ScopePolicy::all_of(scopes).unwrap())
        .reduce(ScopePolicy::or)
}

fn trust(pool: &Pool) -> (UserPool, AllowedClients) {
    let mut user_pool = if pool.exact {
        UserPool::external(&pool.id, "https://keys.example.com/jwks.json").unwrap()
    } else {
        UserPool::new(&pool.id).unwrap()
    };
    if let Some(region) = &pool.replica_region {
        user_pool = user_pool.with_replica_region(region).unwrap();
    }
    if !pool.resource_servers.is_empty() {
        user_pool = user_pool
            .with_resource_servers(&pool.resource_servers)
            .unwrap();
    }
    if pool.cnf_ignored {
        user_pool = user_pool.with_cnf_ignored();
    }
    let clients = match &pool.clients {
        Some(ids) => AllowedClients::only(ids).unwrap(),
        None => AllowedClients::any(),
    };
    (user_pool, clients)
}
