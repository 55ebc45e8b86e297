//! A rejection on its way out: the place that rejects says why, the nearest layer outside it forms
//! the response.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{
    HeaderName, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES,
        LAST_MODIFIED, RETRY_AFTER, SET_COOKIE, TRAILER, TRANSFER_ENCODING, VARY, WWW_AUTHENTICATE,
    },
};

use super::missing_layer;
use crate::{error::AuthError, scope::ScopePolicy};

/// In the extensions of the empty response that a guard, an extractor or a handler makes to reject
/// a request. A layer outside replaces that response. Without one, the response stays 500: a
/// service that is put together wrongly accepts no one and blames no caller.
///
/// The response has the rejection's status, for an access log in between, only where the request
/// shows that a layer is outside. It never has the fields of a formed rejection.
#[derive(Clone, Debug)]
pub(crate) struct PendingRejection {
    pub(crate) error: AuthError,
    /// The scopes that the guards between the place that rejects and the layer demand.
    scopes: Option<ScopePolicy>,
    unformed: Arc<Unformed>,
}

/// Reports, when the last copy is dropped, that no layer formed the rejection.
#[derive(Debug)]
struct Unformed {
    path: Option<Box<str>>,
    layer: Outside,
    formed: AtomicBool,
}

/// What the place that rejects knows of layers outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// One is there.
    Layer,
    /// None may be there.
    Unknown,
}

impl PendingRejection {
    /// The placeholder until a layer builds the response. `path` is for the log, and `None`
    /// where the place that rejects does not know it.
    pub(crate) fn response<B: Default>(error: AuthError, path: Option<&str>) -> Response<B> {
        Self::response_inside(error, path, Outside::Unknown)
    }

    /// The same, from a place that looked for a layer outside it.
    pub(crate) fn response_inside<B: Default>(
        error: AuthError,
        path: Option<&str>,
        layer: Outside,
    ) -> Response<B> {
        let pending = Self {
            unformed: Arc::new(Unformed {
                path: path.map(Box::from),
                layer,
                // The place that finds no layer has reported it.
                formed: AtomicBool::new(error == AuthError::MissingLayer),
            }),
            scopes: None,
            error: error.clone(),
        };
        let mut response = Response::new(B::default());
        *response.status_mut() = match layer {
            Outside::Layer => error.status(),
            Outside::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        };
        response.extensions_mut().insert(error);
        response.extensions_mut().insert(pending);
        response
    }

    /// Whether this response is a rejection that is yet to be formed.
    #[inline]
    pub(crate) fn is_in<B>(response: &Response<B>) -> bool {
        response.extensions().get::<Self>().is_some()
    }

    /// Takes the rejection out of the response, for the layer that forms it.
    pub(crate) fn take<B>(response: &mut Response<B>) -> Option<Self> {
        let pending = response.extensions_mut().remove::<Self>()?;
        pending.unformed.formed.store(true, Ordering::Relaxed);
        Some(pending)
    }

    /// Adds the scopes of a guard outside the place that rejects: the request needs them too.
    pub(crate) fn add_scopes<B>(response: &mut Response<B>, demanded: &ScopePolicy) {
        if let Some(pending) = response.extensions_mut().get_mut::<Self>() {
            let inside = pending.scopes.take();
            pending.scopes = Some(joined(demanded, inside));
        }
    }

    /// The error with all the scopes that the request needs: those of the layer, of the guards, and
    /// of the place that rejects. The scopes alone where the error has none.
    pub(crate) fn complete(self, layer: Option<&ScopePolicy>) -> (AuthError, Option<ScopePolicy>) {
        let Self { error, scopes, .. } = self;
        let outside = match (layer, scopes) {
            (Some(layer), guards) => Some(joined(layer, guards)),
            (None, guards) => guards,
        };
        match (error, outside) {
            (AuthError::InsufficientScope { required }, Some(outside)) => {
                let required = outside.and(required);
                let scopes = Some(required.clone());
                (AuthError::InsufficientScope { required }, scopes)
            }
            (AuthError::InsufficientScope { required }, None) => {
                let scopes = Some(required.clone());
                (AuthError::InsufficientScope { required }, scopes)
            }
            (error, outside) => (error, outside),
        }
    }
}

