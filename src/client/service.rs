use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, Uri, header::AUTHORIZATION};
use tower_service::Service;

use super::{
    AccessToken, ClientCredentials, CopyBody, NoRetry, TokenError, origin::Origin, replay::replay,
    www_authenticate::is_invalid_token,
};

/// The service of a [`SendBearerLayer`](super::SendBearerLayer).
///
/// The inner service must be `Clone`, because a request takes the one that was polled ready with
/// it; clients are.
#[derive(Clone, Debug)]
pub struct SendBearer<S, R = NoRetry> {
    inner: S,
    credentials: ClientCredentials,
    origins: Arc<[Origin]>,
    bodies: R,
}

/// Why a request got no response.
///
/// It shows itself as the error that it holds, and has no [`source`](std::error::Error::source):
/// the inner error need not be an [`Error`](std::error::Error), as `tower::BoxError` is none. Match
/// on it to get at the inner one.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendBearerError<E> {
    /// The inner service's error.
    Inner(E),
    /// There is no token. The request was not sent.
    Token(TokenError),
}

/// The response of a [`SendBearer`] service.
///
/// It is boxed: compared with a request over the network that costs nothing.
pub struct SendBearerFuture<T, E>(BoxedResponse<T, E>);

type BoxedResponse<T, E> = Pin<Box<dyn Future<Output = Result<T, SendBearerError<E>>> + Send>>;

impl<S, R> SendBearer<S, R> {
    pub(super) const fn new(
        inner: S,
        credentials: ClientCredentials,
        origins: Arc<[Origin]>,
        bodies: R,
    ) -> Self {
        Self {
            inner,
            credentials,
            origins,
            bodies,
        }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn may_have_token(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_some_and(|origin| self.origins.contains(&origin))
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for SendBearer<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send,
    R: CopyBody<ReqBody>,
    ReqBody: Send + 'static,
    ResBody: Send + 'static,
{
    type Response = Response<ResBody>;
    type Error = SendBearerError<S::Error>;
    type Future = SendBearerFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(SendBearerError::Inner)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The service that was polled ready goes with the request; the clone stays behind and is
        // polled again.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        SendBearerFuture(if self.may_have_token(request.uri()) {
            let copy = replay(&request, &self.bodies);
            Box::pin(send(ready, self.credentials.clone(), request, copy))
        } else {
            tracing::debug!("request for another origin sent without a token");
            Box::pin(send_as_it_is(ready, request))
        })
    }
}

async fn send_as_it_is<S, B>(
    mut ready: S,
    request: Request<B>,
) -> Result<S::Response, SendBearerError<S::Error>>
where
    S: Service<Request<B>>,
{
    ready.call(request).await.map_err(SendBearerError::Inner)
}

async fn send<S, ReqBody, ResBody>(
    mut ready: S,
    credentials: ClientCredentials,
    request: Request<ReqBody>,
    copy: Option<Request<ReqBody>>,
) -> Result<Response<ResBody>, SendBearerError<S::Error>>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    let token = credentials.token().await.map_err(SendBearerError::Token)?;
    let response = ready
        .call(with_token(request, &token))
        .await
        .map_err(SendBearerError::Inner)?;
    if !is_invalid_token(&response) {
        return Ok(response);
    }
    credentials.invalidate(&token);
    let Some(copy) = copy else {
        return Ok(response);
    };
    // Without another token the rejection is the response.
    let other = match credentials.token().await {
        Ok(other) if other.header_value() != token.header_value() => other,
        Ok(_) | Err(_) => return Ok(response),
    };
    // Gives its connection back before it requests the next one.
    drop(response);
    tracing::debug!("token rejected by the callee; request retried with another");
    poll_fn(|cx| ready.poll_ready(cx))
        .await
        .map_err(SendBearerError::Inner)?;
    ready
        .call(with_token(copy, &other))
        .await
        .map_err(SendBearerError::Inner)
}

/// `insert` replaces: two `Authorization` fields would be rejected.
fn with_token<B>(mut request: Request<B>, token: &AccessToken) -> Request<B> {
    request
        .headers_mut()
        .insert(AUTHORIZATION, token.header_value());
    request
}

impl<T, E> Future for SendBearerFuture<T, E> {
    type Output = Result<T, SendBearerError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for SendBearerFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBearerFuture").finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for SendBearerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::Token(error) => write!(f, "no access token for the request: {error}"),
        }
    }
}

/// As `Display`, and the inner error as its own `Debug`.
impl<E: fmt::Debug> fmt::Debug for SendBearerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::Token(error) => write!(f, "no access token for the request: {error:?}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for SendBearerError<E> {}
