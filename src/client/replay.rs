//! Whether a request can be sent a second time.

use http::Request;

/// Gives a second copy of a request's body, so that the request can be sent again after its token
/// was rejected.
///
/// [`NoRetry`] and [`CloneBody`] are for most cases. A closure `Fn(&B) -> Option<B>` is one, too,
/// for bodies that can only sometimes be copied.
///
/// # Examples
///
/// ```
/// use tower_cognito::client::CopyBody;
///
/// /// A body that may be a stream.
/// enum Body {
///     Empty,
///     Stream(std::fs::File),
/// }
///
/// let replay = |body: &Body| match body {
///     Body::Empty => Some(Body::Empty),
///     Body::Stream(_) => None,
/// };
/// assert!(replay.copy_body(&Body::Empty).is_some());
/// ```
pub trait CopyBody<B> {
    /// A second copy, or `None` if there cannot be one. Called before the request is sent.
    fn copy_body(&self, body: &B) -> Option<B>;
}

impl<B, F: Fn(&B) -> Option<B>> CopyBody<B> for F {
    fn copy_body(&self, body: &B) -> Option<B> {
        self(body)
    }
}

/// Sends each request once. A rejected token is replaced for the next one. The default.
#[derive(Clone, Copy, Debug)]
pub struct NoRetry;

impl<B> CopyBody<B> for NoRetry {
    fn copy_body(&self, _: &B) -> Option<B> {
        None
    }
}

/// Sends a request whose token was rejected a second time, with a clone of its body.
#[derive(Clone, Copy, Debug)]
pub struct CloneBody;

impl<B: Clone> CopyBody<B> for CloneBody {
    fn copy_body(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

/// A second copy of the whole request, extensions included.
pub(super) fn replay<B>(request: &Request<B>, bodies: &impl CopyBody<B>) -> Option<Request<B>> {
    let mut copy = Request::new(bodies.copy_body(request.body())?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