/// For handlers that return a response: the nearest [`BearerAuth`](crate::bearer_auth::BearerAuth)
/// outside forms the rejection, as it does for its own. Without one, the response is 500.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use tower_cognito::{AuthError, Claims};
///
/// async fn delete<B: Default>(request: Request<B>) -> Response<B> {
///     match request.extensions().get::<Claims>() {
///         Some(claims) if claims.groups().any(|group| group == "admins") => Response::default(),
///         _ => Response::from(AuthError::Forbidden),
///     }
/// }
/// ```
impl<B: Default> From<AuthError> for Response<B> {
    fn from(error: AuthError) -> Self {
        PendingRejection::response(error, None)
    }
}

fn joined(outer: &ScopePolicy, inner: Option<ScopePolicy>) -> ScopePolicy {
    match inner {
        Some(inner) => outer.clone().and(inner),
        None => outer.clone(),
    }
}

impl Drop for Unformed {
    fn drop(&mut self) {
        if !self.formed.load(Ordering::Relaxed) {
            match self.layer {
                Outside::Layer => missing_layer::report_lost(self.path.as_deref()),
                Outside::Unknown => missing_layer::report("a rejection", self.path.as_deref()),
            }
        }
    }
}

/// Keeps what services between the rejecting place and the layer added, such as the fields of CORS.
/// What describes the body that is replaced is dropped.
pub(crate) fn keep_what_was_added<B>(formed: &mut Response<B>, placeholder: Response<B>) {
    let (parts, _) = placeholder.into_parts();
    let by_form = formed.headers().clone();
    for (name, value) in &parts.headers {
        let is_list = name == VARY || name == SET_COOKIE;
        if !describes_the_body(name) && (is_list || !by_form.contains_key(name)) {
            formed.headers_mut().append(name, value.clone());
        }
    }
    let by_form = std::mem::replace(formed.extensions_mut(), parts.extensions);
    formed.extensions_mut().extend(by_form);
}

fn describes_the_body(name: &HeaderName) -> bool {
    const DROPPED: [HeaderName; 15] = [
        ACCEPT_RANGES,
        CACHE_CONTROL,
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
        CONTENT_LOCATION,
        CONTENT_RANGE,
        CONTENT_TYPE,
        ETAG,
        EXPIRES,
        LAST_MODIFIED,
        TRAILER,
        TRANSFER_ENCODING,
        // Of the rejection, which only the layer knows.
        WWW_AUTHENTICATE,
    ];
    DROPPED.contains(name) || name == RETRY_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(scope: &str) -> ScopePolicy {
        ScopePolicy::all_of([scope]).unwrap()
    }

    /// Every combination of a layer with and without scopes, up to three guards, and each kind of
    /// error that a place inside them can name.
    #[test]
    fn a_challenge_names_the_scopes_of_layer_guards_and_error_from_the_outside_in() {
        let insufficient = AuthError::InsufficientScope {
            required: policy("object"),
        };
        let errors = [insufficient, AuthError::MissingToken, AuthError::Forbidden];
        for layer in [None, Some("layer")] {
            for guards in [&[][..], &["outer"], &["outer", "inner"], &["a", "b", "c"]] {
                for error in &errors {
                    let mut response = PendingRejection::response_inside::<String>(
                        error.clone(),
                        None,
                        Outside::Layer,
                    );
                    for guard in guards.iter().rev() {
                        PendingRejection::add_scopes(&mut response, &policy(guard));
                    }
                    let pending = PendingRejection::take(&mut response).unwrap();
                    assert!(!PendingRejection::is_in(&response));
                    let (completed, scopes) = pending.complete(layer.map(policy).as_ref());

                    let mut expected: Vec<_> =
                        layer.into_iter().chain(guards.iter().copied()).collect();
                    if let AuthError::InsufficientScope { .. } = error {
                        expected.push("object");
                    }
                    let named = scopes.as_ref().map(ToString::to_string);
                    let expected = (!expected.is_empty()).then(|| expected.join(" and "));
                    assert_eq!(named, expected, "{layer:?} {guards:?} {error:?}");
                    match completed {
                        AuthError::InsufficientScope { required } => {
                            assert_eq!(Some(required), scopes)
                        }
                        completed => assert_eq!(completed, *error),
                    }
                }
            }
        }
    }
}
